"""``spatialgan eval``, run on a tiny model's files."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes import Halves, tiny_model
from typer.testing import CliRunner

from spatialgan.cli import main
from spatialgan.cli.commands import app as main_app
from spatialgan.cli.eval.commands import app
from spatialgan.config import DataConfig
from spatialgan.errors import SpatialGANError

ROOMS = Path(__file__).parents[1] / "rooms"


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    return tiny_model().save(tmp_path / "tiny")


def test_importing_the_commands_imports_no_torch() -> None:
    code = "import sys, spatialgan.cli.eval.commands; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_response(model_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    out = tmp_path / "response.json"
    command = [
        "response",
        "--model",
        str(model_file),
        "--samples",
        "4",
        "--seed",
        "7",
        "--distance",
        "0.1",
        "--device",
        "cpu",
        "--json",
        str(out),
    ]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    for name in ("detector", "attention_0", "attention_1", "attention_2", "pixels changed"):
        assert name in result.stdout
    record = json.loads(out.read_text())
    assert (record["metric"], record["num_samples"], record["seed"]) == ("response", 4, 7)
    assert record["values"]["distance"] == 0.1 and record["model"]["name"] == "tiny"
    assert len(record["model"]["weights_sha256"]) == 64


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
    for name in (
        "heatmaps 4x4 ",
        "objects 8x8 ",
        "bed 16x16 ",
        "on the next picture's",
        "if equal",
        " pictures, ",
        "of the maps empty\n",
    ):
        assert name in result.stdout
    record = json.loads(out.read_text())
    assert (record["metric"], record["num_samples"], record["seed"]) == ("attention", 5, 7)
    asked = CliRunner().invoke(app, [*command, "--form", "sum", "--sign", "real", "--json", str(out)])
    values = json.loads(out.read_text())["values"]
    assert asked.exit_code == 0 and (values["form"], values["sign"]) == ("sum", "real")
    assert record["data"]["num_images"] == 26 and record["values"]["num_real"] == 5
    assert record["values"]["split"] == "all"
    held_out = CliRunner().invoke(app, [*command, "--data", str(ROOMS), "--split", "test"])
    assert isinstance(held_out.exception, SpatialGANError) and "leaves none of 26 images" in str(held_out.exception)
    assert record["values"]["heatmaps"]["level2"]["own"]["count"] > 0


@pytest.fixture
def see_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the bundled segmenter, one that sees a left and a right half in every picture."""
    monkeypatch.setattr(
        "spatialgan.segmenter.segmentation.PanopticSegmenter", lambda name, device: Halves(), raising=False
    )


@pytest.mark.usefixtures("see_halves")
def test_comove(tmp_path: Path) -> None:
    out = tmp_path / "comove.json"
    model_file = tiny_model(layout="multi", encoding="multi").save(tmp_path / "tiny")
    command = [
        "comove",
        "--model",
        str(model_file),
        "--samples",
        "4",
        "--seed",
        "7",
        "--longest",
        "0.2",
        "--object-spacing",
        "0.5",
        "--device",
        "cpu",
        "--json",
        str(out),
    ]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    zero, lines = "mean 0.000 (0.000 to 0.000), median 0.000; chance 0.000 (0.000 to 0.000)", result.stdout.splitlines()
    assert lines[0] == f"antithetic      {zero}; measured in 100%"
    assert lines[1].startswith("single-sided    mean 0.000 (0.000 to 0.000), median 0.000; chance ")
    assert lines[2].startswith("in frame        mean none (none to none), median none; chance none")
    assert "the antithetic ratio of 0 objects; single-sided none, chance none" in lines[2]  # halves touch edges
    assert any(
        f"  left          {zero}; the ratio of" in line and "; single-sided 0.000, chance" in line for line in lines
    )
    assert "seeds from" not in result.stdout and "standard deviation" not in result.stdout
    for name in ("control", "locality", "identity", "no object at the centre in 0.0%"):
        assert name in result.stdout
    record = json.loads(out.read_text())
    assert (record["metric"], record["num_samples"], record["seed"]) == ("comove", 4, 7)
    assert record["values"]["ratio"]["mean"] == 0 and record["values"]["longest"] == 0.2
    assert record["values"]["antithetic"]["ratio"]["mean"] == 0 and record["values"]["set_spread"]["single"] is None
    assert [s["first_seed"] for s in record["values"]["sets"]] == [7]
    assert record["values"]["object_spacing"] == 0.5
    assert record["segmenter"] == {"name": "halves", "weights_sha256": "5" * 64}
    assert record["model"]["config"]["loss"]["align"] == "none" and record["model"]["kimg"] is None


