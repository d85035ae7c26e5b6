"""Bundle a run's newest snapshot: half precision, the residual part of its discriminator, and a card that says all.

    python benchmarks/ship.py --run runs/floors64 --name floors-64 --about about.json

ABOUT holds what no program knows: data, terms, hardware, hours, schedule, weaknesses. What the handles do is measured
(``eval handles``), with all of the discriminator that training had. What was measured on the way (benchmarks/zoo.py)
stays in docs/results/zoo.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from spatialgan.api import SpatialGAN
from spatialgan.evaluation.handles import measure_handles

ZOO = Path(__file__).resolve().parents[1] / "src/spatialgan/zoo"
NEEDED = ("data", "terms", "hardware", "hours", "schedule", "weaknesses")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, help="a run's folder, or one of its snapshots")
    parser.add_argument("--name", required=True)
    parser.add_argument("--about", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=100, help="pictures that each handle is moved in")
    args = parser.parse_args()
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
