"""The command line, end to end on tiny random models."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from spatialgan import SpatialGAN, SpatialGANError, __version__, cli
from spatialgan.cli.commands import app
from spatialgan.cli.edit_options import read_edit
from spatialgan.cli.generate import read_seeds
from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.heatmaps import MIN_STD
from spatialgan.networks.generator import Generator

Run = Callable[..., tuple[int, str, str]]


def make_file(folder: Path, name: str, **changes: object) -> Path:
    tiny = {"resolution": 32, "z_dim": 32, "w_dim": 32, "mapping_layers": 2, "channel_base": 128, "channel_max": 16}
    config = RunConfig(model=ModelConfig(**(tiny | changes)), loss=LossConfig())
    torch.manual_seed(0)
    return SpatialGAN(config, Generator(config.model)).save(folder / name, card={"data": "random", "licence": "CC0"})


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_file(tmp_path_factory.mktemp("models"), "single")


@pytest.fixture(scope="session")
def multi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_file(tmp_path_factory.mktemp("models"), "multi", layout="multi", encoding="multi")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: its exit code, stdout and stderr."""

    def invoke(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as e:
            cli.main([str(word) for word in words])
        captured = capsys.readouterr()
        return e.value.code or 0, captured.out, captured.err

    return invoke


def loaded(path: Path) -> SpatialGAN:
    return SpatialGAN.from_pretrained(path, device="cpu")


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path), int)


# ---------------------------------------------------------------- cost, help, exit codes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate"], "error: missing option '--model'; spatialgan generate --help shows what there is"),
        (
            ["genrate"],
            "error: no such command 'genrate'. Did you mean 'generate'? spatialgan --help shows what there is",
        ),
        (
            ["generate", "--model", "m", "--seeds", "0", "--out", "o", "--scale", "big"],
            "error: invalid value for '--scale': 'big' is not a valid float; spatialgan generate --help shows",
        ),
        (["edit", "--seed"], "error: option '--seed' requires an argument; --help shows what there is"),
        (["figures"], "error: missing argument "),
    ],
)
def test_words_that_no_command_takes_get_one_line(run: Run, words: list[str], said: str):
    code, out, err = run(*words)
    assert code == 2 and out == "" and err.startswith(said) and err.count("\n") == 1


def test_no_words_get_the_help(run: Run):
    for words in ([], ["models"]):
        code, out, err = run(*words)
        assert code in (0, 2) and "Usage: spatialgan" in out + err and "Commands" in out + err  # 0 before typer 0.20


