"""The page in a real browser. A missing browser is a skip, which the continuous tests do not forgive."""

import io
import json

import numpy as np
import pytest
from browsing import centred, drawn, handle, place, pull, settle, shown, state
from PIL import Image
from playwright.sync_api import Page, expect


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_the_page_shows_the_picture_and_its_handles(visit, kind):
    page = visit(kind)
    assert np.array_equal(shown(page), drawn(page))
    expect(page.locator("#handles .handle")).to_have_count(7 if kind == "single" else 3)
    expect(page.locator(".map")).to_have_count(3 if kind == "single" else 1)
    expect(page.locator("#history li")).to_have_count(1 if kind == "single" else 2)
    for label in page.locator("button:visible, select:visible, input:visible").all():
        assert label.evaluate("e => !!(e.ariaLabel || e.textContent.trim() || e.labels?.length || e.title)")


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_the_picture_follows_a_handle_while_it_is_dragged(visit, kind):
    page = visit(kind)
    name = {"single": "level 0", "multi": "object 1"}[kind]
    x, y = centred(page, name)
    before, position = shown(page), state(page)["position"]
    pull(page, (x, y), (x + 0.2, y - 0.1), let_go=False)
    expect(page.locator("#stage")).not_to_have_attribute("data-serial", "")
    meanwhile = shown(page)
    assert not np.array_equal(meanwhile, before) and state(page)["position"] == position
    page.mouse.up()
    after = settle(page, position + 1)
    moved = next(h for h in after["handles"] if h["name"] == name)
    assert (moved["x"], moved["y"]) == (pytest.approx(0.7, abs=0.01), pytest.approx(0.4, abs=0.01))
    assert np.array_equal(shown(page), drawn(page))
    page.keyboard.press("Control+z")
    settle(page, position)
    assert np.array_equal(shown(page), before)
    page.keyboard.press("Control+y")
    settle(page, position + 1)
    assert np.array_equal(shown(page), drawn(page))


def test_the_picture_changes_where_the_object_is(visit):
    page = visit("multi")
    for name, dx, dy in (("object 0", 0.15, 0.15), ("object 1", 0.85, 0.85), ("object 2", 0.85, 0.15)):
        h, position = handle(page, name), state(page)["position"]
        edits = [
            {"edit": "move", **h["place"], "dx": dx - h["x"], "dy": dy - h["y"]},
            {"edit": "resize", **h["place"], "factor": 0.1 / h["std_x"]},
        ]
        page.evaluate("async edits => (await import('./js/changes.js')).commit({ edits })", edits)
        settle(page, position + 1)
    before, position = shown(page).astype(float), state(page)["position"]
    page.locator("#handles .handle").first.click()
    page.keyboard.press("Delete")
    after = settle(page, position + 1)
    change = np.abs(shown(page) - before).mean(axis=-1)
    assert change[:12, :12].mean() > 3 * max(change[20:, 20:].mean(), change[:12, 20:].mean())
    assert after["handles"][0]["gone"] and after["history"][-1]["label"] == "Remove object 0"
    expect(page.locator("#handles .handle")).to_have_count(2)


def test_a_ring_resizes(visit):
    page = visit("multi")
    x, y = centred(page, "object 0")
    page.locator("#handles .handle").first.click()
    h, position = handle(page, "object 0"), state(page)["position"]
    pull(page, (x + h["std_x"], y), (x + 1.4 * h["std_x"], y))
    after = settle(page, position + 1)
    assert after["handles"][0]["std_x"] == pytest.approx(1.4 * h["std_x"], rel=0.05)
    assert after["history"][-1]["label"] == "Resize object 0"


def test_heatmaps_can_be_dragged_too(visit):
    page = visit()
    before = handle(page, "level 1.0")
    page.evaluate(
        "async e => (await import('./js/changes.js')).edit(e)",
        {"edit": "move", **before["place"], "dx": 0.5 - before["x"], "dy": 0.5 - before["y"]},
    )
    settle(page, 1)
    box = page.locator(".map").nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.75)
    page.mouse.up()
    settle(page, 2)
    assert handle(page, "level 1.0")["y"] == pytest.approx(0.75, abs=0.02)


def test_arrow_keys_nudge_and_become_one_edit(visit):
    page = visit()
    centred(page, "level 0")
    page.locator("#handles .handle").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    after = settle(page, 2)
    moved = after["handles"][0]
    assert (moved["x"], moved["y"]) == (pytest.approx(0.53), pytest.approx(0.55))


def test_touch_drags(visit):
    page = visit(has_touch=True)
    x, y = centred(page, "level 0")
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [dict(zip("xy", place(page, *p), strict=True)) for p in points]},
        )

    send("touchStart", (x, y))
    for i in range(1, 6):
        send("touchMove", (x - 0.04 * i, y))
    send("touchEnd")
    assert settle(page, 2)["handles"][0]["x"] == pytest.approx(0.3, abs=0.01)


def test_escape_lets_go(visit):
    page = visit()
    x, y = centred(page, "level 0")
    before = shown(page)
    pull(page, (x, y), (x + 0.3, y), let_go=False)
    page.keyboard.press("Escape")
    page.mouse.up()
    page.wait_for_timeout(300)
    assert state(page)["position"] == 1 and np.array_equal(shown(page), before)


