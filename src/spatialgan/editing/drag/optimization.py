"""The drag itself: a generator that yields every step, and a function that runs it to its end."""

import time
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from spatialgan.coords import disc_xy, pixel_centers_xy
from spatialgan.editing.drag.checks import check_max_steps, check_mode, read_handles, read_mask
from spatialgan.editing.drag.modes import MODES
from spatialgan.editing.drag.outcome import (
    MAX_STEPS,
    DragOptions,
    DragResult,
    DragStep,
    Handle,
    Mode,
    Point,
    StopReason,
)
from spatialgan.editing.drag.points import along, discs_at, mask_loss, motion_loss, track, variation
from spatialgan.editing.drag.variables import Variables
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import resize_maps

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

MAX_FEATURE_RESOLUTION = 256  # of the block that a drag looks at, as DragGAN's; larger ones cost, and are not drawn
VARIATION_GRID = 16  # places a side at which the features' variation is taken


def drag_steps(
    scene: "Scene",
    handles: Sequence[Handle],
    *,
    mask: Any = None,
    mode: Mode = "hybrid",
    max_steps: int = MAX_STEPS,
    options: DragOptions | None = None,
) -> Generator[DragStep, bool | None, DragResult]:
    """Drag points of a picture to their targets, one step at a time.

    Yields the start, then every step as it is made; the generator's return value is the result. Closing it, or no
    longer asking it for steps, ends the drag; sending it False has it return what there is. The
    scene that comes in stays as it is.

    Args:
        scene: where to start.
        handles: at least one pair of (where a point is, where it should be), as ``((x, y), (x, y))`` in 0..1.
        mask: what may change: the painted pixels, as a picture or an array of the picture's size, painted where it is
            at least half of white; None lets everything change. It weighs on the optimisation, and is no cut-out.
        mode: ``hybrid``: the coarse move of Eq. 6, then ``joint``; ``joint``: style codes and heatmap centres, in
            turns; ``pixels``: style codes and heatmap pixels; ``latent``: style codes alone, as DragGAN does. Models
            without heatmaps (``encoding=none``) have ``latent`` only.
        max_steps: the most steps.
        options: learning rates, radii and the like.

    Raises:
        SpatialGANError: a handle outside the image, a mask of another size or without paint, a mode that the model
            does not have, a number out of range.
    """
    check_mode(scene, mode)
    max_steps = check_max_steps(max_steps)
    with torch.inference_mode(False):
        return DragRun(scene, handles, mask, mode, options or DragOptions()).run(max_steps)


def drag(
    scene: "Scene",
    handles: Sequence[Handle],
    *,
    mask: Any = None,
    mode: Mode = "hybrid",
    max_steps: int = MAX_STEPS,
    callback: Callable[[DragStep], bool | None] | None = None,
    options: DragOptions | None = None,
) -> DragResult:
    """Drag to the end; arguments as in :func:`drag_steps`.

    Args:
        callback: called with every step, the start included; returning False stops the drag there.
    """
    steps = drag_steps(scene, handles, mask=mask, mode=mode, max_steps=max_steps, options=options)
    go_on = None
    while True:
        try:
            step = steps.send(go_on)
        except StopIteration as end:
            return end.value
        go_on = True if callback is None else callback(step)