def in_a_process(*words: object) -> subprocess.CompletedProcess[str]:
    source = str(Path(cli.__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-m", "spatialgan.cli", *map(str, words)],
        check=False,
        timeout=120,
        text=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": source, "COLUMNS": "200"},
    )


@pytest.mark.parametrize("command", [[], ["edit"], ["train"], ["generate"]])
def test_help_loads_nothing_heavy(command: list[str]):
    code = (
        "import sys\nfrom spatialgan.cli import main\n"
        f"try: main({[*command, '--help']})\nexcept SystemExit as e: assert e.code == 0\n"
        "heavy = {'torch', 'numpy', 'PIL', 'fastapi'} & set(sys.modules)\nsys.exit(', '.join(heavy) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], check=False, timeout=60, text=True, capture_output=True)
    assert result.returncode == 0, result.stderr


def test_help_is_quick():
    best_sec = []
    for _ in range(3):  # processor time, and the least of three: other work on this computer is not the command's
        start = os.times()
        result = in_a_process("--help")
        end = os.times()
        best_sec.append(end.children_user + end.children_system - start.children_user - start.children_system)
    assert min(best_sec) < 0.5
    for command in ("models", "generate", "edit", "data", "train", "eval"):
        assert command in result.stdout


def test_errors_are_one_line_and_exit_with_2(single, tmp_path):
    result = in_a_process("generate", "--model", single, "--seeds", "x", "--out", tmp_path)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr == "error: --seeds x: write numbers from 0 and ranges upwards, as in --seeds 0-15,42\n"
    assert in_a_process("generate", "--nonsense").returncode == 2


def test_a_wrong_model_is_told_without_a_traceback(run, tmp_path):
    code, out, err = run("generate", "--model", tmp_path / "none.safetensors", "--seeds", 0, "--out", tmp_path)
    assert code == 2 and out == "" and err.startswith("error: there is no model") and err.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_named(run, single, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = run("generate", "--model", single, "--seeds", 0, "--out", tmp_path / "file" / "deeper")
    assert code == 2 and err.startswith("error: ") and "file" in err and err.count("\n") == 1


def test_version(run):
    assert run("--version")[:2] == (0, f"{__version__}\n")


# ---------------------------------------------------------------- models


def test_models_list_without_models(run, monkeypatch):
    monkeypatch.setattr("spatialgan.model.bundled_models", dict)
    code, out, _ = run("models", "list")
    assert code == 0 and "no models are bundled" in out


def test_models_list(run, monkeypatch, single, multi):
    monkeypatch.setattr("spatialgan.model.bundled_models", lambda: {"cats": single, "rooms": multi})
    _, out, _ = run("models", "list")
    rows = {line.split()[1]: line for line in out.splitlines() if "32x32" in line}
    assert set(rows) == {"cats", "rooms"} and "random" in rows["cats"] and "multi" in rows["rooms"]


def test_models_info(run, single):
    code, out, _ = run("models", "info", single)
    info = json.loads(out)
    assert code == 0 and info["card"]["licence"] == "CC0" and info["config"]["model"]["resolution"] == 32


# ---------------------------------------------------------------- generate


def test_generate_draws_what_python_draws(run, single, tmp_path):
    code, out, _ = run("generate", "--model", single, "--seeds", "0-1,12", "--out", tmp_path / "new", "--device", "cpu")
    assert code == 0 and "3 pictures" in out
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["seed0000.png", "seed0001.png", "seed0012.png"]
    for seed in (0, 12):
        expected = np.asarray(loaded(single).sample(seed).image)
        assert np.array_equal(pixels(tmp_path / "new" / f"seed{seed:04d}.png"), expected)


def test_generate_options(run, single, tmp_path):
    code, _, err = run(
        "generate",
        "--model",
        single,
        "--seeds",
        "1-4",
        "--out",
        tmp_path,
        "--device",
        "cpu",
        "--grid",
        "--heatmaps",
        "--save-scenes",
        "--layout-seed",
        9,
        "--truncation",
        0.6,
        "--scale",
        2,
    )
    assert code == 0, err
    scene = loaded(single).load_scene(tmp_path / "seed0003.scene.json")
    assert (scene.seed, scene.layout_seed, scene.truncation) == (3, 9, 0.6)
    assert Image.open(tmp_path / "seed0003.png").size == (64, 64)
    assert Image.open(tmp_path / "grid.png").size == (64 * 2 + 2, 64 * 2 + 2)
    assert Image.open(tmp_path / "seed0003.heatmaps.png").size == (64 * 4 + 6, 64)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("3", [3]),
        ("0-2,42", [0, 1, 2, 42]),
        ("5,1-2,2", [5, 1, 2, 2]),
        (" 7 , 8", [7, 8]),
    ],
)
def test_seeds(text, seeds):
    assert read_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "3-1", "1-", "-1", "1.5", "1,,2", "1-2-3", "9" * 5000])
def test_seeds_refused(text):
    with pytest.raises(SpatialGANError, match="as in --seeds 0-15,42"):
        read_seeds(text)


@pytest.mark.parametrize("text", ["0-99999999999", "0-999999,1000000"])
def test_more_seeds_than_memory_are_refused(text):
    with pytest.raises(SpatialGANError, match="use at most 1,000,000 seeds at once"):
        read_seeds(text)


