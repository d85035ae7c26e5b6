"""Align: objects on one line."""

import pytest
import torch

from spatialgan.cli.edit_options import read_edit
from spatialgan.editing.edits import Align, edit_from_json
from spatialgan.editing.edits.align import APART, apart
from spatialgan.errors import SpatialGANError


def far_apart(model):
    """Small things with room between them, whichever way they are lined up."""
    scene = model.sample(3)
    for i, (x, y) in enumerate(((0.2, 0.8), (0.5, 0.3), (0.8, 0.55))):
        scene = scene.move_to(i, x, y).resize(i, 0.04 / float(scene.layout.stds[i, 0]))
    return scene


def test_a_row_is_at_the_mean_height_and_moves_nothing_sideways(multi):
    scene = far_apart(multi)
    aligned = scene.align([2, 0], "horizontal")
    before, after = scene.layout.centers, aligned.layout.centers
    torch.testing.assert_close(after[[0, 2], 1], before[[0, 2], 1].mean().expand(2))
    assert torch.equal(after[:, 0], before[:, 0]) and torch.equal(after[1], before[1])
    assert torch.equal(aligned.layout.stds, scene.layout.stds) and aligned.z is scene.z
    assert aligned.edits[-1] == {"edit": "align", "objects": [2, 0], "axis": "horizontal", "at": None}
    assert not torch.allclose(aligned.tensor, scene.tensor)


def test_a_column_at_a_given_place(multi, one_style):
    for model in (multi, one_style):
        scene = far_apart(model)
        after = scene.align(range(3), "vertical", at=0.25).layout.centers
        torch.testing.assert_close(after[:, 0], torch.full((3,), 0.25))
        assert torch.equal(after[:, 1], scene.layout.centers[:, 1])


def test_a_row_and_then_a_column_leave_nothing_on_one_place(multi):
    scene = far_apart(multi).align([0, 1, 2], "horizontal").align([0, 1, 2], "vertical")
    x, y = scene.layout.centers.T
    torch.testing.assert_close(x, x[:1].expand(3))
    gap = APART * 0.08  # of two standard deviations of 0.04
    # They keep the order that they had across the line, which was one height: their numbers'.
    torch.testing.assert_close(y.diff(), torch.full((2,), gap), atol=1e-5, rtol=0)
    assert abs(float(y.mean()) - 0.55) < 1e-5


def test_long_things_are_as_wide_as_they_lie(multi):
    scene = far_apart(multi).move_to(0, 0.4, 0.5).move_to(1, 0.45, 0.5).stretch(0, 3, 1).rotate(0, 90)
    lying, standing = scene.rotate(0, 90).align([0, 1], "horizontal"), scene.align([0, 1], "horizontal")
    gaps = [float(s.layout.centers[:2, 0].diff()) for s in (lying, standing)]
    assert gaps == pytest.approx([APART * (0.12 + 0.04), APART * 0.08], abs=1e-4)
    upright = scene.align([0, 1], "vertical")
    assert float(upright.layout.centers[:2, 1].diff().abs()) == pytest.approx(APART * (0.12 + 0.04), abs=1e-4)


def test_a_column_of_a_row_has_the_order_of_numbers_and_not_of_rounding_errors(multi):
    for seed in range(16):
        scene = multi.sample(seed).align([0, 1, 2], "horizontal").align([0, 1, 2], "vertical")
        y = scene.layout.centers[:, 1].tolist()
        assert y == sorted(y)


@pytest.mark.parametrize(
    ("places", "stds", "expected"),
    [
        ([0.2, 0.8], [0.1, 0.1], [0.2, 0.8]),
        ([0.5, 0.5], [0.1, 0.1], [0.375, 0.625]),
        ([0.6, 0.4, 0.5], [0.08, 0.08, 0.08], [0.7, 0.3, 0.5]),
        ([0.15, 0.15], [0.1, 0.1], [0.1, 0.35]),  # not out of the picture
        ([0.9, 0.85], [0.1, 0.1], [0.9, 0.65]),
        ([0.4, 0.5, 0.6], [0.3, 0.3, 0.3], [0.1, 0.5, 0.9]),  # no room for as much: evenly
        ([-0.5, 1.5], [0.1, 0.1], [-0.5, 1.5]),  # what is outside stays there
        ([0.03, 0.04, 0.97], [0.04, 0.04, 0.04], [0.03, 0.13, 0.97]),  # no more of them than must
        ([0.2, 0.6, 0.6], [0.04, 0.04, 0.04], [0.2, 0.55, 0.65]),
    ],
)
def test_places_on_the_line(places, stds, expected):
    assert apart(places, stds) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "edit", "title"),
    [
        ("0,2:horizontal", Align(objects=(0, 2), axis="horizontal"), "Row of objects 0, 2"),
        (
            "2,0,1:vertical,-0.5",
            Align(objects=(2, 0, 1), axis="vertical", at=-0.5),
            "Column of objects 2, 0, 1",
        ),
    ],
)
def test_words(multi, text, edit, title):
    assert Align.read(text) == edit and edit.words == ["--align", text] and edit.title == title
    assert read_edit("align", text)(multi.sample(0)).edits == multi.sample(0).apply(edit).edits


@pytest.mark.parametrize("text", ["", "0,1", "0,1:", "0,1:across", "a,b:vertical", "0,1:vertical,", "0,1:vertical,1,2"])
def test_other_words_show_the_form(text):
    with pytest.raises(SpatialGANError, match=r"write I,J,..:AXIS or I,J,..:AXIS,AT as in --align 0,2:horizontal"):
        read_edit("align", text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"objects": [0]}, r"objects is \[0\]; use 2 to 64 objects, each once"),
        ({"objects": [0, 0]}, "each once"),
        ({"objects": list(range(65))}, "use 2 to 64"),
        ({"objects": "01"}, "objects is '01'; use a list of numbers"),
        ({"objects": 3}, "objects is 3; use a list"),
        ({"objects": [0, "1"]}, "one of objects is '1'; use a whole number"),
        ({"axis": "diagonal"}, "axis is 'diagonal'; use horizontal or vertical"),
        ({"axis": ["vertical"]}, "axis is "),
        ({"at": "x"}, "at is 'x'; use a finite number"),
    ],
)
def test_what_is_refused(values, message):
    with pytest.raises(SpatialGANError, match=message):
        edit_from_json({"edit": "align", "objects": [0, 1], "axis": "vertical"} | values)


@pytest.mark.parametrize("objects", [3, "01", 0.5])
def test_scenes_want_a_list(multi, objects):
    with pytest.raises(SpatialGANError, match=r"objects is .*; use a list of numbers, as in \[0, 1\]"):
        multi.sample(0).align(objects, "vertical")


def test_objects_must_be_there(multi, single, plain):
    with pytest.raises(SpatialGANError, match="there is no object 3"):
        multi.sample(0).align([0, 3], "vertical")
    with pytest.raises(SpatialGANError, match="align needs a model of several objects; tiny draws one"):
        single.sample(0).align([0, 1], "vertical")
    with pytest.raises(SpatialGANError, match="plain has encoding=none"):
        plain.sample(0).align([0, 1], "vertical")
