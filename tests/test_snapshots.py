"""A run's snapshots: which may go, and which is the best."""

import json
from pathlib import Path
from typing import Any

import pytest

from spatialgan.snapshots import (
    DISTANCES,
    SNAPSHOTS,
    add_distance,
    best_measured,
    read_distances,
    remove_old_snapshots,
    whole_models,
)


def whole(*numbers: int) -> list[str]:
    """Names of all files of snapshots after so many images."""
    return sorted(f"{n:09d}{end}" for n in numbers for end in (".safetensors", ".discriminator.safetensors", ".json"))


def run_with(folder: Path, *names: str) -> Path:
    """The folder of a run's snapshots, each with its number as hash."""
    snapshots = folder / SNAPSHOTS
    snapshots.mkdir()
    for name in names:
        (snapshots / name).write_text(json.dumps({"weights_sha256": name[:9]}) if name.endswith(".json") else "")
    return snapshots


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def result(images: int, distance: float, **changes: Any) -> dict[str, Any]:
    """A line of the file of distances."""
    base = {
        "metric": "fd",
        "values": {"distance": distance, "split": "train"},
        "model": {"name": f"{images:09d}", "weights_sha256": f"{images:09d}", "kimg": images / 1000},
        **dict.fromkeys(("data", "features", "resize", "num_samples", "seed", "truncation")),
    }
    return base | changes


def test_what_a_kill_left_of_a_snapshot_is_none(tmp_path: Path) -> None:
    snapshots = run_with(tmp_path, *whole(100, 200), "000000300.safetensors")
    assert [p.name for p in whole_models(snapshots)] == ["000000100.safetensors", "000000200.safetensors"]
    assert whole_models(tmp_path / "nothing") == []


def test_a_snapshot_just_written_is_never_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor anything before it is written: a run may have been set back to an earlier checkpoint."""
    snapshots = run_with(tmp_path, *whole(100, 200, 300), "000000050.safetensors")  # a kill came before the card
    remove_old_snapshots(snapshots / "000000100.safetensors", keep=2)
    assert names(snapshots) == whole(100, 200, 300)
    (snapshots / "000000250.safetensors").write_bytes(b"")  # not whole: it does not count as one
    deleted, unlink = [], Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda path: (deleted.append(path.name), unlink(path))[1])
    remove_old_snapshots(snapshots / "000000300.safetensors", keep=2)
    assert names(snapshots) == sorted([*whole(200, 300), "000000250.safetensors"])
    assert deleted[0] == "000000100.json"  # first what makes a model of the other files


def test_the_best_that_was_measured_is_never_deleted(tmp_path: Path) -> None:
    snapshots = run_with(tmp_path, *whole(100, 200, 300, 400))
    for images, distance in ((100, 30.0), (200, 20.0), (300, 25.0)):
        add_distance(tmp_path, result(images, distance))
    remove_old_snapshots(snapshots / "000000400.safetensors", keep=1)
    assert names(snapshots) == whole(200, 400)
    add_distance(tmp_path, result(400, 10.0))
    remove_old_snapshots(snapshots / "000000400.safetensors", keep=1)
    assert names(snapshots) == whole(400)


def test_the_best_of_each_measure_is_kept(tmp_path: Path) -> None:
    """Also while another measure has only begun."""
    snapshots = run_with(tmp_path, *whole(100, 200, 300, 400))
    for images, distance in ((100, 30.0), (200, 20.0), (300, 25.0)):
        add_distance(tmp_path, result(images, distance))
    add_distance(tmp_path, result(100, 1.0, num_samples=50))
    add_distance(tmp_path, result(350, 2.0))  # whose file is gone
    found = [path.stem for path in best_measured(tmp_path)]
    assert found == ["000000200", "000000100"]
    add_distance(tmp_path, result(300, 0.5, values={"distance": 0.5, "split": "test"}))
    remove_old_snapshots(snapshots / "000000400.safetensors", keep=1)
    assert names(snapshots) == whole(100, 200, 300, 400)


def test_what_was_measured_of_other_weights_does_not_count(tmp_path: Path) -> None:
    run_with(tmp_path, *whole(100, 200))
    assert best_measured(tmp_path) == []
    add_distance(tmp_path, result(100, 30.0))
    add_distance(tmp_path, result(200, 5.0, model={"name": "000000200", "weights_sha256": "before"}))
    assert [path.stem for path in best_measured(tmp_path)] == ["000000100"]


def test_nothing_is_deleted_where_the_best_cannot_be_read(tmp_path: Path) -> None:
    snapshots = run_with(tmp_path, *whole(100, 200))
    (tmp_path / DISTANCES).mkdir()
    remove_old_snapshots(snapshots / "000000200.safetensors", keep=1)
    assert names(snapshots) == whole(100, 200)


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"model": {"name": "1"}}', '{"model": {"name": 1}, "values": {}}', "[" * 9999]
)
def test_what_a_kill_has_cut_short_is_measured_again(tmp_path: Path, line: str) -> None:
    add_distance(tmp_path, result(100, 1.0))
    with (tmp_path / DISTANCES).open("a") as f:
        f.write(line + "\n")
    add_distance(tmp_path, result(200, 2.0))
    assert [found["values"]["distance"] for found in read_distances(tmp_path)] == [1.0, 2.0]