class DragRun:
    """One drag: its variables, what it compares with, and where its handles are."""

    def __init__(self, scene: "Scene", handles: Sequence[Handle], mask: Any, mode: Mode, options: DragOptions):
        resolution, device = scene.model.config.model.resolution, scene.model.device
        self.mode, self.options = mode, options
        self.starts, self.targets = (points.to(device) for points in read_handles(handles))
        self.pixel = 1 / resolution
        self.tolerance = max(1, 0.01 * resolution) / resolution
        scale = resolution / 512
        self.disc = disc_xy(options.disc_radius_px or max(3, 3 * scale), resolution, device=device)
        self.window = disc_xy(options.window_radius_px or max(6, 12 * scale), resolution, device=device)
        self.tracked_disc = self.disc if options.track_disc else torch.zeros(1, 2, device=device, dtype=torch.float32)
        kept = read_mask(mask, resolution)
        feature_resolution = min(resolution // 2, MAX_FEATURE_RESOLUTION)
        self.kept = None if kept is None else resize_maps(kept.to(device), feature_resolution)
        self.variables = Variables(
            scene, feature_resolution=feature_resolution, num_layers=options.num_layers, with_noise=options.with_noise
        )
        self.updates = MODES[mode](self.variables, self.starts, self.targets, options)
        self.handles, self.moves = self.starts, torch.zeros_like(self.starts)
        self.layout_before = self.variables.layout  # the last update, to which a bad jump goes back

    def run(self, max_steps: int) -> Generator[DragStep, bool | None, DragResult]:
        """See :func:`drag_steps`."""
        began, away = time.perf_counter(), 0.0
        trace: list[DragStep] = []
        best, reason = 0, None
        while reason is None:
            with torch.inference_mode(False), torch.enable_grad():
                features = self.variables.features()
                seen = features.detach()
                if not trace:
                    self.set_references(seen)
                before = self.handles
                self.handles, mismatches = self.track(seen)
                loss = self.loss(features)
            step = self._step(len(trace), mismatches, loss, time.perf_counter() - began - away)
            trace.append(step)
            if step.distance < trace[best].distance and not self._is_lost(step):
                best = step.index
            asked = time.perf_counter()
            go_on = yield step
            away += time.perf_counter() - asked
            bad_jump = bool(self.moves.any()) and self._is_worse(step, trace[-2])
            reason = self._stop_reason(step, best, max_steps, go_on, bad_jump)
            if reason is None and bad_jump:  # a jump that made things worse is taken back
                self.variables.set_layout(self.layout_before)
                self.handles, self.moves = before, torch.zeros_like(before)
            elif reason is None:
                self.update(loss)
        kept = trace[best]
        return DragResult(
            kept.scene,
            kept.handles,
            kept.distance,
            trace[-1].index,
            trace[-1].seconds,
            reason,
            as_points(self.starts),
            as_points(self.targets),
            tuple(trace),
        )

    def set_references(self, features: Tensor) -> None:
        if not bool(features.isfinite().all()):
            raise SpatialGANError(
                "the features of this scene are not finite, so nothing in it can be followed; "
                "its truncation, layout or w_offset is too large"
            )
        self.first = features
        self.references = discs_at(features, self.starts, self.tracked_disc)
        places = pixel_centers_xy(VARIATION_GRID, VARIATION_GRID, device=features.device).reshape(-1, 2)
        self.variation = variation(features, self.references, self.tracked_disc, places)

    def track(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Where the handles are now, and their mismatches."""
        if features is self.first:
            return self.starts, torch.zeros_like(self.variation)
        candidates = along(self.handles, self.moves, self.window, self.pixel)
        handles, distances = track(features, self.references, self.tracked_disc, candidates)
        return handles, distances / self.variation.clamp_min(1e-12)

    def loss(self, features: Tensor) -> Tensor:
        loss = motion_loss(features, self.handles, self.targets, self.disc, self.pixel)
        if self.kept is not None:
            loss = loss + self.options.mask_weight * mask_loss(features, self.first, self.kept)
        return loss

    def update(self, loss: Tensor) -> None:
        self.layout_before = self.variables.layout
        with torch.inference_mode(False), torch.enable_grad():
            moves = next(self.updates)(loss)
        self.moves = torch.zeros_like(self.handles) if moves is None else moves

    def _step(self, index: int, mismatches: Tensor, loss: Tensor, seconds: float) -> DragStep:
        handles = [
            [list(p) for p in pair] for pair in zip(as_points(self.starts), as_points(self.targets), strict=True)
        ]
        scene = self.variables.to_scene({"mode": self.mode, "handles": handles, "step": index})
        distance = float((self.handles - self.targets).norm(dim=1).max())
        return DragStep(
            index, scene, as_points(self.handles), distance, tuple(mismatches.tolist()), float(loss.detach()), seconds
        )

    def _is_worse(self, step: DragStep, before: DragStep) -> bool:
        # Half a pixel is the tracker's own rounding.
        return step.distance > before.distance + self.pixel / 2 or self._is_lost(step)

    def _is_lost(self, step: DragStep) -> bool:
        # Not finite is lost too: NaN is not above anything.
        return not all(m <= self.options.lost_mismatch for m in step.mismatches)

    def _stop_reason(
        self, step: DragStep, best: int, max_steps: int, go_on: bool | None, bad_jump: bool
    ) -> StopReason | None:
        if step.distance <= self.tolerance and not self._is_lost(step):
            return "reached"
        if go_on is False:
            return "stopped"
        if self._is_lost(step) and not bad_jump:
            return "lost_track"
        if step.index == max_steps:
            return "max_steps"
        return "no_progress" if step.index - best >= self.options.patience else None


def as_points(xy: Tensor) -> tuple[Point, ...]:
    """(H, 2) as pairs of numbers."""
    return tuple((x, y) for x, y in xy.tolist())
