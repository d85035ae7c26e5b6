"""What the method costs: time of a training step of StyleGAN2, with SEL, and with SEL and alignment.

    python benchmarks/step_time.py --preset cats64 --json benchmarks/results/step_time.json

The three are built in one process and take turns, step by step, so that whatever else the computer does hits them
alike; overheads are medians over the turns of the quotient within each turn.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from spatialgan.config import AidsConfig, RunConfig
from spatialgan.settings import with_settings
from spatialgan.training import step as steps
from spatialgan.training.presets import preset
from spatialgan.training.trainee import Trainee, make_trainee

PHASES = ("G forward", "G backward", "D step", "R1", "whole step")


def variants(base: RunConfig) -> dict[str, RunConfig]:
    """The three configurations: everything else is alike, with the paper's discriminator and without reconstruction,
    which cost the same in all three and would make the quotients look smaller. One without alignment gets it here."""
    loss = replace(base.loss, align=base.model.layout)
    base = replace(base, model=replace(base.model, discriminator="residual"), loss=loss, aids=AidsConfig())
    no_align = replace(base.loss, align="none")
    plain = replace(base.model, encoding="none", coordinates_max_resolution=0, styles="own")
    return {
        "StyleGAN2": replace(base, model=plain, loss=no_align),
        "+ SEL": replace(base, loss=no_align),
        "+ SEL + alignment": base,
    }


def timed(f: Callable[[], object], device: torch.device) -> float:
    """Seconds that ``f`` takes, the device's queue included."""
    synchronize(device)
    start = time.perf_counter()
    f()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def time_step(t: Trainee, reals: torch.Tensor) -> dict[str, float]:
    """Seconds of the parts of one step; the whole counts R1 once in ``r1_interval`` steps, as it is run.

    GradCAM's own short backward pass, which comes before the loss, counts as G's forward pass.
    """
    config, random = t.config, steps.step_generator(0, t.num_images_seen, t.device)
    losses = []
    for p in t.d_parameters:
        p.requires_grad_(False)
    t.g_optimizer.zero_grad(set_to_none=True)
    forward = timed(lambda: losses.append(generator_loss(t, random)), t.device)
    backward = timed(losses[0].backward, t.device)
    update = timed(t.g_optimizer.step, t.device) + timed(lambda: steps.update_ema(t.ema, t.generator, 0.99), t.device)
    for p in t.d_parameters:
        p.requires_grad_(True)
    d = timed(lambda: steps.discriminator_step(t, reals, random), t.device)
    r1 = timed(lambda: steps.r1_step(t, reals, random), t.device) if config.loss.r1_gamma > 0 else 0.0
    t.num_images_seen += config.train.batch_size
    whole = forward + backward + update + d + r1 / config.loss.r1_interval
    return {"G forward": forward, "G backward": backward, "D step": d, "R1": r1, "whole step": whole}


def generator_loss(t: Trainee, random: torch.Generator) -> torch.Tensor:
    """G's loss on a batch, with its graph."""
    layout, images = steps.draw_pictures(t, t.config.train.batch_size, random, update_w_mean=True)
    terms, _ = steps.generator_terms(t, layout, images, random)
    return sum(term.weight * term.value for term in terms)


def measure(base: RunConfig, device: torch.device, turns: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of each phase, and the overhead over StyleGAN2, by variant."""
    configs = variants(base)
    trainees = {name: make_trainee(config, device) for name, config in configs.items()}
    shape = (base.train.batch_size, base.model.image_channels, base.model.resolution, base.model.resolution)
    reals = torch.rand(shape, generator=torch.Generator().manual_seed(0)).mul(2).sub(1).to(device)
    times: dict[str, list[dict[str, float]]] = {name: [] for name in configs}
    for turn in range(turns + 2):  # the first two warm up
        for name, t in trainees.items():
            result = time_step(t, reals)
            if turn >= 2:
                times[name].append(result)
    table = {}
    for name, runs in times.items():
        row = {f"{phase} ms": round(1000 * statistics.median(r[phase] for r in runs), 1) for phase in PHASES}
        row["images/s"] = round(base.train.batch_size / statistics.median(r["whole step"] for r in runs), 1)
        for other in list(configs)[: list(configs).index(name)]:
            pairs = zip(runs, times[other], strict=True)
            quotient = statistics.median(a["whole step"] / b["whole step"] for a, b in pairs)
            row[f"over {other} %"] = round(100 * (quotient - 1), 1)
        table[name] = row
    return table


def processor() -> str:
    """The CPU's name, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="cats64")
    parser.add_argument("--set", action="append", default=[], metavar="section.field=value", dest="settings")
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: torch's choice")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    table = measure(with_settings(preset(args.preset), args.settings), torch.device(args.device), args.turns)
    columns = [f"{phase} ms" for phase in PHASES] + ["images/s", "over StyleGAN2 %", "over + SEL %"]
    print(f"{'':20}" + "".join(f"{c:>18}" for c in columns))
    for name, row in table.items():
        print(f"{name:20}" + "".join(f"{row.get(c, ''):>18}" for c in columns))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        settings = "".join(f" --set {s}" for s in args.settings)
        command = (
            f"python benchmarks/step_time.py --preset {args.preset}{settings} --turns {args.turns} "
            f"--threads {args.threads}"
        )
        args.json.write_text(
            json.dumps(
                {
                    "command": command,
                    "torch": torch.__version__,
                    "python": platform.python_version(),
                    "processor": processor(),
                    "threads": torch.get_num_threads(),
                    "device": args.device,
                    "table": table,
                },
                indent=1,
            )
            + "\n"
        )


if __name__ == "__main__":
    main()
