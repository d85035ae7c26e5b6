"""The widget in a real browser: its page, a stand-in for the notebook around it, and the real widget in Python."""

from collections.abc import Callable

import numpy as np
import pytest
from notebooks import sendable, tiny_models
from playwright.sync_api import Page, expect

from spatialgan.notebook.scene_widget import SceneWidget
from spatialgan.studio.pace import Pace

HANDLE = "#cell .sg-handle[data-key='{}']"
WHOLE = HANDLE.format("level 0 ")


def shown_pixels(page: Page) -> np.ndarray:
    """What the canvas holds, (R, R, 3)."""
    values, width = page.evaluate(
        "() => { const c = document.querySelector('#cell canvas'); const d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data; return [Array.from(d), c.width] }"
    )
    return np.array(values, np.uint8).reshape(width, width, 4)[..., :3]


def settled(page: Page, shown: SceneWidget) -> None:
    """Wait until everything asked has been answered, and the last answer is on the canvas."""
    page.wait_for_function(
        "() => { const { painted, busy } = document.querySelector('#cell .spatialgan').dataset;"
        " return painted === (window.sent.at(-1)?.serial ?? '') && busy === undefined }"
    )
    assert (shown_pixels(page) == np.asarray(shown.scene.image)).all()


def after(page: Page, shown: SceneWidget, edits: int) -> None:
    page.wait_for_function("n => window.sent.filter(m => m.kind !== 'preview').length === n", arg=edits)
    settled(page, shown)


def middle(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def pull(page: Page, selector: str, dx: float, dy: float, *, let_go: bool = True, steps: int = 6) -> None:
    """Take a handle and move it; in widths of the picture."""
    x, y = middle(page, selector)
    size = page.locator("#cell .sg-stage").bounding_box()["width"]
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, steps + 1):
        page.mouse.move(x + dx * size * i / steps, y + dy * size * i / steps)
        page.wait_for_timeout(20)
    if let_go:
        page.mouse.up()


def kinds(page: Page) -> list[str]:
    return page.evaluate("() => window.sent.map(m => m.kind)")


def centre(shown: SceneWidget, i: int = 0) -> list[float]:
    return shown.scene.layout.centers[i].tolist()


def centred(scene) -> object:
    return scene.move_to(0, 0.5, 0.5)


def test_it_shows_the_picture_and_its_handles(open_page, single):
    shown, page = open_page(single.sample(3))
    settled(page, shown)
    assert page.locator("#cell .sg-handle").count() == 7
    expect(page.locator("#cell canvas")).to_have_attribute("aria-label", "Picture of tiny, seed 3")
    expect(page.locator("#cell [data-do=undo]")).to_have_attribute("aria-disabled", "true")
    assert kinds(page) == []


def test_a_handle_is_dragged_and_the_picture_follows(open_page, single):
    shown, page = open_page(centred(single.sample(3)))
    told: list = []
    shown.observe(told.append, "scene")
    pull(page, WHOLE, 0.2, -0.1)
    after(page, shown, 1)
    assert centre(shown) == pytest.approx([0.7, 0.4], abs=0.01) and len(told) == 1
    assert "preview" in kinds(page)
    expect(page.locator(WHOLE)).to_have_attribute("aria-pressed", "true")
    box = page.locator("#cell .sg-stage").bounding_box()
    assert middle(page, WHOLE)[0] == pytest.approx(box["x"] + 0.7 * box["width"], abs=2)


def test_while_python_is_busy_the_newest_position_alone_waits(open_page, single):
    shown, page = open_page(centred(single.sample(3)))
    page.evaluate("() => { window.gate = new Promise(resolve => { window.open_gate = resolve }) }")
    pull(page, WHOLE, 0.3, 0.0, steps=20, let_go=False)
    assert kinds(page) == ["preview"]
    page.evaluate("() => { window.open_gate() }")
    page.wait_for_function("() => window.sent.length >= 2")
    second = page.evaluate("() => window.sent[1].edits[0].dx")
    assert second == pytest.approx(0.3, abs=0.01)
    page.mouse.up()
    after(page, shown, 1)
    assert centre(shown)[0] == pytest.approx(0.8, abs=0.01)


