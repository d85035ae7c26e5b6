"""Styles of a plain StyleGAN2 in the page: mixing layers, and sliding to another picture of the history."""

import numpy as np
from browsing import drawn, settle, shown, state


def test_some_layers_take_another_seeds_styles(visit):
    page = visit("plain")
    before, position = drawn(page).astype(int), state(page)["position"]
    options = page.eval_on_selector_all("#style-layers option", "all => all.map(o => [o.label, o.value])")
    assert options == [["All", ""], ["Coarse: pose and shape", "0,3"], ["Middle: parts", "4,7"]]  # of 8 layers
    page.select_option("#style-layers", label="Middle: parts")
    page.click("#styles-dice")
    mixed = settle(page, position + 1)
    assert mixed["history"][-1]["label"] == "Mix styles"
    after = drawn(page).astype(int)
    assert np.abs(after - before).max() > 0 and np.array_equal(shown(page), after)
    page.select_option("#style-layers", label="All")
    page.click("#styles-dice")
    assert settle(page, position + 2)["history"][-1]["label"] == "New styles"


def test_sliding_goes_from_one_picture_to_another_and_back(visit):
    page = visit("plain")
    assert state(page)["history"][-1]["label"].startswith("Seed")
    position, first = state(page)["position"], drawn(page).astype(int)
    page.click("#dice")
    settle(page, position + 1)
    second = drawn(page).astype(int)
    assert page.locator("#way").is_visible()
    page.select_option("#other", index=0)

    def slide(value: float, steps: int) -> np.ndarray:
        page.evaluate(
            "v => { const s = document.querySelector('#between'); s.value = v;"
            "for (const name of ['input', 'change']) s.dispatchEvent(new Event(name)) }",
            value,
        )
        settle(page, position + 1 + steps)
        return drawn(page).astype(int)

    half = slide(0.5, 1)
    assert state(page)["history"][-1]["label"] == "Blend" and page.locator("#between").input_value() == "0.5"
    assert min(np.abs(half - first).max(), np.abs(half - second).max()) > 0
    assert np.array_equal(slide(0, 2), second)
    assert not np.array_equal(slide(1, 3), second)
    page.click("#undo")
    page.click("#dice")  # a new picture is a new beginning
    page.wait_for_function("() => document.querySelector('#between').value === '0'")
