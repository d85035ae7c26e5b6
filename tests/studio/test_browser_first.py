"""Who comes for the first time: the guide, words and what they mean, fingers, zoom, and what is handed over."""

import json
import shlex

import pytest
from browsing import centred, handle, place, pull, settle, shown, state
from playwright.sync_api import expect
from test_browser_hands import Fingers


def test_the_guide_names_one_thing_and_goes_when_it_is_done(visit):
    page = visit()
    guide = page.locator("#guide")
    expect(guide).to_be_visible()
    expect(guide).to_contain_text("Drag this circle")
    h = state(page)["handles"][0]
    x, y = h["x"], h["y"]
    box, circle = guide.bounding_box(), page.locator("#handles .handle").first.bounding_box()
    assert box["y"] >= circle["y"] + circle["height"] or box["y"] + box["height"] <= circle["y"]  # beside it, not on it
    pull(page, (x, y), (x + 0.1, y), let_go=False)
    expect(guide).to_be_hidden()
    page.mouse.up()
    settle(page, 1)
    page.reload()
    page.wait_for_selector("body:not([data-loading])")
    page.click("#dice")
    settle(page, 2)
    expect(guide).to_be_hidden()


def test_the_guide_can_be_sent_away(visit):
    page = visit()
    page.click("#guide button")
    expect(page.locator("#guide")).to_be_hidden()
    page.click("#dice")
    settle(page, 1)
    expect(page.locator("#guide")).to_be_hidden()


@pytest.mark.parametrize(("wish", "longest_ms"), [("no-preference", 5000), ("reduce", 0)])
def test_the_guide_calls_for_five_seconds_at_most_and_where_nothing_may_move_not_at_all(visit, wish, longest_ms):
    page = visit(reduced_motion=wish)
    expect(page.locator("#guide")).to_be_visible()
    ends_ms = page.evaluate("document.getAnimations().map(a => a.effect.getComputedTiming().endTime)")
    assert ends_ms or wish == "reduce"
    assert all(end is not None and end <= longest_ms for end in ends_ms), ends_ms


def test_without_circles_there_is_no_guide(visit):
    expect(visit("plain").locator("#guide")).to_be_hidden()


