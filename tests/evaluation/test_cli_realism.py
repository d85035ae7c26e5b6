"""``spatialgan eval fid``, ``fd``, ``kid`` and ``pr``, run on a tiny model's files and a tiny feature network."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes import MeanColour, tiny_model
from typer.testing import CliRunner

from spatialgan.cli.eval.commands import app
from spatialgan.cli.eval.feature_options import open_features
from spatialgan.errors import SpatialGANError


class LikeInception(MeanColour):
    """In place of Inception, with the published weights where its file is called so."""

    def __init__(self, weights: Path | None, *, device: torch.device) -> None:
        super().__init__()
        self.published = weights is not None and weights.name == "published.pth"


@pytest.fixture(autouse=True)
def _tiny_features(monkeypatch: pytest.MonkeyPatch) -> None:
    # The real ones have 1,280 and 2,048 numbers a picture, whose distance takes seconds.
    monkeypatch.setattr("spatialgan.vision.features.EfficientNetLite2Features", lambda device: MeanColour())
    monkeypatch.setattr("spatialgan.vision.inception.InceptionFeatures", LikeInception)


@pytest.fixture
def measure(images_folder: Path, tmp_path: Path):
    """Run a command: what it printed, and its result file."""
    model = tiny_model().save(tmp_path / "tiny")

    def run(command: str, *words: str) -> tuple[str, dict[str, Any]]:
        out = tmp_path / "result.json"
        common = ["--model", str(model), "--data", str(images_folder), "--device", "cpu", "--json", str(out)]
        result = CliRunner().invoke(app, [command, *common, *words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout, json.loads(out.read_text())

    return run


def test_fd_and_its_cache(measure) -> None:
    said, record = measure("fd", "--samples", "8")
    assert "cache miss" in said and "Fréchet distance" in said and "images/s" in said
    assert (record["metric"], record["num_samples"], record["data"]["name"]) == ("fd", 8, "pictures")
    assert record["features"]["network"] == "mean colour"
    values = record["values"]
    assert (values["split"], values["num_reference"], values["num_generated"]) == ("train", 12, 8)
    assert values["generated_per_s"] > 0 and values["reference_per_s"] > 0 and values["extrapolation"] is None
    again, second = measure("fd", "--samples", "8")
    assert "cache hit" in again and second["values"]["distance"] == values["distance"]
    assert "cache off" in measure("fd", "--samples", "8", "--no-cache")[0]


def test_fd_warns_extrapolates_and_counts_damaged_pictures(measure, images_folder: Path) -> None:
    (images_folder / "03.png").write_bytes((images_folder / "03.png").read_bytes()[:200])
    said, record = measure("fd", "--samples", "20", "--extrapolate")
    assert "warning: 2 generated pictures for 6 features" in said and "by extrapolation" in said
    assert "note: 1 damaged pictures left out" in said
    values = record["values"]
    assert (values["num_damaged"], values["num_skipped"], values["num_reference"]) == (1, 1, 11)
    assert len(values["extrapolation"]["points"]) == 15 and len(values["warnings"]) == 1


def test_fid_is_the_papers_by_default_and_named_so_with_the_published_weights_only(
    measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def stop(model: object, dataset: object, extractor: object, **options: object) -> None:
        asked.update(options, mirror=dataset.mirror, num_images=dataset.num_images)
        raise SpatialGANError("stopped here")

    with monkeypatch.context() as patch:
        patch.setattr("spatialgan.evaluation.frechet.frechet_of_model", stop)
        with pytest.raises(SpatialGANError, match="stopped here"):
            measure("fid")
    assert (asked["num_samples"], asked["truncation"], asked["mirror"], asked["num_images"]) == (50_000, 1, False, 12)
    said, record = measure("fid", "--samples", "8", "--weights", "published.pth")
    assert "\nFID " in said and record["metric"] == "fid" and record["values"]["split"] == "all"
    said, record = measure("fid", "--samples", "8")
    assert "not Inception's published weights" in said and "FID 0" not in said and record["metric"] == "fd"


def test_kid(measure) -> None:
    words = ["--samples", "12", "--subset-size", "5", "--subsets", "4"]
    said, record = measure("kid", *words)
    assert said.startswith("kernel distance") and "4 subsets of 5 (12 generated, 12 real, mean colour" in said
    assert record["metric"] == "kd" and record["values"]["std"] > 0 and record["values"]["split"] == "all"
    said, record = measure("kid", *words, "--features", "inception", "--weights", "published.pth")
    assert said.startswith("KID ") and record["metric"] == "kid"
    with pytest.raises(SpatialGANError, match="10000 generated and 12 real pictures are too few for subsets of 1000"):
        measure("kid")


def test_pr(measure, images_folder: Path) -> None:
    (images_folder / "03.png").write_bytes(b"")
    said, record = measure("pr", "--samples", "20")
    assert "(12 generated, 11 real, mean colour" in said
    values = record["values"]
    assert 0 <= values["precision"] <= 1 and 0 <= values["recall"] <= 1
    assert (record["metric"], record["num_samples"], values["num_skipped"]) == ("pr", 12, 1)


def test_features_of_a_file(measure, tmp_path: Path) -> None:
    class Means(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.float().mean(dim=(2, 3))

    path = tmp_path / "mine.pt"
    torch.jit.trace(Means(), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)).save(path)
    assert measure("fd", "--samples", "8", "--features", str(path))[1]["features"]["network"] == "mine.pt"


@pytest.mark.parametrize(
    "features, weights, told",
    [
        ("lite2", Path("w.pth"), "--weights are of --features inception, and it is lite2"),
        ("resnet", None, "--features resnet: give lite2, inception, or a file"),
        ("net.onnx", None, "net.onnx is not readable"),
        ("net.ts", None, "net.ts is not readable"),
    ],
)
def test_features_that_cannot_be_had_are_named(features: str, weights: Path | None, told: str) -> None:
    with pytest.raises(SpatialGANError, match=told):
        open_features(features, weights, torch.device("cpu"))
