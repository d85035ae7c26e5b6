"""Heatmaps as tensors: rendering ellipses to them (Eq. 1), resizing and normalising them.

Tensors may have any leading dimensions: none for one picture, ``(B,)`` for a batch.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.coords import pixel_centers_xy

MIN_STD = 1e-3  # a removed object: a legal divisor, and drawn as nothing
GONE_STD = 1.01 * MIN_STD  # what is no wider counts as removed, whatever rounding did to it


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


def min_max_normalize(maps: Tensor, eps: float = 1e-8) -> Tensor:
    """Maps ``(..., H, W)`` scaled to 0..1 each; a constant map becomes zero."""
    low = maps.amin(dim=(-2, -1), keepdim=True)
    high = maps.amax(dim=(-2, -1), keepdim=True)
    return (maps - low) / (high - low + eps)
