"""Result files: whole, complete, and free of this machine's folders."""

import json
import math
from datetime import datetime
from pathlib import Path

import pytest
from fakes import ColourSegmenter, MeanColour, tiny_model

from spatialgan.data.images import ImageDataset
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.result_file import command_line, result_record, write_result


def test_a_record_holds_all_that_a_number_depends_on(images_folder: Path, tmp_path: Path) -> None:
    dataset = ImageDataset.open(images_folder, resolution=32)
    argv = ["/usr/bin/spatialgan", "eval", "fd", "--data", str(images_folder)]
    record = result_record(
        "fd",
        {"distance": 1.5},
        tiny_model(),
        num_samples=5000,
        seed=3,
        truncation=0.7,
        data=images_folder,
        dataset=dataset,
        extractor=MeanColour(),
        argv=argv,
    )
    path = tmp_path / "new folder" / "fd.json"
    write_result(path, record)
    read = json.loads(path.read_text())
    assert read == record
    assert read["values"] == {"distance": 1.5} and read["metric"] == "fd"
    config = read["model"].pop("config")
    assert read["model"] == {"name": "tiny", "weights_sha256": "0" * 64, "kimg": None}
    assert config["model"]["resolution"] == 32 and read["segmenter"] is None
    assert read["data"] == {"name": "pictures", "fingerprint": dataset.fingerprint, "num_images": 12}
    assert read["features"] == {"network": "mean colour", "weights_sha256": "2" * 64} and read["resize"] == "none"
    assert (read["num_samples"], read["seed"], read["truncation"]) == (5000, 3, 0.7)
    assert set(read["versions"]) == {"spatialgan", "torch", "python"} and all(read["versions"].values())
    assert read["device"].startswith("cpu: ")
    assert datetime.fromisoformat(read["date"]).utcoffset().total_seconds() == 0
    assert str(tmp_path) not in path.read_text()
    assert [p.name for p in path.parent.iterdir()] == ["fd.json"]  # no temporary file is left


def test_a_metric_without_data() -> None:
    record = result_record("response", {}, tiny_model(), num_samples=4, seed=0, argv=["spatialgan"])
    assert record["data"] is record["features"] is record["resize"] is None and record["truncation"] == 1.0


def test_a_segmenter_is_named_and_the_images_shown_are_kept() -> None:
    model = tiny_model()
    model.card = {"kimg": 90.0}
    record = result_record("comove", {}, model, num_samples=4, seed=0, segmenter=ColourSegmenter(), argv=["spatialgan"])
    assert record["segmenter"] == {"name": "colours", "weights_sha256": "3" * 64}
    assert record["model"]["kimg"] == 90.0


def test_a_segmenter_is_judged_too() -> None:
    record = result_record("comove-self-test", {}, ColourSegmenter(), num_samples=4, seed=0, argv=["spatialgan"])
    assert record["model"] == {"name": "colours", "weights_sha256": "3" * 64} and record["device"].startswith("cpu: ")


def test_values_of_several_models_need_neither_model_nor_segmenter() -> None:
    record = result_record("several", {}, None, num_samples=1, seed=0)
    assert record["model"] is None and record["device"] is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_named_and_not_written(tmp_path: Path, value: float) -> None:
    record = {"values": {"a": [1.0, {"b": value}]}}
    with pytest.raises(SpatialGANError, match=r"values\.a\.1\.b is not finite"):
        write_result(tmp_path / "r.json", record)
    assert not list(tmp_path.iterdir())


def test_command_line_keeps_no_folder_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    argv = [
        "/home/me/bin/spatialgan",
        "eval",
        "fd",
        "--model",
        "/home/me/models/cats-64.safetensors",
        "--data",
        "../data/cats.zip",
        f"--json={tmp_path}/results/a b.json",
        "--samples",
        "50",
        "--model=cats-64",
    ]
    assert command_line(argv) == (
        "spatialgan eval fd --model cats-64.safetensors --data ../data/cats.zip "
        "'--json=results/a b.json' --samples 50 --model=cats-64"
    )
    assert command_line(["x", str(tmp_path)]) == f"spatialgan {tmp_path.name}"
