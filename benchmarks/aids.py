"""Which aids pay? The presets for small computers, then one thing changed at a time, alignment among them.

    python benchmarks/aids.py train --data floors128.zip --runs runs/aids --only preset noalign
    python benchmarks/aids.py measure --data floors128.zip --runs runs/aids --only preset noalign
    python benchmarks/aids.py measure --data catheads128.zip --runs runs/aids --only cats cats-noalign
    python benchmarks/aids.py table

Each variant reconstructs and then trains adversarially for as many images as fit into the same time (cats' heads: for
as many images), one process of one thread; where only the second part differs, both start from the same
reconstruction. The same command again goes on where it was stopped. What was measured lies in docs/results/aids, beside
one row of pictures a variant: the same seeds for all. Furniture is followed by the segmenter (antithetic Co-move),
cats' heads by matching features (response).

Variants that are no longer in the code (FORMER) were measured at the commit that their results name.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "docs/results/aids"
RECONSTRUCT_KIMG = 40
PAIRS, PICTURES, SEED = 500, 2000, 5000  # of Co-move or response, of the Frechet distance; no seed of training's grids
SHOWN = "0-11"
ALONE = ("aids.place_weight=0",)  # all of these were measured without a head that sees places


@dataclass(frozen=True)
class Variant:
    label: str
    settings: tuple[str, ...] = ()
    start: str = "preset"
    """The variant whose reconstruction it takes up; its own where the settings change what that is."""
    preset: str = "floors64"
    kimg: int = 31
    """Of adversarial training."""


def cats(label: str, *settings: str, start: str = "cats") -> Variant:
    return Variant(label, settings, start, "cats64", kimg=100)


VARIANTS = {
    "preset": Variant("the preset"),
    "noalign": Variant("no alignment", ("loss.align=none",)),
    "real": Variant("attention of what speaks for real", ("loss.attention_sign=real",)),
    "sum": Variant("attention of the sum (the textbook's form)", ("loss.attention=sum",)),
    "nospacing": Variant("independent layouts", ("model.object_spacing=0",)),
    "nocoords": Variant("no object coordinates", ("model.coordinates_max_resolution=0",), "nocoords"),
    "cats": cats("alignment", "loss.align=single"),
    "cats-noalign": cats("no alignment: the preset"),
    "cats-seed1": cats("alignment, another seed", "loss.align=single", "train.seed=1", start="cats-seed1"),
    "cats-noalign-seed1": cats("no alignment, another seed", "train.seed=1", start="cats-seed1"),
}
FORMER = {  # of furniture
    "beside": "and reconstruction beside the adversarial loss",
    "beside-noalign": "... without alignment",
    "all": "... and gated coordinates, a mapping network for the background, a uniform constant, no noise inputs",
}


def spatialgan(*words: str) -> None:
    """Run a command in a process of one thread."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "spatialgan.cli", *words], env=env, check=True)


def train(name: str, data: Path, runs: Path) -> Path:
    """Train a variant, as far as that is still to do; returns its run folder."""
    variant, out = VARIANTS[name], runs / name
    common = ["train", "--data", str(data), "--preset", variant.preset, "--device", "cpu"]
    first = runs / f"{variant.start}-rec"
    own = (*VARIANTS[variant.start].settings, *ALONE, f"aids.reconstruct_kimg={RECONSTRUCT_KIMG}")
    spatialgan(*common, *chosen(own), "--kimg", str(RECONSTRUCT_KIMG), "--out", str(first))
    start = [] if (out / "config.json").exists() else ["--init-from", str(first)]
    settings = chosen((*variant.settings, *ALONE, "aids.reconstruct_kimg=0"))
    spatialgan(*common, *settings, "--kimg", str(variant.kimg), "--out", str(out), *start)
    return out


def chosen(settings: tuple[str, ...]) -> list[str]:
    """As words of the command."""
    return [word for s in settings for word in ("--set", s)]