def test_a_grid_too_large_is_refused_before_it_is_drawn(run, single, tmp_path):
    code, _, err = run(
        "generate", "--model", single, "--seeds", "0-9999", "--grid", "--device", "cpu", "--out", tmp_path / "out"
    )
    assert code == 2 and "pixels is too large; use a smaller scale, or fewer pictures" in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("failure", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")])
def test_missing_memory_is_told_without_a_traceback(run, photos, tmp_path, monkeypatch, failure):
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("spatialgan.training.loop.train", fail)
    code, _, err = run("train", "--data", photos, "--preset", "tiny", "--out", tmp_path / "run")
    assert code == 2 and err.startswith("error: there is not enough memory") and err.count("\n") == 1


# ---------------------------------------------------------------- edit


def test_edits_apply_in_the_order_given_across_options(run, multi, tmp_path):
    saved = tmp_path / "f.scene.json"
    code, out, err = run(
        "edit",
        "--model",
        multi,
        "--seed",
        3,
        "--device",
        "cpu",
        "--out",
        tmp_path / "f.png",
        "--save-scene",
        saved,
        "--restyle",
        "background:4",
        "--move",
        "0:-0.2,0",
        "--duplicate=0:0.3,-0.1",
        "--resize",
        "3:0.5",
        "--move",
        "3:-0.05,-0.1",
        "--add",
        "-0.1,0.2,0.1:7",
        "--restyle",
        "4:8",
        "--stretch",
        "1:1.5,0.5",
        "--rotate",
        "1:-30",
        "--remove",
        "2",
        "--remove",
        "1:0.5",
    )
    assert code == 0, err
    assert "11 edits" in out
    expected = (
        loaded(multi)
        .sample(3)
        .restyle("background", 4)
        .move(0, dx=-0.2)
        .duplicate(0, 0.3, -0.1)
        .resize(3, 0.5)
        .move(3, dx=-0.05, dy=-0.1)
        .add(-0.1, 0.2, 0.1, 7)
        .restyle(4, 8)
        .stretch(1, 1.5, 0.5)
        .rotate(1, -30)
        .remove(2)
        .remove(1, 0.5)
    )
    scene = loaded(multi).load_scene(saved)
    assert scene.edits == expected.edits and torch.equal(scene.layout.centers, expected.layout.centers)
    assert np.array_equal(pixels(tmp_path / "f.png"), np.asarray(expected.image))
    assert float(scene.layout.stds[2, 0]) == pytest.approx(MIN_STD)


def test_the_order_decides_between_options(run, multi, tmp_path):
    def centre(*words: str) -> list[float]:
        code, _, err = run(
            "edit",
            "--model",
            multi,
            "--seed",
            3,
            "--device",
            "cpu",
            "--out",
            tmp_path / "f.png",
            "--save-scene",
            tmp_path / "f.json",
            *words,
        )
        assert code == 0, err
        return loaded(multi).load_scene(tmp_path / "f.json").layout.centers[3].tolist()

    move, copy = ("--move", "0:0.2,0"), ("--duplicate", "0:0,0")
    x = float(loaded(multi).sample(3).layout.centers[0, 0])
    assert centre(*move, *copy)[0] == pytest.approx(x + 0.2, abs=1e-6)
    assert centre(*copy, *move)[0] == pytest.approx(x, abs=1e-6)


def test_edit_takes_levels_and_centres(run, single, tmp_path):
    saved = tmp_path / "f.scene.json"
    code, _, err = run(
        "edit",
        "--model",
        single,
        "--seed",
        3,
        "--device",
        "cpu",
        "--out",
        tmp_path / "f.png",
        "--save-scene",
        saved,
        "--move",
        "2.1:0.05,0",
        "--resize",
        "1:1.5",
    )
    assert code == 0, err
    expected = loaded(single).sample(3).move(2, dx=0.05, point=1).resize(1, 1.5)
    scene = loaded(single).load_scene(saved)
    assert torch.equal(scene.layout.centers, expected.layout.centers)
    assert torch.equal(scene.layout.stds, expected.layout.stds)


@pytest.mark.parametrize(
    ("words", "notes"),
    [
        (["--move", "0:99,0"], ["the centre of object 0 is now outside the picture, at 99."]),
        (["--remove", "1", "--move", "1:0.1,0"], ["object 1 was moved after it had been removed"]),
        (["--remove", "1", "--mirror"], []),
        (["--remove", "1", "--move", "1:0.1,0", "--resize", "1:1000"], []),
        (["--remove", "1", "--move", "1:0.1,0", "--new-layout", "5"], []),
        (["--move", "1:0.01,0"], []),
        (["--add", "0.5,2,0.1:3", "--move", "1:0,-50"], ["the centre of object 1 is", "the centre of object 3 is"]),
        (["--move", "0:99,0", "--move", "0:-99,0"], []),
        (["--move", "0:99,0", "--remove", "0"], []),
    ],
)
def test_edit_says_what_left_the_picture(run, multi, tmp_path, words, notes):
    code, _, err = run("edit", "--model", multi, "--seed", 3, "--device", "cpu", "--out", tmp_path / "f.png", *words)
    assert code == 0 and (tmp_path / "f.png").exists()
    lines = err.splitlines()
    assert len(lines) == len(notes)
    for line, note in zip(lines, notes, strict=True):
        assert line.startswith(f"note: {note}")


def test_edit_says_that_a_layout_of_one_object_left_the_picture(run, single, tmp_path):
    code, _, err = run(
        "edit", "--model", single, "--seed", 3, "--device", "cpu", "--out", tmp_path / "f.png", "--move", "0:0,-9"
    )
    assert code == 0 and err.startswith("note: the centre of level 0 is now outside the picture, at 0.")


def test_edit_says_which_objects_are_new(run, multi, single, tmp_path):
    out = ["--device", "cpu", "--seed", 3, "--out", tmp_path / "f.png"]
    _, said, _ = run("edit", "--model", multi, *out, "--add", "0.5,0.5,0.1:3", "--duplicate", "0:0.1,0")
    assert "object 3 is new\nobject 4 is new\n" in said
    for model in (multi, single):
        assert "is new" not in run("edit", "--model", model, *out, "--move", "0:0.1,0")[1]


def test_edit_says_nothing_of_what_was_outside_before(run, multi, tmp_path):
    loaded(multi).sample(3).move(0, dx=5.0).save(tmp_path / "a.json")
    code, _, err = run(
        "edit",
        "--model",
        multi,
        "--scene",
        tmp_path / "a.json",
        "--device",
        "cpu",
        "--out",
        tmp_path / "f.png",
        "--move",
        "0:1,0",
        "--move",
        "1:7,0",
    )
    assert code == 0 and err.startswith("note: the centre of object 1 is now outside") and err.count("\n") == 1


def test_edit_goes_on_from_a_scene(run, single, tmp_path):
    loaded(single).sample(3, layout_seed=5).move(0, dx=0.1).save(tmp_path / "a.json")
    code, _, err = run(
        "edit",
        "--model",
        single,
        "--scene",
        tmp_path / "a.json",
        "--device",
        "cpu",
        "--move",
        "0:0,0.1",
        "--scale",
        3,
        "--out",
        tmp_path / "f.png",
        "--save-scene",
        tmp_path / "b.json",
    )
    assert code == 0, err
    scene = loaded(single).load_scene(tmp_path / "b.json")
    assert [(e["dx"], e["dy"]) for e in scene.edits] == [(0.1, 0.0), (0.0, 0.1)] and scene.layout_seed == 5
    assert Image.open(tmp_path / "f.png").size == (96, 96)


def test_a_scene_of_a_bundled_model_needs_no_model(run, tmp_path):
    SpatialGAN.from_pretrained("cats-64", device="cpu").sample(3).save(tmp_path / "a.json")
    code, _, err = run("edit", "--scene", tmp_path / "a.json", "--device", "cpu", "--out", tmp_path / "f.png")
    assert code == 0, err
    assert Image.open(tmp_path / "f.png").size == (64, 64)


def test_without_a_model_a_scene_of_another_one_or_a_seed_is_refused(run, single, tmp_path):
    loaded(single).sample(3).save(tmp_path / "a.json")
    code, _, err = run("edit", "--scene", tmp_path / "a.json", "--device", "cpu", "--out", tmp_path / "f.png")
    assert code == 2 and "the model single, which is not a bundled one; give it as --model PATH" in err
    (tmp_path / "b.json").write_text("[]")
    code, _, err = run("edit", "--scene", tmp_path / "b.json", "--device", "cpu", "--out", tmp_path / "f.png")
    assert code == 2 and "b.json: the scene names no model; give --model" in err
    code, _, err = run("edit", "--seed", 3, "--device", "cpu", "--out", tmp_path / "f.png")
    assert code == 2 and "give --model beside --seed" in err
    code, _, err = run("edit", "--model", single, "--seed", -1, "--device", "cpu", "--out", tmp_path / "f.png")
    assert code == 2 and "--seed" in err and ("x>=0" in err or "greater than or equal to 0" in err)
    assert not (tmp_path / "f.png").exists()


def test_edit_refuses_names_of_other_formats_before_it_writes(run, single, tmp_path):
    code, _, err = run(
        "edit",
        "--model",
        single,
        "--seed",
        3,
        "--device",
        "cpu",
        "--out",
        tmp_path / "f.png",
        "--gif",
        tmp_path / "f.mp4",
    )
    assert code == 2 and "f.mp4: animations are written as GIF; give a name that ends in .gif" in err
    assert not list(tmp_path.iterdir())


def test_edit_animates(run, single, tmp_path):
    code, _, err = run(
        "edit",
        "--model",
        single,
        "--seed",
        3,
        "--device",
        "cpu",
        "--out",
        tmp_path / "f.png",
        "--gif",
        tmp_path / "f.gif",
        "--move",
        "0:0.3,0",
        "--resize",
        "0:1.5",
    )
    assert code == 0, err
    with Image.open(tmp_path / "f.gif") as gif:
        assert gif.size == (256, 256)
        # 24 steps there, 23 between on the way back, and the first; frames that stand still are one.
        assert gif.n_frames == 25 + 23
    native = tmp_path / "native.gif"
    run(
        "edit",
        "--model",
        single,
        "--seed",
        3,
        "--device",
        "cpu",
        "--out",
        tmp_path / "f.png",
        "--gif",
        native,
        "--scale",
        1,
    )
    assert Image.open(native).size == (32, 32)


@pytest.mark.parametrize(
    ("option", "text", "form"),
    [
        ("move", "0", "I:DX,DY"),
        ("move", "0:1", "I:DX,DY"),
        ("move", "0:1,2,3", "I:DX,DY"),
        ("move", "a:1,2", "I:DX,DY"),
        ("move", "0.:1,2", "I:DX,DY"),
        ("resize", "0:big", "I:FACTOR"),
        ("resize", "0", "I:FACTOR"),
        ("remove", "x", "I or I:AMOUNT"),
        ("remove", "1:", "I or I:AMOUNT"),
        ("restyle", "1", "I:SEED"),
        ("restyle", "back:1", "background:SEED"),
        ("restyle", "1:0.5", "I:SEED"),
        ("duplicate", "1.2:0,0", "I:DX,DY"),
        ("add", "0.5,0.5:1", "X,Y,STD:SEED"),
        ("add", "0.5,0.5,0.1", "X,Y,STD:SEED"),
        ("stretch", "0:2", "I:SX,SY"),
        ("rotate", "0:1,2", "I:DEGREES"),
    ],
)
def test_a_misspelt_edit_shows_the_form(option, text, form):
    with pytest.raises(SpatialGANError) as e:
        read_edit(option, text)
    assert str(e.value).startswith(f"--{option} {text}: write ") and form in str(e.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seed", 0, "--move", "7:0.1,0"], "--move 7:0.1,0: there is no level 7; this layout has levels 0 to 2"),
        (["--seed", 0, "--move", "0:nan,0"], "--move 0:nan,0: dx is nan"),
        (["--seed", 0, "--restyle", "0:1"], "--restyle 0:1: restyle needs a model with encoding=multi"),
        (["--seed", 0, "--move", "0"], "write I:DX,DY as in --move 0:0.2,-0.1"),
        ([], "give either --seed or --scene"),
        (["--seed", 0, "--scene", "a.json"], "give either --seed or --scene"),
        (["--scene", "a.json", "--truncation", 0.5], "a scene brings its own"),
        (["--scene", "a.json"], "a.json is not readable"),
        (["--seed", 0, "--scale", 0], "scale is 0"),
    ],
)
def test_edit_refuses_and_writes_nothing(run, single, tmp_path, words, message):
    code, _, err = run("edit", "--model", single, "--device", "cpu", "--out", tmp_path / "f.png", *words)
    assert code == 2 and err.startswith("error: ") and message in err and err.count("\n") == 1
    assert not (tmp_path / "f.png").exists()


