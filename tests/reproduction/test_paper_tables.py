"""The paper's tables from the result files of recipes."""

import json
from pathlib import Path
from typing import Any

import pytest

from spatialgan.errors import SpatialGANError
from spatialgan.reproduction.recipes import Needed, missing_jobs, needed, read_budget
from spatialgan.reproduction.tables import missing, other_results, over_seeds, table
from spatialgan.settings import to_dict

SMALL = read_budget("small")
SUMMARY = {"mean": 0.5, "mean_interval": [0.4, 0.6], "median": 0.5, "share": 0.9}
VALUES: dict[str, dict[str, Any]] = {
    "quality": {"distance": 50.0},
    "comove": {
        "ratio": SUMMARY,
        "chance": SUMMARY,
        "antithetic": {"ratio": SUMMARY, "chance": SUMMARY, "no_object": 0.25},
    },
    "cost": {"train_ms_per_image": 12.0, "draw_ms": 3.0, "clock": "processor time", "threads": 1},
    "drag": {"matcher": "truth", "rows": []},
}


def write(
    n: Needed,
    runs: Path,
    *,
    metric: str | None = None,
    config: dict[str, Any] | None = None,
    kimg: float = 100.0,
    **values: Any,
) -> None:
    """A result file as the commands write them."""
    record = {
        "result_version": 1,
        "metric": metric or {"quality": "fd"}.get(n.measure, n.measure),
        "values": VALUES[n.measure] | values,
        "model": {"name": "m", "weights_sha256": "0", "kimg": kimg, "config": config or to_dict(n.run.config)},
        "features": {"network": "Lite2"},
        "segmenter": {"name": "floors"},
        "num_samples": 5000,
        "device": "cpu: x86_64",
        "date": "2026-01-01",
    }
    n.path(runs).parent.mkdir(exist_ok=True)
    n.path(runs).write_text(json.dumps(record))


def cells(text: str) -> dict[str, list[str]]:
    """The rows of the first table, by their name."""
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return {line[0]: line[1:] for line in lines}


def test_the_papers_numbers_stand_beside_ours_with_their_spread(tmp_path: Path) -> None:
    for n in needed(SMALL, 5):
        if n.run.name == "concat":
            write(n, tmp_path, distance=60.0 + 2 * n.run.seed)
        elif n.run.name == "spatialgan" and n.run.seed == 1:
            write(n, tmp_path, distance=50.0)
    text = table(SMALL, 5, tmp_path)
    rows = cells(text)
    assert rows[""] == ["Cat, paper", "cats, ours"]
    assert rows["SEL_concat"] == ["6.73", "61.0 ± 1.4"]
    assert rows["SEL_norm (SpatialGAN)"] == ["6.57", "50.0 (1 of 2 seeds)"]
    assert rows["StyleGAN2"] == ["8.36", "missing"] and rows["flattened"] == ["8.52", "missing"]
    assert "Ours: 32 x 32, 100 kimg a run." in text and "features of Lite2, not FID" in text
    jobs = missing(missing_jobs(SMALL, 5, tmp_path, {}))
    assert jobs.count("spatialgan eval fd") == 5 and jobs.count("spatialgan train") == 5


def test_table_3_has_all_columns_and_what_a_picture_costs(tmp_path: Path) -> None:
    for n in needed(SMALL, 3):
        write(n, tmp_path)
    text = table(SMALL, 3, tmp_path)
    rows = cells(text)
    assert rows["EqGAN-SA"] == [
        "2.95",
        *("50.0 ± 0.0", "12.0 ± 0.0", "3.00 ± 0.00"),
        "6.81",
        *("50.0 ± 0.0", "12.0 ± 0.0", "3.00 ± 0.00"),
    ]
    assert "missing" not in text and "processor time, cpu: x86_64, threads: 1" in text
    assert missing(missing_jobs(SMALL, 3, tmp_path, {})) == ""


def test_table_1_has_both_protocols_and_their_chance(tmp_path: Path) -> None:
    (n,) = [n for n in needed(SMALL, 1) if n.run.stem == "floors-sel-multi-0"]
    write(n, tmp_path, antithetic={"ratio": {"mean": 0.61}, "chance": {"mean": 0.01}, "no_object": 0.3})
    rows = cells(table(SMALL, 1, tmp_path))
    assert rows["+ SEL_multi"] == ["0.62", *(f"{v} (1 of 2 seeds)" for v in ("0.61", "0.01", "0.30", "0.50", "0.50"))]
    assert rows["StyleGAN2"] == ["N/A"] * 6 and rows["conference (EqGAN-SA)"] == ["0.32", *["missing"] * 5]


