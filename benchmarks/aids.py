"""Which aids pay? Furniture from above, 64 pixels: the preset, then one thing changed at a time, alignment among them.

    python benchmarks/aids.py train --data floors128.zip --runs runs/aids --only preset noalign
    python benchmarks/aids.py measure --data floors128.zip --runs runs/aids
    python benchmarks/aids.py table

Each variant reconstructs for as many images and then trains adversarially for as many, one process of one thread; where
only the second part differs, both start from the same reconstruction. The same command again goes on where it was
stopped. What was measured lies in docs/results/aids, beside one row of pictures a variant: the same seeds for all.

Variants that are no more in the code (FORMER) were measured at the commit that their results name.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "docs/results/aids"
RECONSTRUCT_KIMG, ADVERSARIAL_KIMG = 40, 20
PAIRS, PICTURES, SEED = 500, 2000, 5000  # of Co-move, of the Frechet distance; no seed that training's grids show
SHOWN = "0-11"


@dataclass(frozen=True)
class Variant:
    label: str
    settings: tuple[str, ...] = ()
    start: str = "preset"
    """The variant whose reconstruction it takes up; its own where the settings change what is reconstructed."""


VARIANTS = {
    "preset": Variant("the preset"),
    "noalign": Variant("no alignment", ("loss.align=none",)),
    "real": Variant("attention of what speaks for real", ("loss.attention_sign=real",)),
    "sum": Variant("attention of the sum (the textbook's form)", ("loss.attention=sum",)),
    "nospacing": Variant("independent layouts", ("model.object_spacing=0",)),
    "nocoords": Variant("no object coordinates", ("model.coordinates_max_resolution=0",), "nocoords"),
}
FORMER = {
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
    variant = VARIANTS[name]
    common = [
        "--data",
        str(data),
        "--preset",
        "rooms64",
        "--device",
        "cpu",
        "--set",
        f"train.snapshot_kimg={ADVERSARIAL_KIMG}",
    ]
    first, second = runs / f"{variant.start}-rec", runs / name
    settings = [word for s in VARIANTS[variant.start].settings for word in ("--set", s)]
    spatialgan(
        "train",
        *common,
        *settings,
        "--set",
        f"aids.reconstruct_kimg={RECONSTRUCT_KIMG}",
        "--kimg",
        str(RECONSTRUCT_KIMG),
        "--out",
        str(first),
    )
    settings = [word for s in variant.settings for word in ("--set", s)]
    start = [] if (second / "config.json").exists() else ["--init-from", str(first)]
    spatialgan(
        "train",
        *common,
        *settings,
        "--set",
        "aids.reconstruct_kimg=0",
        "--kimg",
        str(ADVERSARIAL_KIMG),
        "--out",
        str(second),
        *start,
    )
    return second


def measure(name: str, data: Path, run: Path) -> None:
    """Co-move, Frechet distance, speed and a row of pictures, where they are not there yet."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    common = ("--model", str(run), "--seed", str(SEED))
    comove, fd = RESULTS / f"comove-{name}.json", RESULTS / f"fd-{name}.json"
    if not comove.exists():
        spatialgan("eval", "comove", *common, "--samples", str(PAIRS), "--segmenter", "floors", "--json", str(comove))
    if not fd.exists():
        spatialgan("eval", "fd", *common, "--data", str(data), "--samples", str(PICTURES), "--json", str(fd))
    if not (RESULTS / f"{name}.png").exists():
        spatialgan("generate", "--model", str(run), "--seeds", SHOWN, "--grid", "--out", str(run / "shown"))
        (RESULTS / f"{name}.png").write_bytes((run / "shown/grid.png").read_bytes())
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    speed = {"images_per_sec": statistics.median(line["images_per_sec"] for line in lines)}
    (RESULTS / f"speed-{name}.json").write_text(json.dumps(speed) + "\n")


def table() -> str:
    """What has been measured, as Markdown."""
    lines = ["| | follows (antithetic Co-move) | chance | nothing there | FD | images/s |", "|---" * 6 + "|"]
    for name, label in {**{n: v.label for n, v in VARIANTS.items()}, **FORMER}.items():
        if not (RESULTS / f"fd-{name}.json").exists():
            continue
        comove, fd = (json.loads((RESULTS / f"{m}-{name}.json").read_text())["values"] for m in ("comove", "fd"))
        speed = json.loads((RESULTS / f"speed-{name}.json").read_text())["images_per_sec"]
        ours = comove["antithetic"]
        ratio, chance = (
            f"{s['mean']:.2f} ({s['mean_interval'][0]:.2f} to {s['mean_interval'][1]:.2f})"
            for s in (ours["ratio"], ours["chance"])
        )
        lines.append(f"| {label} | {ratio} | {chance} | {ours['no_object']:.0%} | {fd['distance']:.0f} | {speed:.0f} |")
    return "\n".join(lines)


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
        elif (args.runs / name / "snapshots").is_dir():
            measure(name, args.data, args.runs / name)
    if args.what != "train":
        print(table())


if __name__ == "__main__":
    main()
