"""DiffAugment (Zhao et al., NeurIPS 2020): what is done to all that D sees, real and generated alike."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

MAX_SHIFT = 1 / 8  # of the image width
CUTOUT_SIZE = 1 / 2  # of the image width


@dataclass(frozen=True)
class Augmentation:
    """One draw of augmentation parameters for a batch."""

    color: Tensor | None
    """(B, 3): brightness added (-0.5..0.5), saturation factor (0..2), contrast factor (0.5..1.5)."""
    shift_px: Tensor | None
    """(B, 2) whole pixels by which the picture moves, x then y."""
    cutout_px: Tensor | None
    """(B, 2) first column and row of the square that is blanked; may lie partly outside."""


def draw_augmentation(policy: tuple[str, ...], batch: int, resolution: int, generator: torch.Generator) -> Augmentation:
    """Parameters for ``batch`` pictures; ``policy`` names what is used, of color, translation, cutout."""
    device = generator.device

    def whole(low: int, high: int) -> Tensor:
        return torch.randint(low, high + 1, (batch, 2), generator=generator, device=device)

    color = shift = cutout = None
    if "color" in policy:
        low, width = torch.tensor([[-0.5, 0.0, 0.5], [1.0, 2.0, 1.0]], device=device, dtype=torch.float32)
        color = low + width * torch.rand(batch, 3, generator=generator, device=device, dtype=torch.float32)
    if "translation" in policy:
        most = int(resolution * MAX_SHIFT + 0.5)
        shift = whole(-most, most)
    if "cutout" in policy:
        half = int(resolution * CUTOUT_SIZE + 0.5) // 2
        cutout = whole(0, resolution) - half
    return Augmentation(color, shift, cutout)


def augment(images: Tensor, a: Augmentation) -> Tensor:
    """Apply a draw to pictures ``(B, C, R, R)`` in -1..1; differentiable in the pictures."""
    if a.color is not None:
        brightness, saturation, contrast = a.color.to(images.dtype)[:, :, None, None, None].unbind(1)  # (B, 1, 1, 1)
        images = images + brightness
        grey = images.mean(dim=1, keepdim=True)
        images = (images - grey) * saturation + grey
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = (images - mean) * contrast + mean
    if a.shift_px is not None:
        images = shift_images(images, a.shift_px)
    if a.cutout_px is not None:
        images = images * cutout_mask(a.cutout_px, images.shape[-1]).to(images.dtype)
    return images


def visible_pixels(a: Augmentation, batch: int, resolution: int) -> Tensor | None:
    """``(B, R, R)``: 1 where an augmented picture shows what was drawn, 0 elsewhere; None where all is shown."""
    visible: Tensor | None = None
    if a.shift_px is not None:
        inside = torch.ones(batch, 1, resolution, resolution, device=a.shift_px.device, dtype=torch.float32)
        visible = shift_images(inside, a.shift_px)
    if a.cutout_px is not None:
        mask = cutout_mask(a.cutout_px, resolution)
        visible = mask.float() if visible is None else visible * mask
    return None if visible is None else visible[:, 0]


def shift_images(images: Tensor, shift_px: Tensor) -> Tensor:
    """Move pictures or maps ``(B, C, R, R)`` by whole pixels ``(B, 2)``, x then y; zeros come in at the edge.

    The alignment loss moves its heatmaps with it, since D's attention is that of the moved picture.
    """
    b, c, h, w = images.shape
    most = max(1, int(shift_px.abs().max()))
    padded = F.pad(images, (most, most, most, most))
    offset = most - shift_px  # (B, 2)
    columns = torch.arange(w, device=images.device) + offset[:, :1]  # (B, w)
    rows = torch.arange(h, device=images.device) + offset[:, 1:]  # (B, h)
    y = padded.gather(2, rows[:, None, :, None].expand(b, c, h, padded.shape[-1]))
    return y.gather(3, columns[:, None, None, :].expand(b, c, h, w))


def cutout_mask(cutout_px: Tensor, resolution: int) -> Tensor:
    """``(B, 1, R, R)``: 0 within each picture's square, 1 elsewhere."""
    size = int(resolution * CUTOUT_SIZE + 0.5)
    x = torch.arange(resolution, device=cutout_px.device)
    inside = (x >= cutout_px[..., None]) & (x < cutout_px[..., None] + size)  # (B, 2, R): columns, rows
    return ~(inside[:, 1, :, None] & inside[:, 0, None, :])[:, None]