def test_a_hand_that_rests_gets_the_full_picture_before_it_lets_go(open_page, monkeypatch):
    monkeypatch.setattr(Pace, "next_size", lambda pace: 64)
    shown, page = open_page(centred(tiny_models.make_model(resolution=128).sample(3)))
    pull(page, WHOLE, 0.1, 0.0, let_go=False)
    page.wait_for_function("() => window.sent.at(-1)?.full === true")
    page.wait_for_function("() => document.querySelector('#cell canvas').width === 128")
    assert [state["_shown"]["full"] for state in shown.comm.sent][1:-1].count(False) > 0 and shown._shown["full"]
    page.keyboard.press("Escape")
    page.mouse.up()
    settled(page, shown)
    assert centre(shown) == pytest.approx([0.5, 0.5]) and "commit" not in kinds(page)
    assert page.evaluate("() => window.sent.at(-1).edits.length") == 0


def test_where_a_moving_picture_is_full_already_none_is_asked_for(open_page, single):
    shown, page = open_page(centred(single.sample(3)))
    pull(page, WHOLE, 0.1, 0.0, let_go=False)
    page.wait_for_timeout(400)
    page.mouse.up()
    after(page, shown, 1)
    assert page.evaluate("() => window.sent.some(m => m.full)") is False


def test_a_click_chooses_and_moves_nothing(open_page, single):
    _, page = open_page(single.sample(3))
    page.mouse.click(*middle(page, WHOLE))
    expect(page.locator(WHOLE)).to_be_focused()
    assert page.locator("#cell .sg-ring").count() == 1 and kinds(page) == []
    page.keyboard.press("Escape")
    assert page.locator("#cell .sg-ring").count() == 0


def test_escape_takes_back_what_keys_have_begun(open_page, single):
    shown, page = open_page(centred(single.sample(3)))
    page.mouse.click(*middle(page, WHOLE))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.wait_for_function("() => window.sent.at(-1)?.edits?.length === 0")
    page.wait_for_timeout(700)  # longer than a pause of the keys
    assert centre(shown) == pytest.approx([0.5, 0.5]) and "commit" not in kinds(page)


def test_the_wheel_resizes_and_is_one_edit(open_page, single):
    shown, page = open_page(centred(single.sample(3)))
    before = float(shown.scene.layout.stds[0, 0])
    page.mouse.move(*middle(page, WHOLE))
    page.mouse.wheel(0, -100)
    after(page, shown, 1)
    assert float(shown.scene.layout.stds[0, 0]) == pytest.approx(before * 2 ** (100 / 480), rel=1e-3)
    page.evaluate(  # at once, however slow the machine is
        "s => { for (let i = 0; i < 2; i++) document.querySelector(s).dispatchEvent("
        "new WheelEvent('wheel', { deltaY: -100, bubbles: true, cancelable: true })) }",
        WHOLE,
    )
    after(page, shown, 2)
    assert float(shown.scene.layout.stds[0, 0]) == pytest.approx(before * 2 ** (300 / 480), rel=1e-3)
    assert page.evaluate("() => scrollY") == 0


def test_where_nothing_is_chosen_the_wheel_scrolls_the_page(open_page, single):
    shown, page = open_page(single.sample(3))
    box = page.locator("#cell .sg-stage").bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.wheel(0, 100)
    page.wait_for_function("() => scrollY > 0")
    assert kinds(page) == [] and shown.scene.edits == ()


