"""Encoded image files => upright uint8 squares; which files and settings are refused, and why.

Shapes: C channels (1 or 3), H height, W width.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar, get_args

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from spatialgan.errors import SpatialGANError
from spatialgan.threads import available_cores

Fit = Literal["crop", "pad", "squash"]
Progress = Callable[[int, int], None]
"""Called with (done, total) from the calling thread."""
Item = TypeVar("Item")
Result = TypeVar("Result")

# Named one by one because a renamed .eps would otherwise start Ghostscript.
PILLOW_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MAX_FILE_BYTES = 1 << 29  # encoded: more than any picture of so many pixels needs
MAX_PIXELS = 89_478_485  # Pillow's own threshold for a decompression bomb
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadImageError(SpatialGANError):
    """One file that cannot be used: `name` of the file, `reason` in words."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def check_settings(resolution: int, channels: int, fit: Fit) -> None:
    """Raise SpatialGANError for a setting that no image could satisfy."""
    if resolution < 1:
        raise SpatialGANError(f"resolution={resolution}: give the side of the images in pixels, such as 64")
    _mode(channels)
    if fit not in get_args(Fit):
        raise SpatialGANError(f"fit={fit!r}: choose one of {', '.join(get_args(Fit))}")


def open_image(data: bytes, name: str) -> ImageFile:
    """Read the header only and refuse what must not be unpacked. Raises BadImageError."""
    if not data:
        raise BadImageError(name, "is empty (0 bytes)")
    try:
        image = Image.open(io.BytesIO(data), formats=PILLOW_FORMATS)
    except UnidentifiedImageError as error:
        raise BadImageError(name, f"is not an image in one of {', '.join(PILLOW_FORMATS)}") from error
    except Exception as error:  # Pillow's readers raise nearly anything on damaged headers
        raise BadImageError(name, f"cannot be opened ({error})") from error
    if image.width * image.height > MAX_PIXELS:
        megapixels = image.width * image.height / 1e6
        raise BadImageError(name, f"has {megapixels:.0f} megapixels, more than 89; make it smaller first")
    return image


def orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; 1 (upright) also where the EXIF block is broken, which harms no pixel."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return value if value in _UPRIGHT else 1


def upright_size(image: Image.Image) -> tuple[int, int]:
    """(width, height) as it will be once turned by EXIF, of an image that need not be loaded."""
    width, height = image.size
    return (height, width) if orientation(image) >= 5 else (width, height)


def convert(image: Image.Image, name: str, channels: int, *, ground: str = "white") -> Image.Image:
    """Load, turn upright, and bring to mode L (1 channel) or RGB (3); what is transparent shows the `ground`.

    Raises BadImageError.
    """
    mode = _mode(channels)
    try:
        image.load()
        turn = _UPRIGHT.get(orientation(image))  # after loading: Pillow turns TIFF by itself then
        if image.mode.startswith(("I", "F")):
            image = _eight_bit(image)
        elif image.has_transparency_data:
            # Before resizing, so that the colour hidden under transparent pixels bleeds into none.
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, ground), rgba)
        image = image.convert(mode)
        return image if turn is None else image.transpose(turn)
    except Exception as error:  # as in open_image
        raise BadImageError(name, f"is cut short, damaged or of an unusual kind ({error})") from error


def _mode(channels: int) -> str:
    if channels not in (1, 3):
        raise SpatialGANError(f"channels={channels}: images have 1 (grey) or 3 (colour) channels")
    return "L" if channels == 1 else "RGB"


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey => 8-bit, 65535 => 255 (Pillow's own conversion clips at 255). Raises ValueError."""
    values = np.asarray(image)  # (H, W)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError("32 bits a pixel; save it with 8 or 16")
    return Image.fromarray(((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))


def fit_square(image: Image.Image, size: int, fit: Fit) -> Image.Image:
    """Make a size x size image: `crop` the centre square, `pad` with black, or `squash` both sides alike."""
    width, height = image.size
    lanczos = functools.partial(image.resize, resample=Image.Resampling.LANCZOS, reducing_gap=None)
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return lanczos((size, size), box=(left, top, left + side, top + side))
    if fit == "pad":
        scale = size / max(width, height)
        inner = lanczos((max(1, round(width * scale)), max(1, round(height * scale))))
        square = Image.new(image.mode, (size, size))
        square.paste(inner, ((size - inner.width) // 2, (size - inner.height) // 2))
        return square
    if fit == "squash":
        return lanczos((size, size))
    raise SpatialGANError(f"fit={fit!r}: choose one of {', '.join(get_args(Fit))}")


def decode(data: bytes, name: str, *, size: int, channels: int, fit: Fit) -> np.ndarray:
    """Encoded image => uint8 (C, size, size).

    Turned upright by EXIF, transparency laid over white, 16-bit grey scaled to 8, CMYK, palette and grey
    converted; resized with Pillow's LANCZOS. Raises BadImageError naming the file, SpatialGANError for a bad
    setting.
    """
    image = fit_square(upright(data, name, channels), size, fit)
    pixels = np.asarray(image).reshape(size, size, channels)  # (H, W) or (H, W, C) => (H, W, C)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))  # uint8 HWC => uint8 CHW


def upright(data: bytes, name: str, channels: int) -> Image.Image:
    """Encoded image => the whole of it, in mode L (1 channel) or RGB (3), as in :func:`decode`."""
    try:
        return convert(open_image(data, name), name, channels)
    except MemoryError:
        raise BadImageError(name, "needs more memory than there is; make it smaller first") from None


def in_threads(
    work: Callable[[Item], Result], items: Sequence[Item], on_progress: Progress | None = None
) -> Iterator[Result]:
    """Yield work(item) for each item in order, computed in threads (Pillow and zlib let go of the GIL)."""
    block = 256  # bounds both what waits in memory and how long an interrupt takes
    with ThreadPoolExecutor(max_workers=min(8, available_cores())) as pool:
        for start in range(0, len(items), block):
            for done, result in enumerate(pool.map(work, items[start : start + block]), start + 1):
                yield result
                if on_progress is not None:
                    on_progress(done, len(items))
