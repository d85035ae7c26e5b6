"""``spatialgan eval``, run on a tiny model's files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import Halves, MeanColour, tiny_model
from typer.testing import CliRunner

from spatialgan.cli import app as main_app
from spatialgan.cli_eval import app
from spatialgan.errors import SpatialGANError

ROOMS = Path(__file__).parents[1] / "rooms"


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


def test_attention(tmp_path: Path) -> None:
    out = tmp_path / "attention.json"
    model_file = tiny_model(layout="multi", encoding="multi").save(tmp_path / "tiny")
    command = ["attention", "--model", str(model_file), "--samples", "5", "--seed", "7", "--device", "cpu"]
    alone = CliRunner().invoke(app, command, catch_exceptions=False)
    assert alone.exit_code == 0 and "heatmaps 16x16 " in alone.stdout and "objects" not in alone.stdout
    lost = CliRunner().invoke(app, [*command, "--split", "test"])
    assert isinstance(lost.exception, SpatialGANError) and "--split test is of --data" in str(lost.exception)
    result = CliRunner().invoke(app, [*command, "--data", str(ROOMS), "--json", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    for name in ("heatmaps 4x4 ", "objects 8x8 ", "bed 16x16 ", "on the next picture's", "if equal", " pictures\n"):
        assert name in result.stdout
    record = json.loads(out.read_text())
    assert (record["metric"], record["num_samples"], record["seed"]) == ("attention", 5, 7)
    assert record["data"]["num_images"] == 26 and record["values"]["num_real"] == 5
    assert record["values"]["split"] == "all"
    held_out = CliRunner().invoke(app, [*command, "--data", str(ROOMS), "--split", "test"])
    assert isinstance(held_out.exception, SpatialGANError) and "leaves none of 26 images" in str(held_out.exception)
    assert record["values"]["heatmaps"]["level2"]["own"]["count"] > 0


@pytest.fixture
def see_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the bundled segmenter, one that sees a left and a right half in every picture."""
    monkeypatch.setattr("spatialgan.evaluation.segmentation.RoomSegmenter", lambda device: Halves(), raising=False)


@pytest.mark.usefixtures("see_halves")
def test_comove(tmp_path: Path) -> None:
    out = tmp_path / "comove.json"
    model_file = tiny_model(layout="multi", encoding="multi").save(tmp_path / "tiny")
    command = ["comove", "--model", str(model_file), "--samples", "4", "--seed", "7", "--longest", "0.2",
               "--object-spacing", "0.5", "--device", "cpu", "--json", str(out)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert "Co-move ratio   mean 0.000 (0.000 to 0.000), median 0.000; measured in 100%" in result.stdout
    for name in ("control", "chance", "locality", "identity", "no object at the centre in 0.0%"):
        assert name in result.stdout
    record = json.loads(out.read_text())
    assert (record["metric"], record["num_samples"], record["seed"]) == ("comove", 4, 7)
    assert record["values"]["ratio"]["mean"] == 0 and record["values"]["longest"] == 0.2
    assert record["values"]["object_spacing"] == 0.5
    assert record["segmenter"] == {"name": "halves", "weights_sha256": "5" * 64}
    assert record["model"]["config"]["loss"]["align"] == "none" and record["model"]["kimg"] is None


@pytest.mark.usefixtures("see_halves")
@pytest.mark.parametrize(("layout", "encoding", "says"), [("single", "norm", True), ("multi", "multi", False)])
def test_comove_says_where_the_bundled_segmenter_knows_nothing(tmp_path: Path, layout: str, encoding: str,
                                                              says: bool) -> None:
    model_file = tiny_model(layout=layout, encoding=encoding).save(tmp_path / "tiny")
    command = ["comove", "--model", str(model_file), "--samples", "2", "--device", "cpu"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert ("note: the bundled segmenter finds what is in bedrooms" in result.stderr) == says


@pytest.mark.parametrize("spacing", ["nan", "-1", "11"])
def test_comove_refuses_spacings_that_cannot_be(tmp_path: Path, spacing: str) -> None:
    model_file = tiny_model(layout="multi", encoding="multi").save(tmp_path / "tiny")
    with pytest.raises(SpatialGANError, match=f"object_spacing is {float(spacing)}; use 0 to 10"):
        CliRunner().invoke(app, ["comove", "--model", str(model_file), "--object-spacing", spacing, "--device", "cpu"],
                           catch_exceptions=False)


@pytest.mark.usefixtures("see_halves")
def test_comove_self_test(tmp_path: Path) -> None:
    """Passed with the exact masks, failed by a segmenter that sees nothing move."""
    out = tmp_path / "self-test.json"
    command = ["comove", "--self-test", "--data", str(ROOMS), "--samples", "4", "--resolution", "64",
               "--json", str(out)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 1
    assert "exact masks: passed" in result.stdout and "segmenter: FAILED" in result.stdout
    record = json.loads(out.read_text())
    assert record["values"]["resolution"] == 64
    exact, segmenter = record["values"]["exact_masks"], record["values"]["segmenter"]
    assert exact["ratio"]["mean"] == pytest.approx(1) and exact["passed"]
    assert segmenter["ratio"]["mean"] == 0 and not segmenter["passed"]
    assert record["model"]["name"] == "halves" and record["data"]["name"] == "rooms"


@pytest.mark.parametrize("options", [[], ["--self-test"], ["--model", "m", "--data", "d"],
                                     ["--model", "m", "--holdout", "20"],
                                     ["--self-test", "--data", "d", "--model", "m"],
                                     ["--self-test", "--data", "d", "--object-spacing", "0"]])
def test_comove_asks_for_a_model_or_for_data(options: list[str]) -> None:
    result = CliRunner().invoke(app, ["comove", *options])
    assert isinstance(result.exception, SpatialGANError) and "--model" in str(result.exception)


@pytest.mark.parametrize("command", [["comove", "--self-test", "--resolution"], ["segmenter", "--size"]])
@pytest.mark.parametrize("size", ["0", "1000000"])
def test_sizes_that_no_memory_holds_are_refused(command: list[str], size: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main_app, ["eval", *command, size, "--data", str(tmp_path)])
    assert result.exit_code == 2 and "Invalid value" in result.output


def test_mistakes_reach_the_command_line_as_sentences(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["response", "--model", str(tmp_path / "none.safetensors")])
    assert isinstance(result.exception, SpatialGANError)


@pytest.mark.parametrize("words", [
    ["response", "--model", "cats-64"], ["fd", "--model", "cats-64", "--data", "photos"],
    ["comove", "--model", "rooms-64"], ["drag", "--model", "cats-64"], ["segmenter", "--data", "rooms"],
], ids=lambda words: words[0])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_computed(words, tmp_path):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main_app, ["eval", *words, "--json", str(tmp_path / "file/r.json")])
    assert isinstance(result.exception, SpatialGANError) and "r.json cannot be written" in str(result.exception)
    assert result.stdout == ""