def test_all_of_it_by_keys(open_page, single):
    shown, page = open_page(centred(single.sample(3)))
    before = float(shown.scene.layout.stds[0, 0])
    page.keyboard.press("Tab")
    expect(page.locator(WHOLE)).to_be_focused()
    page.evaluate(  # at once, however slow the machine is
        "keys => { for (const [key, shiftKey] of keys) document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', { key, shiftKey, bubbles: true, cancelable: true })) }",
        [["ArrowRight", False], ["ArrowRight", False], ["ArrowDown", False], ["ArrowRight", True], ["+", True]],
    )
    after(page, shown, 1)
    assert centre(shown) == pytest.approx([0.57, 0.51], abs=1e-4)
    assert float(shown.scene.layout.stds[0, 0]) == pytest.approx(1.1 * before, rel=1e-3)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+z")  # takes back what has just been done
    after(page, shown, 3)
    assert centre(shown) == pytest.approx([0.57, 0.51], abs=1e-4)
    page.keyboard.press("Control+z")
    after(page, shown, 4)
    assert centre(shown) == pytest.approx([0.5, 0.5])
    page.keyboard.press("Control+Shift+z")
    after(page, shown, 5)
    page.keyboard.press("Control+y")
    after(page, shown, 6)
    assert centre(shown) == pytest.approx([0.56, 0.51], abs=1e-4)


def test_keys_of_the_notebook_do_not_act_on_what_ours_do(open_page, single):
    _, page = open_page(single.sample(3))
    page.evaluate("() => { window.keys = []; addEventListener('keydown', e => window.keys.push(e.key)) }")
    page.locator(WHOLE).focus()
    for key in ("ArrowDown", "-", "Delete", "a", "Enter"):
        page.keyboard.press(key)
    assert page.evaluate("() => window.keys") == ["a", "Enter"]
    assert page.locator("#cell .spatialgan").get_attribute("data-lm-suppress-shortcuts") == "true"


def test_delete_removes_and_the_focus_stays_among_the_handles(open_page, multi):
    shown, page = open_page(multi.sample(3))
    page.locator(HANDLE.format("object 1")).focus()
    page.keyboard.press("Delete")
    after(page, shown, 1)
    assert page.locator("#cell .sg-handle").count() == 2
    expect(page.locator(HANDLE.format("object 2"))).to_be_focused()
    page.keyboard.press("Delete")
    after(page, shown, 2)
    page.keyboard.press("Delete")
    after(page, shown, 3)
    expect(page.locator("#cell [data-do=undo]")).to_be_focused()
    for i in range(3):
        page.keyboard.press("Enter")
        after(page, shown, 4 + i)
    assert page.locator("#cell .sg-handle").count() == 3 and shown.scene.edits == ()


def test_buttons(open_page, multi):
    shown, page = open_page(multi.sample(3))
    before = shown.scene
    page.locator("#cell [data-do=remove]").click(force=True)  # nothing is chosen
    assert kinds(page) == []
    page.mouse.click(*middle(page, HANDLE.format("object 2")))
    page.locator("#cell [data-do=restyle]").click()
    after(page, shown, 1)
    assert [e["edit"] for e in shown.scene.edits] == ["restyle"] and shown.scene.edits[0]["object"] == 2
    page.evaluate("() => { for (let i = 0; i < 2; i++) document.querySelector('#cell [data-do=larger]').click() }")
    after(page, shown, 2)
    assert shown.scene.edits[-1] == {"edit": "resize", "object": 2, "factor": 1.21}
    page.locator("#cell [data-do=smaller]").click()
    page.locator("#cell [data-do=remove]").click()
    after(page, shown, 4)
    assert [e["edit"] for e in shown.scene.edits][-2:] == ["resize", "remove"]
    for i in range(4):
        page.locator("#cell [data-do=undo]").click()
        after(page, shown, 5 + i)
    assert shown.scene.image.tobytes() == before.image.tobytes()
    page.locator("#cell [data-do=redo]").click()
    after(page, shown, 9)
    page.keyboard.press("Escape")
    page.locator("#cell [data-do=restyle]").click()
    after(page, shown, 10)
    assert [e["edit"] for e in shown.scene.edits] == ["restyle", "with_new_styles"]