def test_words_are_explained(visit):
    page = visit()
    for name, words in (("tip-levels", "places everything, and carries the others along"), ("tip-variety", "average")):
        page.click(f"[popovertarget={name}]")
        tip = page.locator(f"#{name}")
        expect(tip).to_be_visible()
        expect(tip).to_contain_text(words)
        box = tip.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1280 and box["y"] + box["height"] <= 800
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()
    assert page.locator("figcaption b").all_inner_texts() == ["Whole", "Parts", "Details"]
    page.locator("#handles .handle").nth(1).click()
    assert page.locator("#chosen option:checked").inner_text() == "Part 1.0"
    expect(page.get_by_role("slider", name="Variety")).to_have_count(1)  # the question mark is not what the words name
    page.keyboard.press("ArrowRight")
    settle(page, 1)
    expect(page.locator("#history li").last).to_have_text("Move part 1.0")


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_circles_are_large_enough_for_fingers(visit, kind):
    page = visit(kind, has_touch=True, is_mobile=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(100)
    handles = page.locator("#handles .handle, #heatmaps .handle").all()
    assert len(handles) == 2 * (7 if kind == "single" else 3)
    page.locator("[name=mode][value=drag]").check(force=True)
    page.mouse.click(*place(page, 0.5, 0.5))
    sizes = [
        h.evaluate("e => [parseFloat(getComputedStyle(e).width), parseFloat(getComputedStyle(e).height)]")
        for h in [*handles, page.locator(".point").first]
    ]
    assert min(map(min, sizes)) >= 32


def test_sliders_show_their_limits(visit):
    page = visit("multi")
    page.locator("#handles .handle").first.click()
    for slider, limits in (
        ("size", ["6 %", "100 %"]),
        ("ratio", ["1 : 2.8", "2.8 : 1"]),
        ("turn", ["\u221290°", "90°"]),
        ("truncation", ["0.00", "1.50"]),
    ):
        marks = page.locator(f"#{slider} + .limits i")
        assert marks.all_inner_texts() == limits
        assert marks.first.is_visible() and marks.last.is_visible()
    page.keyboard.press("d")
    assert page.locator("#max-steps + .limits i").all_inner_texts() == ["5 steps", "300 steps"]


def test_a_size_beyond_the_slider_is_told_as_it_is(visit):
    page = visit("multi")
    h, position = handle(page, "object 0"), state(page)["position"]
    page.evaluate(
        "async e => (await import('./js/changes.js')).edit(e)",
        {"edit": "resize", "object": 0, "factor": 1.5 / (h["std_x"] * h["std_y"]) ** 0.5},
    )
    settle(page, position + 1)
    page.locator("#chosen").select_option("object 0")
    expect(page.locator("#size ~ output")).to_have_text("150 %")


def test_zoom_keeps_what_is_under_the_pointer_and_handles_their_size(visit):
    page = visit("multi")
    centred(page, "object 0")
    spot = place(page, 0.25, 0.75)
    page.mouse.move(*spot)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    expect(page.locator("#zoom-fit")).not_to_have_text("100 %")
    assert place(page, 0.25, 0.75) == (pytest.approx(spot[0], abs=2), pytest.approx(spot[1], abs=2))
    size = page.locator("#handles .handle").first.bounding_box()["width"]
    assert size == pytest.approx(26, abs=1)
    before = place(page, 0.5, 0.5)
    page.mouse.down()  # on the picture itself
    page.mouse.move(spot[0] + 20, spot[1] - 30, steps=3)
    page.mouse.up()
    after = place(page, 0.5, 0.5)
    assert (after[0] - before[0], after[1] - before[1]) == (pytest.approx(20, abs=1), pytest.approx(-30, abs=1))
    page.locator("#handles .handle").first.focus()  # comes into sight
    box, room = page.locator("#handles .handle").first.bounding_box(), page.locator(".room").bounding_box()
    assert room["x"] <= box["x"] + 13 <= room["x"] + room["width"]
    position = state(page)["position"]
    h = handle(page, "object 0")
    pull(page, (h["x"], h["y"]), (h["x"] + 0.05, h["y"]))
    assert settle(page, position + 1)["handles"][0]["x"] == pytest.approx(h["x"] + 0.05, abs=0.005)
    page.keyboard.press("0")
    expect(page.locator("#zoom-fit")).to_have_text("100 %")
    box = page.locator("#stage").bounding_box()
    assert box["width"] == pytest.approx(min(room["width"], room["height"]), abs=1)
    page.keyboard.press("z")
    page.keyboard.press("Shift+Z")
    expect(page.locator("#zoom-fit")).to_have_text("100 %")


def test_two_fingers_zoom_and_paint_nothing(visit):
    page = visit(has_touch=True)
    page.keyboard.press("d")
    page.locator("[name=tool][value=brush]").check(force=True)
    fingers = Fingers(page)
    fingers.press(1, 0.45, 0.5)
    fingers.press(2, 0.55, 0.5)
    for _ in range(5):
        fingers.down[1] = (fingers.down[1][0] - 15, fingers.down[1][1])
        fingers.down[2] = (fingers.down[2][0] + 15, fingers.down[2][1])
        fingers._send("touchMove")
    fingers.lift_all()
    assert int(page.locator("#zoom-fit").inner_text().split()[0]) > 200
    assert not shown(page, "mask").any()
    expect(page.locator("#undo")).to_be_disabled()


def test_the_copied_command_brings_its_scene(visit, fake_drag):
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#export")
    expect(page.locator("#command")).to_contain_text("--seed 2 ")
    expect(page.locator("#command-needs")).to_be_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    pull(page, (0.4, 0.5), (0.6, 0.5))
    page.locator("#max-steps").fill("5")
    fake_drag["restyles"] = True
    page.click("#drag-start")
    settle(page, 1)
    page.click("#export")
    expect(page.locator("#command-needs")).to_contain_text("single-seed2.scene.json")
    with page.expect_download() as download:
        page.click("#copy")
    words = shlex.split(page.locator("#command").inner_text())
    assert words[words.index("--scene") + 1] == download.value.suggested_filename == "single-seed2.scene.json"
    page.wait_for_function("() => document.querySelector('#copy').textContent === 'Copied'")
    assert shlex.split(page.evaluate("navigator.clipboard.readText()")) == words
    with open(download.value.path(), "rb") as file:
        assert json.loads(file.read())["seed"] == 2


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("max_steps", "allow more steps"),
        ("lost_track", "shorter way"),
        ("no_progress", "another mode"),
        ("stopped", "go on from here"),
    ],
)
def test_the_last_words_of_a_drag_say_what_to_try(visit, reason, words):
    page = visit()
    page.evaluate(
        """async reason => (await import('./js/store.js')).emit('drag-end',
                     { step: 3, num_steps: 3, distance: 0.1, seconds: 1, stop_reason: reason })""",
        reason,
    )
    assert words in page.locator("#outcome span").text_content()
