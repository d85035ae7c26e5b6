"""``spatialgan tables`` and ``spatialgan reproduce``, from the command line to the file."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from spatialgan.cli.commands import app
from spatialgan.errors import SpatialGANError

EMPTY = {"mean": None, "mean_interval": None}
RECORD = {
    "result_version": 1,
    "metric": "comove",
    "date": "2026-01-01T00:00:00+00:00",
    "num_samples": 500,
    "segmenter": {"name": "rooms", "weights_sha256": "1"},
    "model": {
        "name": "rooms-64",
        "weights_sha256": "0",
        "kimg": 120.5,
        "config": {"model": {"layout": "multi", "encoding": "multi"}, "loss": {"align": "multi"}},
    },
    "values": {
        "ratio": {"mean": 0.7, "mean_interval": [0.65, 0.75]},
        "control": EMPTY,
        "chance": EMPTY,
        "locality": EMPTY,
        "identity": EMPTY,
        "no_object": 0.1,
        "no_match": 0.0,
        "shortest": 0.1,
        "longest": 0.3,
    },
}


TOY = [  # of every run, to be done in seconds
    "model.resolution=32",
    "model.channel_base=64",
    "model.channel_max=8",
    "model.minibatch_std_group=4",
    "train.batch_size=4",
    "train.kimg=0.008",
    "train.sample_columns=1",
    "train.sample_rows=1",
]


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    """Eight pictures."""
    folder = tmp_path / "cats"
    folder.mkdir()
    numbers = np.random.default_rng(0)
    for i in range(8):
        Image.fromarray(numbers.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_table_1_shows_results_of_other_models_too(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(RECORD))
    out = tmp_path / "new" / "table.md"
    printed = run("tables", "1", "--runs", str(tmp_path), "--out", str(out))
    text = out.read_text()
    assert text == printed
    assert "| + SEL_multi | 0.62 | missing |" in text
    unknown = "not measured"
    assert f"| c.json | `rooms-64` | {unknown} | {unknown} | {unknown} | 0.70 | {unknown} | 500 | not told |" in text
    assert text.count("spatialgan train --data FLOORS") == 8


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["tables", "6", "--runs", "."], "there is no table 6"),
        (["tables", "3", "--runs", "none"], "none is no folder"),
        (["tables", "3", "--runs", ".", "--budget", "large"], "use small or paper"),
        (["reproduce", "3", "--data", "cats"], "write NAME=PATH"),
        (["reproduce", "3", "--data", "dogs=."], "no data set dogs; it has floors, cats"),
        (["reproduce", "3", "--data", "cats=none"], "there is no none"),
        (["reproduce", "3", "--data", "cats=."], "add --data floors=PATH"),
    ],
)
def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], reason: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, SpatialGANError) and reason in str(result.exception)


def test_the_commands_of_a_dry_run_run(tmp_path: Path, cats: Path) -> None:
    """Those of Table V at the small budget, at toy length."""
    runs = str(tmp_path / "runs")
    commands = run("reproduce", "5", "--dry-run", "--runs", runs, "--data", f"cats={cats}").splitlines()
    assert len(commands) == 2 * 2 * 4 and not Path(runs).exists()
    for command in [c for c in commands if "cats-flatten-1" in c]:
        words = shlex.split(command)[1:]
        short = [w for s in TOY for w in ("--set", s)] if words[0] == "train" else ["--samples", "8"]
        run(*words, *short, "--device", "cpu")
    result = json.loads((tmp_path / "runs/small/cats-flatten-1.quality.json").read_text())
    assert result["metric"] == "fd" and result["model"]["config"]["model"]["encoding"] == "flatten"


def test_reproduce_runs_what_is_missing_and_makes_the_table(tmp_path: Path, cats: Path) -> None:
    budget = tmp_path / "toy.toml"
    budget.write_text(
        f"""
        settings = {TOY}
        measures.quality = "fd --samples 8 --split all"
        data = [{{name = "cats", column = "Cat", preset = "tiny"}}]
        runs = [{{name = "spatialgan", data = ["cats"]}}]
        """
    )
    runs = tmp_path / "runs"
    command = ["reproduce", "5", "--budget", str(budget), "--runs", str(runs), "--data", f"cats={cats}"]
    printed = run(*command, "--device", "cpu", "--processes", "1")
    assert "done: cats-spatialgan-0.quality (2 of 2)" in printed
    table = printed[printed.index("Table V") :]
    assert "Ours: 32 x 32, 0.008 kimg a run" in table and "missing" not in table
    assert run(*command) == table and run(*command, "--dry-run") == ""
    assert run("tables", "5", "--budget", str(budget), "--runs", str(runs)) == table
