"""``spatialgan eval snapshots``, run on a tiny run's files and a tiny feature network."""

from pathlib import Path

import pytest
import torch
from fakes import MeanColour, tiny_model
from typer.testing import CliRunner

from spatialgan.cli.eval.commands import app
from spatialgan.errors import SpatialGANError
from spatialgan.snapshots import best_measured, read_distances


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for i in (1, 2):
        save(tmp_path / "run", i, bias=0.1 * i)
    return tmp_path / "run"


def save(run: Path, images: int, *, bias: float) -> None:
    """A snapshot whose pictures are the brighter, the larger ``bias`` is."""
    model = tiny_model()
    with torch.no_grad():
        for name, parameter in model.generator.named_parameters():
            if name.endswith("bias"):
                parameter.add_(bias)
    model.save(run / "snapshots" / f"{images:09d}", card={"kimg": images / 1000})


@pytest.fixture
def measure(run: Path, images_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the command: the lines that it printed."""
    monkeypatch.setattr("spatialgan.vision.features.EfficientNetLite2Features", lambda device: MeanColour())

    def command(*words: str) -> list[str]:
        common = ["snapshots", "--run", str(run), "--data", str(images_folder), "--device", "cpu", *words]
        result = CliRunner().invoke(app, common, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    return command


def test_each_snapshot_is_measured_once_and_the_nearest_named(
    measure, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = measure("--samples", "8")
    lines = read_distances(run)
    assert [line["model"]["name"] for line in lines] == ["000000001", "000000002"]
    distances = [line["values"]["distance"] for line in lines]
    assert distances[0] != distances[1]
    for name, distance in zip(("0.001", "0.002"), distances, strict=True):
        assert f"{name} kimg  {distance:.3f}" in [line.strip() for line in said]
    (best,) = best_measured(run)
    assert best.stem == lines[distances.index(min(distances))]["model"]["name"]
    assert said[-1] == f"the nearest: {best}"
    with monkeypatch.context() as patch:  # nothing is measured again
        patch.delattr("spatialgan.evaluation.frechet.frechet_of_model")
        assert measure("--samples", "8") == [line for line in said if "cache" not in line]
    save(run, 3, bias=0.3)
    measure("--samples", "8")
    assert [line["model"]["name"] for line in read_distances(run)] == ["000000001", "000000002", "000000003"]
    save(run, 3, bias=0.4)  # a run that went on from an earlier checkpoint has another one in its place
    measure("--samples", "8")
    assert len(read_distances(run)) == 4


def test_other_measures_are_measured_anew(measure, run: Path) -> None:
    measure("--samples", "8")
    said = measure("--samples", "9", "--split", "all")
    lines = read_distances(run)
    assert [line["num_samples"] for line in lines] == [8, 8, 9, 9]
    expected = min(lines[2:], key=lambda line: line["values"]["distance"])["model"]["name"]
    assert said[-1].endswith(f"{expected}.safetensors")


def test_a_folder_without_snapshots(tmp_path: Path, measure) -> None:
    with pytest.raises(SpatialGANError, match=r"nothing holds no snapshots; name the folder of a run"):
        measure("--run", str(tmp_path / "nothing"))
