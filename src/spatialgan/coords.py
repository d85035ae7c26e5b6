"""The one coordinate frame of the project, and its only conversions.

A point is ``(x, y)``: x to the right, y down, both in 0..1 from edge to edge of the image. Array indices are
``[row, column] = [y, x]``, and the centre of pixel ``(row, column)`` lies at ``((column + 1/2) / W, (row + 1/2) / H)``.
No other module adds half a pixel; what reaches from edge to edge needs no more than a size.

Shape legend, used in docstrings and shape comments everywhere::

    B  batch                      R     image resolution in pixels (square)
    K  centres of one heatmap     H, W  height and width of the feature map or heatmap at hand
    S  style codes of a picture   L     style-modulated layers of the generator
    C  channels                   D     width of z and w
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def pixel_centers_xy(height: int, width: int, *, device: torch.device | str | None = None) -> Tensor:
    """Centres of all pixels, ``(H, W, 2)``, x then y, in 0..1."""
    x = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) / width
    y = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) / height
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (H, W, 2)


def to_pixels(xy: Tensor, height: int, width: int) -> Tensor:
    """Points ``(..., 2)`` in 0..1 to continuous pixel indices ``(..., 2)``, x then y; integers are pixel centres."""
    return xy * xy.new_tensor([width, height]) - 0.5


def from_pixels(xy_px: Tensor, height: int, width: int) -> Tensor:
    """The inverse of :func:`to_pixels`."""
    return (xy_px + 0.5) / xy_px.new_tensor([width, height])


def to_grid(xy: Tensor) -> Tensor:
    """Points ``(..., 2)`` in 0..1 to the frame of ``F.grid_sample(align_corners=False)``: -1..1, edge to edge."""
    return xy * 2 - 1


def sample_at(
    maps: Tensor,
    xy: Tensor,
    *,
    mode: Literal["bilinear", "bicubic", "nearest"] = "bilinear",
    outside: Literal["border", "reflection"] = "border",
) -> Tensor:
    """Maps ``(B, C, H, W)`` at points ``(B, ..., 2)`` in 0..1: ``(B, C, ...)``.

    Args:
        mode: between pixels' centres.
        outside: what lies outside is as the edge, or mirrored at it.
    """
    if maps.device.type == "mps" and outside == "border":
        # MPS has no border padding before torch 2.13. Between the outermost pixels' centres there is nothing to pad.
        edge = 0.5 / xy.new_tensor([maps.shape[-1], maps.shape[-2]])
        xy, outside = xy.maximum(edge).minimum(1 - edge), "reflection"
    grid = to_grid(xy).reshape(len(maps), -1, 1, 2)
    found = F.grid_sample(maps, grid, mode=mode, padding_mode=outside, align_corners=False)  # (B, C, N, 1)
    return found.reshape(*maps.shape[:2], *xy.shape[1:-1])


def disc_xy(radius_px: float, resolution: int, *, device: torch.device | str | None = None) -> Tensor:
    """Whole-pixel offsets of at most ``radius_px``, ``(N, 2)`` in image widths."""
    n = int(radius_px)
    steps = torch.arange(-n, n + 1, device=device, dtype=torch.float32)
    offsets = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).reshape(-1, 2)
    return offsets[offsets.square().sum(dim=1) <= radius_px**2] / resolution


def centroid_xy(maps: Tensor) -> Tensor:
    """Centre of mass of non-negative maps ``(..., H, W)``, as ``(..., 2)`` in 0..1; NaN where a map is all zero."""
    grid = pixel_centers_xy(*maps.shape[-2:], device=maps.device).to(maps.dtype)
    mass = maps.sum(dim=(-2, -1))
    return (maps.unsqueeze(-1) * grid).sum(dim=(-3, -2)) / mass.unsqueeze(-1)
