"""Tables of what was measured on models, from docs/results and benchmarks/results."""

import json
from collections.abc import Iterable
from typing import Any

from result_files import FLOORS, MODEL, ROOT, load, with_interval

CLASSES = 5  # that the Co-move table has, the commonest first
PAPER_COMOVE = 0.69  # Table I, rooms after 25 million images
PAPER_COST = "about 30 %"  # of training time over StyleGAN2, Section 4.1
FAR = 60 / 256  # the longer distance of Table II, in image widths


def results_table() -> str:
    """The README's one table: each claim, what to compare it with, and its file."""
    response = load("docs/results/response.json")["values"]["measures"]["detector"]
    comove = {name: load(f"docs/results/{name}.json")["values"] for name in ("comove", "comove-independent")}
    antithetic, single = comove["comove"]["antithetic"], comove["comove-independent"]
    seeds = load("benchmarks/results/steering.json")["seeds"].values()
    cost = load("benchmarks/results/step_time.json")["table"]["+ SEL + alignment"]
    latency = load("benchmarks/results/studio_latency.json")["models"]
    drags = [drag_rows(name) for name in ("drag", "drag-floors")]
    rows = [
        (
            "Cats: how far a face follows the moved heatmap (1 exactly, 0 not at all)",
            with_interval(response["response"]),
            f"in a random direction {with_interval(response['control'])}",
            "docs/results/response.json",
        ),
        (
            "Floors: how far a piece of furniture follows its heatmap, moved there and back (antithetic Co-move ratio)",
            with_interval(antithetic["ratio"]),
            f"chance {with_interval(antithetic['chance'])}",
            "docs/results/comove.json",
        ),
        (
            f"... of the {antithetic['ratio_in_frame']['count']} pieces that the picture's edge does not cut off",
            with_interval(antithetic["ratio_in_frame"]),
            f"chance {with_interval(antithetic['chance_in_frame'])}",
            "docs/results/comove.json",
        ),
        (
            "All pieces, single-sided, in independent layouts, as in the paper's Table I (its centres lie farther out)",
            with_interval(single["ratio"]),
            f"chance {with_interval(single['chance'])}; the paper {PAPER_COMOVE}, after 25 million images",
            "docs/results/comove-independent.json",
        ),
        (
            "The paper's losses alone, from scratch, on toy pictures: how far the object follows, five seeds",
            "{:.2f} to {:.2f}".format(*ends(row["with"]["response"] for row in seeds)),
            "without alignment {:.2f} to {:.2f}".format(*ends(row["without"]["response"] for row in seeds)),
            "benchmarks/results/steering.json",
        ),
        (
            "Dragging a point by 60/256: hybrid drags that arrive (cats, by rules that stopped DragGAN early; floors)",
            "; ".join(f"{d['hybrid', FAR]['success_without_noise']['mean']:.0%}" for d in drags),
            "DragGAN with its learning rate scaled to w, same models: "
            + "; ".join(f"{tuned(d)['success_without_noise']['mean']:.0%}" for d in drags),
            ("docs/results/drag.json", "docs/results/drag-floors.json"),
        ),
        (
            "... and the CPU seconds per drag (cats; floors, on a faster processor)",
            "; ".join(f"{d['hybrid', FAR]['cpu_seconds']['median']:.2f}" for d in drags),
            "the same DragGAN: " + "; ".join(f"{tuned(d)['cpu_seconds']['median']:.2f}" for d in drags),
            ("docs/results/drag.json", "docs/results/drag-floors.json"),
        ),
        (
            "Fréchet distance, in features of EfficientNet-Lite2 (cats; floors)",
            "; ".join(f"{load(f'docs/results/{n}.json')['values']['distance']:.0f}" for n in ("fd", "fd-floors")),
            "not FID, and not comparable with it",
            ("docs/results/fd.json", "docs/results/fd-floors.json"),
        ),
        (
            "What heatmaps and alignment add to a training step of StyleGAN2",
            f"{cost['over StyleGAN2 %']:+.1f} %",
            f"the paper: {PAPER_COST}",
            "benchmarks/results/step_time.json",
        ),
        (
            "Studio, from pointer to picture (cats; floors)",
            "; ".join(f"{latency[name]['latency_median_ms']:.0f} ms" for name in (MODEL, FLOORS)),
            "95th percentile " + "; ".join(f"{latency[name]['latency_p95_ms']:.0f} ms" for name in (MODEL, FLOORS)),
            "benchmarks/results/studio_latency.json",
        ),
    ]
    lines = ["| | measured | to compare with | from |", "|---" * 4 + "|"]
    for claim, value, other, source in rows:
        links = f"[file]({source})" if isinstance(source, str) else "[cats]({}), [floors]({})".format(*source)
        lines.append(f"| {claim} | {value} | {other} | {links} |")
    return "\n".join(lines)


