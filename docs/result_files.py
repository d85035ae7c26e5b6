"""Result files, as the documents' tables read them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

MODEL, FLOORS = "cats-64", "floors-64"


def load(name: str) -> dict[str, Any]:
    return json.loads((ROOT / name).read_text())


def with_interval(summary: dict[str, Any]) -> str:
    """``0.31 (0.25 to 0.37)``: a mean with its 95 % interval."""
    if summary["mean"] is None:
        return "none found"
    low, high = summary["mean_interval"]
    return f"{summary['mean']:.2f} ({low:.2f} to {high:.2f})"


def in_percent(summary: dict[str, Any]) -> str:
    """``3.1 % (2.5 to 3.7)``: a share's mean with its 95 % interval."""
    mean, low, high = (100 * x for x in (summary["mean"], *summary["mean_interval"]))
    return f"{mean:.1f} % ({low:.1f} to {high:.1f})"


def grid_table(rows: dict[str, dict[str, dict[str, Any]]], write: Callable[[dict[str, Any]], str]) -> str:
    """A table of means by row and column, each written by ``write``."""
    columns = list(next(iter(rows.values())))
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(write(row[c]) for c in columns)} |" for name, row in rows.items()]
    return "\n".join(lines)
