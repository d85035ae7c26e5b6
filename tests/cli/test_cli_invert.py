"""``spatialgan invert`` on a tiny model's files."""

import json

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from spatialgan.api import SpatialGAN
from spatialgan.cli.commands import app
from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.networks.generator import Generator

FEW = ["--candidates", "6", "--steps", "6"]


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    tiny = ModelConfig(resolution=32, z_dim=8, w_dim=8, mapping_layers=1, channel_base=64, channel_max=8)
    gan = SpatialGAN(RunConfig(model=tiny, loss=LossConfig(align="none")), Generator(tiny), name="tiny")
    return str(gan.save(tmp_path / "tiny"))


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "cat.jpg"
    Image.new("RGB", (90, 60), "orange").save(path)
    return str(path)


def invoke(*args):
    return CliRunner().invoke(app, ["invert", *map(str, args)])


def test_a_photograph_becomes_a_scene_that_can_be_edited(tmp_path, model, photo):
    out, compare, result = tmp_path / "cat.scene.json", tmp_path / "cat.png", tmp_path / "cat.json"
    done = invoke(photo, "--model", model, "--out", out, "--compare", compare, "--json", result, "--tune", "4", *FEW)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line.split("PSNR")[0].strip() for line in lines[-5:-2]] == [
        "nearest random picture",
        "heatmaps and codes",
        "tuned",
    ]
    assert "poor: the model cannot draw this photograph" in lines[-2]  # which is orange, and the model untrained
    with Image.open(compare) as image:
        assert image.width > 3.9 * image.height
    values = json.loads(result.read_text())["values"]
    assert values["tuned"]["perceptual"] > 0 and values["seconds"].keys() == {
        "search",
        "one code",
        "a code a layer",
        "tuning",
    }
    edited = CliRunner().invoke(
        app,
        [
            "edit",
            "--model",
            model,
            "--scene",
            str(out),
            "--move",
            "0:0.1,0",
            "--out",
            str(tmp_path / "moved.png"),
        ],
    )
    assert edited.exit_code == 0, edited.output
    with Image.open(tmp_path / "moved.png") as image:
        assert image.size == (32, 32)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--box", "0.1,0.2,x"], "--box 0.1,0.2,x: write X,Y,W,H"),
        (["--box", "0.5,0.5,0.9,0.1"], "the box ends at 1.4, 0.6, outside the photograph"),
        (["--compare", "a.jpg"], "a.jpg"),
        (["--json", "a.scene.json"], "--out and --json both name a.scene.json"),
    ],
)
def test_what_is_wrong_is_said_before_the_work(tmp_path, monkeypatch, model, photo, args, sentence):
    monkeypatch.chdir(tmp_path)
    done = invoke(photo, "--model", model, "--out", "a.scene.json", *FEW, *args)
    assert isinstance(done.exception, SpatialGANError) and sentence in str(done.exception)
    assert not (tmp_path / "a.scene.json").exists()


def test_what_is_no_photograph_is_named(tmp_path, model):
    (tmp_path / "note.txt").write_text("no picture")
    done = invoke(tmp_path / "note.txt", "--model", model, "--out", tmp_path / "a.scene.json", *FEW)
    assert isinstance(done.exception, SpatialGANError) and "note.txt" in str(done.exception)
    done = invoke(tmp_path / "note.txt", "--model", model, "--out", tmp_path / "note.txt", *FEW)
    assert isinstance(done.exception, SpatialGANError) and "note.txt" in str(done.exception)
