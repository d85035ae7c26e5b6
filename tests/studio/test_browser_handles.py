"""Handles that a model's card says change hardly anything are not in the way, and others show how far they may go."""

import pytest
from browsing import centred, place, settle


def keys(page) -> list[str]:
    return page.eval_on_selector_all("#handles .handle", "all => all.map(b => b.dataset.key)")


@pytest.fixture
def measured(models, sources, monkeypatch) -> None:
    """Only level 0 acts, up to a quarter of the width."""
    said = [{"level": 0, "point": 0, "acts": True, "reach": 0.25}]
    said += [{"level": n, "point": i, "acts": False, "reach": None} for n in (1, 2) for i in range(2 * n)]
    monkeypatch.setitem(models.load(sources["single"]).card, "handles", said)


def test_what_does_not_act_is_shown_when_asked_for(visit, measured):
    page = visit("single")
    settle(page, 0)
    assert keys(page) == ["level 0 "]
    assert page.locator("#heatmaps .handle").count() == 7
    page.click("#all-handles")
    assert len(keys(page)) == 7
    page.click("#all-handles")
    assert keys(page) == ["level 0 "]
    page.locator("#heatmaps .handle[data-level='1']").first.focus()  # what is selected is shown, too
    assert sorted(keys(page)) == ["level 0 ", "level 1 0"]


def test_without_a_card_that_says_so_all_act(visit):
    page = visit("single")
    settle(page, 0)
    assert len(keys(page)) == 7 and page.locator("#all-handles").is_hidden()


def test_while_a_handle_is_held_its_reach_is_shown(visit, measured):
    page = visit("single")
    x, y = centred(page, "level 0")
    assert page.locator("#rings .reach").count() == 0
    page.mouse.move(*place(page, x, y))
    page.mouse.down()
    page.mouse.move(*place(page, x + 0.05, y))
    ring = page.locator("#rings .reach")
    assert float(ring.get_attribute("rx")) == pytest.approx(25)
    assert float(ring.get_attribute("cx")) == pytest.approx(100 * x, abs=1)
    page.mouse.up()
    settle(page, 2)
    assert page.locator("#rings .reach").count() == 0
