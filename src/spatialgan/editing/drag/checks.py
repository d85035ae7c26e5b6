"""What callers hand to a drag, checked before anything is computed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from spatialgan.data.decoding import convert, upright_size
from spatialgan.editing.arguments import finite, whole
from spatialgan.editing.drag.outcome import Handle, Mode
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene


def read_handles(handles: Sequence[Handle]) -> tuple[Tensor, Tensor]:
    """Starts and targets, each ``(H, 2)``; raises SpatialGANError where there are none, or one is outside the image."""
    try:
        pairs = [((a, b), (c, d)) for (a, b), (c, d) in handles]
    except (TypeError, ValueError):
        raise SpatialGANError("handles are pairs of points in 0..1, as in [((0.4, 0.5), (0.55, 0.5))]") from None
    if not pairs:
        raise SpatialGANError("a drag needs at least one handle, as in [((0.4, 0.5), (0.55, 0.5))]")
    ends: dict[tuple[float, ...], tuple[float, ...]] = {}
    checked = []
    for i, pair in enumerate(pairs):
        names = ("starts", "has its target")
        start, target = (tuple(finite(v, f"handle {i}") for v in point) for point in pair)
        for name, (x, y) in zip(names, (start, target), strict=True):
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise SpatialGANError(
                    f"handle {i} {name} at ({x:g}, {y:g}), outside the image; use 0 to 1, "
                    "from the left to the right edge and from the upper to the lower"
                )
        if ends.setdefault(start, target) != target:
            raise SpatialGANError(
                f"two handles start at ({start[0]:g}, {start[1]:g}) and have different targets; leave one of them out"
            )
        checked.append((start, target))
    starts, targets = torch.tensor(checked, dtype=torch.float32).unbind(dim=1)
    return starts, targets


def read_mask(mask: Any, resolution: int) -> Tensor | None:
    """What is kept: ``(1, 1, R, R)`` float, 1 where nothing is painted; None where everything may change.

    Raises:
        SpatialGANError: it is no picture or array of the picture's size, or nothing in it is painted.
    """
    if mask is None:
        return None
    if isinstance(mask, Image.Image):
        mask = np.array(painted_picture(mask, resolution))  # a copy: the picture's own pixels are read-only
    try:
        values = mask if isinstance(mask, Tensor) else torch.as_tensor(np.array(mask))
    except (TypeError, ValueError):
        raise SpatialGANError("the mask is neither a picture nor an array of numbers") from None
    _require_size(tuple(reversed(values.shape)), resolution)
    half = 128 if values.dtype == torch.uint8 else 0.5
    painted = values if values.dtype == torch.bool else values >= half
    if not bool(painted.any()):
        raise SpatialGANError("nothing in the mask is painted, so nothing may change; paint what may")
    if bool(painted.all()):
        return None
    return (~painted).float()[None, None]


def painted_picture(mask: Image.Image, resolution: int, name: str = "the mask") -> Image.Image:
    """A mask's grey picture, as people see it on black: turned upright by EXIF, and what is transparent is not painted.

    Raises:
        SpatialGANError: it is not of the picture's size, which is seen before anything is decoded; or it is damaged.
    """
    _require_size(upright_size(mask), resolution)
    return convert(mask, name, 1, ground="black")


def _require_size(size: tuple[int, ...], resolution: int) -> None:
    if size != (resolution, resolution):
        raise SpatialGANError(
            f"the mask has {'x'.join(map(str, size))} pixels and the picture "
            f"{resolution}x{resolution}; paint a mask of the picture's size"
        )


def check_mode(scene: "Scene", mode: Mode) -> None:
    """Raise SpatialGANError where there is no such mode, or the scene has nothing for it to optimise."""
    if mode not in get_args(Mode):
        raise SpatialGANError(f"there is no drag mode {mode!r}; use {', '.join(get_args(Mode))}")
    if mode == "latent":
        return
    name = scene.model.name
    if scene.layout.kind == "none":
        raise SpatialGANError(f"the model {name} has encoding=none and reads no heatmaps; use the mode latent")
    if mode != "pixels" and not scene.layout.has_centers:
        raise SpatialGANError(
            f"the heatmaps of this scene are pixels without centres; use the modes pixels or latent, not {mode}"
        )


def check_max_steps(max_steps: Any) -> int:
    """A whole number of at least 0."""
    number = whole(max_steps, "max_steps")
    if number < 0:
        raise SpatialGANError(f"max_steps is {number}; use 0 or more")
    return number
