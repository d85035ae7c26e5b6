"""``spatialgan eval train-segmenter`` and ``segmenter``, on a few steps and the rooms of the tests."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from spatialgan.cli.commands import app
from spatialgan.cli.eval.commands import app as eval_app
from spatialgan.data.instances import ObjectDataset
from spatialgan.errors import SpatialGANError
from spatialgan.segmenter.network import Classes, SegmenterNetwork
from spatialgan.segmenter.segmentation import PanopticSegmenter, bundled_segmenters, save_segmenter

ROOMS = Path(__file__).parents[1] / "rooms"


def test_train_and_measure(tmp_path: Path, tmp_path_factory, monkeypatch) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(tmp_path))
    out, result = tmp_path / "net.safetensors", tmp_path / "r.json"
    command = [
        "eval",
        "train-segmenter",
        "--data",
        str(ROOMS),
        "--out",
        "~/net.safetensors",
        "--images",
        "4",
        "--batch",
        "2",
        "--holdout",
        "13",
        "--device",
        "cpu",
    ]
    trained = CliRunner().invoke(app, command, catch_exceptions=False)
    assert trained.exit_code == 0 and "4 images: loss" in trained.stdout
    assert {p.name for p in tmp_path.iterdir()} == {"net.safetensors", "net.json"}  # no state of the training is left
    assert not any(elsewhere.iterdir())
    card = json.loads((tmp_path / "net.json").read_text())["card"]
    assert (card["data"], card["num_images"], card["images_shown"], card["holdout"]) == ("rooms", 24, 4, 13)
    command = [
        "eval",
        "segmenter",
        "--data",
        str(ROOMS),
        "--segmenter",
        str(out),
        "--holdout",
        "13",
        "--size",
        "32",
        "--blur",
        "0.5",
        "--device",
        "cpu",
        "--json",
        str(result),
    ]
    measured = CliRunner().invoke(app, command, catch_exceptions=False)
    assert measured.exit_code == 0 and "mIoU" in measured.stdout and "  wall " in measured.stdout
    record = json.loads(result.read_text())
    assert (record["metric"], record["num_samples"], record["model"]) == ("segmenter", 2, None)
    assert record["segmenter"]["name"].startswith("net ") and record["data"]["num_images"] == 2
    assert (record["values"]["size"], record["values"]["blur_px"], record["values"]["split"]) == (32, 0.5, "test")


def test_going_on_from_a_segmenter(tmp_path: Path) -> None:
    out, other = tmp_path / "net.safetensors", tmp_path / "other.safetensors"
    command = [
        "train-segmenter",
        "--data",
        str(ROOMS),
        "--out",
        str(out),
        "--images",
        "2",
        "--batch",
        "2",
        "--device",
        "cpu",
        "--init-from",
        str(bundled_segmenters()["rooms"]),
    ]
    CliRunner().invoke(eval_app, command, catch_exceptions=False)
    card = json.loads((tmp_path / "net.json").read_text())["card"]
    assert card["starts_from"]["images_shown"] == PanopticSegmenter(device="cpu").card["images_shown"]
    # One small step from a good network leaves a good one; only the priors, taken back and added again, could spoil it.
    images = torch.stack([item.image for item in map(ObjectDataset.open(ROOMS, resolution=64).__getitem__, range(4))])
    before, after = (PanopticSegmenter(path, device="cpu").semantic(images) for path in ("rooms", out))
    assert float((before == after).float().mean()) > 0.97
    classes = Classes(("bed",), ("wall", "none"))
    save_segmenter(other, SegmenterNetwork(classes), classes, {})
    with pytest.raises(SpatialGANError, match=r"--init-from .*other.safetensors knows other classes \(bed\)"):
        CliRunner().invoke(eval_app, [*command[:-1], str(other)], catch_exceptions=False)


@pytest.mark.parametrize("out", ["file/net.safetensors", "folder.safetensors"])
def test_a_place_that_cannot_be_written_is_refused_before_the_data_are_read(tmp_path: Path, out: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.safetensors").mkdir()
    command = ["train-segmenter", "--data", str(tmp_path / "none"), "--out", str(tmp_path / out)]
    with pytest.raises(SpatialGANError, match=r"\.safetensors cannot be written"):
        CliRunner().invoke(eval_app, command, catch_exceptions=False)


def test_a_wrong_name_is_refused_before_the_training() -> None:
    command = ["train-segmenter", "--data", str(ROOMS), "--out", "net.pt"]
    with pytest.raises(SpatialGANError, match=r"net\.pt: a segmenter's file ends in \.safetensors"):
        CliRunner().invoke(eval_app, command, catch_exceptions=False)
