"""Layouts: where the sub-heatmaps of a picture lie, and rendering them to heatmaps (Eq. 1).

A single-object layout has three levels with 1, 2 and 4 centres, read by the generator at 4x4, 8x8 and 16x16; levels 1
and 2 are kept as offsets from the level-0 centre, so that moving it carries them along. A multi-object layout has one
level with one centre an object, read by all layers.

Tensors may have any leading dimensions: none for the layout of one picture, ``(B,)`` for a batch.
"""

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.config import LEVEL_RESOLUTIONS, ModelConfig
from spatialgan.coords import pixel_centers_xy
from spatialgan.errors import SpatialGANError

MIN_STD = 1e-3  # a removed object: a legal divisor, and drawn as nothing
GONE_STD = 1.01 * MIN_STD  # what is no wider counts as removed, whatever rounding did to it
MAX_STD = 1e3  # wider ones are as flat, and their numbers would overflow in the end
GAUSSIAN_FIELDS = ("centers_xy", "stds", "angles")
MIN_RENDER_SIZE = 32  # smaller heatmaps are averaged down from this, lest narrow Gaussians fall between pixels


@dataclass(frozen=True, eq=False)
class Gaussians:
    """The sub-heatmaps of one level, as ellipses."""

    centers_xy: Tensor
    """(..., K, 2) in 0..1; on levels 1 and 2 of a hierarchical layout, offsets from the level-0 centre."""
    stds: Tensor
    """(..., K, 2) standard deviations along the ellipse's own two axes, in image widths."""
    angles: Tensor
    """(..., K) clockwise turn of those axes from x right, y down, in radians."""

    @property
    def num_maps(self) -> int:
        """K."""
        return self.angles.shape[-1]

    def map(self, f: Callable[[Tensor], Tensor]) -> "Gaussians":
        return Gaussians(f(self.centers_xy), f(self.stds), f(self.angles))

    def mirrored(self, width: float = 1.0) -> "Gaussians":
        """Left and right swapped between 0 and ``width``, which is 0 for offsets."""
        x, y = self.centers_xy.unbind(dim=-1)
        return Gaussians(torch.stack([width - x, y], dim=-1), self.stds, -self.angles)


@dataclass(frozen=True, eq=False)
class Raster:
    """Heatmaps given pixel by pixel: the noise sampler, impulse noise, and drags that optimise pixels."""

    values: Tensor
    """(..., K, H, W) in 0..1."""
    frames: Gaussians | None = None
    """Whose axes are the objects' own coordinates; None: they have none."""

    @property
    def num_maps(self) -> int:
        """K."""
        return self.values.shape[-3]

    def map(self, f: Callable[[Tensor], Tensor]) -> "Raster":
        return Raster(f(self.values), None if self.frames is None else self.frames.map(f))

    def mirrored(self, width: float = 1.0) -> "Raster":
        """Left and right swapped; ``width`` is that of the frames' coordinates."""
        return Raster(self.values.flip(-1), None if self.frames is None else self.frames.mirrored(width))


