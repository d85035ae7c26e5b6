"""Steering from scratch: does alignment make pictures follow their heatmap, and does nothing else?

    python benchmarks/steering.py --seeds 0-4 --json benchmarks/results/steering.json --pictures out

The data set is made up, and its right answer known: one bright thing anywhere on a plain ground. Two models of each
seed are trained alike, with the paper's losses alone, one of them without alignment; then the level-0 centre is moved
by v and by -v, while z stays, and the response is how far the thing moved along, over the distance: 1 follows exactly.
A lean towards the middle, or wherever else, cancels within such a pair: chance is 0.

Three choices matter, and ``--set`` changes them:

- ``loss.attention_sign=fake``, the release's and the default. With ``real`` (benchmarks/results/steering-real.json)
  one of five seeds follows (0.67); the others have -0.10 to 0.02.
  Perhaps what speaks for "real" in a picture that D knows is generated is the plain ground; that was not looked into.
- ``model.encoded_max_resolution=8``: the easier heatmaps are to read, the more often G takes its things' places from
  them by itself, without alignment, and not from z. In the search (single runs, bfloat16, D shown G's own pictures)
  one of two seeds did so with 16, and all of three with ``model.encoding=concat`` too; with 4, alignment of level 0 did
  nothing within the same steps. With 8 none of five did, nor one of twice as many steps (``train.kimg=12.8``, seed 1).
- Things are where the layout's centres are, so that D has nothing against heatmaps.

One CPU thread, float32. ``tests/training/test_steering.py`` trains one seed.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from spatialgan.config import LossConfig, ModelConfig, RunConfig, TrainConfig
from spatialgan.coords import centroid_xy, pixel_centers_xy
from spatialgan.data.images import to_uint8
from spatialgan.networks.generator import Generator, sample_noise, sample_z
from spatialgan.sampling import centers_inside, sample_layout
from spatialgan.settings import with_settings
from spatialgan.streams import random_stream
from spatialgan.training.step import training_step
from spatialgan.training.trainee import Trainee, make_trainee

RESOLUTION = 32
THING_STD = 1 / 8  # of a thing's brightness around its middle, in image widths
NUM_PICTURES = 4096
NUM_STEPS = 400
NUM_PAIRS = 128
DISTANCE = 0.15  # |v|, in image widths: as for the cats' response
MARGIN = DISTANCE  # of the level-0 centre that is moved from the image's edge: v and -v are both inside


def steering_config(seed: int, *, align: bool) -> RunConfig:
    """A few thousand weights, the paper's losses, no aids."""
    return RunConfig(
        model=ModelConfig(
            resolution=RESOLUTION,
            z_dim=32,
            w_dim=32,
            mapping_layers=2,
            channel_base=256,
            channel_max=32,
            sel_residual_kernel=1,
            encoded_max_resolution=8,
            noise_inputs=False,
            center_std=0.2,
        ),
        loss=LossConfig(align="single" if align else "none", attention_sign="fake"),
        train=TrainConfig(
            kimg=NUM_STEPS * 16 / 1000, batch_size=16, g_lr=0.005, d_lr=0.005, ema_half_life_kimg=1, seed=seed
        ),
    )


def draw_things(places_xy: Tensor, colors: Tensor) -> Tensor:
    """The pictures: soft round things on mid-grey.

    Args:
        places_xy: (N, 2), in 0..1.
        colors: (N, 3) in 0..1, of which mid-grey is 0.

    Returns:
        (N, 3, RESOLUTION, RESOLUTION) in 0..1, of -1..1.
    """
    distances = (pixel_centers_xy(RESOLUTION, RESOLUTION) - places_xy[:, None, None]).norm(dim=-1)  # (N, R, R)
    return colors[:, :, None, None] * torch.exp(-distances.square() / (2 * THING_STD**2))[:, None]


def made_up_pictures(count: int, seed: int, *, center_std: float) -> Tensor:
    """A data set of bright things, placed as level-0 centres are: (count, 3, RESOLUTION, RESOLUTION)."""
    random = random_stream(seed, "made-up things")
    colors = torch.rand(count, 3, generator=random)
    return draw_things(centers_inside((count, 2), center_std, random), colors / colors.amax(dim=1, keepdim=True))


def things_xy(images: Tensor) -> Tensor:
    """Where the thing is in pictures (B, 3, R, R): the centroid of what differs from the ground by more than half
    of the largest difference there is; (B, 2) float64."""
    difference = images.clamp(-1, 1).abs().mean(dim=1).double()
    return centroid_xy((difference - difference.amax(dim=(1, 2), keepdim=True) / 2).clamp_min(0))


@dataclass(frozen=True)
class Steering:
    response: float
    """Mean over the pairs of ``(m . v / |v|) / |v|``, m half of the way from the thing at -v to the thing at v."""
    error: float
    """Standard error of that mean."""
    spread: float
    """Standard deviation, in image widths, of the things' places while nothing is moved: models that draw all things in
    one place, or none, could not follow. In the data it is about 0.19."""


@torch.no_grad()
def measure_steering(generator: Generator) -> Steering:
    """How far the things of a generator follow their level-0 centre; always the same pairs."""
    config, random = generator.config, random_stream(0, "steering pairs")
    layout, z = sample_layout(config, NUM_PAIRS, random), sample_z(config, NUM_PAIRS, random)
    noise = sample_noise(config, NUM_PAIRS, random)
    angles = 2 * torch.pi * torch.rand(NUM_PAIRS, generator=random)
    v = DISTANCE * torch.stack([angles.cos(), angles.sin()], dim=1)  # (B, 2)
    centers = layout.level_centers(0)[:, 0]
    inner = layout.moved(centers.clamp(MARGIN, 1 - MARGIN) - centers)
    after, before = (things_xy(generator(z, inner.moved(s * v), noise).image) for s in (1, -1))
    followed = ((after - before) / 2 * v).sum(dim=1) / DISTANCE**2  # (B,)
    spread = things_xy(generator(z, layout, noise).image).std(dim=0).mean()
    return Steering(float(followed.mean()), float(followed.std() / NUM_PAIRS**0.5), float(spread))