# ---------------------------------------------------------------- data, train


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


def test_data_check_and_prepare(run, photos, tmp_path):
    code, out, _ = run("data", "check", photos, "--resolution", 64)
    assert code == 0 and "6 of 6" in out and "smaller than 64" in out
    code, out, _ = run("data", "prepare", photos, tmp_path / "ready", "--size", 32, "--fit", "pad")
    assert code == 0 and "32x32 (pad)" in out
    assert len(list((tmp_path / "ready").rglob("*.png"))) == 6
    code, out, _ = run("data", "prepare", photos, tmp_path / "grey.zip", "--size", 32, "--channels", 1)
    assert code == 0 and "6 grey images of 32x32" in out
    code, _, err = run("data", "prepare", photos, tmp_path / "four", "--size", 32, "--channels", 4)
    assert code == 2 and "channels=4" in err
    (photos / "broken.png").write_bytes(b"no image")
    code, out, _ = run("data", "check", photos)
    assert code == 1 and "unusable: broken.png" in out
    code, _, err = run("data", "prepare", photos, tmp_path / "ready", "--size", 32)
    assert code == 2 and "exists already" in err


def test_train_dry_run(run, photos, tmp_path):
    code, out, err = run(
        "train",
        "--data",
        photos,
        "--preset",
        "tiny",
        "--out",
        tmp_path / "run",
        "--dry-run",
        "--set",
        "train.batch_size=8",
        "--set",
        "data.holdout=3",
        "--set",
        "train.kimg=5",
        "--kimg",
        0.5,
    )
    assert code == 0, err
    plan = json.loads(out)
    assert plan["config"]["train"]["batch_size"] == 8 and plan["config"]["train"]["kimg"] == 0.5
    assert plan["num_images"] == 4
    config = ModelConfig(**plan["config"]["model"])
    expected = sum(p.numel() for p in Generator(config).parameters())
    assert plan["trained_parameters"]["generator"] == expected and plan["trained_parameters"]["discriminator"] > 1000
    assert not (tmp_path / "run").exists()


