"""``spatialgan tables``, from the command line to the file."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spatialgan.cli.commands import app
from spatialgan.errors import SpatialGANError

EMPTY = {"mean": None, "mean_interval": None}
RECORD = {
    "result_version": 1,
    "metric": "comove",
    "date": "2026-01-01T00:00:00+00:00",
    "num_samples": 500,
    "segmenter": {"name": "rooms", "weights_sha256": "1"},
    "model": {
        "name": "rooms-64",
        "weights_sha256": "0",
        "kimg": 120.5,
        "config": {"model": {"layout": "multi", "encoding": "multi"}, "loss": {"align": "multi"}},
    },
    "values": {
        "ratio": {"mean": 0.7, "mean_interval": [0.65, 0.75]},
        "control": EMPTY,
        "chance": EMPTY,
        "locality": EMPTY,
        "identity": EMPTY,
        "no_object": 0.1,
        "no_match": 0.0,
        "shortest": 0.1,
        "longest": 0.3,
    },
}


def test_table_1(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(RECORD))
    out = tmp_path / "new" / "table.md"
    command = ["tables", "1", "--runs", str(tmp_path), "--out", str(out)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    text = out.read_text()
    assert text == result.stdout
    assert "| + L_multi | 0.69 | not measured |  | 0.70 (0.65 to 0.75) |" in text and "| 120.5 | `rooms-64` |" in text
    assert text.count("not measured") == 2 * 6 + 1


@pytest.mark.parametrize(("number", "reason"), [("2", "table 2 cannot be made"), ("1", "holds no result files")])
def test_mistakes(tmp_path: Path, number: str, reason: str) -> None:
    result = CliRunner().invoke(app, ["tables", number, "--runs", str(tmp_path)])
    assert isinstance(result.exception, SpatialGANError) and reason in str(result.exception)
