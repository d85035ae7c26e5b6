"""The paper's tables beside ours, as Markdown, from result files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.result import RESULT_VERSION
from spatialgan.files import read_json

METRICS = ("comove", "fd")
COLUMNS = ("", "paper", "ours (95 %)", "chance", "control", "locality", "identity", "no object", "no match", "FD",
           "kimg", "model")
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Rung:
    """A row of Table I: a configuration, and what the paper has for it."""

    name: str
    paper: float | None
    """Co-move ratio; None where there is no handle to move."""
    encoding: str
    layout: str | None = None
    """None for any."""
    align: str | None = None

    def fits(self, config: dict[str, Any]) -> bool:
        """Whether a model of this configuration, as JSON values, is on the rung."""
        model, loss = config["model"], config["loss"]
        return (model["encoding"] == self.encoding and self.layout in (None, model["layout"])
                and self.align in (None, loss["align"]))


RUNGS = (
    Rung("StyleGAN2", None, "none"),
    Rung("conference (EqGAN-SA)", 0.32, "norm", "single", "single"),
    Rung("+ multi-object sampling", 0.41, "norm", "multi", "single"),
    Rung("+ SEL_multi", 0.62, "multi", "multi", "single"),
    Rung("+ L_multi", 0.69, "multi", "multi", "multi"),
)


def read_results(folder: Path | str) -> list[dict[str, Any]]:
    """The result files of a folder and of those in it, oldest first; other JSON files are left alone.

    Raises:
        SpatialGANError: there is no such folder, no result file of :data:`METRICS` in it, or one that is not whole.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SpatialGANError(f"{folder} is no folder; give the one that holds the result files")
    results = []
    for path in sorted(folder.rglob("*.json")):
        r = read_json(path)
        if not isinstance(r, dict) or r.get("result_version") != RESULT_VERSION or r.get("metric") not in METRICS:
            continue
        missing = [key for key in ("values", "model", "num_samples", "date") if key not in r]
        if missing:
            raise SpatialGANError(f"{path} is not a whole result file: it has no {', '.join(missing)}")
        results.append(r)
    if not results:
        raise SpatialGANError(f"{folder} holds no result files; write them with `spatialgan eval comove --json F.json`")
    return sorted(results, key=lambda r: r["date"])


def table_1(results: Sequence[dict[str, Any]]) -> str:
    """Table I, the Co-move ratio rung by rung, as Markdown.

    A rung has a row for each model that fits it, and one that says so where there is none. Of several Co-move results
    of the same weights the newest counts, of several Fréchet distances the one of most pictures.
    """
    comoves = {_weights(r): r for r in results if r["metric"] == "comove"}
    distances = {_weights(r): r for r in sorted(results, key=lambda r: r["num_samples"]) if r["metric"] == "fd"}
    configured = {_weights(r): r["model"] for r in results if "config" in r["model"]}
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for rung in RUNGS:
        found = [(w, m) for w, m in configured.items() if rung.fits(m["config"])]
        for weights, model in sorted(found, key=lambda f: (f[1]["kimg"] or 0, f[1]["name"])) or [(None, None)]:
            lines.append(_row(rung, model, comoves.get(weights), distances.get(weights)))
    return "\n".join([*lines, "", *_notes(list(comoves.values()), list(distances.values()))]) + "\n"


def _row(rung: Rung, model: dict[str, Any] | None, comove: dict[str, Any] | None, fd: dict[str, Any] | None) -> str:
    paper = "N/A" if rung.paper is None else f"{rung.paper:.2f}"
    if comove is not None:
        v = comove["values"]
        low, high = v["ratio"]["mean_interval"] or (None, None)
        measured = [f"{_number(v['ratio']['mean'])} ({_number(low)} to {_number(high)})",
                    *(_number(v[name]["mean"]) for name in ("chance", "control", "locality", "identity")),
                    *(f"{v[name]:.1%}" for name in ("no_object", "no_match"))]
    else:
        measured = ["N/A" if rung.paper is None else NOT_MEASURED, *[""] * 6]
    distance = "" if fd is None else f"{fd['values']['distance']:.1f}"
    kimg = "" if model is None or model["kimg"] is None else f"{model['kimg']:g}"
    name = "" if model is None else f"`{model['name']}`"
    return f"| {' | '.join([rung.name, paper, *measured, distance, kimg, name])} |"


def _notes(comoves: list[dict[str, Any]], distances: list[dict[str, Any]]) -> list[str]:
    """What the numbers depend on."""
    notes = ["Paper: Table I, LSUN Bedroom at 256x256, Mask R-CNN."]
    for r in {(c["segmenter"]["name"], c["num_samples"], c["values"]["shortest"], c["values"]["longest"]): c
              for c in comoves}.values():
        v = r["values"]
        notes.append(f"Ours: {r['num_samples']} samples, moves of {v['shortest']:g} to {v['longest']:g} image widths, "
                     f"objects by {r['segmenter']['name']}.")
    if comoves:
        notes.append("Chance: the ratio with objects matched in another sample's picture. Control: movements along "
                     "unrelated directions. Locality: change outside the object over change inside. Identity: cosine "
                     "of the object's features before and after.")
    for network, samples in sorted({(r["features"]["network"], r["num_samples"]) for r in distances}):
        notes.append(f"FD: Fréchet distance in features of {network}, {samples} pictures.")
    return [f"{note}  " for note in notes]  # two spaces: a line break in Markdown


def _weights(result: dict[str, Any]) -> str:
    return result["model"]["weights_sha256"]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
