"""Buttons for the whole picture, which the page makes of what the server says there is to do."""

from itertools import pairwise

import pytest
from browsing import settle

from spatialgan.editing.edits import EDITS


def labels(page) -> list[str]:
    return page.eval_on_selector_all("#actions button", "all => all.filter(b => !b.hidden).map(b => b.textContent)")


def test_objects_are_mirrored_and_put_in_a_row(visit):
    page = visit("multi")
    assert labels(page) == [action.label for edit in EDITS for action in edit.actions]
    before = settle(page, 1)["handles"]
    page.click("#actions >> text=Mirror")
    mirrored = settle(page, 2)
    assert [h["x"] for h in mirrored["handles"]] == pytest.approx([1 - h["x"] for h in before])
    page.click("#actions >> text=In a row")
    aligned = settle(page, 3)
    assert [step["label"] for step in aligned["history"][2:]] == ["Mirror", "Row of objects 0, 1, 2"]
    assert [h["y"] for h in aligned["handles"]] == pytest.approx([aligned["handles"][0]["y"]] * 3)
    # Side by side: those that would lie on one another are moved apart.
    line = sorted(aligned["handles"], key=lambda h: h["x"])
    assert all(b["x"] - a["x"] > 0.2 for a, b in pairwise(line))


def test_one_object_can_be_mirrored_and_not_aligned(visit):
    assert labels(visit("single")) == ["Mirror"]
