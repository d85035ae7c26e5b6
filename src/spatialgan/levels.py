"""Levels of a layout: sub-heatmaps as ellipses, or given pixel by pixel. Both have the same methods."""

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import torch
from torch import Tensor

from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import GONE_STD, own_coordinates, render_gaussians, resize_maps

GAUSSIAN_FIELDS = ("centers_xy", "stds", "angles")
MIN_RENDER_SIZE = 32  # smaller heatmaps are averaged down from this, lest narrow Gaussians fall between pixels
Join: TypeAlias = Callable[[list[Tensor]], Tensor]  # torch.stack or torch.cat


@dataclass(frozen=True, eq=False)
class Gaussians:
    """The sub-heatmaps of one level, as ellipses."""

    centers_xy: Tensor
    """(..., K, 2) in 0..1; on levels 1 and 2 of a hierarchical layout, offsets from the level-0 centre."""
    stds: Tensor
    """(..., K, 2) standard deviations along the ellipse's own two axes, in image widths."""
    angles: Tensor
    """(..., K) clockwise turn of those axes from x right, y down, in radians."""

    has_centers = True

    @property
    def num_maps(self) -> int:
        """K."""
        return self.angles.shape[-1]

    @property
    def frames(self) -> "Gaussians":
        """Whose axes are the objects' own coordinates."""
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Levels of one shape can share a batch."""
        return (self.num_maps,)

    def map(self, f: Callable[[Tensor], Tensor]) -> "Gaussians":
        return Gaussians(f(self.centers_xy), f(self.stds), f(self.angles))

    def gaussians(self, level: int) -> "Gaussians":
        """Itself; other kinds of levels raise SpatialGANError naming theirs."""
        return self

    def heatmaps(self, size: int) -> Tensor:
        """(..., K, size, size), peaks at 1; where centres are absolute."""
        fine = max(size, MIN_RENDER_SIZE)
        return resize_maps(render_gaussians(self.centers_xy, self.stds, self.angles, fine), size)

    def own_coordinates(self, size: int) -> Tensor:
        """(..., K, 2, size, size), see :func:`spatialgan.heatmaps.own_coordinates`; where centres are absolute."""
        return own_coordinates(self.centers_xy, self.stds, self.angles, size)

    def mirrored(self, width: float = 1.0) -> "Gaussians":
        """Left and right swapped between 0 and ``width``, which is 0 for offsets."""
        x, y = self.centers_xy.unbind(dim=-1)
        return Gaussians(torch.stack([width - x, y], dim=-1), self.stds, -self.angles)

    def between(self, other: "Level", t: float) -> "Gaussians":
        """The level at ``t`` in 0..1 on the way to another."""
        b = other.gaussians(0) if other.has_centers else _no_way()
        vanishes = torch.minimum(self.stds, b.stds) <= GONE_STD  # in the logarithm, it would be gone in a few frames
        stds = torch.where(vanishes, self.stds.lerp(b.stds, t), self.stds.log().lerp(b.stds.log(), t).exp())
        return Gaussians(self.centers_xy.lerp(b.centers_xy, t), stds, self.angles.lerp(b.angles, t))

    @staticmethod
    def joined(entries: "Sequence[Gaussians]", join: Join) -> "Gaussians":
        """Several as one."""
        return Gaussians(*(join([getattr(e, name) for e in entries]) for name in GAUSSIAN_FIELDS))

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name).tolist() for name in GAUSSIAN_FIELDS}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Gaussians":
        """Raises KeyError, TypeError, OverflowError or ValueError."""
        c, s, a = (torch.tensor(data[name], dtype=torch.float32) for name in GAUSSIAN_FIELDS)
        fit = a.ndim == 1 and c.shape == s.shape == (len(a), 2)
        if not fit or not all(t.isfinite().all() for t in (c, s, a)):
            raise ValueError("centers_xy and stds must be lists of two numbers each, angles a list of as many numbers")
        if not bool((s > 0).all()):
            raise ValueError("it has a standard deviation that is not above 0")
        return Gaussians(c, s, a)


@dataclass(frozen=True, eq=False)
class Raster:
    """Heatmaps given pixel by pixel: the noise sampler, impulse noise, and drags that optimise pixels."""

    values: Tensor
    """(..., K, H, W) in 0..1."""
    frames: Gaussians | None = None
    """Whose axes are the objects' own coordinates; None: they have none."""

    has_centers = False

    @property
    def num_maps(self) -> int:
        """K."""
        return self.values.shape[-3]

    @property
    def shape(self) -> tuple[int, ...]:
        """Levels of one shape can share a batch."""
        return tuple(self.values.shape)

    def map(self, f: Callable[[Tensor], Tensor]) -> "Raster":
        return self._with(f(self.values), lambda frames: frames.map(f))

    def _with(self, values: Tensor, f: Callable[[Gaussians], Gaussians]) -> "Raster":
        return Raster(values, None if self.frames is None else f(self.frames))

    def gaussians(self, level: int) -> Gaussians:
        """Raises SpatialGANError."""
        raise SpatialGANError(f"level {level} of this layout is a raster and has no centres to edit")

    def heatmaps(self, size: int) -> Tensor:
        """(..., K, size, size)."""
        return resize_maps(self.values, size)

    def own_coordinates(self, size: int) -> Tensor:
        """(..., K, 2, size, size) of the frames; raises SpatialGANError where there are none."""
        if self.frames is None:
            raise SpatialGANError(
                "this layout's raster has no frames, and the model needs them: its objects have "
                "coordinates of their own"
            )
        return self.frames.own_coordinates(size)

    def mirrored(self, width: float = 1.0) -> "Raster":
        """Left and right swapped; ``width`` is that of the frames' coordinates."""
        return self._with(self.values.flip(-1), lambda frames: frames.mirrored(width))

    def between(self, other: "Level", t: float) -> "Raster":
        """The level at ``t`` in 0..1 on the way to another; without frames where one of them has none."""
        if isinstance(other, Gaussians):
            _no_way()
        a, b = self.frames, other.frames
        return Raster(self.values.lerp(other.values, t), None if a is None or b is None else a.between(b, t))

    @staticmethod
    def joined(entries: "Sequence[Raster]", join: Join) -> "Raster":
        """Several as one; without frames where one of them has none."""
        frames = [e.frames for e in entries if e.frames is not None]
        framed = len(frames) == len(entries)
        return Raster(join([e.values for e in entries]), Gaussians.joined(frames, join) if framed else None)

    def to_json(self) -> dict[str, Any]:
        frames = {} if self.frames is None else {"frames": self.frames.to_json()}
        return {"raster": tensor_to_json(self.values), **frames}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Raster":
        """Raises KeyError, TypeError, OverflowError or ValueError."""
        values = tensor_from_json(data["raster"])
        if values.ndim != 3:
            raise ValueError(f"a raster has the shape (centres, height, width), not {tuple(values.shape)}")
        frames = Gaussians.from_json(data["frames"]) if "frames" in data else None
        if frames is not None and frames.num_maps != len(values):
            raise ValueError(f"a raster of {len(values)} centres has {frames.num_maps} frames")
        return Raster(values, frames)


Level: TypeAlias = Gaussians | Raster


def _no_way() -> NoReturn:
    raise SpatialGANError("there is no way between a raster and Gaussians")


def join_levels(entries: Sequence[Level], join: Join) -> Level:
    """Levels of several pictures as one; raises SpatialGANError where some have centres and some have none."""
    gaussians = [entry for entry in entries if isinstance(entry, Gaussians)]
    rasters = [entry for entry in entries if isinstance(entry, Raster)]
    if gaussians and rasters:
        raise SpatialGANError("layouts of Gaussians and of rasters cannot share a batch")
    return Gaussians.joined(gaussians, join) if gaussians else Raster.joined(rasters, join)


def level_from_json(data: dict[str, Any]) -> Level:
    """Raises KeyError, TypeError, OverflowError or ValueError."""
    return Raster.from_json(data) if "raster" in data else Gaussians.from_json(data)


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