def measure(name: str, data: Path, run: Path) -> None:
    """What follows, Frechet distance, speed and a row of pictures, where they are not there yet."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    common = ("--model", str(run), "--seed", str(SEED))
    metric, judge = follows(name)
    followed, fd = RESULTS / f"{metric}-{name}.json", RESULTS / f"fd-{name}.json"
    if not followed.exists():
        spatialgan("eval", metric, *common, "--samples", str(PAIRS), *judge, "--json", str(followed))
    if not fd.exists():
        spatialgan("eval", "fd", *common, "--data", str(data), "--samples", str(PICTURES), "--json", str(fd))
    if not (RESULTS / f"{name}.png").exists():
        spatialgan("generate", "--model", str(run), "--seeds", SHOWN, "--grid", "--out", str(run / "shown"))
        (RESULTS / f"{name}.png").write_bytes((run / "shown/grid.png").read_bytes())
    log = run if (run / "stats.jsonl").exists() else run.parents[1]  # of a run, or of one of its snapshots
    lines = [json.loads(line) for line in (log / "stats.jsonl").read_text().splitlines()]
    speed = {"images_per_sec": statistics.median(line["images_per_sec"] for line in lines)}
    (RESULTS / f"speed-{name}.json").write_text(json.dumps(speed) + "\n")


def follows(name: str) -> tuple[str, tuple[str, ...]]:
    """The metric by which a variant's pictures are seen to follow, and the judge that it needs."""
    single = name in VARIANTS and VARIANTS[name].preset == "cats64"
    return ("response", ()) if single else ("comove", ("--segmenter", "floors"))


def table() -> str:
    """What has been measured, as Markdown: a table of furniture, a table of cats' heads."""
    furniture = ["| | follows (antithetic Co-move) | chance | nothing there | FD | images/s |", "|---" * 6 + "|"]
    heads = [
        "| | response of what is at the centre | in a random direction | found again | faces in both | FD | images/s |",
        "|---" * 7 + "|",
    ]
    for name, label in {**{n: v.label for n, v in VARIANTS.items()}, **FORMER}.items():
        if not (RESULTS / f"fd-{name}.json").exists():
            continue
        metric, _ = follows(name)
        found, fd = (json.loads((RESULTS / f"{m}-{name}.json").read_text())["values"] for m in (metric, "fd"))
        speed = json.loads((RESULTS / f"speed-{name}.json").read_text())["images_per_sec"]
        if metric == "comove":
            both_ways = found["antithetic"]
            figures, shares = (both_ways["ratio"], both_ways["chance"]), [both_ways["no_object"]]
        else:
            # Few of these heads have a face that a detector knows.
            matched, faces = found["measures"]["matcher"], found["measures"]["detector"]
            figures = (matched["response"], matched["control"])
            shares = [matched["response"]["share"], faces["response"]["share"]]
        cells = [label, *map(with_interval, figures), *(f"{share:.0%}" for share in shares)]
        lines = furniture if metric == "comove" else heads
        lines.append(f"| {' | '.join(cells)} | {fd['distance']:.0f} | {speed:.0f} |")
    return "\n".join([*furniture, "", *heads] if len(heads) > 2 else furniture)


def with_interval(figure: dict[str, Any]) -> str:
    low, high = figure["mean_interval"]
    return f"{figure['mean']:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "measure", "table"))
    parser.add_argument("--data", type=Path, help="the pictures, with masks")
    parser.add_argument("--runs", type=Path, help="folder for the trainings")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    args = parser.parse_args()
    if args.what != "table" and (args.data is None or args.runs is None):
        parser.error("give --data and --runs")
    for name in args.only if args.what != "table" else ():
        if args.what == "train":
            train(name, args.data, args.runs)
        elif (args.runs / name).is_dir():
            measure(name, args.data, args.runs / name)
    if args.what != "train":
        print(table())


if __name__ == "__main__":
    main()