def test_fingers_drag_and_a_second_one_takes_nothing_away(open_page, single):
    shown, page = open_page(centred(single.sample(3)), has_touch=True, viewport={"width": 390, "height": 800})
    cdp = page.context.new_cdp_session(page)
    x, y = middle(page, WHOLE)
    size = page.locator("#cell .sg-stage").bounding_box()["width"]

    def touch(kind: str, *points: tuple[float, float]) -> None:
        points = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(points)]
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(30)

    touch("touchStart", (x, y))
    touch("touchMove", (x + 0.05 * size, y))
    other = middle(page, HANDLE.format("level 2 3"))
    touch("touchStart", (x + 0.05 * size, y), other)
    touch("touchMove", (x + 0.15 * size, y), (other[0], other[1] + 40))
    touch("touchEnd")
    after(page, shown, 1)
    assert centre(shown) == pytest.approx([0.65, 0.5], abs=0.01) and len(shown.scene.edits) == 2  # with the centring
    assert page.evaluate("() => scrollY") == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_handles_that_have_left_the_picture_wait_at_its_edge(open_page, single):
    shown, page = open_page(single.sample(3).move_to(0, 1.4, 0.5))
    expect(page.locator(WHOLE)).to_have_class("sg-handle sg-outside")
    pull(page, WHOLE, -0.3, 0.0)
    after(page, shown, 1)
    assert centre(shown) == pytest.approx([0.7, 0.5], abs=0.01)


def test_what_cannot_be_done_is_told_beside(open_page, single, monkeypatch: pytest.MonkeyPatch):
    shown, page = open_page(centred(single.sample(3)))
    fail: Callable = lambda record: 1 / 0  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr("spatialgan.notebook.scene_widget.edit_from_json", fail)
        pull(page, WHOLE, 0.2, 0.0)
        after(page, shown, 1)
    expect(page.locator("#cell .sg-note")).to_contain_text("something went wrong")
    box = page.locator("#cell .sg-stage").bounding_box()
    assert middle(page, WHOLE)[0] == pytest.approx(box["x"] + 0.5 * box["width"], abs=2)
    pull(page, WHOLE, 0.2, 0.0)
    after(page, shown, 2)
    expect(page.locator("#cell .sg-note")).to_have_text("")


def test_a_second_view_follows_the_first_and_a_closed_one_listens_no_more(open_page, single):
    shown, page = open_page(centred(single.sample(3)))
    page.evaluate("() => window.show('second')")
    pull(page, WHOLE, 0.2, 0.0)
    after(page, shown, 1)
    left = "() => document.querySelector('{} .sg-handle').style.left"
    assert page.evaluate(left.format("#second")) == page.evaluate(left.format("#cell")) != "50%"
    assert page.evaluate("() => window.listening()") == 4
    page.evaluate("() => window.close_first()")
    assert page.evaluate("() => window.listening()") == 2


def test_a_picture_is_painted_where_nothing_else_changes(open_page, single):
    shown, page = open_page(single.sample(3))
    pixels = "() => document.querySelector('#cell canvas').toDataURL()"
    seen = []
    for seed in (7, 8):  # from the second on there is something to undo in both
        before = len(shown.comm.sent)
        shown.scene = shown.scene.with_new_styles(seed)
        page.evaluate("updates => window.apply(updates)", sendable(shown.comm.sent[before:]))
        page.wait_for_function(
            "was => document.querySelector('#cell canvas').toDataURL() !== was", arg=(seen or [""])[-1]
        )
        page.wait_for_timeout(200)
        seen.append(page.evaluate(pixels))
    assert seen[0] != seen[1]


def test_what_python_does_is_shown(open_page, single, multi):
    shown, page = open_page(single.sample(3))
    before = len(shown.comm.sent)
    shown.scene = multi.sample(4)
    page.evaluate("updates => window.apply(updates)", sendable(shown.comm.sent[before:]))
    expect(page.locator("#cell canvas")).to_have_attribute("aria-label", "Picture of rooms, seed 4")
    assert page.locator("#cell .sg-handle").count() == 3
    page.wait_for_function("() => document.querySelector('#cell [data-painted]').dataset.painted === ''")
    pull(page, HANDLE.format("object 0"), 0.1, 0.0)
    after(page, shown, 1)
    assert shown.scene.edits[-1]["object"] == 0
