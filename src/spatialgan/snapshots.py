"""A run's snapshots: which are whole, which is the best that was measured, and which may go."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from spatialgan.errors import SpatialGANError
from spatialgan.files import parse_json, require_file, write_atomically
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
    """Delete what is older than the last ``keep`` whole snapshots of a run, but for the best that was measured.

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
        best = nearest(newest.parent.parent)
    except (SpatialGANError, OSError):
        return  # which is the best is not known
    kept = {newest.stem, *whole[-keep:], *([] if best is None else [best.stem])}
    for name in sorted(files):
        if name < whole[-keep:][0] and name not in kept:
            # The card goes first: a kill in between leaves what is taken for no model, and goes the next time.
            for path in sorted(files[name], key=lambda p: p.suffix != CARD):
                with suppress(OSError):  # somebody reads it, or has deleted it: no reason to end a run
                    path.unlink()


def nearest(run: Path, lines: Sequence[Mapping[str, Any]] | None = None) -> Path | None:
    """Weights of the snapshot with the least distance.

    Args:
        run: its folder.
        lines: results to choose from; None: those in the run's file that were measured as the last one was.

    Returns:
        None where no snapshot that is there was measured.

    Raises:
        SpatialGANError: the file of distances cannot be read.
    """
    if lines is None:
        known = read_distances(run)
        lines = [line for line in known if same_measure(line, known[-1])]
    found = [(line["values"]["distance"], run / SNAPSHOTS / f"{line['model']['name']}{WEIGHTS}") for line in lines]
    return min(((distance, path) for distance, path in found if path.exists()), default=(0.0, None))[1]


def same_measure(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two results are of the same real pictures, features and numbers of pictures."""
    return all(a[field] == b[field] for field in ALIKE) and a["values"]["split"] == b["values"]["split"]


def read_distances(run: Path) -> list[dict[str, Any]]:
    """Results of the run's snapshots, in the order in which they were measured.

    Raises SpatialGANError where the file cannot be read, or holds something else.
    """
    path = run / DISTANCES
    if not path.exists():
        return []
    require_file(path)
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            line = parse_json(text)
            texts = (line["model"]["name"], line["model"]["weights_sha256"])
            if not all(isinstance(t, str) for t in texts) or not isinstance(line["values"]["distance"], float):
                raise TypeError
            same_measure(line, line)
        except (ValueError, KeyError, TypeError):
            raise SpatialGANError(
                f"{path} is damaged in line {number}; delete it, and `spatialgan eval snapshots` measures anew"
            ) from None
        lines.append(line)
    return lines


def add_distance(run: Path, record: Mapping[str, Any]) -> None:
    """Append a result to the run's file, whole or not at all."""
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in (*read_distances(run), record))
    write_atomically(run / DISTANCES, lambda p: p.write_text(text, encoding="utf-8"))