def test_numbers_over_seeds() -> None:
    assert over_seeds([1.0, 2.0], 2) == "1.50 ± 0.71"
    assert over_seeds([None, 2.0], 2) == "2.00 (1 of 2 seeds)"
    assert over_seeds([None], 1) == "none found" and over_seeds([], 2) == "missing"


def test_a_table_of_nothing_says_so(tmp_path: Path) -> None:
    assert "Nothing is there yet" in table(SMALL, 2, tmp_path)


def test_other_results_are_shown_beside(tmp_path: Path) -> None:
    root = Path(__file__).parents[2] / "docs/results"
    text = other_results(2, root, leave_out=root / "small")
    assert "drag.json, `cats-64`:" in text and "drag-floors.json, `floors-64`:" in text
    assert "| comove.json | `floors-64` | 0.7" in other_results(1, root, leave_out=root / "small")
    assert other_results(3, root, leave_out=root / "small") == ""
    assert other_results(2, root, leave_out=root) == other_results(1, tmp_path, leave_out=root) == ""


def test_results_of_another_run_are_refused(tmp_path: Path) -> None:
    n = needed(SMALL, 5)[0]
    write(n, tmp_path, config=to_dict(SMALL.run("cats", "spatialgan", 0).config))
    with pytest.raises(SpatialGANError, match=r"is of model\.encoding=norm, and the run cats-stylegan2-0 has none"):
        table(SMALL, 5, tmp_path)


def test_results_of_another_preset_are_refused(tmp_path: Path) -> None:
    """The conference model and SpatialGAN differ by their presets alone."""
    n = next(n for n in needed(SMALL, 3) if n.run.stem == "cats-eqgan-sa-0")
    write(n, tmp_path, config=to_dict(SMALL.run("cats", "spatialgan", 0).config))
    with pytest.raises(SpatialGANError, match=r"is of model\.\w+=\w+, and the run cats-eqgan-sa-0 has \w+"):
        table(SMALL, 3, tmp_path)


def test_results_of_an_earlier_snapshot_are_refused(tmp_path: Path) -> None:
    n = needed(SMALL, 5)[0]
    write(n, tmp_path, kimg=50.0)
    with pytest.raises(SpatialGANError, match="is of a model after 50 kimg, and the run cats-stylegan2-0 has 100"):
        table(SMALL, 5, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "pr"}, "no result file of the metric fid or fd"),
        ({"values": {}}, "values.distance is missing or of the wrong type"),
        ({"values": {"distance": "50"}}, "values.distance is missing or of the wrong type"),
        ({"values": None}, "no result file"),
        ({"model": {"config": {}}}, "model.config or model.kimg is missing"),
        ({"result_version": 0}, "no result file"),
    ],
)
def test_damaged_results_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    n = needed(SMALL, 5)[0]
    write(n, tmp_path)
    path = n.path(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SpatialGANError, match=rf"cats-stylegan2-0\.quality\.json is .*{message}"):
        table(SMALL, 5, tmp_path)


@pytest.mark.parametrize("rows", [None, [{}], [{"model": "m", "method": "hybrid", "distance": 0.1}]])
def test_damaged_drags_are_named(tmp_path: Path, rows: Any) -> None:
    n = needed(SMALL, 2)[0]
    write(n, tmp_path, rows=rows)
    for make in (lambda: table(SMALL, 2, tmp_path), lambda: other_results(2, tmp_path, leave_out=tmp_path / "x")):
        with pytest.raises(SpatialGANError, match=r"0\.drag\.json is not a whole result file: values\.rows"):
            make()


def test_drags_of_two_seeds_are_one_table(tmp_path: Path) -> None:
    rows = json.loads((Path(__file__).parents[2] / "docs/results/drag.json").read_text())["values"]["rows"]
    for n in needed(SMALL, 2):
        write(n, tmp_path, rows=[row | {"plain": False} for row in rows if row["model"] == "cats-64"])
    found = cells(table(SMALL, 2, tmp_path))
    assert found["hybrid"][5] == "75 ± 0 %"  # the longer distance comes last