def ends(values: Iterable[float]) -> tuple[float, float]:
    """The least and the greatest; no -0.00."""
    numbers = sorted(round(value, 2) + 0.0 for value in values)
    return numbers[0], numbers[-1]


def drag_rows(name: str) -> dict[tuple[str, float], dict[str, Any]]:
    """A drag benchmark's rows of the model itself, not of the baseline, by method and distance."""
    result = load(f"docs/results/{name}.json")
    rows = [r for r in result["values"]["rows"] if r["model"] == result["model"]["name"]]
    return {(r["method"], r["distance"]): r for r in rows}


def tuned(rows: dict[tuple[str, float], dict[str, Any]]) -> dict[str, Any]:
    """The row of the tuned DragGAN, which earlier files call latent."""
    return rows.get(("DragGAN, tuned", FAR)) or rows["latent", FAR]


def frechet_table() -> str:
    """Fréchet distances of the bundled models."""
    lines = ["| | distance | pictures | real pictures |", "|---" * 4 + "|"]
    for model, name in ((MODEL, "fd"), (FLOORS, "fd-floors")):
        v = load(f"docs/results/{name}.json")["values"]
        lines.append(f"| `{model}` | {v['distance']:.0f} | {v['num_generated']:,} | {v['num_reference']:,} |")
    return "\n".join(lines)


