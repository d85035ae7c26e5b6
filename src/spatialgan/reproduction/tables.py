"""The paper's tables as Markdown: its column beside ours, with mean and spread over training seeds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spatialgan.config import RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.drag_table import are_rows, drag_table, is_number
from spatialgan.evaluation.result_file import RESULT_VERSION
from spatialgan.evaluation.summary import spread
from spatialgan.files import read_json
from spatialgan.reproduction.paper import PAPER_TABLES, PaperTable
from spatialgan.reproduction.recipes import Budget, Job, Needed, Run, needed
from spatialgan.settings import from_dict, upgraded
from spatialgan.training.resuming import differences

METRICS = {"quality": ("fid", "fd"), "comove": ("comove",), "drag": ("drag",), "cost": ("cost",)}
COMOVE = {  # heading -> where in a result's values
    "antithetic": "antithetic.ratio.mean",
    "its chance": "antithetic.chance.mean",
    "nothing at the centre": "antithetic.no_object",  # a share of all pairs, of which there is no ratio
    "single-sided, the paper's": "ratio.mean",
    "chance": "chance.mean",
}
OF_OTHERS = {"samples": "num_samples", "spacing": "values.object_spacing", "objects by": "segmenter.name"}
COST = {"training, ms a picture": "train_ms_per_image", "drawing, ms a picture": "draw_ms"}

Records = list[dict[str, Any]]
"""Result files of one run, one a training seed that is there."""


def table(budget: Budget, number: int, runs: Path) -> str:
    """A table of the paper, from the result files of a budget.

    Args:
        budget: whose runs.
        number: 1 to 5.
        runs: the folder of the budgets' folders.

    Raises:
        SpatialGANError: a result file is not whole, or of another run than its name says.
    """
    files = {n: _read(n, runs) for n in needed(budget, number)}
    records = [record for record in files.values() if record is not None]
    if number == 2:
        lines = [f"Table II, drags, budget {budget.name}:", "", *_drags(records)]
    else:
        paper = PAPER_TABLES[number]
        lines = [f"Table {paper.number}, {paper.title}, budget {budget.name}:", "", *_rows(budget, paper, files)]
    lines += ["", *(f"{note}  " for note in _notes(records, len(budget.seeds)))]  # two spaces break a line
    return "\n".join(lines) + "\n"


def missing(jobs: Sequence[Job]) -> str:
    """The commands that make the rest, as Markdown; or nothing."""
    lines = ["", "Missing; these commands make it:", "", "```sh", *(job.command for job in jobs), "```"]
    return "\n".join(lines) + "\n" if jobs else ""


def _rows(budget: Budget, paper: PaperTable, files: dict[Needed, dict[str, Any] | None]) -> list[str]:
    columns = budget.columns(paper.columns)
    comove = paper.measures == ("comove",)
    values = COMOVE if comove else {"ours": "distance", **(COST if "cost" in paper.measures else {})}
    head = [""]
    for column, data in columns.items():
        head += [f"{column}, paper", *(f"{data}, {name}" for name in values)]
    lines = [head, ["---"] * len(head)]
    for row in paper.rows:
        cells = [row.name]
        for column, data in columns.items():
            theirs = row.values[paper.columns.index(column)]
            cells.append("N/A" if theirs is None else f"{theirs:.2f}")
            for path in values.values():
                measure = "comove" if comove else "cost" if path in COST.values() else "quality"
                of = [(n.run.data, n.run.name, n.measure) for n in files]
                found = [f for f, key in zip(files.values(), of, strict=True) if key == (data, row.run, measure)]
                measured = [_at(f["values"], path) for f in found if f is not None]
                cells.append(over_seeds(measured, len(found)) if found else "N/A")
        lines.append(cells)
    return [f"| {' | '.join(line)} |" for line in lines]


def over_seeds(values: Sequence[float | None], num_seeds: int) -> str:
    """``71.3 ± 1.2``: mean and standard deviation over trainings, and how many there are where some are missing."""
    known = [v for v in values if v is not None]
    if not known:
        return "none found" if values else "missing"
    mean, deviation = sum(known) / len(known), spread(known)
    digits = 1 if abs(mean) >= 10 else 2
    text = f"{mean:.{digits}f}" + ("" if deviation is None else f" ± {deviation:.{digits}f}")
    return text if len(known) == num_seeds else f"{text} ({len(known)} of {num_seeds} seeds)"


def other_results(number: int, runs: Path, *, leave_out: Path) -> str:
    """What a folder holds of Table I or II beside a budget's own results, such as the bundled models'; or nothing."""
    metric = {1: "comove", 2: "drag"}.get(number)
    if metric is None:
        return ""
    paths = [path for path in sorted(runs.rglob("*.json")) if not path.is_relative_to(leave_out)]
    found = {path: record for path in paths if is_result(record := read_json(path), metric)}
    if metric == "comove":
        head = ["", "model", *COMOVE, *OF_OTHERS]
        rows = []
        for path, r in found.items():
            more = [_told(r, at) for at in OF_OTHERS.values()]
            rows.append([str(path.relative_to(runs)), _model_of(r), *_comove(r["values"]), *more])
        lines = ["", "Other results:", "", *(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))]
        return "\n".join(lines) + "\n" if rows else ""
    text = ""
    for path, record in found.items():
        _require(record, "drag", path)
        lines = ["", f"{path.relative_to(runs)}, `{record['model']['name']}`:", "", *drag_table([record])]
        text += "\n".join(lines) + "\n"
    return text


def _comove(values: dict[str, Any]) -> list[str]:
    """The ratios of one result; earlier files have no antithetic one."""
    numbers = [_at(values, path) for path in COMOVE.values()]
    return [f"{number:.2f}" if is_number(number) else "not measured" for number in numbers]


def _told(record: dict[str, Any], path: str) -> str:
    value = _at(record, path)
    return f"{value:g}" if is_number(value) else value if _is_text(value) else "not told"


def _model_of(record: dict[str, Any]) -> str:
    name = _at(record, "model.name")
    return f"`{name}`" if _is_text(name) else "several"


def _drags(records: Records) -> list[str]:
    return drag_table(records) if records else ["Nothing is there yet."]


def _notes(records: Records, num_seeds: int) -> list[str]:
    """What the numbers depend on, from the files."""
    notes = ["Paper: 256 x 256, 25 million images a run, Inception's FID of 50,000 pictures, Mask R-CNN."]
    trained = {(c["model"]["resolution"], r["model"]["kimg"]) for r in records for c in [r["model"]["config"]]}
    notes += [f"Ours: {size} x {size}, {kimg:g} kimg a run." for size, kimg in sorted(trained)]
    measured = [
        (("fid", "fd"), lambda r: f"{_distance(r)} of {r['num_samples']:,} pictures of each run."),
        (("comove",), lambda r: f"Co-move ratio: {r['num_samples']} samples, objects by {r['segmenter']['name']}."),
        (("drag",), lambda r: f"Drags: {r['num_samples']} scenes, matched by {r['values']['matcher']}."),
        (("cost",), lambda r: f"Cost: {r['values']['clock']}, {r['device']}, threads: {r['values']['threads']}."),
    ]
    for metrics, tell in measured:
        notes += sorted({tell(r) for r in records if r["metric"] in metrics})
    if num_seeds > 1 and records:
        notes.append(f"±: standard deviation over {num_seeds} training seeds.")
    return notes


def _distance(record: dict[str, Any]) -> str:
    features = record["features"]["network"]
    return "FID" if record["metric"] == "fid" else f"Fréchet distance in features of {features}, not FID,"


def _read(n: Needed, runs: Path) -> dict[str, Any] | None:
    """A result file, or None where it is not there; raises SpatialGANError where it is not what its name says."""
    path = n.path(runs)
    if not path.exists():
        return None
    record = read_json(path)
    if not is_result(record, *METRICS[n.measure]):
        raise SpatialGANError(f"{path} is no result file of the metric {' or '.join(METRICS[n.measure])}")
    _require(record, n.measure, path)
    _require_run(record, n.run, path)
    return record


def is_result(record: Any, *metrics: str) -> bool:
    """Whether a JSON value is a result file's, of one of these metrics."""
    return (
        isinstance(record, dict)
        and record.get("result_version") == RESULT_VERSION
        and record.get("metric") in metrics
        and isinstance(record.get("values"), dict)
    )


