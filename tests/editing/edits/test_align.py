"""Align: objects on one line."""

import pytest
import torch

from spatialgan.cli.edit_options import read_edit
from spatialgan.editing.edits import Align, edit_from_json
from spatialgan.errors import SpatialGANError


def test_a_row_is_at_the_mean_height_and_moves_nothing_sideways(multi):
    scene = multi.sample(3)
    aligned = scene.align([2, 0], "horizontal")
    before, after = scene.layout.centers, aligned.layout.centers
    torch.testing.assert_close(after[[0, 2], 1], before[[0, 2], 1].mean().expand(2))
    assert torch.equal(after[:, 0], before[:, 0]) and torch.equal(after[1], before[1])
    assert torch.equal(aligned.layout.stds, scene.layout.stds) and aligned.z is scene.z
    assert aligned.edits[-1] == {"edit": "align", "objects": [2, 0], "axis": "horizontal", "at": None}
    assert not torch.allclose(aligned.tensor, scene.tensor)


def test_a_column_at_a_given_place(multi, one_style):
    for model in (multi, one_style):
        scene = model.sample(3)
        after = scene.align(range(3), "vertical", at=0.25).layout.centers
        torch.testing.assert_close(after[:, 0], torch.full((3,), 0.25))
        assert torch.equal(after[:, 1], scene.layout.centers[:, 1])


@pytest.mark.parametrize(
    ("text", "edit", "title"),
    [
        ("0,2:horizontal", Align(objects=(0, 2), axis="horizontal"), "Align objects 0, 2"),
        ("2,0,1:vertical,-0.5", Align(objects=(2, 0, 1), axis="vertical", at=-0.5), "Align objects 2, 0, 1"),
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
