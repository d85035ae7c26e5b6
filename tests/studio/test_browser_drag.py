"""Dragging points in a real browser."""

import re

import numpy as np
import pytest
from browsing import drawn, place, pull, settle, shown
from playwright.sync_api import expect


def test_drag_mode_to_its_end_and_back(visit, fake_drag):
    page = visit()
    before = shown(page)
    page.keyboard.press("d")
    pull(page, (0.4, 0.5), (0.6, 0.5))
    expect(page.locator("#points .point")).to_have_count(2)
    page.locator("[name=tool][value=brush]").check(force=True)
    pull(page, (0.3, 0.3), (0.7, 0.7))
    expect(page.locator("#mask-legend")).to_contain_text("Painted: may change")
    page.locator("#max-steps").focus()
    page.keyboard.press("Home")
    page.click("#drag-start")
    expect(page.locator("#outcome span")).to_have_text("The points are there.")
    expect(page.locator("#m-step")).to_have_text("5")
    assert settle(page, 1)["history"][-1]["label"] == "Drag"
    assert np.array_equal(shown(page), drawn(page)) and not np.array_equal(shown(page), before)
    page.click("#drag-undo")
    settle(page, 0)
    assert np.array_equal(shown(page), before)
    # What it began with is there again, to be tried in another mode; any other picture has neither points nor mask.
    expect(page.locator("#points .point")).to_have_count(2)
    expect(page.locator("#mask-legend")).to_have_text(re.compile("^Painted: .* except what the heatmap takes along"))
    assert not page.locator("#mask[data-aside]").count()
    page.select_option("#drag-mode", "latent")
    expect(page.locator("#mask-legend")).to_have_text("Painted: may change. The rest is held back.")
    page.click("#dice")
    settle(page, 1)
    expect(page.locator("#points .point")).to_have_count(0)
    expect(page.locator("#mask-legend")).to_contain_text("everything may change")


@pytest.mark.parametrize(
    ("best", "said"),
    [(2, "Of 5 steps, number 2 is kept"), (0, "None of 5 steps came closer: the picture is as it was.")],
)
def test_what_is_kept_of_a_drag_is_said(visit, fake_drag, best, said):
    fake_drag["best"] = best
    page = visit()
    page.keyboard.press("d")
    pull(page, (0.4, 0.5), (0.6, 0.5))
    page.locator("#max-steps").focus()
    page.keyboard.press("Home")
    page.click("#drag-start")
    expect(page.locator("#outcome")).to_contain_text(said)
    expect(page.locator("#m-step")).to_have_text(str(best))
    assert len(settle(page, min(best, 1))["history"]) == 1 + min(best, 1)


def test_a_real_drag(visit):
    page = visit("multi")
    page.keyboard.press("d")
    pull(page, (0.4, 0.5), (0.6, 0.5))
    page.locator("#max-steps").fill("5")
    page.click("#drag-start")
    expect(page.locator("#outcome")).to_be_visible()
    expect(page.locator("#m-step")).to_have_text(re.compile("[0-5]"))
    page.wait_for_selector("body:not([data-dragging])")
    assert np.array_equal(shown(page), drawn(page))


def test_a_drag_by_keyboard(visit, fake_drag):
    page = visit()
    page.keyboard.press("d")
    page.locator("#drag-add").press("Enter")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#pairs li")).to_contain_text("45, 49 → 55, 50")
    page.locator("#drag-start").press("Enter")
    expect(page.locator("#m-step")).to_have_text(re.compile("[1-9]"))
    page.locator("#drag-start").press("Enter")
    expect(page.locator("#outcome")).to_contain_text("Stopped")


def test_a_drag_can_be_stopped(visit, fake_drag):
    page = visit()
    page.keyboard.press("d")
    page.mouse.click(*place(page, 0.4, 0.5))
    page.mouse.click(*place(page, 0.6, 0.6))
    page.click("#drag-start")
    page.wait_for_function("() => Number(document.querySelector('#m-step').textContent) >= 3")
    page.click("#drag-start")
    expect(page.locator("#outcome")).to_contain_text("Stopped")
    assert settle(page, 1)["history"][-1]["label"] == "Drag"
    assert np.array_equal(shown(page), drawn(page))