@dataclass(frozen=True, eq=False)
class Layout:
    levels: tuple[Gaussians | Raster, ...]
    """Three levels for single-object scenes, one for multi-object scenes."""
    hierarchical: bool
    """Whether levels 1 and 2 hold offsets from the level-0 centre."""

    def level_centers(self, level: int) -> Tensor:
        """Absolute centres of one level, ``(..., K, 2)`` in 0..1."""
        g = self.gaussians(level)
        if self.hierarchical and level > 0:
            return g.centers_xy + self.gaussians(0).centers_xy
        return g.centers_xy

    def gaussians(self, level: int) -> Gaussians:
        """One level as Gaussians; raises SpatialGANError where it is a raster or there is no such level."""
        g = self._level(level)
        if isinstance(g, Raster):
            raise SpatialGANError(f"level {level} of this layout is a raster and has no centres to edit")
        return g

    def _level(self, level: int) -> Gaussians | Raster:
        if not 0 <= level < len(self.levels):
            raise SpatialGANError(f"there is no level {level}; this layout has levels 0 to {len(self.levels) - 1}")
        return self.levels[level]

    @property
    def centers(self) -> Tensor:
        """Absolute centres of all levels, coarse to fine, ``(..., sum of K, 2)``, x then y, in 0..1."""
        return torch.cat([self.level_centers(i) for i in range(len(self.levels))], dim=-2)

    @property
    def stds(self) -> Tensor:
        """Standard deviations in the order of :attr:`centers`, ``(..., sum of K, 2)``, in image widths."""
        return torch.cat([self.gaussians(i).stds for i in range(len(self.levels))], dim=-2)

    def moved(self, dxy: Tensor | tuple[float, float], *, level: int = 0, point: int | None = None) -> "Layout":
        """The layout with one centre, or all centres of a level, moved by ``dxy`` ``(..., 2)`` in image widths.

        Moving level 0 of a hierarchical layout carries levels 1 and 2 along.
        """
        g = self.gaussians(level)
        step = torch.as_tensor(dxy, dtype=torch.float32).to(g.centers_xy).unsqueeze(-2)  # (..., 1, 2)
        return self._with(level, replace(g, centers_xy=g.centers_xy + self._points(level, point)[:, None] * step))

    def shifted(self, shifts: Sequence[Tensor]) -> "Layout":
        """The layout with each centre moved by a shift of its own: one ``(..., K, 2)`` a level; none carries others."""
        carried = shifts[0] if self.hierarchical else torch.zeros_like(shifts[0])
        own = [shift - carried if level > 0 else shift for level, shift in enumerate(shifts)]
        gaussians = [self.gaussians(level) for level in range(len(self.levels))]
        return replace(
            self, levels=tuple(replace(g, centers_xy=g.centers_xy + s) for g, s in zip(gaussians, own, strict=True))
        )

    def resized(self, factor: float | tuple[float, float], *, level: int = 0, point: int | None = None) -> "Layout":
        """The layout with one standard deviation, or all of a level, multiplied by ``factor``.

        Two factors stretch the ellipse along its own axes. Nothing becomes narrower than :data:`MIN_STD` or wider than
        :data:`MAX_STD`.
        """
        g = self.gaussians(level)
        scale = torch.where(self._points(level, point)[:, None] > 0, g.stds.new_tensor(factor), 1.0)  # (K, 1 or 2)
        return self._with(level, replace(g, stds=(g.stds * scale).clamp(MIN_STD, MAX_STD)))

    def rotated(self, angle: float, *, level: int = 0, point: int | None = None) -> "Layout":
        """The layout with one ellipse, or all of a level, turned clockwise by ``angle`` radians about its centre."""
        g = self.gaussians(level)
        return self._with(level, replace(g, angles=g.angles + self._points(level, point) * angle))

    def mirrored(self) -> "Layout":
        """The layout with left and right swapped."""
        offsets = [self.hierarchical and level > 0 for level in range(len(self.levels))]
        return replace(
            self, levels=tuple(e.mirrored(0.0 if o else 1.0) for e, o in zip(self.levels, offsets, strict=True))
        )

    def _points(self, level: int, point: int | None) -> Tensor:
        """``(K,)``: 1 at the chosen point, or at all."""
        self.require_point(level, point)
        g = self.gaussians(level)
        if point is None:
            return torch.ones(g.num_maps, device=g.angles.device, dtype=torch.float32)
        return F.one_hot(torch.tensor(point), g.num_maps).to(g.angles)

    def require_point(self, level: int, point: int | None) -> None:
        """Raise SpatialGANError where a level has no centres, or none of this number; None means all of them."""
        k = self.gaussians(level).num_maps
        if point is not None and not 0 <= point < k:
            valid = f"centres 0 to {k - 1}" if k > 1 else "centre 0 alone"
            raise SpatialGANError(f"there is no centre {point} on level {level}; it has {valid}")

    def _with(self, level: int, new: Gaussians | Raster) -> "Layout":
        return replace(self, levels=(*self.levels[:level], new, *self.levels[level + 1 :]))

    def map(self, f: Callable[[Tensor], Tensor]) -> "Layout":
        """The layout with ``f`` applied to every tensor."""
        return replace(self, levels=tuple(level.map(f) for level in self.levels))

    def to(self, device: torch.device | str) -> "Layout":
        return self.map(lambda t: t.to(device))

    def __getitem__(self, index: Any) -> "Layout":
        """Select along the leading dimension; ``layout[None]`` makes a batch of one."""
        return self.map(lambda t: t[index])

    @staticmethod
    def stack(layouts: Sequence["Layout"]) -> "Layout":
        """Layouts of single pictures as one batch."""
        return _join(layouts, torch.stack)

    @staticmethod
    def cat(layouts: Sequence["Layout"]) -> "Layout":
        """Batches joined along their leading dimension."""
        return _join(layouts, torch.cat)

    def heatmaps(self, level: int, size: int) -> Tensor:
        """Sub-heatmaps of one level (Eq. 1), ``(..., K, size, size)``, peaks at 1."""
        entry = self._level(level)
        fine = max(size, MIN_RENDER_SIZE)
        if isinstance(entry, Raster):
            return resize_maps(entry.values, size)
        return resize_maps(render_gaussians(self.level_centers(level), entry.stds, entry.angles, fine), size)

    def own_coordinates(self, level: int, size: int) -> Tensor:
        """All pixels as each Gaussian of a level sees them (:func:`own_coordinates`), ``(..., K, 2, size, size)``.

        Raises SpatialGANError where the level is a raster without frames.
        """
        entry = self._level(level)
        if isinstance(entry, Raster):
            if entry.frames is None:
                raise SpatialGANError(
                    "this layout's raster has no frames, and the model needs them: its objects have "
                    "coordinates of their own"
                )
            return own_coordinates(entry.frames.centers_xy, entry.frames.stds, entry.frames.angles, size)
        return own_coordinates(self.level_centers(level), entry.stds, entry.angles, size)

    def level_map(self, level: int, size: int) -> Tensor:
        """What attention is compared with on one level: ``(..., size, size)`` in 0..1.

        Single-object: the mean over the level's centres, on levels 1 and 2 min-max normalised. Multi-object: their sum,
        clipped to 1.
        """
        maps = self.heatmaps(level, size)
        if len(self.levels) == 1:
            return maps.sum(dim=-3).clamp(0, 1)
        return min_max_normalize(maps.mean(dim=-3)) if level > 0 else maps.mean(dim=-3)


