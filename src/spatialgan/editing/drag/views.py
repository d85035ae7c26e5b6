"""A drag for people: frames with handles and targets drawn in, a trace as JSON, the figure of its heatmaps."""

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image, ImageDraw

from spatialgan.coords import to_pixels
from spatialgan.editing.drag.outcome import DragResult, DragStep, Point
from spatialgan.editing.interpolation import interpolate
from spatialgan.editing.pictures import enlarge, heatmap_overlay, image_grid
from spatialgan.editing.rendering import render_scenes
from spatialgan.errors import SpatialGANError
from spatialgan.files import write_atomically

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

SMOOTH_FRAMES = 20  # of a drag, at least: more than a second
DOT_SHARE = 1 / 50  # radius of a handle's dot, in image widths
HANDLE_COLOUR, TARGET_COLOUR = (230, 40, 40), (40, 110, 250)


def drag_frames(result: DragResult, *, scale: float | None = None, hold: int = 10) -> list[Image.Image]:
    """The pictures of the steps up to the kept one, handles red, targets blue; both ends stand for ``hold`` frames.

    Later steps are in the trace, but not in the outcome. Where there are few steps, the way from each to the next is
    drawn, too, or one could not see what goes where.

    Args:
        result: its trace is shown as far as it was kept.
        scale: of the pictures; None enlarges small ones for viewing.
        hold: at least 1.
    """
    shown = _with_way_between(result.trace[: result.kept_step + 1])
    pictures = render_scenes([scene for scene, _ in shown])
    frames = [
        with_handles(enlarge(picture, scale), handles, result.targets)
        for picture, (_, handles) in zip(pictures, shown, strict=True)
    ]
    kept = with_handles(enlarge(result.scene.image, scale), result.handles, result.targets)
    return [frames[0]] * hold + frames[1:-1] + [kept] * hold


def _with_way_between(trace: Sequence[DragStep]) -> list[tuple["Scene", tuple[Point, ...]]]:
    """Scenes and handles of the steps, with as many between them as make :data:`SMOOTH_FRAMES` or more in all."""
    shown = [(step.scene, step.handles) for step in trace]
    count = math.ceil(SMOOTH_FRAMES / max(1, len(trace) - 1))  # from a step to the next
    smooth = []
    for (a, starts), (b, ends) in pairwise(shown):
        for i, scene in enumerate(interpolate(a, b, count + 1)[:-1]):
            t = i / count
            smooth.append(
                (
                    scene,
                    tuple(
                        ((1 - t) * x + t * u, (1 - t) * y + t * v) for (x, y), (u, v) in zip(starts, ends, strict=True)
                    ),
                )
            )
    return [*smooth, shown[-1]]


def with_handles(image: Image.Image, handles: tuple[Point, ...], targets: tuple[Point, ...]) -> Image.Image:
    """An RGB copy with a line from each handle to its target, a ring at the target and a dot at the handle."""
    image = image.convert("RGB")
    draw = ImageDraw.Draw(image)
    radius = max(2.0, DOT_SHARE * image.width)
    for handle, target in zip(handles, targets, strict=True):
        a, b = (tuple(to_pixels(torch.tensor(p), image.height, image.width).tolist()) for p in (handle, target))
        draw.line((*a, *b), fill="black", width=3)
        draw.line((*a, *b), fill="white", width=1)
        for (x, y), colour, filled in ((b, TARGET_COLOUR, False), (a, HANDLE_COLOUR, True)):
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, outline="white", fill=colour if filled else None)
            if not filled:
                draw.ellipse((box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1), outline=colour, width=2)
    return image


def trace_to_json(result: DragResult) -> dict[str, Any]:
    """The drag as JSON values: what was asked, why it stopped, and every step."""
    record = result.scene.edits[-1]
    return {
        "mode": record["mode"],
        "starts": result.starts,
        "targets": result.targets,
        "stop_reason": result.stop_reason,
        "steps": result.steps,
        "kept_step": result.kept_step,
        "distance": result.distance,
        "seconds": result.seconds,
        "trace": [_step_to_json(s) for s in result.trace],
    }


def save_trace(result: DragResult, path: str | Path) -> Path:
    """Write :func:`trace_to_json`, whole or not at all."""
    path, text = Path(path), json.dumps(trace_to_json(result), indent=1) + "\n"
    write_atomically(path, lambda p: p.write_text(text))
    return path


def _step_to_json(step: DragStep) -> dict[str, Any]:
    return {
        "index": step.index,
        "handles": step.handles,
        "distance": step.distance,
        "mismatches": step.mismatches,
        "loss": step.loss,
        "seconds": step.seconds,
    }


def require_heatmaps(scene: "Scene") -> None:
    """Raise SpatialGANError where a scene has no heatmaps for a figure."""
    if scene.layout.kind == "none":
        raise SpatialGANError(f"the model {scene.model.name} has encoding=none and reads no heatmaps to show")


def heatmap_figure(result: DragResult, *, columns: int = 6) -> Image.Image:
    """What a drag does to the heatmaps (Fig. 12): a column a step, the picture above the heatmap of each level.

    Args:
        result: of any mode; in ``latent`` the heatmaps stay.
        columns: steps shown, evenly spread from the first to the kept one, at least 2; fewer where there were fewer.

    Raises:
        SpatialGANError: the model reads no heatmaps.
    """
    require_heatmaps(result.scene)
    indices = torch.linspace(0, result.kept_step, max(2, columns), dtype=torch.float32).round().long().unique().tolist()
    steps = [result.trace[i] for i in indices]
    pictures = [enlarge(step.image, None) for step in steps]
    rows = [[with_handles(p, step.handles, result.targets) for p, step in zip(pictures, steps, strict=True)]]
    heatmaps = [step.scene.heatmaps() for step in steps]
    for level in range(len(heatmaps[0])):
        rows.append([heatmap_overlay(p, maps[level], opacity=0.85) for p, maps in zip(pictures, heatmaps, strict=True)])
    return image_grid([cell for row in rows for cell in row], len(steps), scale=1)
