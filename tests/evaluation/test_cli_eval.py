"""``spatialgan eval``, run on a tiny model's files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import MeanColour, tiny_model
from typer.testing import CliRunner

from spatialgan.cli_eval import app
from spatialgan.errors import SpatialGANError


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    return tiny_model().save(tmp_path / "tiny")


def test_importing_the_commands_imports_no_torch() -> None:
    code = "import sys, spatialgan.cli_eval; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_response(model_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    out = tmp_path / "response.json"
    command = ["response", "--model", str(model_file), "--samples", "4", "--seed", "7", "--distance", "0.1",
               "--device", "cpu", "--json", str(out)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    for name in ("detector", "attention_0", "attention_1", "attention_2", "pixels changed"):
        assert name in result.stdout
    record = json.loads(out.read_text())
    assert (record["metric"], record["num_samples"], record["seed"]) == ("response", 4, 7)
    assert record["values"]["distance"] == 0.1 and record["model"]["name"] == "tiny"
    assert len(record["model"]["weights_sha256"]) == 64


def test_fd(model_file: Path, images_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatialgan.evaluation.frechet.user_cache_dir", lambda: tmp_path / "cache")
    # The real one has 1,280 numbers a picture, whose distance takes seconds.
    monkeypatch.setattr("spatialgan.evaluation.features.EfficientNetLite2Features", lambda device: MeanColour())
    out = tmp_path / "fd.json"
    command = ["fd", "--model", str(model_file), "--data", str(images_folder), "--samples", "4", "--device", "cpu",
               "--json", str(out)]
    first = CliRunner().invoke(app, command, catch_exceptions=False)
    assert first.exit_code == 0 and "cache miss" in first.stdout and "Fréchet distance" in first.stdout
    record = json.loads(out.read_text())
    assert (record["metric"], record["num_samples"], record["data"]["name"]) == ("fd", 4, "pictures")
    assert record["values"]["split"] == "train" and record["values"]["num_reference"] == 12
    assert record["features"]["network"] == "mean colour"
    second = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "cache hit" in second.stdout
    assert json.loads(out.read_text())["values"]["distance"] == record["values"]["distance"]
    third = CliRunner().invoke(app, [*command, "--no-cache"], catch_exceptions=False)
    assert "cache off" in third.stdout


def test_mistakes_reach_the_command_line_as_sentences(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["response", "--model", str(tmp_path / "none.safetensors")])
    assert isinstance(result.exception, SpatialGANError)
