"""The drag benchmark, Table II: how fast and how far each mode brings a point of a picture to its target.

Handles lie on real content: where the discriminator looks, weighted with the picture's texture. Targets lie at a given
distance in a random direction. What counts is not where the optimiser's own tracker believes the point to be, but where
a matcher that had no part in it finds the first picture's content in the last one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.coords import pixel_centers_xy
from spatialgan.editing.drag import DragOptions, DragResult, Point
from spatialgan.editing.scene import Scene
from spatialgan.evaluation.matching import Matcher
from spatialgan.model import SpatialGAN
from spatialgan.streams import random_stream

DISTANCES = (30 / 256, 60 / 256)  # of the paper's Table II, in image widths
METHODS = ("latent", "pixels", "joint", "hybrid", "coarse")
SUCCESS = 0.03  # image widths
MARGIN = 0.1  # handles and targets keep this far from the edges, where a matcher sees half a block
REGION = 0.2  # the moved region is everything within this of the way from handle to target

HandleSource = Callable[[Scene, torch.Generator], Point]
"""A point on an object of a scene's picture, drawn with the generator."""


@dataclass(frozen=True)
class Task:
    """One drag to be done by every method."""

    scene: Scene
    start: Point
    target: Point
    distance: float
    """From start to target, in image widths."""


@dataclass(frozen=True)
class Run:
    """One drag, done."""

    seconds: float
    cpu_seconds: float
    steps: int
    stop_reason: str
    tracked: float
    """Distance to the target by the drag's own tracker, in image widths."""
    matched: float
    """Distance to the target by the independent matcher, in image widths; NaN where it could not tell."""
    matched_clean: float
    outside: float
    """Mean absolute change of the picture outside the moved region, in 0..1."""


def content_handle(scene: Scene, generator: torch.Generator) -> Point:
    """A point where the discriminator looks and there is something to see; without a discriminator, texture alone."""
    weights = texture(without_noise(scene))
    if scene.model.discriminator is not None:
        weights = weights * scene.attention().mean(dim=0)
    r = weights.shape[-1]
    grid = pixel_centers_xy(r, r).reshape(-1, 2)
    keep = ((grid >= MARGIN) & (grid <= 1 - MARGIN)).all(dim=-1)
    chances = weights.flatten() * keep
    # The square makes peaks likelier than the plains between them.
    index = torch.multinomial(chances.square() + 1e-12 * keep, 1, generator=generator)
    x, y = grid[int(index)].tolist()
    return x, y


def without_noise(scene):
    m = scene.model
    off = None if scene.w_offset is None else scene.w_offset[None]
    layout = None if scene.layout is None else scene.layout[None]
    return m.generate(scene.z[None], layout, None, truncation=scene.truncation, w_offset=off)[0].clamp(-1, 1)


def texture(picture: Tensor, size: int = 5) -> Tensor:
    """Standard deviation of brightness in blocks around each pixel of ``(C, R, R)``: ``(R, R)``."""
    grey = picture.mean(dim=0, keepdim=True)[None]
    mean = F.avg_pool2d(grey, size, 1, size // 2, count_include_pad=False)
    square = F.avg_pool2d(grey.square(), size, 1, size // 2, count_include_pad=False)
    return (square - mean.square()).clamp_min(0).sqrt()[0, 0]


def draw_task(model: SpatialGAN, seed: int, distance: float, source: HandleSource = content_handle) -> Task:
    """The task of a seed: the same handle for all distances that leave room for it."""
    scene = Scene.sample(model, seed)
    stream = random_stream(seed, f"drag {distance:.6f}")
    start = source(scene, stream)
    while True:
        angle = 2 * torch.pi * float(torch.rand((), generator=stream))
        target = (start[0] + distance * float(torch.tensor(angle).cos()),
                  start[1] + distance * float(torch.tensor(angle).sin()))
        if all(MARGIN <= v <= 1 - MARGIN for v in target):
            return Task(scene, start, target, distance)


def run_task(task: Task, method: str, matcher: Matcher, *, max_steps: int = 200,
             options: DragOptions | None = None) -> tuple[Run, DragResult]:
    task.scene.tensor  # noqa: B018 the first picture is there before the clock starts
    began, cpu = perf_counter(), process_time()
    coarse = method == "coarse"
    result = task.scene.drag([(task.start, task.target)], mode="hybrid" if coarse else method,
                             max_steps=1 if coarse else max_steps, options=options)
    last = result.trace[-1].scene if coarse else result.scene
    after = last.tensor
    seconds, cpu = perf_counter() - began, process_time() - cpu
    before = task.scene.tensor
    where = torch.tensor([task.start])
    matched, clean = (float((matcher(a, b, where)[0] - torch.tensor(task.target)).norm())
                      for a, b in ((before, after), (without_noise(task.scene), without_noise(last))))
    change = (after.clamp(-1, 1) - before.clamp(-1, 1)).abs().mean(dim=0) / 2
    outside = float(change[~moved_region(task, change.shape[-1])].mean())
    tracked = result.trace[-1].distance if coarse else result.distance
    return Run(seconds, cpu, result.steps, result.stop_reason, tracked, matched, clean, outside), result


def moved_region(task: Task, size: int) -> Tensor:
    """Which pixels lie within REGION of the way from start to target, ``(size, size)``."""
    a, b = torch.tensor(task.start), torch.tensor(task.target)
    grid = pixel_centers_xy(size, size)
    t = (((grid - a) @ (b - a)) / (b - a).square().sum()).clamp(0, 1)
    return (grid - torch.lerp(a, b, t[..., None])).norm(dim=-1) <= REGION
