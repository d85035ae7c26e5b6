"""Photographs, cut as a model's training pictures were."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from spatialgan.data.decoding import MAX_FILE_BYTES, Fit, convert, fit_square, upright
from spatialgan.editing.arguments import finite
from spatialgan.errors import SpatialGANError
from spatialgan.files import read_bytes, user_path


def read_photo(photo: str | Path | Image.Image, channels: int) -> tuple[Image.Image, str]:
    """A photograph, upright and in mode L (1 channel) or RGB (3), and what it is called.

    Raises:
        SpatialGANError: it cannot be read; the message names it.
    """
    if isinstance(photo, Image.Image):
        return convert(photo.copy(), "the photograph", channels), "photo"
    path = user_path(photo)
    return upright(read_bytes(path, MAX_FILE_BYTES), str(path), channels), path.name


def photo_tensor(picture: Image.Image, size: int, fit: Fit, box: Sequence[float] | None = None) -> Tensor:
    """uint8 (C, size, size) of a part of a picture, or of all of it.

    Args:
        picture: in mode L or RGB.
        size: in pixels.
        fit: how what is not square becomes so, see :func:`spatialgan.data.decoding.fit_square`.
        box: left, top, width and height in 0..1 of the picture.

    Raises:
        SpatialGANError: the box does not lie in the picture.
    """
    if box is not None:
        picture = picture.crop(_corners(picture.size, box))
    pixels = np.asarray(fit_square(picture, size, fit)).reshape(size, size, -1)
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())  # HWC => CHW


def _corners(size: tuple[int, int], box: Sequence[float]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in pixels."""
    numbers = [finite(v, "box") for v in box]
    if len(numbers) != 4 or min(numbers[:2]) < 0 or min(numbers[2:]) <= 0:
        raise SpatialGANError("a box is left, top, width and height in 0..1 of the photograph, such as 0.2,0.1,0.5,0.5")
    left, top, width, height = numbers
    if max(left + width, top + height) > 1 + 1e-6:
        raise SpatialGANError(f"the box ends at {left + width:g}, {top + height:g}, outside the photograph (0..1)")
    x, y = round(left * size[0]), round(top * size[1])
    return x, y, max(x + 1, round((left + width) * size[0])), max(y + 1, round((top + height) * size[1]))