def test_settings_may_come_from_a_file_in_place_of_a_preset_or_above_it(run, photos, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text("[train]\nbatch_size = 8\nkimg = 3\n")

    def plan(*words: object) -> dict:
        code, out, err = run("train", "--data", photos, "--out", tmp_path / "run", "--dry-run", *words)
        assert code == 0, err
        return json.loads(out)["config"]

    alone, above = plan("--config", file), plan("--preset", "tiny", "--config", file, "--kimg", 2)
    assert (alone["train"]["batch_size"], alone["train"]["kimg"], alone["model"]["resolution"]) == (8, 3.0, 256)
    assert (above["train"]["batch_size"], above["train"]["kimg"], above["model"]["resolution"]) == (8, 2.0, 32)
    (tmp_path / "config.json").write_text(json.dumps(above))
    assert plan("--config", tmp_path / "config.json") == above


def test_a_dry_run_looks_at_what_the_run_would_start_from(run, photos, tmp_path):
    code, _, err = run(
        "train", "--data", photos, "--preset", "tiny", "--out", tmp_path / "run", "--dry-run", "--init-from", "cats-64"
    )
    assert code == 2 and "--init-from cats-64 draws pictures of 64 pixels" in err


@pytest.mark.parametrize(("complete", "exit_code"), [(True, 0), (False, 130)])
def test_train_hands_all_it_was_given_to_the_loop(run, photos, tmp_path, monkeypatch, complete, exit_code):
    calls = []
    monkeypatch.setattr(
        "spatialgan.training.loop.train", lambda config, **rest: (calls.append((config, rest)), complete)[1]
    )
    code, _, err = run(
        "train",
        "--data",
        photos,
        "--preset",
        "tiny",
        "--out",
        tmp_path / "run",
        "--init-from",
        "cats",
        "--device",
        "cpu",
        "--threads",
        1,
        "--set",
        "loss.r1_gamma=2",
    )
    assert code == exit_code, err
    ((config, rest),) = calls
    assert config.loss.r1_gamma == 2 and config.model.resolution == 32
    report = rest.pop("report")
    given = {"data": photos, "out": tmp_path / "run", "device": "cpu", "init_from": "cats", "threads": 1}
    assert rest == given and callable(report)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "dogs"], "there is no preset dogs; use"),
        ([], "give --preset (paper256-single, "),
        (["--config", "no.toml"], "--config: there is no file or folder no.toml"),
        (["--preset", "tiny", "--set", "train.batch=8"], "train has no field batch"),
        (["--preset", "tiny", "--kimg", -1], "train.kimg is -1"),
    ],
)
def test_train_refuses(run, photos, tmp_path, words, message):
    code, _, err = run("train", "--data", photos, "--out", tmp_path / "run", *words)
    assert code == 2 and err.startswith("error: ") and message in err
    assert not (tmp_path / "run").exists()


