"""Table II as Markdown, from results of ``spatialgan eval drag``: ours, with the paper's numbers beside them.

Whether a drag arrived is decided by a matcher that had no part in it, and may be unsure. That is no failure of the
drag: arrived, elsewhere and unsure add up to all drags.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from spatialgan.evaluation.summary import spread

PAPER_DISTANCES = (30, 60)  # pixels of 256
PAPER: dict[str, tuple[tuple[str, str], str]] = {  # method -> seconds by distance, steps
    "DragGAN, tuned": (("15", "31"), "30-200"),
    "DragGAN as published, adapted": (("15", "31"), "30-200"),
    "joint": (("18", "35"), "15-70"),
    "hybrid": (("6", "11"), "10-20"),
    "coarse move alone": (("< 1", "< 1"), "0"),
}
FORMER = {"latent": "DragGAN, tuned", "latent, as published": "DragGAN as published, adapted"}
"""Names in earlier result files, in which both stopped early."""
MEDIANS = ("cpu_seconds", "steps", "tracked", "outside", "matched_without_noise")
HEAD = (
    "",
    "moved by",
    "paper, seconds",
    "CPU seconds",
    "paper, steps",
    "steps",
    "arrived",
    "elsewhere",
    "matcher unsure",
    "left, where matched",
    "left, by its own tracker",
    "change outside",
)


def drag_table(results: Sequence[dict[str, Any]]) -> list[str]:
    """The lines of a table of medians and shares; of several results, as of training seeds, mean and deviation.

    Args:
        results: records of the metric ``drag``, at least one.
    """
    found: dict[tuple[bool, str, int], list[dict[str, Any]]] = {}
    for result in results:
        for row in result["values"]["rows"]:
            plain = row.get("plain", row["model"] != result["model"]["name"])  # earlier files have no plain
            found.setdefault((plain, row["method"], round(256 * row["distance"])), []).append(row)
    lines = [list(HEAD), ["---"] * len(HEAD)]
    rank = {name: i for i, name in enumerate(FORMER.values())}  # DragGAN first, the tuned one before the other
    order = {key: (rank.get(FORMER.get(key[1], key[1]), len(rank)), i) for i, key in enumerate(found)}
    for plain, method, moved in sorted(found, key=lambda key: (key[0], key[2], order[key])):
        lines.append(_line(plain, method, moved, found[plain, method, moved]))
    return [f"| {' | '.join(line)} |" for line in lines]


def are_rows(value: Any) -> bool:
    """Whether a JSON value is the rows of a result."""

    def is_row(row: Any) -> bool:
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("model", "method")):
            return False
        medians = [_summary(row, key).get("median", "") for key in MEDIANS]
        numbers = [
            row.get("distance"),
            _summary(row, "matched_without_noise").get("share"),
            _summary(row, "success_without_noise").get("mean"),
            *(median for median in medians if median is not None),  # null where nothing could be measured
        ]
        return all(is_number(number) for number in numbers)

    return isinstance(value, list) and all(map(is_row, value))


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def _summary(row: dict[str, Any], key: str) -> dict[str, Any]:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _line(plain: bool, method: str, moved: int, rows: list[dict[str, Any]]) -> list[str]:
    seconds, steps = PAPER.get(FORMER.get(method, method), (("", ""), ""))
    told = [row["matched_without_noise"]["share"] for row in rows]
    arrived = [row["success_without_noise"]["mean"] for row in rows]
    return [
        f"plain StyleGAN2: {method}" if plain else method,
        f"{moved}/256",
        seconds[PAPER_DISTANCES.index(moved)] if moved in PAPER_DISTANCES else "",
        _mean((row["cpu_seconds"]["median"] for row in rows), "{:.2f}"),
        steps,
        _mean((row["steps"]["median"] for row in rows), "{:.0f}"),
        _percent(arrived, 0),
        _percent((t - a for t, a in zip(told, arrived, strict=True)), 0),
        _percent((1 - t for t in told), 0),
        _percent(row["matched_without_noise"]["median"] for row in rows),
        _percent(row["tracked"]["median"] for row in rows),
        _percent(row["outside"]["median"] for row in rows),
    ]


def _mean(values: Iterable[float | None], form: str) -> str:
    known = [v + 0.0 for v in values if v is not None]
    if not known:
        return ""
    deviation = spread(known)
    text = form.format(sum(known) / len(known))
    return text if deviation is None else f"{text} ± {form.format(deviation)}"


def _percent(values: Iterable[float | None], digits: int = 1) -> str:
    text = _mean((None if v is None else abs(100 * v) for v in values), f"{{:.{digits}f}}")
    return f"{text} %" if text else ""
