"""The co-move loss [ours]: what lies under a sub-heatmap goes along when that sub-heatmap moves, the rest stays.

Alignment makes D's attention and the heatmaps agree in one picture, and hopes that objects follow from picture to
picture. This loss asks for it outright, of pairs of pictures that differ in the place of one sub-heatmap alone, and
needs no label either. Half of a G batch are such twins of the other half, so it costs no pass through any network.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.layout import Layout, resize_maps
from spatialgan.training.augment import shift_images

EPS = 1e-3  # of a variance of pixels in -1..1: blank areas are alike, whatever little they differ


@dataclass(frozen=True)
class Move:
    """One sub-heatmap a picture, and where it goes."""

    point: Tensor
    """(B,) its index on level 0."""
    shift_px: Tensor
    """(B, 2) whole pixels, x then y: pictures can be compared without resampling them."""


def draw_move(layout: Layout, resolution: int, distance: float, generator: torch.Generator) -> Move:
    """A sub-heatmap of each picture, and a shift of at most ``distance`` image widths in x and in y that keeps its
    centre inside the image, to half a pixel."""
    centers = layout.level_centers(0)  # (B, K, 2)
    b, k = centers.shape[:2]
    point = torch.randint(k, (b,), generator=generator, device=centers.device)
    dxy = (torch.rand(b, 2, generator=generator, device=centers.device) * 2 - 1) * distance
    center = centers[torch.arange(b, device=centers.device), point]
    dxy = (center + dxy).clamp(0, 1) - center
    return Move(point, (dxy * resolution).round().long())


def moved(layout: Layout, move: Move, resolution: int) -> Layout:
    """The layout after the move; level 0 of a hierarchical one carries the others along."""
    g = layout.gaussians(0)
    chosen = F.one_hot(move.point, g.num_maps).to(g.centers_xy)[..., None]  # (B, K, 1)
    dxy = move.shift_px.to(g.centers_xy)[:, None] / resolution  # (B, 1, 2)
    return replace(layout, levels=(replace(g, centers_xy=g.centers_xy + chosen * dxy), *layout.levels[1:]))


def comove_loss(before: Tensor, after: Tensor, heatmaps: Tensor, move: Move, *,
                size: int | None = None) -> tuple[Tensor, Tensor]:
    """How far the content stays behind its sub-heatmap, and how far the rest does not stay.

    With a the moved sub-heatmap's share of each pixel and T the shift, ``follow`` is the squared difference of the new
    picture and the shifted old one, weighted by ``a'(u) a(T^-1 u)``; ``stay`` that of new and old, weighted by 1 less
    the heatmap at both places. Both are relative to the variance within their weights, so that blurring gains nothing:
    0 is exact, 1 is unrelated.

    Args:
        before: (B, C, R, R) in -1..1.
        after: (B, C, R, R), with one sub-heatmap moved.
        heatmaps: (B, K, R, R) in 0..1, before the move.
        move: of B pictures.
        size: pictures are averaged down to it before they are compared. Where things are is asked, and fine texture,
            which cannot be shifted without losing its detail, is left to D. None: the pictures' own.

    Returns:
        ``follow`` and ``stay``, scalars, means over pictures.
    """
    old = heatmaps[torch.arange(len(heatmaps), device=heatmaps.device), move.point][:, None]  # (B, 1, R, R)
    others = heatmaps.sum(dim=1, keepdim=True) - old
    new = shift_images(old, move.shift_px)
    share_before = old / (old + others).clamp_min(1)
    share_after = new / (new + others).clamp_min(1)
    follow = relative_difference(after, shift_images(before, move.shift_px),
                                 share_after * shift_images(share_before, move.shift_px), size)
    stay = relative_difference(after, before, 1 - torch.maximum(old, new), size)
    return follow, stay


def relative_difference(a: Tensor, b: Tensor, weights: Tensor, size: int | None = None) -> Tensor:
    """``sum w (a - b)^2 / sum w ((a - mean a)^2 + (b - mean b)^2)``, mean over pictures.

    Args:
        a: (B, C, R, R).
        b: (B, C, R, R).
        weights: (B, 1, R, R), 0 or more.
        size: of the maps that all three are averaged down to first; None: R.

    Returns:
        a scalar; 0 where a and b are equal, about 1 where they are unrelated and their means agree.
    """
    if size is not None:
        a, b, weights = (resize_maps(x, size) for x in (a, b, weights))
    total = weights.sum(dim=(2, 3), keepdim=True) + EPS

    def mean(x: Tensor) -> Tensor:
        return (weights * x).sum(dim=(2, 3), keepdim=True) / total  # (B, C, 1, 1)

    variance = mean((a - mean(a)).square()) + mean((b - mean(b)).square())
    return (mean((a - b).square()).sum(dim=1) / (variance.sum(dim=1) + EPS)).mean()
