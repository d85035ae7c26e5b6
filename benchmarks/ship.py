"""Bundle a run's newest snapshot: half precision, the residual part of its discriminator, and a card that says all.

    python benchmarks/ship.py --name floors-64 --run runs/floors64 --about about.json
    python benchmarks/ship.py --name floors-64 --measured docs/results/fd-floors.json docs/results/comove.json

ABOUT holds what no program knows: data, terms, hardware, hours, schedule, weaknesses. What the handles do is measured
(``eval handles``), with all of the discriminator that training had. What was measured on the way (benchmarks/zoo.py)
stays in docs/results/zoo. The second command writes what ``spatialgan eval`` found of the bundled model into its card;
of handles what they do, not how far they may go, of which the residual part of D alone is too lenient a judge.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from spatialgan.api import SpatialGAN
from spatialgan.evaluation.handles import measure_handles
from spatialgan.model import add_to_card

ZOO = Path(__file__).resolve().parents[1] / "src/spatialgan/zoo"
NEEDED = ("data", "terms", "hardware", "hours", "schedule", "weaknesses")


def measured(result: dict[str, Any]) -> dict[str, Any]:
    """The few figures of a result file that a card has."""
    v = result["values"]
    if result["metric"] == "fd":
        return {"distance": v["distance"], "pictures": v["num_generated"], "real_pictures": v["num_reference"]}
    if result["metric"] == "comove":
        a = v["antithetic"]
        names = ("ratio", "ratio_in_frame", "chance", "locality")
        means = {name: {k: a[name][k] for k in ("mean", "mean_interval")} for name in names}
        shares = {"nothing_there": a["no_object"], "label_changed": a["label_changed"]}
        pairs = {"pairs": v["num_samples"], "in_frame": a["ratio_in_frame"]["count"]}
        return {"protocol": "antithetic", **means, **shares, **pairs}
    if result["metric"] == "response":
        by_detector = v["measures"]["detector"]
        means = {k: {m: by_detector[k][m] for m in ("mean", "mean_interval")} for k in ("response", "control")}
        return {**means, "found_in_both": by_detector["response"]["share"], "pairs": result["num_samples"]}
    if result["metric"] == "drag":
        row = max((r for r in v["rows"] if r["method"] == "hybrid"), key=lambda r: r["distance"])
        seconds, arrived = row["cpu_seconds"]["median"], row["success_without_noise"]["mean"]
        return {"mode": "hybrid", "distance": row["distance"], "arrived": arrived, "cpu_seconds": seconds}
    raise SystemExit(f"a card has no figures of {result['metric']}; use results of fd, comove, response or drag")


def add_measured(name: str, results: list[Path]) -> None:
    """Write figures into a bundled model's card, beside those that it has."""
    path = ZOO / f"{name}.json"
    stored = json.loads(path.read_text())
    figures, found = {}, {}
    for file in results:
        result = json.loads(file.read_text())
        if result["model"]["weights_sha256"] != stored["weights_sha256"]:
            raise SystemExit(f"{file} is of other weights than those of {path.name}; measure again")
        if result["metric"] in figures:
            raise SystemExit(f"{file} is a second result of {result['metric']}; a card has one")
        own = stored["config"]["model"].get("object_spacing")
        if result["values"].get("object_spacing", own) != own:
            raise SystemExit(f"{file} is of other layouts than the model's own (--object-spacing)")
        if result["metric"] == "handles":
            found["handles"] = [{**h, "sound": None, "reach": None} for h in result["values"]["handles"]]
        else:
            figures[result["metric"]] = measured(result)
    found["measured"] = {**stored["card"].get("measured", {}), **figures}
    add_to_card(path, found)
    print(json.dumps(found, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--run", help="a run's folder, or one of its snapshots")
    parser.add_argument("--about", type=Path)
    parser.add_argument("--measured", type=Path, nargs="+", help="result files of the bundled model")
    parser.add_argument("--samples", type=int, default=100, help="pictures that each handle is moved in")
    args = parser.parse_args()
    if args.measured:
        return add_measured(args.name, args.measured)
    if args.run is None or args.about is None:
        parser.error("a model is bundled with --run and --about")
    about = json.loads(args.about.read_text())
    if missing := [name for name in NEEDED if name not in about]:
        parser.error(f"{args.about} does not say {', '.join(missing)}")
    model = SpatialGAN.from_pretrained(args.run, device="cpu")
    handles = [h.to_json() for h in measure_handles(model, num_seeds=args.samples)]
    config, discriminator = model.config, model.discriminator
    if config.model.discriminator == "combined":  # ImageNet's share is not ours to ship, nor needed for attention
        config = replace(config, model=replace(config.model, discriminator="residual"))
        discriminator = discriminator.residual
    shipped = SpatialGAN(config, model.generator, discriminator, card={**model.card, **about, "handles": handles})
    path = shipped.save(ZOO / args.name)
    for file in sorted(ZOO.glob(f"{args.name}.*")):
        print(f"{file.relative_to(ZOO.parents[2])}: {file.stat().st_size / 2**20:.1f} MB")
    print(f"from {args.run}, {model.card.get('kimg')} kimg: {path}")


if __name__ == "__main__":
    main()
