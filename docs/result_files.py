"""Result files, as the documents' tables read them."""

import json
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
