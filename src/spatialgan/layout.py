"""Layouts: where the sub-heatmaps of a picture lie, level by level.

A single-object layout has three levels with 1, 2 and 4 centres, read by the generator at 4x4, 8x8 and 16x16; levels 1
and 2 are kept as offsets from the level-0 centre, so that moving it carries them along. A multi-object layout has one
level with one centre an object, read by all layers. A plain StyleGAN2's layout is empty.

Tensors may have any leading dimensions: none for the layout of one picture, ``(B,)`` for a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.config import LEVEL_RESOLUTIONS, ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import MIN_STD, min_max_normalize
from spatialgan.levels import Gaussians, Level, join_levels, level_from_json

MAX_STD = 1e3  # wider ones are as flat, and their numbers would overflow in the end
Kind: TypeAlias = Literal["none", "single", "multi"]


@dataclass(frozen=True, eq=False)
class Layout:
    levels: tuple[Level, ...] = ()
    """Three levels for single-object scenes, one for multi-object scenes, none for a model without heatmaps."""
    hierarchical: bool = False
    """Whether levels 1 and 2 hold offsets from the level-0 centre."""

    def __repr__(self) -> str:
        counts = "+".join(f"{e.num_maps}{'' if e.has_centers else ' rasters'}" for e in self.levels)
        words = [self.kind, *([counts] if counts else []), *(["hierarchical"] if self.hierarchical else [])]
        return f"Layout({', '.join(words)})"

    @property
    def kind(self) -> Kind:
        """``none`` where it is empty, ``multi`` where its one level has a centre an object, else ``single``."""
        return "none" if not self.levels else "multi" if len(self.levels) == 1 else "single"

    @property
    def has_centers(self) -> bool:
        """Whether there are centres that can be moved on all levels: it is not empty, and no level is a raster."""
        return self.kind != "none" and all(level.has_centers for level in self.levels)

    @property
    def counts(self) -> tuple[int, ...]:
        """Sub-heatmaps of each level."""
        return tuple(level.num_maps for level in self.levels)

    @property
    def shape(self) -> tuple[tuple[int, ...], ...]:
        """Layouts of single pictures and of one shape can share a batch."""
        return tuple(level.shape for level in self.levels)

    @property
    def tensors(self) -> list[Tensor]:
        """All that it is made of."""
        found: list[Tensor] = []
        self.map(lambda t: found.append(t) or t)
        return found

    def level_centers(self, level: int) -> Tensor:
        """Absolute centres of one level, ``(..., K, 2)`` in 0..1."""
        g = self.gaussians(level)
        if self.hierarchical and level > 0:
            return g.centers_xy + self.gaussians(0).centers_xy
        return g.centers_xy

    def gaussians(self, level: int) -> Gaussians:
        """One level as Gaussians; raises SpatialGANError where it is a raster or there is no such level."""
        return self._level(level).gaussians(level)

    def _level(self, level: int) -> Level:
        if not 0 <= level < len(self.levels):
            levels = f"has levels 0 to {len(self.levels) - 1}" if self.levels else "is empty"
            raise SpatialGANError(f"there is no level {level}; this layout {levels}")
        return self.levels[level]

    @property
    def centers(self) -> Tensor:
        """Absolute centres of all levels, coarse to fine, ``(..., sum of K, 2)``, x then y, in 0..1."""
        return _cat([self.level_centers(i) for i in range(len(self.levels))])

    @property
    def stds(self) -> Tensor:
        """Standard deviations in the order of :attr:`centers`, ``(..., sum of K, 2)``, in image widths."""
        return _cat([self.gaussians(i).stds for i in range(len(self.levels))])

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

    def between(self, other: "Layout", t: float) -> "Layout":
        """The layout at ``t`` in 0..1 on the way to another of the same levels.

        Centres and angles move linearly, standard deviations evenly in their logarithm (linearly where something
        appears or vanishes); rasters pixel by pixel. Raises SpatialGANError where a raster is to become Gaussians.
        """
        pairs = zip(self.levels, other.levels, strict=True)
        return replace(self, levels=tuple(a.between(b, t) for a, b in pairs))

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

    def _with(self, level: int, new: Level) -> "Layout":
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
        return self._absolute(level).heatmaps(size)

    def own_coordinates(self, level: int, size: int) -> Tensor:
        """All pixels as each Gaussian of a level sees them (:func:`own_coordinates`), ``(..., K, 2, size, size)``.

        Raises SpatialGANError where the level is a raster without frames.
        """
        return self._absolute(level).own_coordinates(size)

    def _absolute(self, level: int) -> Level:
        """One level with absolute centres, if it has centres."""
        entry = self._level(level)
        return replace(self.gaussians(level), centers_xy=self.level_centers(level)) if entry.has_centers else entry

    def level_map(self, level: int, size: int) -> Tensor:
        """What attention is compared with on one level: ``(..., size, size)`` in 0..1.

        Single-object: the mean over the level's centres, on levels 1 and 2 min-max normalised. Multi-object: their sum,
        clipped to 1.
        """
        maps = self.heatmaps(level, size)
        if self.kind == "multi":
            return maps.sum(dim=-3).clamp(0, 1)
        return min_max_normalize(maps.mean(dim=-3)) if level > 0 else maps.mean(dim=-3)


def raster_sizes(config: ModelConfig) -> tuple[int, ...]:
    """The largest size at which the generator reads each level: a raster of it makes the same picture, nearly so where
    layers read the level at smaller sizes, too."""
    if config.layout == "multi" and config.encoding == "flatten":
        return (LEVEL_RESOLUTIONS[-1],)
    if config.layout == "multi":
        full = config.encoding == "multi" or config.processing != "coarse"
        return (config.resolution if full else min(config.encoded_max_resolution, config.resolution),)
    if config.processing != "coarse":
        return (config.resolution,) * len(LEVEL_RESOLUTIONS)
    top = min(config.encoded_max_resolution, config.resolution)
    return (*LEVEL_RESOLUTIONS[:-1], max(LEVEL_RESOLUTIONS[-1], top))


def _cat(points: list[Tensor]) -> Tensor:
    """Points (..., K, 2) of all levels, (..., sum of K, 2)."""
    return torch.cat(points, dim=-2) if points else torch.zeros(0, 2)


def _join(layouts: Sequence[Layout], join: Callable[[list[Tensor]], Tensor]) -> Layout:
    first = layouts[0]
    if any(len(x.levels) != len(first.levels) or x.hierarchical != first.hierarchical for x in layouts):
        raise SpatialGANError("layouts of different kinds cannot share a batch")
    levels = tuple(join_levels(entries, join) for entries in zip(*(layout.levels for layout in layouts), strict=True))
    return Layout(levels, first.hierarchical)


def layout_to_json(layout: Layout) -> dict[str, Any] | None:
    """The layout of one picture as JSON values, exact to the last bit; None for an empty one."""
    if layout.kind == "none":
        return None
    return {"hierarchical": layout.hierarchical, "levels": [level.to_json() for level in layout.levels]}


def layout_from_json(data: dict[str, Any] | None) -> Layout:
    """The inverse of :func:`layout_to_json`; raises SpatialGANError naming what is wrong."""
    if data is None:
        return Layout()
    try:
        levels = tuple(map(level_from_json, data["levels"]))
        if not levels:
            raise ValueError("it has no levels")
        if not isinstance(data["hierarchical"], bool):
            raise ValueError(f"hierarchical is {data['hierarchical']!r}; use true or false")
        return Layout(levels, data["hierarchical"])
    except (KeyError, TypeError, OverflowError):
        raise SpatialGANError(
            "layout is not readable: it needs hierarchical, and levels that each have centers_xy, "
            "stds and angles, or a raster"
        ) from None
    except ValueError as e:
        raise SpatialGANError(f"layout is not readable: {e}") from None
