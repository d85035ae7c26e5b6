"""Options of ``spatialgan edit`` that are made from the classes of edits: flags among them, and their order."""

import pytest
import torch
from tiny_models import make_model
from typer.testing import CliRunner

from spatialgan.api import SpatialGAN
from spatialgan.cli.commands import app
from spatialgan.editing.command import command_line, same_picture
from spatialgan.editing.edits import EDITS


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    model = make_model(layout="multi", encoding="multi")
    return model.save(tmp_path_factory.mktemp("model") / "multi.safetensors", dtype=torch.float32)


def edited(path, folder, *words: str):
    saved = folder / "f.scene.json"
    fixed = ["--model", str(path), "--seed", "3", "--device", "cpu", "--out", str(folder / "f.png")]
    result = CliRunner().invoke(app, ["edit", *fixed, "--save-scene", str(saved), *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return SpatialGAN.from_pretrained(path, device="cpu").load_scene(saved), result.output


def test_flags_keep_their_place_among_options_with_words(path, tmp_path):
    words = ["--mirror", "--move", "0:0.1,0", "--align", "0,2:vertical,0.3", "--mirror", "--move-to", "1:0.2,0.6"]
    scene, output = edited(path, tmp_path, *words)
    assert [e["edit"] for e in scene.edits] == ["mirror", "move", "align", "mirror", "move_to"]
    expected = scene.model.sample(3).mirror().move(0, dx=0.1).align([0, 2], "vertical", 0.3).mirror()
    expected = expected.move_to(1, 0.2, 0.6)
    assert same_picture(scene, expected) and "5 edits" in output
    line = command_line(scene, "m", scene_file="f.scene.json")
    words = "--mirror --move 0:0.1,0.0 --align 0,2:vertical,0.3 --mirror --move-to 1:0.2,0.6"
    assert line.endswith(f"{words} --out out.png")


def test_without_edits_there_are_none(path, tmp_path):
    scene, output = edited(path, tmp_path)
    assert scene.edits == () and "0 edits" in output


def test_help_names_every_edit():
    text = CliRunner().invoke(app, ["edit", "--help"], env={"COLUMNS": "200"}).output
    for edit in EDITS:
        assert f"--{edit.option}" in text and (not edit.forms or edit.forms[0] in text)
