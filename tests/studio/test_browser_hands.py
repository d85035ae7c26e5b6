"""The page under hands: several fingers, keys in a row, what is taken back, and where the focus goes."""

import time

import numpy as np
import pytest
from browsing import centred, drawn, handle, place, pull, settle, shown, state
from playwright.sync_api import Page, expect


class Fingers:
    """Touches by number, as the screen reports them; by its clock 30 ms apart, however busy this computer is."""

    def __init__(self, page: Page):
        self.page, self.down, self.cdp = page, {}, page.context.new_cdp_session(page)
        self.now_s = time.time()

    def _send(self, kind: str) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in self.down.items()]
        self.cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points, "timestamp": self.now_s})
        self.wait(30)

    def wait(self, ms: int) -> None:
        self.now_s += ms / 1000
        self.page.wait_for_timeout(ms)

    def press(self, i: int, x: float, y: float) -> None:
        self.down[i] = place(self.page, x, y)
        self._send("touchStart")

    def move(self, i: int, x: float, y: float) -> None:
        self.down[i] = place(self.page, x, y)
        self._send("touchMove")

    def lift_all(self) -> None:
        self.down = {}
        self._send("touchEnd")


def edit(page: Page, **record) -> dict:
    position = state(page)["position"]
    page.evaluate("async e => (await import('./js/changes.js')).edit(e)", record)
    return settle(page, position + 1)


def test_a_second_finger_does_not_take_the_handle(visit):
    page = visit(has_touch=True)
    centred(page, "level 0")
    fingers = Fingers(page)
    fingers.press(1, 0.5, 0.5)
    fingers.move(1, 0.55, 0.5)
    fingers.press(2, 0.1, 0.9)
    for i in range(4):
        fingers.move(1, 0.59 + 0.02 * i, 0.5)
        fingers.move(2, 0.1 + 0.2 * i, 0.9 - 0.2 * i)
    assert state(page)["position"] == 1  # nothing was let go
    fingers.lift_all()
    moved = settle(page, 2)["handles"][0]
    assert (moved["x"], moved["y"]) == (pytest.approx(0.65, abs=0.01), pytest.approx(0.5, abs=0.01))


def test_a_palm_does_not_paint_with_the_brush(visit):
    page = visit(has_touch=True)
    page.keyboard.press("d")
    page.locator("[name=tool][value=brush]").check(force=True)
    fingers = Fingers(page)
    fingers.press(1, 0.2, 0.2)
    fingers.wait(350)
    fingers.move(1, 0.4, 0.2)
    fingers.press(2, 0.8, 0.8)
    fingers.move(2, 0.6, 0.8)
    fingers.move(1, 0.5, 0.2)
    fingers.lift_all()
    mask = page.evaluate(
        "() => { const c = document.querySelector('#mask'); return Array.from(c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data).filter((v, i) => i % 4 === 3) }"
    )
    painted = np.array(mask).reshape(32, 32) > 127
    assert painted[4:9, 6:16].all() and not painted[16:].any()


@pytest.mark.parametrize(("dx", "way"), [(0.6, -0.2), (-0.7, 0.3)])
def test_a_handle_outside_follows_from_where_the_pointer_is(visit, dx, way):
    page = visit("multi")
    _, y = centred(page, "object 0")
    edit(page, edit="move", object=0, dx=dx, dy=0)
    edge = 1.0 if dx > 0 else 0.0
    inside = edge - 0.01 if dx > 0 else 0.01
    pull(page, (inside, y), (inside + way, y + 0.1))
    moved = settle(page, 4)["handles"][0]
    assert (moved["x"], moved["y"]) == (pytest.approx(edge + way, abs=0.02), pytest.approx(y + 0.1, abs=0.02))


def test_a_handle_outside_is_nudged_from_the_edge(visit):
    page = visit("multi")
    centred(page, "object 0")
    edit(page, edit="move", object=0, dx=0.7, dy=0)
    page.locator("#handles .handle").first.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    moved = settle(page, 4)["handles"][0]
    assert (moved["x"], moved["y"]) == (pytest.approx(0.98, abs=1e-3), pytest.approx(0.5, abs=1e-3))


