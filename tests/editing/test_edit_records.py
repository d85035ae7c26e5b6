"""Edits as JSON values and as words of the command line."""

import json
import shlex
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from spatialgan.cli.commands import app
from spatialgan.editing.edit_records import NUMBERS, apply_edit, command_line, edit_words, same_picture
from spatialgan.errors import SpatialGANError
from spatialgan.model import SpatialGAN


def edited(scene, multi: bool):
    """A scene with every edit that its model has, numbers that begin with a minus sign among them."""
    scene = scene.move(0, dx=-0.05, dy=0.1).resize(0, 1.3).stretch(0, 1.2, 0.7).rotate(0, -30).remove(0, 0.25)
    if not multi:
        return scene.with_new_styles(4).with_new_layout(5).move(2, dx=0.013, point=3)
    scene = scene.with_new_styles(4).with_new_layout(5).restyle(0, 9).restyle("background", 11)
    return scene.duplicate(0, -0.1, 0.2).add(-0.1, 0.8, 0.15, 12).remove(1)


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_records_do_the_edits_again(kind, request):
    start = request.getfixturevalue(kind).sample(3)
    scene = edited(start, kind == "multi")
    again = start
    for record in json.loads(json.dumps(scene.edits)):
        again = apply_edit(again, record)
    assert same_picture(scene, again) and again.edits == scene.edits


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_the_command_draws_the_identical_picture(kind, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = request.getfixturevalue(kind)
    model.save(tmp_path / "m", dtype=torch.float32)
    scene = edited(
        SpatialGAN.from_pretrained("m.safetensors", device="cpu").sample(3, layout_seed=8, truncation=0.7),
        kind == "multi",
    )
    command = command_line(scene, "m.safetensors", scene_file="x.scene.json")
    assert "--scene" not in command
    words = [*shlex.split(command)[1:], "--save-scene", "again.scene.json", "--device", "cpu"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    again = scene.model.load_scene("again.scene.json")
    assert same_picture(scene, again) and torch.equal(scene.tensor, again.tensor)


def test_what_seeds_cannot_tell_starts_from_the_scene_file(single):
    scene, other = single.sample(3), single.sample(4)
    words = shlex.split(command_line(scene, "a b", scene_file="x.scene.json"))
    assert words[3:] == ["a b", "--seed", "3", "--out", "out.png"]
    for changed in (
        scene.move_to(0, 0.5, 0.5),
        replace(scene, z=other.z),
        replace(scene, layout=other.layout),
        replace(scene, noise_seed=4),
        replace(scene, seed=None),
        replace(scene, edits=({"edit": "drag"},)),
        replace(scene, w_offset=scene.w_offset_or_zeros + 1),
        replace(scene, edits=({"edit": "move", "level": 0, "dx": 0.0, "dy": 0.0},) * 501),
    ):
        assert "--scene x.scene.json" in command_line(changed, "m", scene_file="x.scene.json")


def test_every_edit_has_its_words_but_one():
    filled = {name: dict.fromkeys(numbers, 1) | {"edit": name, "object": 0} for name, numbers in NUMBERS.items()}
    assert [name for name, record in filled.items() if edit_words(record) is None] == ["move_to"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (None, "there is no edit None"),
        ({"edit": "__init__"}, "there is no edit '__init__'"),
        ({"edit": "drag"}, "there is no edit 'drag'"),
        ({"edit": "restyle", "level": 0, "seed": 1}, "give an object"),
        ({"edit": "add", "x": 0}, "add takes x, y, std, seed"),
        ({"edit": "remove", "level": 0, "amount": 1, "z": 1}, "takes"),
    ],
)
def test_records_that_are_none(single, record, message):
    with pytest.raises(SpatialGANError, match=message):
        apply_edit(single.sample(0), record)
