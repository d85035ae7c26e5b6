"""The drag benchmark, Table II: how fast, and how near, each method brings a point of a picture to its target.

Handles lie on real content, targets at a given distance in a random direction. What counts is not where the drag's own
tracker believes the point to be, but where a matcher that had no part in it finds the first picture's content in the
last picture. Noise inputs stay in their place whatever moves; a generator that draws much of its detail with them shows
a matcher a picture that has not moved. So the distance is measured a second time, on pictures drawn without noise.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.api import SpatialGAN
from spatialgan.coords import pixel_centers_xy
from spatialgan.editing.drag import PUBLISHED, DragOptions, DragResult, Mode, Point
from spatialgan.editing.drag.checks import read_handles
from spatialgan.editing.drag.modes import coarse_move
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.summary import Summary, summarize
from spatialgan.streams import random_stream
from spatialgan.vision.matching import Matcher

DISTANCES = (30 / 256, 60 / 256)  # of the paper's Table II, in image widths
SUCCESS = 0.03  # a drag whose content ends this near to its target has succeeded
MARGIN = 0.1  # handles and targets keep this far from the edges, where a matcher sees half a block
REGION = 0.2  # the moved region: everything within this of the way from handle to target
TEXTURE_PX = 5  # width of the blocks in which texture is measured


@dataclass(frozen=True)
class Method:
    name: str
    mode: Mode
    options: DragOptions | None = None
    """None for the defaults."""
    max_steps: int = 200
    only_first_step: bool = False
    """The coarse move alone: what it leads to counts, better or worse. Where no centre is near, there is none."""


NO_EARLY_STOP: dict[str, Any] = {"lost_mismatch": 1e6, "patience": 1 << 30}  # DragGAN goes on to its last step
METHODS = (
    # DragGAN's own code cannot run on small pictures. Tuned: its rate scaled to the model's w, and all else that is of
    # use to latent drags here. As published: its numbers, adapted to the size (DragOptions).
    Method("DragGAN, tuned", "latent", DragOptions(**NO_EARLY_STOP)),
    Method("DragGAN as published, adapted", "latent", replace(PUBLISHED, **NO_EARLY_STOP)),
    Method("pixels", "pixels"),
    Method("joint", "joint"),
    Method("hybrid", "hybrid"),
    Method("coarse move alone", "hybrid", max_steps=1, only_first_step=True),
)


@dataclass(frozen=True)
class Task:
    """One drag, to be done by every method."""

    scene: Scene
    start: Point
    target: Point
    distance: float
    """From start to target, in image widths."""


@dataclass(frozen=True)
class Run:
    """One drag, done. Distances are image widths."""

    seconds: float
    """With the last picture drawn."""
    cpu_seconds: float
    """Of this process: what other work on the machine does not stretch."""
    steps: int
    stop_reason: str
    tracked: float
    """Distance to the target by the drag's own tracker."""
    matched: float
    """Distance to the target by the matcher; NaN where it could not tell."""
    matched_without_noise: float
    """The same on pictures drawn without noise."""
    outside: float
    """Mean absolute change of the picture outside the moved region, in 0..1."""


@dataclass(frozen=True)
class Row:
    """One method at one distance, over all scenes of one model."""

    model: str
    plain: bool
    """Whether it has no heatmaps (``encoding=none``)."""
    method: str
    distance: float
    seconds: Summary
    cpu_seconds: Summary
    cpu_ms_per_step: Summary
    steps: Summary
    tracked: Summary
    matched: Summary
    matched_without_noise: Summary
    success: Summary
    """1 where ``matched`` is at most SUCCESS, else 0, also where the matcher could not tell."""
    success_without_noise: Summary
    outside: Summary
    stop_reasons: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {n: v.to_json() if isinstance(v, Summary) else v for n, v in vars(self).items()}


