"""``spatialgan interpolate``, and style mixing, on another program's file and on a model with heatmaps."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spatialgan.cli import main

sys.path.append(str(Path(__file__).parents[1] / "editing"))
from tiny_models import make_model

FIXTURES = Path(__file__).parents[1] / "fixtures"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(a) for a in arguments])
    return stopped.value.code or 0


@pytest.fixture(scope="module")
def multi(tmp_path_factory):
    return make_model(layout="multi", encoding="multi").save(tmp_path_factory.mktemp("model") / "multi")


def test_a_loop_through_the_seeds_of_an_imported_model(tmp_path, capsys):
    model = FIXTURES / "rosinality-style.pt"
    words = ["--model", model, "--seeds", "3,8", "--frames", 2, "--loop", "--truncation", 0.7]
    outputs = ["--out", tmp_path / "f", "--gif", tmp_path / "a.gif", "--grid", tmp_path / "g.png", "--scale", 1]
    assert run("interpolate", *words, *outputs) == 0
    assert "4 frames" in capsys.readouterr().out
    names = sorted(p.name for p in (tmp_path / "f").iterdir())
    assert names == ["0000.png", "0001.png", "0002.png", "0003.png"]
    frames = [np.asarray(Image.open(tmp_path / "f" / name)).astype(int) for name in names]
    assert np.abs(frames[1] - frames[3]).max() <= 1  # half-way there, and half-way back
    assert Image.open(tmp_path / "a.gif").n_frames == 4 and Image.open(tmp_path / "g.png").size == (130, 130)
    assert run("generate", "--model", model, "--seeds", 3, "--truncation", 0.7, "--out", tmp_path) == 0
    assert np.abs(np.asarray(Image.open(tmp_path / "seed0003.png")).astype(int) - frames[0]).max() <= 1


def test_a_picture_that_is_named_twice_is_passed_twice(tmp_path, multi):
    out = tmp_path / "f"
    assert run("interpolate", "--model", multi, "--seeds", "3,8,3", "--frames", 2, "--out", out) == 0
    frames = [np.asarray(Image.open(p)).astype(int) for p in sorted(out.iterdir())]
    assert len(frames) == 5 and np.abs(frames[4] - frames[0]).max() <= 1 < np.abs(frames[2] - frames[0]).max()


def test_between_saved_scenes_layouts_go_along(tmp_path, multi):
    scenes = [tmp_path / "a.scene.json", tmp_path / "b.scene.json"]
    for scene, move in zip(scenes, ("0:0.3,0", "1:0,0.3"), strict=True):
        words = ["--model", multi, "--seed", 1, "--move", move, "--out", tmp_path / "a.png", "--save-scene", scene]
        assert run("edit", *words) == 0
    words = [w for s in scenes for w in ("--scene", s)]
    assert run("interpolate", "--model", multi, *words, "--frames", 2, "--in", "z", "--out", tmp_path / "f") == 0
    frames = [np.asarray(Image.open(p)) for p in sorted((tmp_path / "f").iterdir())]
    assert len(frames) == 3 and not any(np.array_equal(frames[1], other) for other in (frames[0], frames[2]))


def test_styles_are_mixed_on_an_imported_model(tmp_path):
    words = ["--model", FIXTURES / "ada-style.pkl", "--seed", 1]
    assert run("edit", *words, "--mix-styles", "7:0,9", "--out", tmp_path / "all.png") == 0
    assert run("edit", *words, "--new-styles", 7, "--out", tmp_path / "new.png") == 0
    assert run("edit", *words, "--mix-styles", "7:0,3", "--out", tmp_path / "some.png") == 0
    mixed, new, some = (np.asarray(Image.open(tmp_path / f"{n}.png")).astype(int) for n in ("all", "new", "some"))
    assert np.abs(mixed - new).max() <= 1 < np.abs(some - new).max()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--gif", "a.gif"], "give either --seeds or --scene"),
        (["--seeds", "1,2", "--gif", "a.gif"], "give --model beside --seeds"),
        (
            ["--model", "cats-64", "--seeds", "1", "--gif", "a.gif"],
            "an interpolation goes between two pictures or more",
        ),
        (["--model", "cats-64", "--seeds", "1,2"], "give --gif, --mp4, --grid or --out"),
        (["--model", "cats-64", "--seeds", "1,2", "--gif", "a.png"], "a.png: animations are written as GIF"),
        (["--model", "cats-64", "--seeds", "0-999", "--frames", "99", "--gif", "a.gif"], "98,902 frames are too many"),
        (["--scene", "a.json", "--scene", "b.json", "--truncation", "1", "--gif", "a.gif"], "--truncation goes with"),
    ],
)
def test_mistakes_are_one_line_and_code_2(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("interpolate", *words) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1 and not list(tmp_path.iterdir())