def _is_mean(value: Any) -> bool:
    """Whether it is a summary whose mean is a number, or null where nothing was found."""
    return isinstance(value, dict) and "mean" in value and (value["mean"] is None or is_number(value["mean"]))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_KEYS: dict[str, dict[str, Callable[[Any], bool]]] = {  # what a table and its notes are made of
    "quality": {"values.distance": is_number, "features.network": _is_text, "num_samples": is_number},
    "comove": {
        **{
            f"values.{path.removesuffix('.mean')}": _is_mean if path.endswith(".mean") else is_number
            for path in COMOVE.values()
        },
        "segmenter.name": _is_text,
        "num_samples": is_number,
    },
    "drag": {"values.rows": are_rows, "values.matcher": _is_text, "num_samples": is_number, "model.name": _is_text},
    "cost": {
        "values.train_ms_per_image": is_number,
        "values.draw_ms": is_number,
        "values.clock": _is_text,
        "values.threads": is_number,
        "device": _is_text,
    },
}


def _require(record: dict[str, Any], measure: str, path: Path) -> None:
    wrong = [key for key, is_right in _KEYS[measure].items() if not is_right(_at(record, key))]
    if wrong:
        raise SpatialGANError(f"{path} is not a whole result file: {', '.join(wrong)} is missing or of the wrong type")


def _require_run(record: dict[str, Any], run: Run, path: Path) -> None:
    """Raise SpatialGANError where a result is of a model that was trained otherwise than the run, or less."""
    if not isinstance(_at(record, "model.config"), dict) or not is_number(_at(record, "model.kimg")):
        raise SpatialGANError(f"{path} is not a whole result file: model.config or model.kimg is missing")
    found = from_dict(RunConfig, upgraded(record["model"]["config"]), where=f"{path}: model.config")
    for name, (theirs, ours) in differences(found, run.config).items():
        raise SpatialGANError(f"{path} is of {name}={theirs}, and the run {run.stem} has {ours}")
    kimg, wanted = record["model"]["kimg"], run.config.train.kimg
    if kimg < 0.999 * wanted:
        raise SpatialGANError(f"{path} is of a model after {kimg:g} kimg, and the run {run.stem} has {wanted:g}")


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