def render_gaussians(centers_xy: Tensor, stds: Tensor, angles: Tensor, size: int) -> Tensor:
    """Eq. 1: ``exp(-(u - c)^T Sigma^-1 (u - c) / 2)`` at all pixel centres u.

    Args:
        centers_xy: (..., K, 2) absolute, in 0..1.
        stds: (..., K, 2) along the ellipse's own axes.
        angles: (..., K) clockwise turn of the axes, radians.
        size: height and width of the maps, in pixels.

    Returns:
        (..., K, size, size), peak 1; all zero where both standard deviations are at their least, :data:`MIN_STD`.
    """
    along, across = own_coordinates(centers_xy, stds, angles, size).unbind(dim=-3)
    # Without this a removed object whose centre hits a pixel's would leave that pixel behind.
    visible = (stds > GONE_STD).any(dim=-1)[..., None, None]  # (..., K, 1, 1)
    return torch.exp(-0.5 * (along.square() + across.square())) * visible


def own_coordinates(centers_xy: Tensor, stds: Tensor, angles: Tensor, size: int) -> Tensor:
    """All pixel centres in the coordinates of ellipses: from their centres, along their axes, in standard deviations.

    Args as of :func:`render_gaussians`.

    Returns:
        (..., K, 2, size, size), along the first axis and along the second.
    """
    grid = pixel_centers_xy(size, size, device=centers_xy.device)
    dx = grid[0, :, 0] - centers_xy[..., 0, None]  # (..., K, size), of the columns
    dy = grid[:, 0, 1] - centers_xy[..., 1, None]  # (..., K, size), of the rows
    cos, sin = angles.cos()[..., None], angles.sin()[..., None]
    sx, sy = stds.clamp_min(MIN_STD)[..., None].unbind(-2)  # each (..., K, 1)
    # Columns and rows are added up only here, so that most of the work is done on vectors.
    along = (cos * dx / sx)[..., None, :] + (sin * dy / sx)[..., :, None]  # (..., K, size, size)
    across = (cos * dy / sy)[..., :, None] - (sin * dx / sy)[..., None, :]
    return torch.stack([along, across], dim=-3)


def resize_maps(maps: Tensor, size: int) -> Tensor:
    """Maps ``(..., H, W)`` to ``(..., size, size)``: area averages when smaller, bilinear when larger."""
    h, w = maps.shape[-2:]
    if (h, w) == (size, size):
        return maps
    flat = maps.reshape(-1, 1, h, w)
    flat = F.adaptive_avg_pool2d(flat, size) if size < h else F.interpolate(flat, size=(size, size), mode="bilinear")
    return flat.reshape(*maps.shape[:-2], size, size)


def raster_sizes(config: ModelConfig) -> tuple[int, ...]:
    """The largest size at which the generator reads each level: a raster of it makes the same picture."""
    if config.layout == "multi" and config.encoding == "flatten":
        return (LEVEL_RESOLUTIONS[-1],)
    if config.layout == "multi":
        full = config.encoding == "multi" or config.processing != "coarse"
        return (config.resolution if full else min(config.encoded_max_resolution, config.resolution),)
    if config.processing != "coarse":
        return (config.resolution,) * len(LEVEL_RESOLUTIONS)
    top = min(config.encoded_max_resolution, config.resolution)
    return (*LEVEL_RESOLUTIONS[:-1], max(LEVEL_RESOLUTIONS[-1], top))


def min_max_normalize(maps: Tensor, eps: float = 1e-8) -> Tensor:
    """Maps ``(..., H, W)`` scaled to 0..1 each; a constant map becomes zero."""
    low = maps.amin(dim=(-2, -1), keepdim=True)
    high = maps.amax(dim=(-2, -1), keepdim=True)
    return (maps - low) / (high - low + eps)