def card_table(name: str) -> str:
    """What a bundled model is, from its card."""
    from spatialgan.model import read_card

    config, card = read_card(ROOT / f"src/spatialgan/zoo/{name}.json")
    measured = card.get("measured", {})
    weights = ROOT / f"src/spatialgan/zoo/{name}.safetensors"
    sizes = [p.stat().st_size / 2**20 for p in (weights, weights.with_suffix(".discriminator.safetensors"))]
    rows = {
        "pictures": f"{config.model.resolution}x{config.model.resolution}, {config.model.layout} layouts",
        "data": card["data"],
        "terms": card["terms"],
        "schedule": card["schedule"],
        "training took": f"{card['hours']:g} hour{'' if card['hours'] == 1 else 's'} on {card['hardware']}",
        "files": f"{sizes[0]:.1f} MB, and {sizes[1]:.1f} MB of the discriminator; half precision",
        "weaknesses": card["weaknesses"],
    }
    if (m := measured.get("fd")) is not None:
        rows["Fréchet distance"] = f"{m['distance']:.0f}: {m['pictures']:,} pictures, {m['real_pictures']:,} real ones"
    if (m := measured.get("comove")) is not None:
        rows["Co-move, antithetic"] = f"{with_interval(m['ratio'])}; chance {with_interval(m['chance'])}"
        rows[f"... of the {m['in_frame']} things that the edge does not cut off"] = with_interval(m["ratio_in_frame"])
        rows["nothing at the centre"] = f"{m['nothing_there']:.0%} of {m['pairs']} pairs"
        rows["taken for another kind after a move"] = f"{m['label_changed']:.0%}"
        rows["what else changes"] = with_interval(m["locality"])
    if (m := measured.get("response")) is not None:
        rows["response of faces"] = (
            f"{with_interval(m['response'])}; in a random direction {with_interval(m['control'])}"
        )
        rows["faces found"] = f"in both pictures in {m['found_in_both']:.0%} of {m['pairs']} pairs"
    if (m := measured.get("drag")) is not None:
        name = f"hybrid drags by {m['distance'] * 256:.0f}/256"
        rows[name] = f"{m['arrived']:.0%} arrive; {m['cpu_seconds']:.2f} s on a core"
    lines = [f"| {key} | {value} |" for key, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


ALONG = {  # column of the table: field of docs/results/zoo, how it is written
    "thousand adversarial images": ("kimg", "{:.0f}"),
    "Fréchet distance": ("fd", "{:.0f}"),
    "precision": ("precision", "{:.2f}"),
    "recall": ("recall", "{:.3f}"),
    "r_v": ("r_v", "{:.2f}"),
    "follows (Co-move)": ("ratio", "{:.2f}"),
    "chance": ("chance", "{:.2f}"),
    "nothing there": ("nothing_there", "{:.0%}"),
    "what is at the centre follows (response)": ("response_matcher", "{:.2f}"),
    "faces follow (response)": ("response_detector", "{:.2f}"),
    "faces in both": ("found_detector", "{:.0%}"),
}


def growth_table(run: str, **continued: int) -> str:
    """How a long run progressed, by snapshot, with the runs that continued it after that many thousand images."""
    lines = [
        {**line, "kimg": begun + line["kimg"]} for name, begun in {run: 0, **continued}.items() for line in grown(name)
    ]
    columns = {name: c for name, c in ALONG.items() if any(c[0] in line for line in lines)}
    rows = [[written(line, *c) for c in columns.values()] for line in lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (list(columns), ["---"] * len(columns), *rows))


def grown(run: str) -> list[dict[str, Any]]:
    """What benchmarks/zoo.py measured of a run, the first snapshot first."""
    lines = [json.loads(line) for line in (ROOT / f"docs/results/zoo/{run}.jsonl").read_text().splitlines()]
    return sorted(lines, key=lambda line: line["kimg"])


def written(line: dict[str, Any], field: str, form: str) -> str:
    """A cell; empty where that was not measured."""
    return form.format(line[field]) if field in line else ""


def paper_table(number: int) -> str:
    """A table of the paper, of the small budget's runs."""
    from spatialgan.reproduction.recipes import read_budget
    from spatialgan.reproduction.tables import table

    return table(read_budget("small"), number, ROOT / "docs/results/tables").strip()


def self_test_table() -> str:
    """The Co-move ratio of objects that were moved by known distances, so that 1 is correct."""
    lines = ["| | exact masks | the bundled segmenter | samples |", "|---" * 4 + "|"]
    names = {"128": "rooms, 128", "64": "rooms, 64", "floors-64": "floors, 64", "floors-32": "floors, 32"}
    for name, label in names.items():
        v = load(f"docs/results/comove-self-test-{name}.json")["values"]
        cells = [f"{label} pixels", *(with_interval(v[part]["ratio"]) for part in ("exact_masks", "segmenter"))]
        lines.append(f"| {' | '.join(cells)} | {v['exact_masks']['num_samples']} |")
    return "\n".join(lines)


def response_table() -> str:
    """The response of the bundled cats."""
    lines = ["| how the subject is located | response | control | found in both |", "|---" * 4 + "|"]
    measures = load("docs/results/response.json")["values"]["measures"]
    for name, label in (
        ("detector", "face, by OpenCV's detector"),
        ("matcher", "what is drawn at the centre, by matching features"),
        ("attention_0", "D's attention, 4x4"),
        ("attention_2", "D's attention, 16x16"),
    ):
        m = measures[name]
        cells = [label, with_interval(m["response"]), with_interval(m["control"]), f"{m['response']['share']:.0%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def drag_table(name: str = "drag") -> str:
    """Table II of a drag benchmark: medians, and what the matcher found."""
    from spatialgan.evaluation.drag_table import drag_table as table

    return "\n".join(table([load(f"docs/results/{name}.json")]))


FORMS = {"sum": "ReLU of the sum", "channel": "ReLU on each channel"}


def focus_table() -> str:
    """By how much more the bundled models' discriminators look at a picture's own heatmaps and objects than at the next
    picture's, and how many maps are empty, by either form of attention."""
    from spatialgan.model import read_card

    lines = [
        "| D of | attention | empty maps, 4x4 | on heatmaps, 4x4 | 8x8 | 16x16 | on objects of real floors, 8x8 | "
        "beds | chairs |",
        "|---" * 9 + "|",
    ]
    for model in (MODEL, FLOORS):
        trained = read_card(ROOT / f"src/spatialgan/zoo/{model}.json")[0].loss.attention
        for form, label in FORMS.items():
            v = load(f"docs/results/attention/{model}-{form}.json")["values"]
            heatmaps = v["heatmaps"].values()
            real = [v["objects"], v["by_class"].get("bed"), v["by_class"].get("chair")]
            cells = [
                f"`{model}`",
                label + (", as trained" if form == trained else ""),
                f"{v['heatmaps']['level0']['empty']:.0%}".replace("%", " %"),
                *(with_interval(level["beyond"]) for level in heatmaps),
                *("" if levels is None else with_interval(levels["level1"]["beyond"]) for levels in real),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def comove_table() -> str:
    """The Co-move ratio of the bundled floors: both protocols, also by class."""
    lines = ["| | antithetic | chance | single-sided, the paper's | chance |", "|---" * 5 + "|"]
    results = {name: load(f"docs/results/{name}.json")["values"] for name in ("comove", "comove-independent")}
    columns = [
        ("layouts as in training, spaced", results["comove"]),
        ("independent layouts, but as near to the middle as in training", results["comove-independent"]),
    ]
    for label, v in columns:
        both = (v["antithetic"], v)
        cells = [label, *(with_interval(c[part]) for c in both for part in ("ratio", "chance"))]
        lines.append(f"| {' | '.join(cells)} |")
        counts = "{} antithetic, {} single-sided".format(*(c["ratio_in_frame"]["count"] for c in both))
        cells = [f"... things that the edge does not cut off: {counts}"]
        cells += [with_interval(c[f"{part}_in_frame"]) for c in both for part in ("ratio", "chance")]
        lines.append(f"| {' | '.join(cells)} |")
    v = results["comove"]
    found = v["antithetic"]["by_class"]
    for kind in sorted(found, key=lambda kind: -found[kind]["count"])[:CLASSES]:
        cells = [
            f"{kind}{'es' if kind.endswith('ch') else 's'}",
            *(with_interval(c[part][kind]) for c in (v["antithetic"], v) for part in ("by_class", "chance_by_class")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def steering_table() -> str:
    """Response of models trained from scratch with alignment and without, seed by seed."""
    seeds = load("benchmarks/results/steering.json")["seeds"]
    lines = [f"| seed | {' | '.join(seeds)} |", "|---" * (len(seeds) + 1) + "|"]
    for name in ("with", "without"):
        rows = [row[name] for row in seeds.values()]
        cells = [f"{r['response']:.2f} ± {r['error']:.2f}".replace("-0.00", "0.00") for r in rows]
        lines.append(f"| {name} alignment | {' | '.join(cells)} |")
    return "\n".join(lines)


def retrofit_table() -> str:
    """A StyleGAN2 that learns to read heatmaps beside one that learns both at once: means and ranges over the seeds."""
    r = load("benchmarks/results/retrofit.json")
    kimg, begun, runs = r["batch"] / 1000, r["steps"], r["seeds"].values()

    def cell(run: str, kind: str, field: str, step: int, form: str) -> str:
        values = [p[field] for seed in runs for p in seed[run][kind] if p["step"] == step]
        if not values:
            return ""
        low, high = (form.format(f(values)).replace("-0.00", "0.00") for f in (min, max))
        return f"{form.format(sum(values) / len(values))} ({low} to {high})".replace("-0.00", "0.00")

    steps = [p["step"] for p in next(iter(runs))["retrofit"]["responses"]]
    lines = [
        "| thousand pictures in all | response, retrofitted | response, both at once | Fréchet distance, retrofitted | "
        "both at once |",
        "|---" * 5 + "|",
    ]
    for step in steps[:6] + steps[6::2]:
        cells = [
            f"{(begun + step) * kimg:.1f}",
            cell("retrofit", "responses", "response", step, "{:.2f}"),
            cell("scratch", "responses", "response", begun + step, "{:.2f}"),
            cell("retrofit", "distances", "fd", step, "{:.0f}"),
            cell("scratch", "distances", "fd", begun + step, "{:.0f}"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def retrofit_floors_table() -> str:
    """The same of furniture: a plain StyleGAN2, retrofitted, and a model that learnt both at once."""
    models = (  # run, thousand images before those that its snapshots count
        ("plain StyleGAN2", "plain-floors64", 0),
        ("... retrofitted", "retrofit-floors64", 100),
        ("both at once, `floors64`", "floors64", 40),
    )
    columns = {name: ALONG[name] for name in ("Fréchet distance", "follows (Co-move)", "chance", "nothing there")}
    lines = [f"| | thousand pictures in all | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for label, run, before in models:
        for line in grown(run):
            cells = [f"{before + line['kimg']:.0f}", *(written(line, *c) for c in columns.values())]
            lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def invert_table() -> str:
    """What each step of an inversion achieves, on photographs that training never saw."""
    r = load("docs/results/invert/cats-64.json")["values"]
    lines = [
        "| step | PSNR, dB | perceptual distance | of a random picture's | seconds | response of edits |",
        "|---" * 6 + "|",
    ]
    for name, s in r["stages"].items():
        found = s["response"]
        cells = [
            {"nearest": "nearest of 1,000", "codes": "heatmaps and codes", "tuned": "tuned"}[name],
            f"{s['psnr_db']:.1f}",
            f"{s['perceptual']:.2f}",
            f"{s['share']:.0%}",
            f"{s['seconds']:.0f}",
            f"{found['mean']:.2f} ({found['found']} of {found['of']} found)",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    own = r["random pictures"]["response"]
    lines.append(f"| random pictures | | | 100% | | {own['mean']:.2f} ({own['found']} of {own['of']} found) |")
    return "\n".join(lines)
