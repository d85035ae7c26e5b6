"""Retrofitting against training from scratch: how soon pictures follow their heatmaps, and what it costs in quality.

    python benchmarks/retrofit.py train --data catheads.zip --runs runs/retrofit --only plain
    python benchmarks/retrofit.py train --data catheads.zip --runs runs/retrofit --only retrofit scratch
    python benchmarks/retrofit.py measure --data catheads.zip --runs runs/retrofit
    python benchmarks/retrofit.py table

Cats' heads at 64 pixels, the paper's losses and its discriminator, no aids, one process of one thread a run. The plain
StyleGAN2 sees PLAIN_KIMG thousand pictures and is then retrofitted (``--preset retrofit-single``); the other learns all
at once. Snapshots are measured by the response of a detector of faces (240 pairs) and the Frechet distance (2,000
pictures); both lie in docs/results/retrofit, with the same pictures drawn by each. The same command again goes on where
it was stopped.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from zoo import evaluated, spatialgan

RESULTS = Path(__file__).resolve().parents[1] / "docs/results/retrofit"
PLAIN_KIMG, RETROFIT_KIMG, SNAPSHOT_KIMG = 100, 50, 10
SEED, PICTURES, PAIRS = 5000, 2000, 240
SHOWN = "0-15"
COMMON = (
    "data.mirror=true",
    "data.holdout=20",
    "loss.r1_gamma=0.5",
    "train.batch_size=16",
    "train.precision=bfloat16",
    "train.ema_half_life_kimg=5",
    "train.g_lr=0.001",
    "train.d_lr=0.002",
)
LAYERS = (
    "model.resolution=64",
    "model.z_dim=128",
    "model.w_dim=128",
    "model.mapping_layers=2",
    "model.channel_base=1024",
    "model.channel_max=256",
)
HEATMAPS = ("model.center_std=0.14", "model.sel_residual_kernel=1")
RUNS = {
    "plain": (
        "cats128",
        PLAIN_KIMG,
        (*LAYERS, "model.encoding=none", "loss.align=none", f"train.snapshot_kimg={PLAIN_KIMG}"),
    ),
    "retrofit": ("retrofit-single", RETROFIT_KIMG, (*HEATMAPS, f"train.snapshot_kimg={SNAPSHOT_KIMG}")),
    "scratch": (
        "cats128",
        PLAIN_KIMG + RETROFIT_KIMG,
        (*LAYERS, *HEATMAPS, f"train.snapshot_kimg={SNAPSHOT_KIMG}"),
    ),
}  # preset, thousands of pictures, what is set beside COMMON


def train(name: str, data: Path, runs: Path) -> None:
    """Train a run, as far as that is still to do."""
    preset, kimg, settings = RUNS[name]
    words = [word for s in (*COMMON, "train.augment=none", *settings) for word in ("--set", s)]
    if name == "retrofit":
        words += ["--init-from", str(runs / "plain")]
    out = ("--out", str(runs / name))
    spatialgan("train", "--data", str(data), "--preset", preset, "--kimg", str(kimg), "--device", "cpu", *words, *out)


def measure(name: str, data: Path, run: Path) -> None:
    """Append a line for each snapshot that has none yet."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.jsonl"
    done = [line["kimg"] for line in lines_of(name)]
    for snapshot in sorted(p for p in (run / "snapshots").glob("*.safetensors") if "discriminator" not in p.name):
        kimg = int(snapshot.stem) / 1000
        if kimg in done or kimg % SNAPSHOT_KIMG >= 1:  # where a run was stopped it wrote one as well
            continue
        model = ("--model", str(snapshot), "--seed", str(SEED))
        line: dict[str, Any] = {"kimg": kimg}
        line["fd"] = evaluated(["fd", *model, "--data", str(data), "--samples", str(PICTURES)])["distance"]
        if name != "plain":
            found = evaluated(["response", *model, "--samples", str(PAIRS)])["measures"]["detector"]
            line |= {k: found[k]["mean"] for k in ("response", "control")} | {"found": found["response"]["count"]}
        with path.open("a") as f:
            f.write(json.dumps(line) + "\n")
        with tempfile.TemporaryDirectory() as folder:
            spatialgan("generate", "--model", str(snapshot), "--seeds", SHOWN, "--grid", "--out", folder)
            (RESULTS / f"{name}-{kimg:.0f}.png").write_bytes((Path(folder) / "grid.png").read_bytes())


def lines_of(name: str) -> list[dict[str, Any]]:
    path = RESULTS / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table() -> str:
    """What has been measured, as Markdown; pictures shown count those of the plain model, too."""
    names = ("fd", "response", "control", "found")
    rows = ["| run | kimg in all | FD | response | control | pairs found |", "|---" * 6 + "|"]
    for run in RUNS:
        for line in lines_of(run):
            kimg = line["kimg"] + (PLAIN_KIMG if run == "retrofit" else 0)
            cells = [f"{line[n]:.3g}" if line.get(n) is not None else "" for n in names]
            rows.append(f"| {run} | {kimg:.0f} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "measure", "table"))
    parser.add_argument("--data", type=Path, help="the pictures")
    parser.add_argument("--runs", type=Path, help="folder for the trainings")
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS))
    args = parser.parse_args()
    if args.what != "table" and (args.data is None or args.runs is None):
        parser.error(f"{args.what} needs --data and --runs")
    for name in args.only if args.what != "table" else ():
        if args.what == "train":
            train(name, args.data, args.runs)
        elif (args.runs / name).exists():
            measure(name, args.data, args.runs / name)
    print(table())


if __name__ == "__main__":
    main()
