"""Milliseconds a step of each drag mode, and where they go: features, tracking, loss, gradient with update.

    python benchmarks/drag.py --model cats-64 --steps 40 --threads 1 --json benchmarks/results/drag.json

Steps of the modes take turns, so that other work on the machine disturbs all alike; medians are printed, of wall time
and of this process's own time. Table II itself is ``spatialgan eval drag``.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import torch

from spatialgan.api import SpatialGAN
from spatialgan.editing.drag import DragOptions, Mode
from spatialgan.editing.drag.optimization import DragRun
from spatialgan.evaluation.result_file import device_name

PHASES = ("features", "tracking", "loss", "gradient and update")
HANDLE = ((0.4, 0.5), (0.6, 0.45))


class Stepper:
    """A drag of one mode, a step at a time, with the time of each phase."""

    def __init__(self, model: SpatialGAN, mode: Mode):
        self.device = model.device
        self.run = DragRun(model.sample(3), [HANDLE], None, mode, DragOptions())
        self.run.set_references(self.run.variables.features().detach())
        self.wall: dict[str, list[float]] = {phase: [] for phase in PHASES}
        self.cpu: dict[str, list[float]] = {phase: [] for phase in PHASES}

    def step(self) -> None:
        run = self.run
        features = self.timed("features", run.variables.features)
        run.handles, _ = self.timed("tracking", lambda: run.track(features.detach()))
        loss = self.timed("loss", lambda: run.loss(features))
        self.timed("gradient and update", lambda: run.update(loss))

    def timed(self, phase: str, f: Callable):
        wall, cpu = time.perf_counter(), time.process_time()
        result = f()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.wall[phase].append(time.perf_counter() - wall)
        self.cpu[phase].append(time.process_time() - cpu)
        return result


def measure(model: SpatialGAN, num_steps: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of each phase, by mode."""
    steppers = {mode: Stepper(model, mode) for mode in get_args(Mode)}
    for _ in range(num_steps + 4):  # the first four warm up, and hold the coarse move of hybrid
        for stepper in steppers.values():
            stepper.step()
    table = {}
    for mode, stepper in steppers.items():
        row = {}
        for clock, times in (("wall", stepper.wall), ("cpu", stepper.cpu)):
            whole = [sum(parts) for parts in zip(*(times[phase][4:] for phase in PHASES), strict=True)]
            named = {**{phase: times[phase][4:] for phase in PHASES}, "step": whole}
            row |= {f"{name} {clock} ms": round(1000 * statistics.median(t), 2) for name, t in named.items()}
        table[mode] = row
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cats-64")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: as many as pay off")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = SpatialGAN.from_pretrained(args.model, device=args.device)
    if args.threads:
        torch.set_num_threads(args.threads)
    table = measure(model, args.steps)
    columns = [f"{name} cpu ms" for name in (*PHASES, "step")] + ["step wall ms"]
    print(f"{'':8}" + "".join(f"{c:>28}" for c in columns))
    for mode, row in table.items():
        print(f"{mode:8}" + "".join(f"{row[c]:>28}" for c in columns))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        command = (
            f"python benchmarks/drag.py --model {args.model} --steps {args.steps} --threads {args.threads} "
            f"--device {args.device}"
        )
        args.json.write_text(
            json.dumps(
                {
                    "command": command,
                    "torch": torch.__version__,
                    "python": platform.python_version(),
                    "threads": torch.get_num_threads(),
                    "device": device_name(model.device),
                    "table": table,
                },
                indent=1,
            )
            + "\n"
        )


if __name__ == "__main__":
    main()