def _join(layouts: Sequence[Layout], join: Callable[[list[Tensor]], Tensor]) -> Layout:
    first = layouts[0]
    if any(len(x.levels) != len(first.levels) or x.hierarchical != first.hierarchical for x in layouts):
        raise SpatialGANError("layouts of different kinds cannot share a batch")
    levels: list[Gaussians | Raster] = []
    for entries in zip(*(layout.levels for layout in layouts), strict=True):
        if all(isinstance(e, Gaussians) for e in entries):
            levels.append(_join_gaussians(entries, join))
        elif all(isinstance(e, Raster) for e in entries):
            framed = all(e.frames is not None for e in entries)
            frames = _join_gaussians([e.frames for e in entries], join) if framed else None
            levels.append(Raster(join([e.values for e in entries]), frames))
        else:
            raise SpatialGANError("layouts of Gaussians and of rasters cannot share a batch")
    return Layout(tuple(levels), first.hierarchical)


def _join_gaussians(entries: Sequence[Gaussians], join: Callable[[list[Tensor]], Tensor]) -> Gaussians:
    return Gaussians(*(join([getattr(e, name) for e in entries]) for name in GAUSSIAN_FIELDS))


def layout_to_json(layout: Layout) -> dict[str, Any]:
    """The layout of one picture as JSON values, exact to the last bit."""
    levels: list[dict[str, Any]] = []
    for entry in layout.levels:
        if isinstance(entry, Gaussians):
            levels.append(_gaussians_to_json(entry))
        else:
            frames = {} if entry.frames is None else {"frames": _gaussians_to_json(entry.frames)}
            levels.append({"raster": tensor_to_json(entry.values), **frames})
    return {"hierarchical": layout.hierarchical, "levels": levels}


def layout_from_json(data: dict[str, Any]) -> Layout:
    """The inverse of :func:`layout_to_json`; raises SpatialGANError naming what is wrong."""
    try:
        levels: list[Gaussians | Raster] = []
        for entry in data["levels"]:
            if "raster" in entry:
                values = tensor_from_json(entry["raster"])
                if values.ndim != 3:
                    raise ValueError(f"a raster has the shape (centres, height, width), not {tuple(values.shape)}")
                frames = _gaussians_from_json(entry["frames"]) if "frames" in entry else None
                if frames is not None and frames.num_maps != len(values):
                    raise ValueError(f"a raster of {len(values)} centres has {frames.num_maps} frames")
                levels.append(Raster(values, frames))
            else:
                levels.append(_gaussians_from_json(entry))
        if not levels:
            raise ValueError("it has no levels")
        if not isinstance(data["hierarchical"], bool):
            raise ValueError(f"hierarchical is {data['hierarchical']!r}; use true or false")
        return Layout(tuple(levels), data["hierarchical"])
    except (KeyError, TypeError, OverflowError):
        raise SpatialGANError(
            "layout is not readable: it needs hierarchical, and levels that each have centers_xy, "
            "stds and angles, or a raster"
        ) from None
    except ValueError as e:
        raise SpatialGANError(f"layout is not readable: {e}") from None


def _gaussians_to_json(gaussians: Gaussians) -> dict[str, Any]:
    return {name: getattr(gaussians, name).tolist() for name in GAUSSIAN_FIELDS}


def _gaussians_from_json(data: dict[str, Any]) -> Gaussians:
    """Raises KeyError, TypeError, OverflowError or ValueError."""
    c, s, a = (torch.tensor(data[name], dtype=torch.float32) for name in GAUSSIAN_FIELDS)
    fit = a.ndim == 1 and c.shape == s.shape == (len(a), 2)
    if not fit or not all(t.isfinite().all() for t in (c, s, a)):
        raise ValueError("centers_xy and stds must be lists of two numbers each, angles a list of as many numbers")
    return Gaussians(c, s, a)


def tensor_to_json(tensor: Tensor) -> dict[str, Any]:
    """A float32 tensor as its shape and base64 of its little-endian bytes."""
    array = tensor.detach().cpu().contiguous().numpy().astype("<f4")
    return {"shape": list(array.shape), "float32": base64.b64encode(array.tobytes()).decode("ascii")}


def tensor_from_json(data: dict[str, Any]) -> Tensor:
    """The inverse of :func:`tensor_to_json`; raises ValueError, KeyError or TypeError on anything else."""
    raw, shape = bytearray(base64.b64decode(data["float32"], validate=True)), data["shape"]
    if not isinstance(shape, list) or not all(type(n) is int and 0 < n <= len(raw) for n in shape):
        raise ValueError("a shape is a list of whole numbers, none larger than there are bytes")
    if len(raw) != 4 * math.prod(shape) or not raw:
        raise ValueError(f"{len(raw)} bytes do not fill the shape {shape}")
    tensor = torch.frombuffer(raw, dtype=torch.float32).reshape(shape).clone()
    if not tensor.isfinite().all():
        raise ValueError("it holds numbers that are not finite")
    return tensor