def train(config: RunConfig, on_step: Callable[[int, Generator], None] | None = None) -> Generator:
    """The averaged generator of a run of the project's own training steps; ``train.kimg`` is its length."""
    t = make_trainee(config, torch.device("cpu"))
    train_on(t, round(config.train.kimg * 1000 / config.train.batch_size), on_step)
    return t.ema


def train_on(t: Trainee, num_steps: int, on_step: Callable[[int, Generator], None] | None = None) -> None:
    """Take so many of the project's own training steps on made-up pictures.

    Args:
        t: changed in place.
        num_steps: how many.
        on_step: called after each step with the number of steps so far and the averaged generator.
    """
    config = t.config
    pictures = made_up_pictures(NUM_PICTURES, 0, center_std=config.model.center_std)
    order = random_stream(config.train.seed, "order of made-up things")
    for step in range(num_steps):
        shown = torch.randint(NUM_PICTURES, (config.train.batch_size,), generator=order)
        training_step(t, pictures[shown].contiguous(memory_format=torch.channels_last))
        if on_step is not None:
            on_step(step + 1, t.ema)


def trained_steering(seed: int, align: bool, num_steps: int = NUM_STEPS) -> Steering:
    """Train one model and measure it, on one thread: a job for a process of its own."""
    torch.set_num_threads(1)
    t = make_trainee(steering_config(seed, align=align), torch.device("cpu"))
    train_on(t, num_steps)
    return measure_steering(t.ema)


def follow_up(config: RunConfig, every: int) -> tuple[Generator, dict[str, object]]:
    """Train, and measure every so many steps: the generator, and what was measured."""
    curve, busy, passed = [], -time.process_time(), -time.perf_counter()

    def on_step(step: int, generator: Generator) -> None:
        if step % every == 0:
            s = measure_steering(generator)
            curve.append({"step": step} | {k: round(v, 3) for k, v in vars(s).items()})

    generator = train(config, on_step)
    seconds = {"seconds": round(passed + time.perf_counter(), 1), "cpu_seconds": round(busy + time.process_time(), 1)}
    return generator, {**curve[-1], **seconds, "curve": curve}


@torch.no_grad()
def picture_grid(generator: Generator, rows: int = 6) -> Image.Image:
    """For looking at: each row one z, its level-0 centre moved from left to right; and last, two other pictures."""
    config, random = generator.config, random_stream(0, "steering grid")
    grid = []
    for _ in range(rows):
        layout, z, noise = (f(config, 1, random) for f in (sample_layout, sample_z, sample_noise))
        center = layout.level_centers(0)[:, 0]
        targets = [torch.tensor([[0.2 + 0.1 * i, 0.5]]) for i in range(7)]
        row = [generator(z, layout.moved(target - center), noise).image for target in targets]
        others = (f(config, 2, random) for f in (sample_z, sample_layout, sample_noise))
        grid.append(torch.cat([*row, generator(*others).image]))
    tiles = torch.nn.functional.pad(torch.stack(grid), (1, 1, 1, 1), value=-1.0)  # (rows, 9, 3, R + 2, R + 2)
    n, m, c, h, w = tiles.shape
    pixels = to_uint8(tiles).permute(0, 3, 1, 4, 2).reshape(n * h, m * w, c).numpy()
    return Image.fromarray(pixels).resize((2 * m * w, 2 * n * h), Image.Resampling.NEAREST)


def seed_range(text: str) -> Iterator[int]:
    """``3`` or ``0-4``."""
    first, _, last = text.partition("-")
    return iter(range(int(first), int(last or first) + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--set", action="append", default=[], metavar="section.field=value", dest="settings")
    parser.add_argument("--only", choices=("with", "without"), help="train this one of the two alone")
    parser.add_argument("--every", type=int, default=100, help="steps from one measurement to the next")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pictures", type=Path, help="folder for grids of pictures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    settings = "".join(f" --set {s}" for s in args.settings)
    record = {
        "command": f"python benchmarks/steering.py --seeds {args.seeds}{settings}",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": 1,
        "pairs": NUM_PAIRS,
        "distance": DISTANCE,
        "seeds": {},
    }
    for seed in seed_range(args.seeds):
        for name in ("with", "without") if args.only is None else (args.only,):
            base = steering_config(seed, align=True)
            config = with_settings(base, args.settings)
            if name == "without":
                config = replace(config, loss=replace(config.loss, align="none"))
            generator, row = follow_up(config, args.every)
            record["seeds"].setdefault(str(seed), {})[name] = row
            steps = ", ".join(f"{c['response']:.2f}" for c in row["curve"])
            print(
                f"seed {seed} {name:8} response {row['response']:6.3f} ± {row['error']:.3f} ({steps}) "
                f"spread {row['spread']:.3f}  {row['seconds']:.0f} s, {row['cpu_seconds']:.0f} s of CPU",
                flush=True,
            )
            if args.pictures:
                args.pictures.mkdir(parents=True, exist_ok=True)
                picture_grid(generator).save(args.pictures / f"seed{seed}-{name}.png")
        if args.json:
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
