"""What reading ahead and the number of CPU threads are worth, in one run of under two minutes.

    python benchmarks/speed.py --preset tiny --json benchmarks/results/speed.json

reading
    Training steps on photographs that are larger than what may be kept in memory (here: nothing may), so that each
    batch is decoded anew: by the step that needs it, and by a thread beside the step; and on the same pictures in
    memory. The three take turns, step by step.
threads
    A training step and a single picture with one thread, and with as many as there are cores, which is PyTorch's own
    default; alone, and beside neighbours: processes of this script that keep one core busy each.

Whatever else the computer does hits all of a comparison alike; its load is noted.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from step_time import processor, synchronize

from spatialgan.api import SpatialGAN
from spatialgan.config import RunConfig
from spatialgan.data.images import ImageDataset, to_float
from spatialgan.settings import with_settings
from spatialgan.threads import available_cores, threads_for
from spatialgan.training.loop import real_batches
from spatialgan.training.presets import preset
from spatialgan.training.step import training_step
from spatialgan.training.trainee import Trainee, make_trainee

PHOTO = (640, 480)
READING_S, THREADS_S = 40.0, 15.0  # for the first comparison; for each of the second's, a turn at least
READING = {"in memory": (1 << 30, 0), "decoded in the step": (0, 0), "read ahead": (0, 2)}  # bytes kept, batches ahead


def make_photos(folder: Path, count: int) -> None:
    """JPEGs of noise as smooth as photographs are: about 100 kB each."""
    rng = np.random.default_rng(0)
    for i in range(count):
        small = Image.fromarray(rng.integers(0, 256, (PHOTO[1] // 4, PHOTO[0] // 4, 3), dtype=np.uint8))
        small.resize(PHOTO, Image.Resampling.BICUBIC).save(folder / f"{i:04d}.jpg", quality=90)


def measure_reading(config: RunConfig, device: torch.device, turns: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of a step, and of its wait for pictures, by how they are read."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in READING}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        make_photos(Path(folder), 4 * config.train.batch_size)
        runs = {}
        for name, (cache_bytes, ahead) in READING.items():
            dataset = ImageDataset.open(
                folder, resolution=config.model.resolution, mirror=config.data.mirror, cache_bytes=cache_bytes
            )
            t = make_trainee(config, device)
            runs[name] = t, stack.enter_context(closing(real_batches(t, dataset, ahead=ahead)))
        for t, batches in runs.values():
            timed_step(t, batches)  # warms up
        for _ in turns_within(READING_S, turns):
            for name, (t, batches) in runs.items():
                times[name].append(timed_step(t, batches))
    return {
        name: {
            "step ms": round(1e3 * statistics.median(whole for _, whole in runs), 1),
            "of it waiting for pictures ms": round(1e3 * statistics.median(waited for waited, _ in runs), 1),
            "images/s": round(config.train.batch_size / statistics.median(whole for _, whole in runs), 1),
            "turns": len(runs),
        }
        for name, runs in times.items()
    }


def timed_step(t: Trainee, batches: Iterator) -> tuple[float, float]:
    """Seconds of waiting for pictures, and of all of a step."""
    synchronize(t.device)
    start = time.perf_counter()
    _, pictures = next(batches)
    waited = time.perf_counter() - start
    training_step(t, to_float(pictures.to(t.device)))
    synchronize(t.device)
    return waited, time.perf_counter() - start


def measure_threads(config: RunConfig, model: SpatialGAN, turns: int) -> list[dict[str, float]]:
    """Median milliseconds of a training step and of a picture, by threads and busy neighbours."""
    t, rows = make_trainee(config, torch.device("cpu")), []
    reals = torch.rand(config.train.batch_size, 3, config.model.resolution, config.model.resolution) * 2 - 1
    counts = sorted({1, available_cores()})
    for neighbours in (0, 1):
        times: dict[int, tuple[list[float], list[float]]] = {n: ([], []) for n in counts}
        with busy(neighbours):
            for _ in turns_within(THREADS_S, turns):
                for n in counts:
                    torch.set_num_threads(n)
                    model.sample(0).image  # noqa: B018  starts the threads
                    times[n][0].append(seconds(lambda: training_step(t, reals)))
                    times[n][1].extend(seconds(lambda seed=seed: model.sample(seed).image) for seed in range(4))
        for n, (steps, pictures) in times.items():
            rows.append(
                {
                    "busy neighbours": neighbours,
                    "threads": n,
                    "step ms": round(1e3 * statistics.median(steps), 1),
                    "images/s": round(config.train.batch_size / statistics.median(steps), 1),
                    "turns": len(steps),
                    "picture ms": round(1e3 * statistics.median(pictures), 1),
                }
            )
    return rows


def turns_within(budget_s: float, most: int) -> Iterator[int]:
    """0, 1, ... while the time lasts, ``most`` turns at most."""
    start = time.perf_counter()
    for turn in range(most):
        yield turn
        if time.perf_counter() - start > budget_s:
            return


def seconds(f: Callable[[], object]) -> float:
    """That ``f`` takes."""
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep so many cores busy."""
    neighbours = [multiprocessing.get_context("spawn").Process(target=spin, daemon=True) for _ in range(count)]
    for n in neighbours:
        n.start()
    try:
        yield
    finally:
        for n in neighbours:
            n.terminate()
            n.join()


def spin() -> None:
    while True:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="cats64")
    parser.add_argument("--set", action="append", default=[], metavar="section.field=value", dest="settings")
    parser.add_argument("--model", default="cats-64", help="that draws single pictures")
    parser.add_argument("--turns", type=int, default=20, help="at most; fewer where time is up")
    parser.add_argument("--device", default="cpu", help="of the steps that read pictures")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    alone = ["aids.reconstruct_kimg=0", "aids.place_weight=0"]
    config = with_settings(preset(args.preset), [*args.settings, *alone])
    model = SpatialGAN.from_pretrained(args.model, device="cpu")
    load = os.getloadavg()[0]
    usual = {
        "training": threads_for(config.model, batch=config.train.batch_size),
        "one picture": threads_for(model.config.model, batch=1),
    }
    torch.set_num_threads(usual["training"])
    reading = measure_reading(config, torch.device(args.device), args.turns)
    for name, row in reading.items():
        print(f"{name:22}" + "".join(f"  {k} {v}" for k, v in row.items()), flush=True)
    threads = measure_threads(config, model, args.turns)
    for row in threads:
        print("  ".join(f"{k} {v}" for k, v in row.items()))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        result = {
            "command": " ".join(["python", "benchmarks/speed.py", *sys.argv[1:]]),
            "torch": torch.__version__,
            "python": platform.python_version(),
            "processor": processor(),
            "cores": available_cores(),
            "load before": round(load, 2),
            "device": args.device,
            "threads chosen": usual,
            "reading": reading,
            "threads": threads,
        }
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
