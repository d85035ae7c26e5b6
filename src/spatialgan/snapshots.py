"""A run's snapshots: which are whole, which is the best that was measured, and which may go."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from spatialgan.errors import SpatialGANError
from spatialgan.files import parse_json, read_json, require_file
from spatialgan.model import CARD, DISCRIMINATOR, WEIGHTS

SNAPSHOTS = "snapshots"  # folder of a run
DISTANCES = "distances.jsonl"  # of a run: a result of `spatialgan eval snapshots` a line
ALIKE = ("metric", "data", "features", "resize", "num_samples", "seed", "truncation")  # fields that comparing asks for


def whole_models(folder: Path) -> list[Path]:
    """Weights of the generators in a folder, by name: of a run's snapshots, oldest first.

    Without its JSON one is what a kill has left, and is left out.
    """
    return sorted(
        p for p in folder.glob(f"*{WEIGHTS}") if not p.name.endswith(DISCRIMINATOR) and p.with_suffix(CARD).exists()
    )


def remove_old_snapshots(newest: Path, *, keep: int) -> None:
    """Delete what is older than the last ``keep`` whole snapshots of a run, but for the best of each measure.

    Args:
        newest: weights of the one just written, beside the others; it stays, whatever its number.
        keep: 1 or more.
    """
    files: dict[str, list[Path]] = {}  # by snapshot
    for path in newest.parent.iterdir():
        name = path.name.split(".")[0]
        if len(name) == 9 and name.isdecimal():  # others are not the run's own
            files.setdefault(name, []).append(path)
    whole = sorted(name for name, paths in files.items() if any(p.suffix == CARD for p in paths))
    try:
        kept = {newest.stem, *(path.stem for path in best_measured(newest.parent.parent))}
    except (OSError, SpatialGANError):
        return  # which is the best cannot be read
    for name in sorted(files):
        if name < whole[-keep:][0] and name not in kept:
            # The card goes first: a kill in between leaves what is taken for no model, and goes the next time.
            for path in sorted(files[name], key=lambda p: p.suffix != CARD):
                with suppress(OSError):  # somebody reads it, or has deleted it: no reason to end a run
                    path.unlink()


def best_measured(run: Path) -> list[Path]:
    """Weights of the snapshot with the least distance, for each measure that the run's file has results of."""
    there = {
        (path.stem, read_json(path.with_suffix(CARD)).get("weights_sha256")): path
        for path in whole_models(run / SNAPSHOTS)
    }
    best: dict[str, dict[str, Any]] = {}  # by measure
    for line in read_distances(run):
        found = best.get(measure_of(line))
        if key_of(line) in there and (found is None or line["values"]["distance"] < found["values"]["distance"]):
            best[measure_of(line)] = line
    return [there[key_of(line)] for line in best.values()]


def measure_of(result: Mapping[str, Any]) -> str:
    """Equal for results of the same real pictures, features and numbers of pictures."""
    return json.dumps([*(result[field] for field in ALIKE), result["values"]["split"]], sort_keys=True)


def key_of(result: Mapping[str, Any]) -> tuple[str, str]:
    """Name and weights of what was measured: a run that was set back writes other ones under the same name."""
    return result["model"]["name"], result["model"]["weights_sha256"]


def read_distances(run: Path) -> list[dict[str, Any]]:
    """Results of the run's snapshots, in the order in which they were measured; what a kill cut short is left out."""
    path = run / DISTANCES
    if not path.exists():
        return []
    require_file(path)
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, KeyError, TypeError):
            line = parse_json(text)
            measure_of(line)
            if all(isinstance(t, str) for t in key_of(line)) and isinstance(line["values"]["distance"], float):
                lines.append(line)
    return lines


def add_distance(run: Path, record: Mapping[str, Any]) -> None:
    """Append a result to the run's file, in one piece: several measures may be under way."""
    with open(run / DISTANCES, "ab", buffering=0) as f:
        f.write((json.dumps(record, allow_nan=False) + "\n").encode())