@pytest.mark.parametrize(("slider", "field"), [("size", "std_x"), ("ratio", "std_x"), ("turn", "degrees")])
def test_keys_on_a_slider_become_one_entry_of_the_exact_value(visit, slider, field):
    page = visit("multi")
    centred(page, "object 0")
    edit(page, edit="resize", object=0, factor=0.2 / handle(page, "object 0")["std_x"])
    if slider == "turn":
        edit(page, edit="stretch", object=0, sx=1.5, sy=0.8)  # what is round is not turned
    page.locator("#handles .handle").first.click()
    page.wait_for_timeout(100)
    position, before = state(page)["position"], handle(page, "object 0")[field]
    box = page.locator(f"#{slider}")
    box.focus()
    start = float(box.input_value())
    for _ in range(12):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(15)
    wanted = float(box.input_value())
    assert wanted == pytest.approx(start + 12 * float(box.get_attribute("step")))
    after = settle(page, position + 1)
    page.wait_for_timeout(300)
    assert state(page)["position"] == position + 1 and len(state(page)["history"]) == position + 2
    assert float(box.input_value()) == wanted
    h = after["handles"][0]
    exact = {
        "size": np.log2(np.sqrt(h["std_x"] * h["std_y"])),
        "ratio": np.log2(h["std_x"] / h["std_y"]),
        "turn": h["degrees"],
    }[slider]
    assert exact == pytest.approx(wanted, abs=2e-5) and h[field] != before
    assert np.array_equal(shown(page), drawn(page))


def test_what_is_round_and_has_no_inside_of_its_own_is_not_turned(visit):
    page = visit("single")
    page.locator("#handles .handle").first.click()
    expect(page.locator("#turn")).to_be_disabled()
    page.locator("#ratio").focus()
    page.keyboard.press("PageUp")
    expect(page.locator("#turn")).to_be_enabled()


def test_keys_go_on_while_the_last_ones_are_being_made(visit):
    page = visit("multi")
    centred(page, "object 0")
    page.locator("#handles .handle").first.click()
    size = page.locator("#size")
    size.focus()
    for pause in (20, 520, 20, 510, 505, 20):
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(pause)
    page.keyboard.press("Control+Shift+x")  # does nothing
    page.wait_for_timeout(900)
    h = handle(page, "object 0")
    assert np.log2(np.sqrt(h["std_x"] * h["std_y"])) == pytest.approx(float(size.input_value()), abs=2e-3)


def test_keys_on_variety_become_one_entry_and_undo_moves_the_slider_back(visit):
    page = visit()
    page.locator("#truncation").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert settle(page, 1)["truncation"] == 0.9
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+z")  # takes back what has not even been made
    settle(page, 1)
    expect(page.locator("#truncation")).to_have_value("0.9")
    page.keyboard.press("Control+z")
    settle(page, 0)
    expect(page.locator("#truncation")).to_have_value("1")


def paint(page: Page, *ways: tuple[tuple[float, float], tuple[float, float]], let_go: bool = True) -> None:
    page.locator("[name=tool][value=brush]").check(force=True)
    for start, end in ways:
        pull(page, start, end, let_go=let_go)


def test_undo_takes_back_strokes_before_the_picture(visit):
    page = visit()
    centred(page, "level 0")
    page.keyboard.press("d")
    paint(page, ((0.2, 0.2), (0.4, 0.2)))
    one = shown(page, "mask")
    paint(page, ((0.2, 0.8), (0.4, 0.8)))
    two = shown(page, "mask")
    assert not np.array_equal(one, two)
    page.keyboard.press("Control+z")
    assert np.array_equal(shown(page, "mask"), one)
    page.keyboard.press("Control+y")
    assert np.array_equal(shown(page, "mask"), two)
    page.click("#undo")
    page.click("#undo")
    assert not shown(page, "mask").any() and state(page)["position"] == 1
    expect(page.locator("#mask-legend")).to_contain_text("everything may change")
    page.click("#undo")
    settle(page, 0)


def test_undo_in_the_middle_of_a_stroke_takes_it_back(visit):
    page = visit()
    centred(page, "level 0")
    page.keyboard.press("d")
    paint(page, ((0.2, 0.2), (0.4, 0.2)))
    one = shown(page, "mask")
    paint(page, ((0.2, 0.8), (0.4, 0.8)), let_go=False)
    page.keyboard.press("Control+z")
    page.mouse.move(*place(page, 0.6, 0.8))
    page.mouse.up()
    assert np.array_equal(shown(page, "mask"), one) and state(page)["position"] == 1


