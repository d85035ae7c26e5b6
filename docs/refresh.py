"""Makes anew what the documents take from elsewhere: the README's tables and pictures, docs/method.md's line numbers.

    python docs/refresh.py            # tables, from docs/results and benchmarks/results, and line numbers
    python docs/refresh.py --images   # pictures of the bundled models as well, a minute

Tests see that tables and line numbers are right.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from spatialgan.evaluation.tables import read_results, table_1

ROOT = Path(__file__).resolve().parents[1]
MODEL, ROOMS = "cats-64", "rooms-64"
STEER_SEEDS = (3, 6)
SAMPLE_SEEDS = range(24)
ROOM_SEEDS = (18, 1, 22)


def load(name: str) -> dict[str, Any]:
    return json.loads((ROOT / name).read_text())


def measure(result: dict[str, Any], name: str, which: str) -> str:
    """``0.31 (0.25 to 0.37)``: a mean with its 95 % interval."""
    summary = result["values"]["measures"][name][which]
    if summary["mean"] is None:
        return "none found"
    low, high = summary["mean_interval"]
    return f"{summary['mean']:.2f} ({low:.2f} to {high:.2f})"


def response_table() -> str:
    """The response of the bundled model, and of two trained equally long, with and without alignment."""
    rows = [("bundled `cats-64`", load("docs/results/response.json")),
            ("the same run after 10 kimg of the game", load("docs/results/response-aligned.json")),
            ("as long as that, without alignment", load("docs/results/response-unaligned.json"))]
    lines = ["| model | kimg | D's attention, 4x4 | control | D's attention, 16x16 | control | "
             "face, by detector | control | both found |",
             "|---|---|---|---|---|---|---|---|---|"]
    for label, r in rows:
        found = r["values"]["measures"]["detector"]["response"]["share"]
        cells = [measure(r, n, w) for n in ("attention_0", "attention_2", "detector") for w in ("response", "control")]
        lines.append(f"| {label} | {r['model']['kimg']:g} | " + " | ".join(cells) + f" | {found:.1%} |")
    return "\n".join(lines)


def cost_table() -> str:
    """Milliseconds of a training step, from benchmarks/results."""
    r = load("benchmarks/results/step_time.json")
    lines = ["| | G forward ms | G backward ms | D step ms | whole step ms | images/s | over StyleGAN2 | over + SEL |",
             "|---|---|---|---|---|---|---|---|"]
    for name, row in r["table"].items():
        over = [f"{row[k]:+.1f} %" if k in row else "" for k in ("over StyleGAN2 %", "over + SEL %")]
        cells = [row[k] for k in ("G forward ms", "G backward ms", "D step ms", "whole step ms", "images/s")]
        lines.append(f"| {name} | " + " | ".join(str(c) for c in cells) + f" | {over[0]} | {over[1]} |")
    return "\n".join(lines)


def percent(summary: dict[str, Any]) -> str:
    """``8.2 %``: a median share of the image width."""
    return "none" if summary["median"] is None else f"{summary['median']:.1%}".replace("%", " %")


def drag_table(name: str = "drag") -> str:
    """Medians of a drag benchmark, and how often the judge could tell and found the point at its target."""
    lines = ["| | moved by | steps | CPU seconds | left, by its own tracker | left, by the judge | the judge could "
             "tell | arrived |", "|---|---|---|---|---|---|---|---|"]
    result = load(f"docs/results/{name}.json")
    for r in result["values"]["rows"]:
        plain = r["model"] != result["model"]["name"]
        method = f"plain StyleGAN2: {r['method']}" if plain else r["method"]
        cells = [method, f"{round(256 * r['distance'])}/256", f"{r['steps']['median']:.0f}",
                 f"{r['cpu_seconds']['median']:.2f}", percent(r["tracked"]), percent(r["matched_without_noise"]),
                 f"{r['matched_without_noise']['share']:.0%}", f"{r['success_without_noise']['mean']:.0%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def ladder_table() -> str:
    """Table I, rung by rung, of models trained alike."""
    return table_1(read_results(ROOT / "docs/results/ladder")).split("\n\n")[0]


SWEEP = {  # result files by name, and what the games that they are of have other than the preset
    "default": "the preset: all levels, weight 1",
    "seed1": "the same, another seed",
    "none": "no alignment",
    "none-seed1": "no alignment, another seed",
    "weight0.3": "weight 0.3",
    "weight4": "weight 4",
    "level0": "attention of 4x4 alone",
    "level2": "attention of 16x16 alone",
    "narrow": "heatmaps 2/3 as wide",
    "wide": "heatmaps 3/2 as wide",
    "bare": "the paper's losses alone: neither co-move loss nor reconstruction",
    "bare-seed1": "so, another seed",
    "bare-none": "so, and no alignment",
    "bare-none-seed1": "so, no alignment, another seed",
    "bare-weight4": "so, weight 4",
    "bare-single": "so, but Eq. 4 in place of Eq. 5",
}
OTHER_WIDTHS = ("narrow", "wide")  # their focus has another range
FOCUS = {  # result files by name, and whose discriminator they are of
    "cats-64": "bundled `cats-64`",
    "rooms-64": "bundled `rooms-64`",
    "rooms64-game-10": "`rooms64` trained anew, 10 kimg of the game",
    "rooms64-game-20": "the same, 20 kimg",
    "rooms64-game-40": "the same, 40 kimg",
    "rooms64-game-60": "the same, 60 kimg",
}


NOT_MEASURED = ("not measured", "")  # a ratio, and chance


def with_interval(summary: dict[str, Any]) -> str:
    """``0.31 (0.25 to 0.37)``: a mean with its 95 % interval."""
    low, high = summary["mean_interval"]
    return f"{summary['mean']:.2f} ({low:.2f} to {high:.2f})"


def alignment_table() -> str:
    """The sweep of the alignment of rooms: games of equal length that follow the same reconstruction."""
    lines = ["| game | Co-move ratio | median | chance | windows | beds | no object | FD | focus on heatmaps, 8x8 |",
             "|---" * 9 + "|"]
    for name, label in SWEEP.items():
        v, fd, attention = (load(f"docs/results/alignment/{metric}-{name}.json")["values"]
                            for metric in ("comove", "fd", "attention"))
        focus = attention["heatmaps"]["level1"]["own"]["mean"]
        cells = [label, with_interval(v["ratio"]), f"{v['ratio']['median']:.2f}", f"{v['chance']['mean']:.2f}",
                 *(f"{v['by_class'][kind]['mean']:.2f}" for kind in ("window", "bed")),
                 f"{v['no_object']:.0%}", f"{fd['distance']:.0f}", "" if name in OTHER_WIDTHS else f"{focus:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def focus_table() -> str:
    """By how much more discriminators look at a picture's own heatmaps and objects than at the next picture's."""
    lines = ["| | heatmaps, 4x4 | 8x8 | 16x16 | objects of real rooms, 4x4 | 8x8 | 16x16 |", "|---" * 7 + "|"]
    for name, label in FOCUS.items():
        v = load(f"docs/results/attention/{name}.json")["values"]
        cells = [label]
        for levels in (v["heatmaps"], v["objects"] or {}):
            cells += [with_interval(level["beyond"]) for level in levels.values()] or [""] * 3
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def comove_table() -> str:
    """The Co-move ratio of the bundled rooms by both protocols; what follows chance is of the paper's."""
    lines = ["| layouts | antithetic | chance | single-sided | median | chance | control | locality | identity | "
             "no object |", "|---" * 10 + "|"]
    for layouts, name in (("as in training, spaced", "comove"), ("independent, as the paper's", "comove-independent")):
        v = load(f"docs/results/{name}.json")["values"]
        ours = v.get("antithetic")  # earlier result files have none
        cells = [layouts, *([with_interval(ours[part]) for part in ("ratio", "chance")] if ours else NOT_MEASURED),
                 with_interval(v["ratio"]), f"{v['ratio']['median']:.2f}",
                 *(with_interval(v[part]) for part in ("chance", "control", "locality", "identity")),
                 f"{v['no_object']:.0%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


LATENCY_PARTS = ("queue", "generator", "encode", "network", "decode and paint", "screen")


def latency_table() -> str:
    """From the pointer's move to new pixels, in milliseconds, and where they go; from benchmarks/results."""
    r = load("benchmarks/results/studio_latency.json")
    lines = [f"| | median ms | p95 ms | pictures a second | {' | '.join(LATENCY_PARTS)} |",
             "|---" * (4 + len(LATENCY_PARTS)) + "|"]
    for name, m in r["models"].items():
        parts = [f"{m['parts_median_ms'][part]:.1f}" for part in LATENCY_PARTS]
        cells = [f"`{name}`", f"{m['latency_median_ms']:.0f}", f"{m['latency_p95_ms']:.0f}",
                 f"{m['frames_per_second']:.0f}", *parts]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


TABLES = {"latency": latency_table, "response": response_table, "cost": cost_table, "drag": drag_table,
          "drag-rooms": lambda: drag_table("drag-rooms"), "comove": comove_table,
          "ladder": ladder_table, "alignment": alignment_table, "focus": focus_table}


def with_tables(text: str) -> str:
    """The README's text with every table between its marks made anew."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        head, rest = text.split(begin)
        text = head + begin + make() + end + rest.split(end)[1]
    return text


REFERENCE = re.compile(r"`(?P<symbol>[\w.]+)`, \[(?P<name>[\w/]+\.py):\d+\]\(\.\./(?P<path>[\w/]+\.py)#L\d+\)")


def line_of(symbol: str, path: Path) -> int:
    """Where a function, class or ``Class.method`` is defined; raises ValueError where it is not."""
    lines = path.read_text().splitlines()
    found = 0
    for part in symbol.split("."):
        found = next((i for i, text in enumerate(lines, 1)
                      if i > found and re.match(rf"\s*(def|class) {part}\b", text)), 0)
        if not found:
            raise ValueError(f"{path} defines no {symbol}")
    return found


def with_lines(text: str) -> str:
    """docs/method.md's text with the line of every reference to code made anew."""

    def renew(match: re.Match[str]) -> str:
        line = line_of(match["symbol"], ROOT / match["path"])
        return f"`{match['symbol']}`, [{match['name']}:{line}](../{match['path']}#L{line})"

    return REFERENCE.sub(renew, text)


def make_images() -> None:
    """``steer.png``: the level-0 centre moved; ``samples.png`` and ``rooms.png``: random pictures, not chosen."""
    from spatialgan import SpatialGAN
    from spatialgan.editing.export import image_grid, save_png
    from spatialgan.editing.rendering import render_scenes
    from spatialgan.evaluation.figures import attention_grid, move_grid

    model = SpatialGAN.from_pretrained(MODEL)
    images = ROOT / "docs/images"
    save_png(move_grid(model, STEER_SEEDS, steps=7, mark_center=True), images / "steer.png", scale=0.5)
    pictures = render_scenes([model.sample(seed) for seed in SAMPLE_SEEDS])
    save_png(image_grid(pictures, columns=8, scale=2), images / "samples.png")
    save_png(attention_grid(model, (0, 1, 2, 3)), images / "attention.png", scale=0.5)
    rooms = SpatialGAN.from_pretrained(ROOMS)
    pictures = render_scenes([rooms.sample(seed) for seed in SAMPLE_SEEDS])
    save_png(image_grid(pictures, columns=8, scale=2), images / "rooms.png")
    save_png(image_grid(render_scenes(room_edits(rooms)), columns=6, scale=2), images / "room-edits.png")
    save_png(image_grid(render_scenes(room_tasks(rooms)), columns=6, scale=2), images / "room-tasks.png")


def room_edits(model: Any) -> list[Any]:
    """Scenes: each room as it was, object 0 moved, 1 removed, 2 restyled, another background, all styles new."""
    scenes = []
    for seed in ROOM_SEEDS:
        scene = model.sample(seed)
        scenes += [scene, scene.move(0, dx=0.2), scene.remove(1), scene.restyle(2, seed=7),
                   scene.restyle("background", seed=5), scene.with_new_styles(11)]
    return scenes


def room_tasks(model: Any) -> list[Any]:
    """Scenes, two by two: a bed moved, a painting removed, a window restyled."""
    bed, painting, window = (model.sample(seed) for seed in (64, 2, 22))
    return [bed, bed.move(0, dx=0.2), painting, painting.remove(2), window, window.restyle(2, seed=7)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", action="store_true")
    if parser.parse_args().images:
        make_images()
    for path, renew in ((ROOT / "README.md", with_tables), (ROOT / "docs/method.md", with_lines)):
        path.write_text(renew(path.read_text()))


if __name__ == "__main__":
    main()
