"""``spatialgan figures``, from the command line to the files."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from spatialgan.api import SpatialGAN
from spatialgan.cli.commands import app
from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.generator import Generator

SIZES = {"resolution": 32, "z_dim": 8, "w_dim": 8, "mapping_layers": 1, "channel_base": 64, "channel_max": 8}


def save(path: Path, seed: int = 0, kimg: float = 1.0) -> Path:
    config = ModelConfig(**SIZES, minibatch_std_group=2)
    torch.manual_seed(seed)
    run = RunConfig(model=config, loss=LossConfig(align="none"))
    return SpatialGAN(run, Generator(config), make_discriminator(config)).save(path, card={"kimg": kimg})


def figures(*words: str):
    return CliRunner().invoke(app, ["figures", *words, "--device", "cpu"])


def test_a_run_folders_snapshots_are_shown(tmp_path: Path) -> None:
    for i in range(1, 3):
        save(tmp_path / "run" / "snapshots" / f"{i:09d}", seed=i, kimg=float(i))
    out = tmp_path / "out"
    result = figures("13", "--model", str(tmp_path / "run"), "--samples", "2", "--seeds", "3,4", "--out", str(out))
    assert result.exit_code == 0, result.exception
    assert sorted(p.name for p in out.iterdir()) == ["figure-13.json", "figure-13.pdf", "figure-13.png"]
    record = json.loads((out / "figure-13.json").read_text())
    assert (record["metric"], record["seed"], record["num_samples"]) == ("figure-13", 3, 2)
    assert [row["kimg"] for row in record["values"]["training"]] == [1.0, 2.0]
    assert record["model"]["name"] == "000000002"


def test_the_receptive_field_needs_no_seeds(tmp_path: Path) -> None:
    model = save(tmp_path / "m")
    result = figures("receptive-field", "--model", str(model), "--samples", "2", "--out", str(tmp_path))
    assert result.exit_code == 0 and (tmp_path / "figure-receptive-field.pdf").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["5", "--data", "x"], "--data is of the figures 3, 13, impulse"),
        (["3", "--baseline", "x"], "--baseline is of the figures 14"),
        (["9"], "whose edits are figure 10"),
        (["14", "--baseline", "nothing"], "no model nothing"),
    ],
)
def test_mistakes(tmp_path: Path, words: list[str], message: str) -> None:
    model = save(tmp_path / "m")
    result = figures(*words, "--model", str(model), "--out", str(tmp_path / "out"), "--samples", "2")
    assert isinstance(result.exception, SpatialGANError) and message in str(result.exception)


def test_an_unknown_figure(tmp_path: Path) -> None:
    assert figures("7", "--model", "cats-64", "--out", str(tmp_path)).exit_code == 2
