"""The command that draws a scene."""

import shlex
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from spatialgan.api import SpatialGAN
from spatialgan.cli.commands import app
from spatialgan.editing.command import command_line, same_picture


def edited(scene, multi: bool):
    """A scene with every edit that its model has, numbers that begin with a minus sign among them."""
    scene = (
        scene.move(0, dx=-0.05, dy=0.1)
        .move_to(0, -0.1, 0.6)
        .resize(0, 1.3)
        .stretch(0, 1.2, 0.7)
        .rotate(0, -30)
        .remove(0, 0.25)
    )
    if not multi:
        return scene.with_new_styles(4).with_new_layout(5).move(2, dx=0.013, point=3)
    scene = scene.with_new_styles(4).with_new_layout(5).restyle(0, 9).restyle("background", 11)
    return scene.duplicate(0, -0.1, 0.2).add(-0.1, 0.8, 0.15, 12).remove(1)


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
        replace(scene, z=other.z),
        replace(scene, layout=other.layout),
        replace(scene, noise_seed=4),
        replace(scene, seed=None),
        replace(scene, edits=({"edit": "drag"},)),
        replace(scene, w_offset=scene.w_offset_or_zeros + 1),
        replace(scene, edits=({"edit": "move", "level": 0, "dx": 0.0, "dy": 0.0},) * 501),
    ):
        assert "--scene x.scene.json" in command_line(changed, "m", scene_file="x.scene.json")