def save_training(folder: Path, seed: int, **settings: str) -> Path:
    """A tiny model with weights of its own."""
    model = tiny_model(layout="multi", encoding="multi", **settings)
    torch.nn.init.constant_(model.generator.mapping.w_mean, seed)
    return model.save(folder / f"seed-{seed}")


@pytest.mark.usefixtures("see_halves")
def test_comove_of_several_sets_and_trainings(tmp_path: Path) -> None:
    out = tmp_path / "several.json"
    models = [word for seed in (1, 2) for word in ("--model", str(save_training(tmp_path, seed)))]
    command = ["comove", *models, "--samples", "3", "--repeats", "2", "--seed", "10", "--device", "cpu"]
    result = CliRunner().invoke(app, [*command, "--json", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    for text in (
        "seed-1 ",
        "seed-2 ",
        *(f"  seeds from {s} " for s in (10, 13, 16, 19)),
        "standard deviation of the sets' means: antithetic 0.000, single-sided 0.000",
        "standard deviation of the models' means: antithetic 0.000, single-sided 0.000",
    ):
        assert text in result.stdout
    record = json.loads(out.read_text())
    assert (record["metric"], record["model"], record["num_samples"]) == ("comove-models", None, 12)
    assert record["values"]["ratio"]["count"] == 12 and record["values"]["model_spread"] == {
        "single": 0,
        "antithetic": 0,
    }
    first, second = record["values"]["models"]
    assert (first["name"], second["name"]) == ("seed-1", "seed-2") and second["config"]["model"]["layout"] == "multi"
    assert first["weights_sha256"] != second["weights_sha256"]
    assert [s["first_seed"] for m in (first, second) for s in m["sets"]] == [10, 13, 16, 19]


@pytest.mark.usefixtures("see_halves")
def test_comove_refuses_models_of_two_recipes_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = save_training(tmp_path, 1), save_training(tmp_path, 2, processing="fine")
    for second, reason in ((other, "are not of one recipe: model.processing is"), (first, "have the same weights")):
        with pytest.raises(SystemExit) as stop:
            main(["eval", "comove", "--model", str(first), "--model", str(second), "--device", "cpu"])
        assert stop.value.code == 2
        message = capsys.readouterr().err.strip()
        assert message.startswith("error: seed-1 and ") and reason in message and "\n" not in message


@pytest.mark.usefixtures("see_halves")
@pytest.mark.parametrize(
    ("card", "options", "says"),
    [
        ({}, [], True),
        ({"data_set": "rooms128.zip"}, [], False),
        ({"data_set": "rooms.zip"}, [], True),
        ({}, ["--segmenter", "rooms"], False),
    ],
)
def test_comove_says_where_the_bundled_segmenter_knows_nothing(
    tmp_path: Path, card: dict, options: list[str], says: bool
) -> None:
    model_file = tiny_model(layout="multi", encoding="multi").save(tmp_path / "tiny", card=card)
    command = ["comove", "--model", str(model_file), "--samples", "2", "--device", "cpu", *options]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert ("note: the segmenter rooms finds what is in bedrooms" in result.stderr) == says


def test_an_unknown_segmenter_is_refused_by_name(tmp_path: Path) -> None:
    model_file = tiny_model(layout="multi", encoding="multi").save(tmp_path / "tiny")
    with pytest.raises(SpatialGANError, match=r"there is no segmenter gardens; use .*rooms"):
        CliRunner().invoke(
            app,
            ["comove", "--model", str(model_file), "--segmenter", "gardens", "--device", "cpu"],
            catch_exceptions=False,
        )


@pytest.mark.parametrize("spacing", ["nan", "-1", "11"])
def test_comove_refuses_spacings_that_cannot_be(tmp_path: Path, spacing: str) -> None:
    model_file = tiny_model(layout="multi", encoding="multi").save(tmp_path / "tiny")
    with pytest.raises(SpatialGANError, match=f"object_spacing is {float(spacing)}; use 0 to 10"):
        CliRunner().invoke(
            app,
            ["comove", "--model", str(model_file), "--object-spacing", spacing, "--device", "cpu"],
            catch_exceptions=False,
        )


@pytest.mark.usefixtures("see_halves")
def test_comove_self_test(tmp_path: Path) -> None:
    """Passed with the exact masks, failed by a segmenter that sees nothing move."""
    out = tmp_path / "self-test.json"
    command = [
        "comove",
        "--self-test",
        "--data",
        str(ROOMS),
        "--samples",
        "4",
        "--resolution",
        "64",
        "--json",
        str(out),
    ]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 1
    assert "exact masks: passed" in result.stdout and "segmenter: FAILED" in result.stdout
    record = json.loads(out.read_text())
    assert record["values"]["resolution"] == 64
    exact, segmenter = record["values"]["exact_masks"], record["values"]["segmenter"]
    assert exact["ratio"]["mean"] == pytest.approx(1) and exact["passed"]
    assert segmenter["ratio"]["mean"] == 0 and not segmenter["passed"]
    assert record["model"]["name"] == "halves" and record["data"]["name"] == "rooms"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--self-test"],
        ["--model", "m", "--data", "d"],
        ["--model", "m", "--holdout", "20"],
        ["--self-test", "--data", "d", "--model", "m"],
        ["--self-test", "--data", "d", "--object-spacing", "0"],
        ["--self-test", "--data", "d", "--repeats", "2"],
    ],
)
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