def run_benchmark(
    model: SpatialGAN,
    matcher: Matcher,
    *,
    num_scenes: int,
    first_seed: int = 0,
    distances: Sequence[float] = DISTANCES,
    methods: Sequence[Method] = METHODS,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """All methods on the same scenes; the methods take turns, so that a busy machine is as busy for each.

    Args:
        model: of a plain StyleGAN2 (``encoding=none``), only methods of mode ``latent`` are run.
        matcher: finds what was dragged; no part of the drag.
        num_scenes: of seeds first_seed, first_seed + 1, ...
        first_seed: see above.
        distances: from handle to target, in image widths.
        methods: to compare.
        on_progress: called with (done, total) drags.
    """
    if num_scenes < 1 or not all(0 < d <= 0.5 for d in distances):
        raise SpatialGANError(f"{num_scenes=}, {distances=}: use 1 scene or more, and distances above 0, at most 0.5")
    if model.config.model.encoding == "none":
        methods = [m for m in methods if m.mode == "latent"]
    runs: dict[tuple[str, float], list[Run]] = {(m.name, d): [] for d in distances for m in methods}
    done = 0
    for seed in range(first_seed, first_seed + num_scenes):
        for distance in distances:
            task = draw_task(model, seed, distance)
            for method in methods:
                runs[method.name, distance].append(run_task(task, method, matcher)[0])
                done += 1
                if on_progress is not None:
                    on_progress(done, num_scenes * len(runs))
    return [make_row(model, name, distance, found) for (name, distance), found in runs.items()]


def make_row(model: SpatialGAN, method: str, distance: float, runs: Sequence[Run]) -> Row:
    """Sum up the runs of one method."""
    names = ("seconds", "cpu_seconds", "steps", "tracked", "matched", "matched_without_noise", "outside")
    values = {n: torch.tensor([float(getattr(run, n)) for run in runs], dtype=torch.float64) for n in names}
    derived = {
        "cpu_ms_per_step": 1000 * values["cpu_seconds"] / values["steps"].clamp_min(1),
        "success": (values["matched"] <= SUCCESS).double(),
        "success_without_noise": (values["matched_without_noise"] <= SUCCESS).double(),
    }
    summaries = {n: summarize(v) for n, v in (values | derived).items()}
    stop_reasons = dict(Counter(run.stop_reason for run in runs))
    plain = model.config.model.encoding == "none"
    return Row(model.name, plain, method, distance, stop_reasons=stop_reasons, **summaries)


def draw_task(model: SpatialGAN, seed: int, distance: float) -> Task:
    """The task of a seed: a handle by :func:`content_handle`, a target at ``distance`` from it in a random direction,
    inside the image."""
    scene = Scene.sample(model, seed)
    stream = random_stream(seed, "drag benchmark")
    start = content_handle(scene, stream)
    while True:  # ends: from any point some direction has room, see MARGIN and the limit of distances
        angle = 2 * torch.pi * torch.rand((), generator=stream, dtype=torch.float64)
        target = (start[0] + distance * float(angle.cos()), start[1] + distance * float(angle.sin()))
        if all(MARGIN <= v <= 1 - MARGIN for v in target):
            return Task(scene, start, target, distance)


def content_handle(scene: Scene, generator: torch.Generator) -> Point:
    """A point where the discriminator looks and there is something to see; without a discriminator, texture alone."""
    weights = texture(without_noise(scene))
    if scene.model.discriminator is not None:
        weights = weights * scene.attention().mean(dim=0)
    size = weights.shape[-1]
    grid = pixel_centers_xy(size, size).reshape(-1, 2)
    allowed = ((grid >= MARGIN) & (grid <= 1 - MARGIN)).all(dim=-1)
    # The square makes peaks likelier; the small number serves pictures of one colour.
    chances = (weights.flatten().square() + 1e-12) * allowed
    x, y = grid[int(torch.multinomial(chances, 1, generator=generator))].tolist()
    return x, y


def texture(picture: Tensor) -> Tensor:
    """Standard deviation of brightness in the block round each pixel of ``(C, R, R)``: ``(R, R)``."""

    def block_mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, TEXTURE_PX, stride=1, padding=TEXTURE_PX // 2, count_include_pad=False)

    grey = picture.mean(dim=0)[None, None]
    return (block_mean(grey.square()) - block_mean(grey).square()).clamp_min(0).sqrt()[0, 0]


def without_noise(scene: Scene) -> Tensor:
    """The scene's picture drawn without noise inputs, ``(C, R, R)`` in -1..1, on the CPU."""
    image = scene.model.draw(replace(scene.inputs(), noise=None)).image
    return image[0].clamp(-1, 1).cpu()


def run_task(task: Task, method: Method, matcher: Matcher) -> tuple[Run, DragResult]:
    """One drag, timed and judged."""
    before = task.scene.tensor  # drawn before the clock starts: a user has it before dragging
    # A hybrid drag without a centre near its handle begins with a step of the style codes: no coarse move.
    nothing_to_move = method.only_first_step and not has_center_near(task, method.options or DragOptions())
    wall, cpu = perf_counter(), process_time()
    result = task.scene.drag(
        [(task.start, task.target)],
        mode=method.mode,
        max_steps=0 if nothing_to_move else method.max_steps,
        options=method.options,
    )
    end = result.trace[-1] if method.only_first_step else result
    after = end.scene.tensor
    wall, cpu = perf_counter() - wall, process_time() - cpu
    point, target = read_handles([(task.start, task.target)])  # each (1, 2)
    pairs = (before, after), (without_noise(task.scene), without_noise(end.scene))
    matched, matched_without_noise = (float((matcher(a, b, point)[0] - target).norm()) for a, b in pairs)
    change = (after.clamp(-1, 1) - before.clamp(-1, 1)).abs().mean(dim=0) / 2  # of -1..1
    outside = float(change[~moved_region(task, change.shape[-1])].mean())
    return Run(
        wall, cpu, result.steps, result.stop_reason, end.distance, matched, matched_without_noise, outside
    ), result


def has_center_near(task: Task, options: DragOptions) -> bool:
    """Whether the coarse move of Eq. 6 has a centre to move."""
    starts, targets = read_handles([(task.start, task.target)])
    return bool(coarse_move(task.scene.layout, starts, targets, options)[1].any())


def moved_region(task: Task, size: int) -> Tensor:
    """Which pixels lie within REGION of the way from start to target, ``(size, size)``."""
    (a,), (b,) = read_handles([(task.start, task.target)])
    grid = pixel_centers_xy(size, size)
    along = ((grid - a) @ (b - a) / (b - a).square().sum()).clamp(0, 1)  # (size, size)
    return (grid - (a + along[..., None] * (b - a))).norm(dim=-1) <= REGION
