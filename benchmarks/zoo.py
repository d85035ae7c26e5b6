"""How the models that we ship come along: every snapshot of a long run, measured once.

    python benchmarks/zoo.py --run runs/floors64 --data floors128.zip --segmenter floors
    python benchmarks/zoo.py --run runs/cats64 --data catheads.zip

Appends a line for each snapshot at a multiple of --every thousand images to docs/results/zoo/NAME.jsonl, NAME of the
run's folder, draws the same pictures for all beside it, and prints the table. With --segmenter objects are followed
(antithetic Co-move), without it heatmaps (response); in a plain StyleGAN2, neither. Every number has its command in
``spatialgan eval``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

RESULTS = Path(__file__).resolve().parents[1] / "docs/results/zoo"
SEED = 5000  # no seed that training's grids show
PICTURES, PAIRS = 2000, 240
SHOWN = "0-31"


def evaluated(words: list[str]) -> dict[str, Any]:
    """The values of one ``spatialgan eval``, in a process of one thread."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        spatialgan("eval", *words, "--json", str(path))
        return json.loads(path.read_text())["values"]


def spatialgan(*words: str) -> None:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "spatialgan.cli", *words], env=env, check=True, stdout=subprocess.DEVNULL)


def measure(snapshot: Path, data: Path, segmenter: str | None) -> dict[str, Any]:
    model, seed = ("--model", str(snapshot)), ("--seed", str(SEED))
    on_data = ("--data", str(data), "--samples", str(PICTURES))
    fd = evaluated(["fd", *model, *on_data, *seed])
    pr = evaluated(["pr", *model, *on_data, *seed])
    seen = evaluated(["overfitting", *model, "--data", str(data), *seed])
    line = {"fd": fd["distance"], "precision": pr["precision"], "recall": pr["recall"], "r_v": seen["r_v"]}
    pairs = ("--samples", str(PAIRS), *seed)
    if json.loads(snapshot.with_suffix(".json").read_text())["config"]["model"]["encoding"] == "none":
        return line  # no heatmaps
    if segmenter is not None:
        found = evaluated(["comove", *model, *pairs, "--segmenter", segmenter])["antithetic"]
        line |= {name: found[name]["mean"] for name in ("ratio", "chance")} | {"nothing_there": found["no_object"]}
    else:
        found = evaluated(["response", *model, *pairs])["measures"]
        line |= {f"response_{name}": measured["response"]["mean"] for name, measured in found.items()}
        line["found_detector"] = found["detector"]["response"]["share"]
    return line


def table(lines: list[dict[str, Any]]) -> str:
    """As Markdown, a row a snapshot."""
    names = list(lines[-1])
    rows = [" | ".join("" if r.get(n) is None else f"{r[n]:.3g}" for n in names) for r in lines]
    return "\n".join(f"| {row} |" for row in (" | ".join(names), "|".join(["---"] * len(names)), *rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--segmenter")
    # Snapshots in between, which a run writes where it is stopped, are not measured.
    parser.add_argument("--every", type=float, default=50, metavar="KIMG", help="of snapshots (default: %(default)g)")
    parser.add_argument("--newest", action="store_true", help="the newest snapshot alone")
    args = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{args.run.name}.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    snapshots = sorted(p for p in (args.run / "snapshots").glob("*.safetensors") if "discriminator" not in p.name)
    for snapshot in snapshots[-1:] if args.newest else snapshots:
        kimg = int(snapshot.stem) / 1000
        # A run that is stopped just after a snapshot writes another.
        measured = any(abs(line["kimg"] - kimg) < 1 for line in lines)
        if measured or (kimg % args.every >= 1 and not args.newest):
            continue
        lines.append({"kimg": kimg, **measure(snapshot, args.data, args.segmenter)})
        with path.open("a") as f:
            f.write(json.dumps(lines[-1]) + "\n")
        with tempfile.TemporaryDirectory() as folder:
            spatialgan("generate", "--model", str(snapshot), "--seeds", SHOWN, "--grid", "--out", folder)
            grid = Image.open(Path(folder) / "grid.png").convert("RGB")
            grid.save(RESULTS / f"{args.run.name}-{kimg:.0f}.jpg", quality=88)
    if lines:
        print(table(lines))


if __name__ == "__main__":
    main()
