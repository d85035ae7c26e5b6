"""Sampling layouts: hierarchical for single-object scenes, independent for multi-object ones, and Table IV's others."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from spatialgan.config import LEVEL_NUM_CENTERS, LEVEL_RESOLUTIONS, ModelConfig
from spatialgan.layout import Layout, raster_sizes
from spatialgan.levels import Gaussians, Raster

OFFSET_STD = 1 / 6  # of level-1 and level-2 centres around the level-0 centre [the 1/6 is ours]
RELEASE_CENTER_STD = 0.161  # of the conference release's level-0 centres
RELEASE_OFFSETS = (0.0, 0.2, 0.4)  # of its centres from the level-0 centre at most, in x and in y, by level
CANDIDATES = 32  # of a centre that is to be at a distance from others


def sample_layout(config: ModelConfig, batch: int, generator: torch.Generator) -> Layout:
    """Layouts for ``batch`` pictures, as ``config`` says, on the generator's device; empty with ``encoding=none``."""
    if config.encoding == "none":
        return Layout()
    if config.layout == "multi":
        layout = _sample_objects(config, batch, generator)
    elif config.sampling == "noise":
        layout = _sample_noise(batch, generator)
    else:
        layout = _sample_levels(config, batch, generator)
    if config.impulse_noise > 0:
        layout = with_impulse_noise(layout, config.impulse_noise, raster_sizes(config), generator)
    return layout


def _sample_levels(config: ModelConfig, batch: int, generator: torch.Generator) -> Layout:
    """Single-object layouts: hierarchical, the conference release's own, or each level on its own (Table IV).

    The release's: level-0 centres N(1/2, 0.161^2), clamped to the image; offsets U(-0.2, 0.2) on level 1 and
    U(-0.4, 0.4) on level 2; and one s per batch [conf], which is here one of each level for all its centres [ours].
    """
    # Areas shrink level by level: s of exp(-d^2 / s) on -1..1 coordinates, from the conference release.
    s_low, s_high = (0.5, 0.1 / 1.4, 0.1 / 2), (1.0, 1.1 / 1.4, 1.1 / 2)
    hierarchical, release = config.sampling != "independent", config.sampling == "release"
    levels = []
    for level, k in enumerate(LEVEL_NUM_CENTERS):
        s = _uniform((1, 1, 1) if release else (batch, k, 1), s_low[level], s_high[level], generator)
        if release and level > 0:
            centers = _uniform((batch, k, 2), -RELEASE_OFFSETS[level], RELEASE_OFFSETS[level], generator)
        elif release:
            normal = torch.randn(batch, k, 2, generator=generator, device=generator.device, dtype=torch.float32)
            centers = (0.5 + normal * RELEASE_CENTER_STD).clamp(0, 1)
        elif hierarchical and level > 0:
            normal = torch.randn(batch, k, 2, generator=generator, device=generator.device, dtype=torch.float32)
            centers = normal * OFFSET_STD
        else:
            centers = centers_inside((batch, k, 2), config.center_std, generator)
        stds = (s / 8).sqrt().expand(batch, k, 2)
        levels.append(Gaussians(centers, stds, torch.zeros(batch, k, device=generator.device, dtype=torch.float32)))
    return Layout(tuple(levels), hierarchical)


def _sample_objects(config: ModelConfig, batch: int, generator: torch.Generator) -> Layout:
    """Multi-object layouts: independent sizes, and centres that are independent but for ``object_spacing``."""
    n, spacing = config.num_objects, config.object_spacing
    candidates = centers_inside((batch, n, CANDIDATES if spacing > 0 else 1, 2), config.center_std, generator)
    stds = _uniform((batch, n, 1), config.object_std_min, config.object_std_max, generator)
    centers = spaced(candidates, stds[..., 0], spacing)
    stds = stds.expand(batch, n, 2)
    angles = torch.zeros(batch, n, device=generator.device, dtype=torch.float32)
    return Layout((Gaussians(centers, stds, angles),), hierarchical=False)


def spaced(candidates: Tensor, stds: Tensor, spacing: float) -> Tensor:
    """One centre an object: the first of its candidates that is far enough from the objects before it [ours].

    Args:
        candidates: (B, K, T, 2) in 0..1.
        stds: (B, K) in image widths.
        spacing: least distance of two centres, in sums of the two objects' standard deviations.

    Returns:
        (B, K, 2). Where no candidate is far enough, the one that is farthest by that measure.
    """
    centers = candidates[:, :1, 0]  # (B, 1, 2)
    for k in range(1, candidates.shape[1]):
        distances = (candidates[:, k, :, None] - centers[:, None]).norm(dim=-1)  # (B, T, k)
        nearest = (distances / (stds[:, k, None] + stds[:, :k])[:, None]).amin(dim=-1)  # (B, T)
        enough = nearest.clamp_max(spacing)
        first = (enough >= enough.amax(dim=1, keepdim=True)).to(torch.uint8).cumsum(dim=1).eq(0).sum(dim=1)  # (B,)
        chosen = candidates[torch.arange(len(first), device=first.device), k, first]
        centers = torch.cat([centers, chosen[:, None]], dim=1)
    return centers


def _sample_noise(batch: int, generator: torch.Generator) -> Layout:
    """Heatmaps without structure (Table IV): pixels ~ N(1/2, (1/4)^2) clipped to 0..1 [ours]."""
    levels = []
    for k, size in zip(LEVEL_NUM_CENTERS, LEVEL_RESOLUTIONS, strict=True):
        noise = torch.randn(batch, k, size, size, generator=generator, device=generator.device, dtype=torch.float32)
        levels.append(Raster((0.5 + 0.25 * noise).clamp(0, 1)))
    return Layout(tuple(levels), hierarchical=False)


def with_impulse_noise(layout: Layout, share: float, sizes: Sequence[int], generator: torch.Generator) -> Layout:
    """The layout rasterised, with ``share`` of its pixels set to 0 or 1 (Section 4.3).

    Args:
        layout: of one picture or a batch.
        share: 0..1.
        sizes: of each level's raster, in pixels, see :func:`raster_sizes`.
        generator: draws the noise.
    """
    levels = []
    for level, size in zip(range(len(layout.levels)), sizes, strict=True):
        values = layout.heatmaps(level, size)
        device = generator.device
        hit = torch.rand(values.shape, generator=generator, device=device, dtype=torch.float32) < share
        is_one = torch.rand(values.shape, generator=generator, device=device, dtype=torch.float32) < 0.5
        extreme = is_one.to(values.dtype)
        frames = layout.gaussians(level) if layout.kind == "multi" else None
        levels.append(Raster(torch.where(hit, extreme, values), frames))
    return Layout(tuple(levels), hierarchical=False)


def centers_inside(shape: tuple[int, ...], std: float, generator: torch.Generator) -> Tensor:
    """N(1/2, std^2), redrawn while outside the image: a truncated normal, drawn by inverting its distribution."""
    bound = 0.5 / std  # the image's edge, in standard deviations
    edge = math.erf(bound / math.sqrt(2))  # u in -edge..edge is inside
    u = (torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float32) * 2 - 1) * edge
    # Where edge rounds to 1, u of -1 or 1 would be infinitely far out.
    return (0.5 + std * math.sqrt(2) * torch.erfinv(u)).clamp(0, 1)


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float32)
