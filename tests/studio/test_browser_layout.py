"""Where things are on the page, at several widths of the window."""

from collections.abc import Callable
from pathlib import Path

import pytest
from browsing import settle
from playwright.sync_api import Page, expect

WIDTHS = [(1440, 900), (1280, 800), (1024, 700), (830, 700), (390, 844)]
FAULTS = (Path(__file__).parent / "overlaps.js").read_text()


def faults(page: Page) -> list[str]:
    """What lies on something else, or leaves the window."""
    page.wait_for_timeout(150)
    return page.evaluate(FAULTS)


def at_all_widths(page: Page) -> dict[int, list[str]]:
    found = {}
    for width, height in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        found[width] = faults(page)
    return {width: what for width, what in found.items() if what}


def test_sixty_steps_of_history_leave_everything_where_it_was(visit):
    page = visit()
    stage, room = page.locator("#stage"), page.locator(".room")
    before = {}
    for width, height in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        before[width] = stage.bounding_box()
    page.evaluate("""async () => {
      const { edit } = await import('./js/changes.js');
      for (let i = 0; i < 59; i++) await edit({ edit: 'rotate', level: 0, degrees: 1 });
    }""")
    settle(page, 59)
    expect(page.locator("#history li")).to_have_count(60)
    for width, height in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(150)
        assert stage.bounding_box() == before[width]
        assert room.bounding_box()["width"] <= width
        if width > 820:
            box, panel = stage.bounding_box(), page.locator(".side").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= panel["x"]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        now = page.locator("#history [aria-current]").bounding_box()  # the newest step is in sight
        assert now["x"] >= 0 and now["x"] + now["width"] <= (width if width <= 820 else panel["x"]) + 1
    assert at_all_widths(page) == {}


def test_nothing_overlaps_in_a_wide_font(visit):
    page = visit()
    # As DejaVu Sans, which Linux shows where nothing else is installed, is wider than Arial.
    page.evaluate("document.body.style.letterSpacing = '.08em'")
    assert at_all_widths(page) == {}


def nothing(page: Page) -> None:
    pass


def selected(page: Page) -> None:
    page.locator("#handles .handle").first.focus()


def features(page: Page) -> None:
    page.locator("[name=overlay][value=features]").check(force=True)
    expect(page.locator("#overlay-levels label").first).to_be_visible()


def dragging(page: Page) -> None:
    page.keyboard.press("d")
    page.locator("#drag-add").press("Enter")
    page.locator("[name=tool][value=brush]").check(force=True)


@pytest.mark.parametrize(
    ("kind", "prepare"),
    [
        (kind, prepare)
        for kind in ("single", "multi", "plain")
        for prepare in (nothing, selected, features, dragging)
        if kind != "plain" or prepare is not selected  # it has no handles
    ],
)
def test_nothing_overlaps_and_nothing_leaves_the_window(visit, kind, prepare: Callable[[Page], None]):
    page = visit(kind)
    prepare(page)
    assert at_all_widths(page) == {}


def test_the_overlaps_are_found(visit):
    """The measure itself: it sees a panel on the picture, a button on another, and one beyond the edge."""
    page = visit()
    assert faults(page) == []
    for rule in (
        ".side { margin-left: -300px }",
        "#actions { margin-bottom: -12px }",
        "#redo { margin: -20px }",
        "#open { position: fixed; left: 97vw }",
        ".work { grid-template-columns: 1400px }",
    ):
        page.evaluate(
            "rule => { const s = [...document.styleSheets].at(-1); s.insertRule(rule, s.cssRules.length) }", rule
        )
        assert faults(page) != [], rule
        page.evaluate("() => { const s = [...document.styleSheets].at(-1); s.deleteRule(s.cssRules.length - 1) }")
    assert faults(page) == []


def test_an_overlay_leaves_the_picture_its_size(visit):
    page = visit()
    page.set_viewport_size({"width": 1280, "height": 800})
    before = page.locator("#stage").bounding_box()
    features(page)
    page.wait_for_timeout(150)
    assert page.locator("#stage").bounding_box() == before


def test_where_handles_are_not_shown_there_is_no_button_for_them(visit):
    page = visit()
    expect(page.locator("#show-handles")).to_be_visible()
    page.keyboard.press("d")
    expect(page.locator("#show-handles")).to_be_hidden()


def test_on_a_phone_and_in_a_narrow_window_everything_fits(visit):
    page = visit()
    for width, height in ((390, 844), (800, 700), (1024, 700)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        box = page.locator("#stage").bounding_box()
        assert box["width"] == pytest.approx(box["height"], abs=1) and box["width"] > 300
        room = page.locator(".room").bounding_box()
        assert box["y"] >= room["y"] - 1 and box["y"] + box["height"] <= room["y"] + room["height"] + 1
        for selector in ("#export", "#dice", "#undo", "#model"):
            inner = page.locator(selector).bounding_box()
            assert inner["x"] >= 0 and inner["x"] + inner["width"] <= width
