"""Table I of models that were trained by no recipe: each on the rung that its configuration fits, as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spatialgan.config import RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.drag_table import is_number
from spatialgan.evaluation.result_file import RESULT_VERSION
from spatialgan.files import read_json
from spatialgan.settings import from_dict, upgraded

SUMMARIES = ("ratio", "chance", "control", "locality", "identity")
NEEDED = {  # metric -> what a row or a note is made of: texts, then numbers
    "comove": (
        ("date", "model.name", "model.weights_sha256", "segmenter.name"),
        ("num_samples", "values.no_object", "values.no_match", "values.shortest", "values.longest"),
    ),
    "fd": (("date", "model.name", "model.weights_sha256", "features.network"), ("num_samples", "values.distance")),
}
COLUMNS = (
    "",
    "paper",
    "antithetic (95 %)",
    "chance",
    "single-sided (95 %)",
    "chance",
    "control",
    "locality",
    "identity",
    "no object",
    "no match",
    "FD",
    "kimg",
    "model",
)
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Rung:
    """A row of Table I: a configuration, and what the paper has for it."""

    name: str
    paper: float | None
    """Co-move ratio; None where there is no handle to move, and on a rung of our own."""
    encoding: str
    layout: str | None = None
    """None for any."""
    align: str | None = None
    processing: str | None = None
    """``release`` goes with encoders in all layers."""
    coordinates: bool = False
    """Whether objects have coordinates of their own [ours]."""
    spaced: bool = False
    """Whether the objects of layouts are kept apart [ours]."""

    def fits(self, config: RunConfig) -> bool:
        """Whether a model of this configuration is on the rung; ablations of the sampling are on none."""
        model = config.model
        return (
            model.encoding == self.encoding
            and self.layout in (None, model.layout)
            and self.align in (None, config.loss.align)
            and self.processing in (None, model.processing)
            and (model.coordinates_max_resolution > 0) == self.coordinates
            and (model.object_spacing > 0) == self.spaced
            and (self.processing != "release" or model.encoded_max_resolution >= model.resolution)
            and (model.encoding == "none" or model.sampling in ("hierarchical", "release"))
        )


RUNGS = (
    Rung("StyleGAN2", None, "none"),
    Rung("conference (EqGAN-SA)", 0.32, "norm", "single", "single", "release"),
    Rung("conference, simplified (ours)", None, "norm", "single", "single", "fine"),  # no stem, one level a layer
    Rung("+ multi-object sampling", 0.41, "norm", "multi", "single"),
    Rung("+ SEL_multi", 0.62, "multi", "multi", "single"),
    Rung("+ L_multi", 0.69, "multi", "multi", "multi"),
    Rung("+ object coordinates (ours)", None, "multi", "multi", "multi", coordinates=True),
    Rung("+ spaced objects (ours)", None, "multi", "multi", "multi", coordinates=True, spaced=True),
)


def read_results(folder: Path | str, *, leave_out: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """The result files of a folder and of those in it, oldest first; other JSON files, those in the folders to be left
    out, and those of models with parts that this version has no more are left alone.

    Raises:
        SpatialGANError: there is no such folder, or a result file in it is not whole.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SpatialGANError(f"{folder} is no folder; give the one that holds the result files")
    results = []
    for path in sorted(folder.rglob("*.json")):
        if any(path.is_relative_to(other) for other in leave_out):
            continue
        r = read_json(path)
        if not isinstance(r, dict) or r.get("result_version") != RESULT_VERSION or r.get("metric") not in [*NEEDED]:
            continue
        if _has_former_parts(r.get("model")):
            continue
        try:
            _check(r)
        except SpatialGANError as e:
            raise SpatialGANError(f"{path} is not a whole result file: {e}") from None
        results.append(r)
    return sorted(results, key=lambda r: r["date"])


def _check(result: dict[str, Any]) -> None:
    """Raise SpatialGANError naming what a table could not be made of."""

    def at(path: str) -> Any:
        value: Any = result
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value

    texts, numbers = NEEDED[result["metric"]]
    wrong = [p for p in texts if not isinstance(at(p), str)] + [p for p in numbers if not is_number(at(p))]
    names = SUMMARIES if result["metric"] == "comove" else ()
    if names and at("values.antithetic") is not None:  # earlier result files have none
        names += ("antithetic.ratio", "antithetic.chance")
    for name in names:
        summary = at(f"values.{name}")
        if not isinstance(summary, dict) or not {"mean", "mean_interval"} <= set(summary):  # each may be null
            wrong.append(f"values.{name}")
            continue
        mean, interval = summary["mean"], summary["mean_interval"]
        pair = interval is None or (isinstance(interval, list) and len(interval) == 2 and all(map(is_number, interval)))
        if not (mean is None or is_number(mean)) or not pair:
            wrong.append(f"values.{name}")
    if not wrong and "config" in result["model"]:  # earlier result files have none
        _config(result["model"])
        if at("model.kimg") is not None and not is_number(at("model.kimg")):
            wrong.append("model.kimg")
    if wrong:
        raise SpatialGANError(f"{', '.join(wrong)} is missing or of the wrong type")