def test_undo_takes_back_points(visit):
    page = visit()
    page.keyboard.press("d")
    pull(page, (0.3, 0.3), (0.5, 0.3))
    pull(page, (0.3, 0.7), (0.5, 0.7))
    pull(page, (0.5, 0.7), (0.7, 0.7))  # its target, elsewhere
    expect(page.locator("#pairs li").nth(1)).to_contain_text("70, 70")
    page.keyboard.press("Control+z")
    expect(page.locator("#pairs li").nth(1)).to_contain_text("50, 70")
    page.keyboard.press("Control+z")
    expect(page.locator("#pairs li")).to_have_count(1)
    page.keyboard.press("Control+y")
    expect(page.locator("#pairs li")).to_have_count(2)


def test_the_mask_steps_aside_once_a_drag_is_done(visit, fake_drag):
    page = visit()
    page.keyboard.press("d")
    pull(page, (0.4, 0.5), (0.6, 0.5))
    paint(page, ((0.3, 0.3), (0.7, 0.7)))
    opacity = "() => Number(getComputedStyle(document.querySelector('#mask')).opacity)"
    assert page.evaluate(opacity) > 0.5
    page.locator("[name=tool][value=points]").check(force=True)
    page.locator("#max-steps").fill("5")
    page.click("#drag-start")
    expect(page.locator("#outcome")).to_be_visible()
    assert page.evaluate(opacity) < 0.2 and shown(page, "mask").any()  # still there for the next drag
    page.locator("[name=tool][value=eraser]").check(force=True)
    assert page.evaluate(opacity) > 0.5


def test_after_delete_the_next_handle_has_the_focus(visit):
    page = visit("multi")
    keys = "() => document.activeElement.dataset.key ?? document.activeElement.id"
    page.locator("#handles .handle").nth(1).focus()
    page.keyboard.press("Delete")
    settle(page, 2)
    expect(page.locator("#handles .handle")).to_have_count(2)
    assert page.evaluate(keys) == "object 2"
    page.keyboard.press("ArrowLeft")  # which it obeys
    settle(page, 3)
    page.keyboard.press("Delete")
    settle(page, 4)
    assert page.evaluate(keys) == "object 0"
    page.click("#remove")
    settle(page, 5)
    page.wait_for_function("() => document.activeElement.id === 'chosen'")


def test_after_a_pair_is_removed_the_next_has_the_focus(visit):
    page = visit()
    page.keyboard.press("d")
    for _ in range(2):
        page.locator("#drag-add").press("Enter")
    page.keyboard.press("Delete")
    expect(page.locator("#pairs li")).to_have_count(1)
    assert page.evaluate("document.activeElement.className").startswith("point")
    page.locator("#pairs button").press("Enter")
    assert page.evaluate("document.activeElement.id") == "drag-add"


def test_keys_that_can_do_nothing_say_why(visit):
    page = visit()
    page.keyboard.press("Delete")
    expect(page.locator(".notice")).to_contain_text("Nothing is selected")
    page.locator("#handles .handle").first.click()
    page.keyboard.press("r")
    expect(page.locator(".notice").last).to_contain_text("all parts share one style")
    assert page.locator("#gallery").is_hidden() and state(page)["position"] == 0


def test_undo_from_the_list_of_what_is_selected_undoes_the_picture_and_no_text(visit):
    page = visit("multi")
    before = shown(page)
    page.fill("#seed", "33")
    page.keyboard.press("Enter")
    settle(page, 2)
    page.locator("#chosen").focus()
    page.keyboard.press("Control+z")
    settle(page, 1)
    assert np.array_equal(shown(page), before)
    page.keyboard.press("Control+y")
    assert settle(page, 2)["seed"] == 33


def test_the_ring_of_what_is_not_selected_changes_its_size_too(visit):
    page = visit("multi")
    placed = edit(page, edit="move_to", object=2, x=0.5, y=0.5)
    position = placed["position"]
    edit(page, edit="move_to", object=0, x=0.1, y=0.1)
    edit(page, edit="move_to", object=1, x=0.1, y=0.9)
    settle(page, position + 2)
    page.keyboard.press("Escape")
    std = handle(page, "object 2")["std_x"]
    pull(page, (0.5 + std, 0.5), (0.5 + 1.5 * std, 0.5))
    settle(page, position + 3)
    assert handle(page, "object 2")["std_x"] == pytest.approx(1.5 * std, rel=0.05)
    assert page.locator("#chosen").input_value() == "object 2"
