"""Augmentation for the segmenter: from clean renderings towards what a generator of 64x64 pictures draws.

Shapes: B pictures ``(B, 3, R, R)`` in -1..1, with maps of ids ``(B, R, R)`` where the geometry changes.
"""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from spatialgan.coords import pixel_centers_xy, sample_at
from spatialgan.data.images import to_float, to_uint8
from spatialgan.vision.features import resize_antialiased

PASTED = 128  # added to the id of what was pasted in; ids of a picture's own are below
PASTE_AREA = (0.005, 0.12)  # of the picture, of what is pasted


def paste_objects(
    images: Tensor, ids: Tensor, labels: Tensor, num_objects: int, stream: torch.Generator, share: float = 0.4
) -> tuple[Tensor, Tensor, Tensor]:
    """Paste an object of the next picture, displaced, into some pictures: (images, ids, labels).

    Args:
        images: float ``(B, 3, R, R)``.
        ids: int64 ``(B, R, R)``, below :data:`PASTED`.
        labels: int64 ``(B, 2 PASTED)``, the class of each id; below ``num_objects`` it is an object.
        num_objects: classes of objects.
        stream: of random numbers.
        share: of the pictures that get one.
    """
    images, ids, labels = images.clone(), ids.clone(), labels.clone()
    sources = images.roll(-1, 0), ids.roll(-1, 0), labels.roll(-1, 0)
    r = images.shape[-1]
    for b in torch.where(torch.rand(len(images), generator=stream) < share)[0].tolist():
        image, source_ids, source_labels = (s[b] for s in sources)
        areas = torch.bincount(source_ids[source_ids < PASTED], minlength=PASTED) / r**2  # not what was pasted there
        label = source_labels[:PASTED]
        fits = torch.where((label >= 0) & (label < num_objects) & (areas > PASTE_AREA[0]) & (areas < PASTE_AREA[1]))[0]
        if len(fits) == 0:
            continue
        i = int(fits[_whole(len(fits), stream)])
        shift = (_whole(r, stream) - r // 2, _whole(r, stream) - r // 2)
        mask = source_ids == i
        rows, columns = torch.where(mask)
        to_rows, to_columns = rows + shift[0], columns + shift[1]
        inside = (to_rows >= 0) & (to_rows < r) & (to_columns >= 0) & (to_columns < r)
        rows, columns, to_rows, to_columns = (x[inside] for x in (rows, columns, to_rows, to_columns))
        images[b, :, to_rows, to_columns] = image[:, rows, columns]
        ids[b, to_rows, to_columns] = i + PASTED
        labels[b, i + PASTED] = source_labels[i]
    return images, ids, labels


def warp(images: Tensor, ids: Tensor, size: int, stream: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirror, zoom, shift and bend pictures; ids go along, sampled at ``(B, size, size)``."""
    b = len(images)
    scale = _uniform(0.7, 1.05, (b, 1), stream) * _uniform(0.93, 1.07, (b, 2), stream)
    mirror = torch.where(torch.rand(b, generator=stream) < 0.5, -1.0, 1.0)
    room = (1 - scale).clamp_min(0)
    shift = room * _uniform(-1, 1, (b, 2), stream)
    bends = torch.randn(b, 2, 6, 6, generator=stream) * _uniform(0, 0.025, (b, 1, 1, 1), stream)

    def places(side: int) -> Tensor:
        """Where each pixel of the new picture was, (B, side, side, 2)."""
        at = pixel_centers_xy(side, side).expand(b, side, side, 2)
        straight = (at - 0.5) * (scale * torch.stack([mirror, torch.ones(b)], dim=1))[:, None, None] + 0.5
        # Bicubic at the pixels' own places, so that picture and ids, at other sizes, are bent alike. Of 2 to a width.
        bent = sample_at(bends, at, mode="bicubic").permute(0, 2, 3, 1)
        return straight + (shift[:, None, None] + bent) / 2

    warped = sample_at(images, places(images.shape[-1]), outside="reflection")
    moved = sample_at(ids[:, None].float(), places(size), mode="nearest", outside="reflection")
    return warped, moved[:, 0].long()


def degrade(images: Tensor, stream: torch.Generator) -> Tensor:
    """Change the colours, and make some pictures small, blurred, noisy or badly packed; the size stays."""
    return torch.cat([_degrade_one(image[None], stream) for image in images])


def _degrade_one(x: Tensor, stream: torch.Generator) -> Tensor:
    """``(1, 3, R, R)``."""
    r = x.shape[-1]
    coin = torch.rand(6, generator=stream).tolist()
    grey = x.mean(dim=1, keepdim=True)
    x = grey + (x - grey) * float(_uniform(0.5, 1.4, (1,), stream))
    x = x * _uniform(0.85, 1.15, (1, 3, 1, 1), stream) * _uniform(0.75, 1.25, (1,), stream)
    x = (x + _uniform(-0.2, 0.2, (1,), stream)).clamp(-1, 1)
    small = coin[0] < 0.75
    if small:
        low = 64 if coin[1] < 0.5 else int(_uniform(28, 64, (1,), stream))
        x = _resized(_resized(x, min(low, r)), min(64, r))
    if coin[2] < 0.3:
        x = blurred(x, float(_uniform(0.3, 1.2, (1,), stream)))
    if coin[3] < 0.4:
        side = x.shape[-1]
        fine = torch.randn(1, 3, side, side, generator=stream) * float(_uniform(0, 0.08, (1,), stream))
        coarse = torch.randn(1, 3, side // 4, side // 4, generator=stream) * float(_uniform(0, 0.15, (1,), stream))
        x = x + fine + F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)
    x = _packed(x, int(_uniform(25, 90, (1,), stream))) if coin[4] < 0.3 else to_float(to_uint8(x))
    return _resized(x, r)


def _resized(x: Tensor, size: int) -> Tensor:
    if x.shape[-1] == size:
        return x
    return resize_antialiased((x + 1) * 127.5, size) / 127.5 - 1


def blurred(x: Tensor, std_px: float) -> Tensor:
    """Gaussian blur of ``(B, 3, R, R)``, of up to about 1.5 pixels."""
    offsets = torch.arange(-3, 4, dtype=torch.float32)
    kernel = (-offsets.square() / (2 * std_px**2)).exp()
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, 7)
    padded = F.pad(x, (3, 3, 3, 3), mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def _packed(x: Tensor, quality: int) -> Tensor:
    """Through JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(x[0]).permute(1, 2, 0).contiguous().numpy()).save(buffer, "JPEG", quality=quality)
    pixels = torch.from_numpy(np.array(Image.open(buffer)))
    return to_float(pixels.permute(2, 0, 1)[None])


def _uniform(low: float, high: float, shape: tuple[int, ...], stream: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=stream)


def _whole(below: int, stream: torch.Generator) -> int:
    return int(torch.randint(below, (), generator=stream))