def _has_former_parts(model: Any) -> bool:
    """Whether a model had what this version has no more: it is on no rung."""
    if not isinstance(model, dict) or not isinstance(model.get("config"), dict):
        return False
    try:
        upgraded(model["config"])
    except SpatialGANError:
        return True
    return False


def _config(model: dict[str, Any]) -> RunConfig:
    values = model["config"]
    return from_dict(RunConfig, upgraded(values), where="model.config")


def table_1(results: Sequence[dict[str, Any]]) -> str:
    """Table I, the Co-move ratio rung by rung, as Markdown.

    A rung has a row for each model that fits it, and one that says so where there is none. Co-move results count where
    they are of layouts as the model was trained with; those of before the antithetic ratio have the paper's alone, and
    those of several trainings at once have no row. Of several of the same weights the newest counts, of several
    Fréchet distances the one of most pictures.
    """
    comoves: dict[str | None, dict[str, Any]] = {
        _weights(r): r for r in results if r["metric"] == "comove" and _has_own_layouts(r)
    }
    by_size = sorted(results, key=lambda r: r["num_samples"])
    distances: dict[str | None, dict[str, Any]] = {_weights(r): r for r in by_size if r["metric"] == "fd"}
    configured = {_weights(r): r["model"] for r in results if "config" in r["model"]}
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for rung in RUNGS:
        found = [(w, m) for w, m in configured.items() if rung.fits(_config(m))]
        for weights, model in sorted(found, key=lambda f: (f[1].get("kimg") or 0, f[1]["name"])) or [(None, None)]:
            lines.append(_row(rung, model, comoves.get(weights), distances.get(weights)))
    return "\n".join([*lines, "", *_notes(list(comoves.values()), list(distances.values()))]) + "\n"


def _row(rung: Rung, model: dict[str, Any] | None, comove: dict[str, Any] | None, fd: dict[str, Any] | None) -> str:
    has_handles = rung.encoding != "none"
    paper = f"{rung.paper:.2f}" if rung.paper is not None else "" if has_handles else "N/A"
    if comove is not None:
        v = comove["values"]
        antithetic = v.get("antithetic")
        measured = [
            *(_ratio_and_chance(antithetic) if antithetic else (NOT_MEASURED, "")),
            *_ratio_and_chance(v),
            *(_number(v[name]["mean"]) for name in ("control", "locality", "identity")),
            *(f"{v[name]:.1%}" for name in ("no_object", "no_match")),
        ]
    else:
        unknown = NOT_MEASURED if has_handles else "N/A"
        measured = [unknown, "", unknown, *[""] * 6]
    distance = "" if fd is None else f"{fd['values']['distance']:.1f}"
    kimg = "" if model is None or model.get("kimg") is None else f"{model['kimg']:g}"
    name = "" if model is None else f"`{model['name']}`"
    return f"| {' | '.join([rung.name, paper, *measured, distance, kimg, name])} |"


def _ratio_and_chance(column: dict[str, Any]) -> tuple[str, str]:
    """A ratio's mean with its interval, and the mean of chance."""
    low, high = column["ratio"]["mean_interval"] or (None, None)
    return (
        f"{_number(column['ratio']['mean'])} ({_number(low)} to {_number(high)})",
        _number(column["chance"]["mean"]),
    )


def _notes(comoves: list[dict[str, Any]], distances: list[dict[str, Any]]) -> list[str]:
    """What the numbers depend on."""
    notes = ["Paper: Table I, LSUN Bedroom at 256x256, Mask R-CNN."]
    for r in {
        (c["segmenter"]["name"], c["num_samples"], c["values"]["shortest"], c["values"]["longest"]): c for c in comoves
    }.values():
        v = r["values"]
        notes.append(
            f"Ours: {r['num_samples']} samples, moves of {v['shortest']:g} to {v['longest']:g} image widths, "
            f"objects by {r['segmenter']['name']}."
        )
    if comoves:
        notes.append(
            "Single-sided: one move, the paper's protocol; all columns that follow are of it. Antithetic: the "
            "mean of moves by v and -v. Chance: the ratio with objects matched in another sample's picture. "
            "Control: movements across the moves. Locality: change outside the object over change inside. "
            "Identity: cosine of the object's features before and after."
        )
    for network, samples in sorted({(r["features"]["network"], r["num_samples"]) for r in distances}):
        notes.append(f"FD: Fréchet distance in features of {network}, {samples} pictures.")
    return [f"{note}  " for note in notes]  # two spaces: a line break in Markdown


def _has_own_layouts(comove: dict[str, Any]) -> bool:
    """Whether a Co-move result is of layouts like those of training (``eval comove --object-spacing``)."""
    own = comove["model"].get("config", {}).get("model", {}).get("object_spacing", 0.0)
    return comove["values"].get("object_spacing", own) == own


def _weights(result: dict[str, Any]) -> str:
    return result["model"]["weights_sha256"]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
