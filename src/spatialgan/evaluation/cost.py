"""What a picture costs, in training and in drawing, of a model's own configuration."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from spatialgan.api import SpatialGAN
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.generated import draw_inputs
from spatialgan.training.step import training_step
from spatialgan.training.trainee import make_trainee

WARM_UP = 2  # steps, and pictures, that are not timed
PICTURES = 32  # that are drawn, one at a time


@dataclass(frozen=True)
class Cost:
    """Milliseconds."""

    train_ms_per_image: float
    """A step's by its batch, lazy regularisation by its share; without what needs known pictures."""
    draw_ms: float
    num_steps: int
    """That were timed, a whole number of R1's intervals."""
    batch_size: int
    threads: int
    """Of the CPU."""
    clock: str
    """Which time it is."""


def measure_cost(
    model: SpatialGAN, *, num_steps: int = 32, on_progress: Callable[[int, int], None] | None = None
) -> Cost:
    """Time training steps from fresh weights on random pictures, and drawing.

    On a CPU it is this process's own time, on other devices the clock's.

    Args:
        model: whose configuration, and whose generator draws.
        num_steps: the least number, rounded up to whole intervals of R1.
        on_progress: called with (done, total) steps.
    """
    if num_steps < 1:
        raise SpatialGANError(f"num_steps is {num_steps}; use 1 or more")
    aids = replace(model.config.aids, reconstruct_kimg=0.0, place_weight=0.0)
    config, device = replace(model.config, aids=aids), model.device
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    interval = config.loss.r1_interval if config.loss.r1_gamma else 1
    num_steps = -(-num_steps // interval) * interval
    trainee, m = make_trainee(config, device), config.model
    shape = (config.train.batch_size, m.image_channels, m.resolution, m.resolution)
    reals = torch.rand(shape, generator=torch.Generator().manual_seed(0)).mul(2).sub(1).to(device)
    if trainee.discriminator.needs_statistics:
        trainee.discriminator.calibrate(reals)
    for _ in range(WARM_UP):
        training_step(trainee, reals)
    start = _now(clock, device)
    for step in range(num_steps):
        training_step(trainee, reals)
        if on_progress is not None:
            on_progress(step + 1, num_steps)
    training = _now(clock, device) - start
    for seed in range(WARM_UP + PICTURES):
        if seed == WARM_UP:
            start = _now(clock, device)
        inputs = draw_inputs(m, [seed], device)
        model.generate(inputs.z, inputs.layout, inputs.noise)
    drawing = _now(clock, device) - start
    return Cost(
        1000 * training / (num_steps * config.train.batch_size),
        1000 * drawing / PICTURES,
        num_steps,
        config.train.batch_size,
        torch.get_num_threads(),
        "processor time" if device.type == "cpu" else "time",
    )


def _now(clock: Callable[[], float], device: torch.device) -> float:
    """Once all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return clock()