@pytest.mark.parametrize(
    "words",
    [
        ["response", "--model", "cats-64"],
        ["fd", "--model", "cats-64", "--data", "photos"],
        ["comove", "--model", "floors-64"],
        ["drag", "--model", "cats-64"],
        ["segmenter", "--data", "rooms"],
    ],
    ids=lambda words: words[0],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_is_computed(words, tmp_path):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main_app, ["eval", *words, "--json", str(tmp_path / "file/r.json")])
    assert isinstance(result.exception, SpatialGANError) and "r.json cannot be written" in str(result.exception)
    assert result.stdout == ""


def test_overfitting_and_handles(images_folder: Path, tmp_path: Path) -> None:
    model = tiny_model()
    model.config = replace(model.config, data=DataConfig(holdout=3))
    path = str(model.save(tmp_path / "held"))
    out = tmp_path / "result.json"
    data = ["--data", str(images_folder)]
    common = ["--model", path, "--samples", "8", "--device", "cpu", "--json", str(out)]
    found = {}
    for name, words in (("overfitting", data), ("handles", [])):
        result = CliRunner().invoke(app, [name, *words, *common], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        record = json.loads(out.read_text())
        assert record["metric"] == name and record["num_samples"] == 8
        found[name] = record["values"]
    assert len({found["overfitting"][k] for k in ("train", "held_out", "generated")}) == 3
    assert len(found["handles"]["handles"]) == 7


def test_overfitting_needs_pictures_that_were_held_out(model_file: Path, images_folder: Path) -> None:
    with pytest.raises(SpatialGANError, match=r"held no pictures out.*data\.holdout"):
        CliRunner().invoke(
            app, ["overfitting", "--model", str(model_file), "--data", str(images_folder)], catch_exceptions=False
        )
