"""Retrofitting: a plain StyleGAN2 that draws already learns to read heatmaps. How soon, and what of its pictures?

    python benchmarks/retrofit.py --seeds 0-2 --json benchmarks/results/retrofit.json --pictures out

The made-up pictures of ``steering.py``, whose right answer is known, and the paper's losses alone. For each seed three
runs of the project's own training steps: a StyleGAN2 without heatmaps; that one retrofitted (``training/retrofit.py``);
and a model that learns both at once, for as many steps as the other two together. The response is that of
``steering.py``: 1 follows its level-0 centre exactly, 0 not at all. The Frechet distance is in features of
EfficientNet-Lite2, over PICTURES pictures each. One CPU thread, float32.
"""

import argparse
import json
import platform
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import steering
import torch
from steering import made_up_pictures, measure_steering, picture_grid, seed_range, steering_config
from torch import Tensor

from spatialgan.data.images import to_uint8
from spatialgan.evaluation.frechet import Gaussian, RunningGaussian, frechet_distance
from spatialgan.figures.content import Chart, Figure, Line
from spatialgan.figures.drawing import save_figure
from spatialgan.model import save_model
from spatialgan.networks.generator import Generator, sample_noise, sample_z
from spatialgan.sampling import sample_layout
from spatialgan.settings import with_settings
from spatialgan.streams import random_stream
from spatialgan.training.growing import load_or_grow
from spatialgan.training.trainee import Trainee, make_trainee
from spatialgan.vision.features import EfficientNetLite2Features

STEPS = 400  # of the plain model, and again of its retrofit
EVERY = 50  # steps from one measurement of the response to the next
PICTURES, BATCH = 1000, 50  # of each distance; fewer than there are features, but all distances are of as many
PLAIN = ("model.encoding=none", "loss.align=none")


def random_pictures(generator: Generator) -> Iterable[Tensor]:
    """Always the same PICTURES pictures of a model, uint8, batch by batch; of all models the same z."""
    config = generator.config
    random, layouts = random_stream(0, "z of retrofitted models"), random_stream(0, "layouts of retrofitted models")
    for _ in range(PICTURES // BATCH):
        z, noise = sample_z(config, BATCH, random), sample_noise(config, BATCH, random)
        with torch.no_grad():
            yield to_uint8(generator(z, sample_layout(config, BATCH, layouts), noise).image)


def gaussian_of(batches: Iterable[Tensor], features: EfficientNetLite2Features) -> Gaussian:
    seen = RunningGaussian()
    for images in batches:
        seen.add(features(images))
    return seen.gaussian()


class Study:
    """The three runs of one seed."""

    def __init__(self, seed: int, *, steps: int = STEPS, every: int = EVERY):
        self.config = steering_config(seed, align=True)
        self.plain_config = with_settings(self.config, list(PLAIN))
        self.steps, self.every = steps, every
        self.features = EfficientNetLite2Features()
        pictures = made_up_pictures(PICTURES, 1, center_std=self.config.model.center_std)  # no picture of the training
        self.reference = gaussian_of(map(to_uint8, pictures.split(BATCH)), self.features)

    def run(self) -> tuple[dict[str, Any], dict[str, Generator]]:
        """What was measured, by run, and the generators."""
        plain = self._follow(make_trainee(self.plain_config, torch.device("cpu")), self.steps)
        trainee = make_trainee(self.config, torch.device("cpu"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "plain.safetensors"
            t = plain["trainee"]
            save_model(path, self.plain_config, t.ema, t.discriminator, card={}, dtype=torch.float32)
            load_or_grow(self.config, trainee.generator, trainee.discriminator, path)
        trainee.ema.load_state_dict(trainee.generator.state_dict())
        runs = {
            "plain": plain,
            "retrofit": self._follow(trainee, self.steps),
            "scratch": self._follow(make_trainee(self.config, torch.device("cpu")), 2 * self.steps),
        }
        generators = {name: run.pop("trainee").ema for name, run in runs.items()}
        return runs, generators

    def _follow(self, trainee: Trainee, steps: int) -> dict[str, Any]:
        """Train for so many steps; responses and distances on the way, and the trainee."""
        responses, distances = [], []

        def look(step: int, generator: Generator) -> None:
            if trainee.config.model.encoding != "none" and step % self.every == 0:
                s = measure_steering(generator)
                responses.append({"step": step, "response": round(s.response, 3), "error": round(s.error, 3)})
            if step % self.steps == 0:
                seen = gaussian_of(random_pictures(generator), self.features)
                distances.append({"step": step, "fd": round(frechet_distance(seen, self.reference), 1)})

        look(0, trainee.ema)
        steering.train_on(trainee, steps, look)
        return {"responses": responses, "distances": distances, "trainee": trainee}


def curves(record: dict[str, Any]) -> Figure:
    """Means over the seeds, and their range, against the thousands of pictures that a model was shown in all."""
    kimg, begun = record["batch"] / 1000, {"retrofit": record["steps"], "scratch": 0}
    names = {"retrofit": "StyleGAN2, then\nretrofitted", "scratch": "both at once"}
    parts = []
    for kind, field, label in (("responses", "response", "response"), ("distances", "fd", "Fréchet distance")):
        lines = []
        for run, name in names.items():
            seeds = [runs[run][kind] for runs in record["seeds"].values()]
            x = tuple((begun[run] + point["step"]) * kimg for point in seeds[0])
            values = [[points[i][field] for points in seeds] for i in range(len(x))]
            means = tuple(sum(v) / len(v) for v in values)
            lines.append(Line(name, x, means, tuple(map(min, values)), tuple(map(max, values))))
        parts.append(Chart("", "thousands of pictures shown", label, tuple(lines)))
    return Figure("retrofit", tuple(parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pictures", type=Path, help="folder for grids of pictures, and the curves")
    args = parser.parse_args()
    torch.set_num_threads(1)
    record = {
        "command": f"python benchmarks/retrofit.py --seeds {args.seeds}",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": 1,
        "steps": STEPS,
        "batch": steering_config(0, align=True).train.batch_size,
        "pictures": PICTURES,
        "seeds": {},
    }
    for seed in seed_range(args.seeds):
        record["seeds"][str(seed)], generators = Study(seed).run()
        if args.json:
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(json.dumps(record, indent=1) + "\n")
        for name, run in record["seeds"][str(seed)].items():
            responses = ", ".join(f"{r['response']:.2f}" for r in run["responses"])
            distances = ", ".join(f"{d['fd']:.0f}" for d in run["distances"])
            print(f"seed {seed} {name:8} response {responses or 'none'}; FD {distances}", flush=True)
            if args.pictures and name != "plain":  # which has no centre to move
                args.pictures.mkdir(parents=True, exist_ok=True)
                picture_grid(generators[name]).save(args.pictures / f"seed{seed}-{name}.png")
    if args.pictures:
        save_figure(curves(record), args.pictures)


if __name__ == "__main__":
    main()