def test_restyle_offers_eight_and_takes_one(visit):
    page = visit("multi")
    before = shown(page)
    page.locator("#handles .handle").nth(2).click()
    page.keyboard.press("r")
    expect(page.locator(".choice img")).to_have_count(8)
    assert np.array_equal(shown(page), before)
    page.locator(".choice").nth(5).click()
    assert settle(page, 2)["history"][-1]["label"] == "Restyle object 2"
    assert not np.array_equal(shown(page), before) and np.array_equal(shown(page), drawn(page))


def test_objects_are_added_and_duplicated(visit):
    page = visit("multi")
    page.click("#add")
    page.mouse.click(*place(page, 0.3, 0.8))
    added = settle(page, 2)["handles"][3]
    assert (added["x"], added["y"]) == (pytest.approx(0.3, abs=0.01), pytest.approx(0.8, abs=0.01))
    page.click("#duplicate")  # beside it: one more of that size does not lie on it
    assert settle(page, 3)["handles"][4]["x"] == pytest.approx(added["x"] + 2.5 * added["std_x"], abs=0.001)


@pytest.mark.parametrize("text", ["", "-3", "1e99", "3.7"])
def test_a_seed_that_is_none_does_not_stay_in_its_field(visit, text):
    page = visit()
    page.fill("#seed", text)
    page.keyboard.press("Tab")
    expect(page.locator("#seed")).to_have_value(str(state(page)["seed"]))


def test_styles_layout_truncation_seed_and_model(visit):
    page = visit()
    page.click("#styles-dice")
    settle(page, 1)
    page.click("#layout-dice")
    settle(page, 2)
    page.locator("#truncation").focus()
    page.keyboard.press("Home")
    assert settle(page, 3)["truncation"] == 0
    page.fill("#seed", "77")
    page.keyboard.press("Enter")
    assert settle(page, 4)["seed"] == 77
    page.keyboard.press("Tab")
    page.click("#dice")
    assert settle(page, 5)["seed"] != 77
    page.select_option("#model", label="plain")
    settle(page, 6)
    expect(page.locator("#handles .handle")).to_have_count(0)
    expect(page.locator("#selection")).to_be_hidden()
    page.locator("#history button").nth(0).click()
    settle(page, 0)
    assert np.array_equal(shown(page), drawn(page))


def test_overlays_and_comparison(visit):
    page = visit()
    centred(page, "level 0")
    expect(page.locator("#overlay")).to_be_hidden()
    for overlay, level in (("heatmap", "0"), ("attention", "2"), ("features", "32"), ("difference", None)):
        page.locator(f"[name=overlay][value={overlay}]").check(force=True)
        expect(page.locator("#overlay")).to_be_visible()
        if level is not None:
            page.locator(f"[name=overlay-level][value='{level}']").check(force=True)
        assert shown(page, "overlay").max() > 100
    page.keyboard.press("c")
    page.locator("#divider").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#divider")).to_have_attribute("aria-valuenow", "55")
    assert not np.array_equal(shown(page, "before"), shown(page))


def saved(page: Page, what: str) -> bytes:
    page.click("#export")
    with page.expect_download() as download:
        page.click(f"[data-save='{what}']")
    with open(download.value.path(), "rb") as file:
        return file.read()


def test_an_animation_says_how_far_it_is(visit):
    page = visit()
    page.evaluate(
        """() => {
            const notices = document.querySelector('#notices');
            window.said = [];
            new MutationObserver(() => window.said.push(notices.textContent))
                .observe(notices, { childList: true, subtree: true, characterData: true });
        }"""
    )
    assert Image.open(io.BytesIO(saved(page, "animation.gif"))).format == "GIF"
    page.wait_for_function("() => document.querySelector('#notices').children.length === 0")
    said = page.evaluate("window.said")
    assert any("Drawing the animation: 100 %" in text for text in said), said


def test_a_saved_scene_opens_in_another_tab_to_the_identical_picture(visit):
    page, other = visit("multi"), visit()
    centred(page, "object 1")
    scene = saved(page, "scene.json")
    picture = np.asarray(Image.open(io.BytesIO(saved(page, "picture.png"))))
    other.set_input_files("#file", {"name": "a.scene.json", "mimeType": "application/json", "buffer": scene})
    settle(other, 1)
    assert np.array_equal(shown(other), picture) and json.loads(scene)["seed"] == 2
    assert Image.open(io.BytesIO(saved(other, "animation.gif"))).format == "GIF"
    page.click("#export")
    expect(page.locator("#command")).to_contain_text("--move 1:")


def test_errors_are_shown_in_a_sentence(visit):
    page = visit()
    before = shown(page)
    page.set_input_files("#file", {"name": "a.json", "mimeType": "application/json", "buffer": b"{nonsense"})
    expect(page.locator(".notice.error")).to_contain_text("This file is not JSON")
    assert np.array_equal(shown(page), before) and state(page)["position"] == 0
    page.click(".notice button")
    expect(page.locator(".notice")).to_have_count(0)


def test_a_second_tab_is_independent_and_a_reload_is_not_another(visit):
    page = visit()
    centred(page, "level 0")
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("body:not([data-loading])")
    assert state(other)["position"] == 0 and state(page)["position"] == 1
    other.click("#dice")
    settle(other, 1)
    assert state(page)["seed"] == 2
    page.reload()
    page.wait_for_selector("body:not([data-loading])")
    assert settle(page, 1)["seed"] == 2


def test_a_session_that_has_ended_says_so(visit):
    page = visit()
    session = page.evaluate("async () => (await import('./js/store.js')).store.session")
    page.request.delete(f"{page.url}api/v1/sessions/{session}")
    page.click("#dice")
    expect(page.locator(".notice.error")).to_contain_text("reload the page")