def test_train_then_generate(run, photos, tmp_path):
    small = ["train.batch_size=4", "model.minibatch_std_group=2", "model.channel_base=128", "model.w_dim=32"]
    code, out, err = run(
        "train",
        "--data",
        photos,
        "--preset",
        "tiny",
        "--out",
        tmp_path / "run",
        "--device",
        "cpu",
        "--kimg",
        0.016,
        *[word for setting in small for word in ("--set", setting)],
    )
    assert code == 0, err + out
    code, _, err = run(
        "generate", "--model", tmp_path / "run", "--seeds", 0, "--out", tmp_path / "out", "--device", "cpu"
    )
    assert code == 0, err
    assert Image.open(tmp_path / "out" / "seed0000.png").size == (32, 32)


def test_the_app_itself_raises_for_others_to_catch():
    result = CliRunner().invoke(app, ["models", "info", "nothing"])
    assert isinstance(result.exception, SpatialGANError)


def test_commands_draw_with_the_threads_that_pay_off_or_were_asked_for(run, single, tmp_path, monkeypatch):
    monkeypatch.setattr("spatialgan.threads.available_cores", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    draw = ("generate", "--model", single, "--seeds", 3, "--out", tmp_path, "--device", "cpu")
    torch.set_num_threads(3)
    assert run(*draw)[0] == 0 and torch.get_num_threads() == 1
    assert run(*draw, "--threads", 2)[0] == 0 and torch.get_num_threads() == 2
    torch.set_num_threads(1)
    code, _, err = run(*draw, "--threads", 5)
    assert code == 2 and "--threads is 5; use 1 to 4, the cores that this process may run on" in err
