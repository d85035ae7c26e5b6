"""Pictures for people: PNG, grids, heatmap overlays, animated GIF."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from spatialgan.coords import to_pixels
from spatialgan.data.decoding import MAX_PIXELS
from spatialgan.data.images import to_uint8
from spatialgan.editing.arguments import positive
from spatialgan.errors import SpatialGANError
from spatialgan.files import require_ending, write_atomically

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

VIEWING_SIZE_PX = 256  # what small pictures are enlarged to in grids and animations, roughly
NUMBER_SHARE = 1 / 14  # height of numbers drawn into a picture, in picture widths

# Inferno (Smith and van der Walt, CC0) at nine even steps: lightness grows evenly from black to pale yellow.
INFERNO = np.array(
    [
        [0, 0, 4],
        [33, 12, 74],
        [86, 16, 110],
        [137, 34, 106],
        [187, 55, 84],
        [228, 90, 49],
        [249, 140, 10],
        [249, 203, 53],
        [252, 255, 164],
    ],
    dtype=np.float64,
)


def to_image(tensor: Tensor) -> Image.Image:
    """A picture ``(C, R, R)``, -1..1, as RGB (C = 3) or L (C = 1); values outside are clipped."""
    array = to_uint8(tensor.detach().cpu()).permute(1, 2, 0).numpy()  # CHW -1..1 => uint8 HWC
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def viewing_scale(size: tuple[int, int]) -> int:
    """The whole factor that brings a picture of this size nearest to :data:`VIEWING_SIZE_PX`, at least 1."""
    return max(1, round(VIEWING_SIZE_PX / max(size)))


def check_size(width: int, height: int) -> None:
    """Raise SpatialGANError where a picture of this size would be too large to write and to open."""
    if width * height > MAX_PIXELS:  # few programs would open it
        raise SpatialGANError(
            f"a picture of {width}x{height} pixels is too large; use a smaller scale, "
            f"or fewer pictures in a grid ({MAX_PIXELS // 10**6} megapixels are the most)"
        )


def enlarged_size(size: tuple[int, int], scale: float | None) -> tuple[int, int]:
    """Width and height at ``scale``; None takes :func:`viewing_scale`; raises where that is too large."""
    scale = viewing_scale(size) if scale is None else positive(scale, "scale")
    width, height = (max(1, round(side * scale)) for side in size)
    check_size(width, height)
    return width, height


def enlarge(image: Image.Image, scale: float | None) -> Image.Image:
    """The image at ``scale`` times its size (Lanczos); None takes :func:`viewing_scale`."""
    size = enlarged_size(image.size, scale)
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def to_png(image: Image.Image, *, max_px: int = 0, quick: bool = False) -> bytes:
    """PNG; no larger than ``max_px``, where that is not 0; ``quick``: for pictures that are gone in a moment."""
    if max_px and max(image.size) > max_px:
        image = image.copy()
        image.thumbnail((max_px, max_px))
    data = io.BytesIO()
    image.save(data, format="PNG", compress_level=1 if quick else 6)
    return data.getvalue()


def save_png(image: Image.Image, path: str | Path, *, scale: float = 1.0) -> Path:
    """Write a PNG, at the picture's own size unless ``scale`` says otherwise.

    Raises:
        SpatialGANError: ``path`` ends otherwise than in .png, or cannot be written.
    """
    path = Path(path)
    require_ending(path, ".png", "pictures")
    write_atomically(path, lambda p: enlarge(image, scale).save(p, format="PNG"))
    return path


def image_grid(
    images: Sequence[Image.Image], columns: int, *, scale: float | None = None, gap_px: int = 2
) -> Image.Image:
    """Pictures of one size, row by row, on white.

    Args:
        images: at least one.
        columns: pictures per row, at least 1.
        scale: of each picture; None enlarges small ones for viewing.
        gap_px: white between neighbours.
    """
    if not images or columns < 1:
        raise SpatialGANError(f"a grid of {len(images)} images in {columns} columns: give at least one of each")
    tiles = [enlarge(image, scale) for image in images]
    width, height = tiles[0].size
    if any(tile.size != (width, height) for tile in tiles):
        raise SpatialGANError("the images of a grid must be of one size")
    grid_width, grid_height = grid_size(len(tiles), columns, width, height, gap_px)
    columns = min(columns, len(tiles))
    mode = "L" if all(tile.mode == "L" for tile in tiles) else "RGB"
    grid = Image.new(mode, (grid_width, grid_height), "white")
    for i, tile in enumerate(tiles):
        grid.paste(tile, ((i % columns) * (width + gap_px), (i // columns) * (height + gap_px)))
    return grid


def grid_size(count: int, columns: int, width: int, height: int, gap_px: int = 2) -> tuple[int, int]:
    """Width and height of a grid of tiles; raises SpatialGANError where it would be too large."""
    columns = min(columns, count)
    size = columns * (width + gap_px) - gap_px, math.ceil(count / columns) * (height + gap_px) - gap_px
    check_size(*size)
    return size


def colorize(heatmap: Tensor | np.ndarray) -> np.ndarray:
    """A map ``(H, W)`` in 0..1 as uint8 ``(H, W, 3)`` in inferno; values outside are clipped."""
    values = np.clip(np.asarray(heatmap, dtype=np.float64), 0, 1) * (len(INFERNO) - 1)
    channels = [np.interp(values, np.arange(len(INFERNO)), INFERNO[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def heatmap_overlay(image: Image.Image, heatmap: Tensor, *, opacity: float = 0.6) -> Image.Image:
    """The image under a map's colours: RGB of the image's size; ``heatmap`` (H, W) in 0..1, of any size."""
    colors = Image.fromarray(colorize(heatmap.detach().cpu())).resize(image.size, Image.Resampling.BILINEAR)
    return Image.blend(image.convert("RGB"), colors, opacity)


def with_numbers(image: Image.Image, points_xy: Tensor) -> Image.Image:
    """An RGB copy with 0, 1, ... at ``points_xy`` (K, 2) in 0..1; those of points outside stand at the edge."""
    image = image.convert("RGB")
    size_px = max(9.0, NUMBER_SHARE * image.width)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size_px)
    inside = points_xy.detach().cpu().clamp(0, 1)
    for number, (x, y) in enumerate(to_pixels(inside, image.height, image.width).tolist()):
        at = (
            min(max(x, 0.7 * size_px), image.width - 0.7 * size_px),
            min(max(y, 0.7 * size_px), image.height - 0.7 * size_px),
        )
        draw.text(
            at,
            str(number),
            font=font,
            anchor="mm",
            fill="white",
            stroke_width=max(1, round(size_px / 9)),
            stroke_fill="black",
        )
    return image


def numbered_heatmaps(scene: "Scene", *, scale: float | None = None) -> Image.Image:
    """The picture, and under each level's heatmap with the numbers that edits name its centres by, side by side.

    Args:
        scene: of a model with heatmaps.
        scale: of each picture; None enlarges small ones for viewing.
    """
    heatmaps, layout = scene.heatmaps(), scene.layout
    grid_size(1 + len(heatmaps), 1 + len(heatmaps), *enlarged_size(scene.image.size, scale))  # before they are made
    picture = enlarge(scene.image, scale)
    views = [picture]
    for level, heatmap in enumerate(heatmaps):
        view = heatmap_overlay(picture, heatmap)
        views.append(with_numbers(view, layout.level_centers(level)) if layout.has_centers else view)
    return image_grid(views, columns=len(views), scale=1)


def save_gif(frames: Sequence[Image.Image], path: str | Path, fps: float = 15, *, scale: float | None = None) -> Path:
    """Write an animation that repeats for ever; each frame has its own palette, dithered.

    Args:
        frames: at least one; equal neighbours become one frame of a longer duration.
        path: of the GIF.
        fps: frames per second, above 0 and at most 50; GIF rounds a frame's duration to 1/100 second.
        scale: None enlarges small pictures for viewing.

    Raises:
        SpatialGANError: ``path`` ends otherwise than in .gif, or cannot be written.
    """
    fps, path = positive(fps, "fps"), Path(path)
    require_ending(path, ".gif", "animations")
    if not frames or fps > 50:
        raise SpatialGANError(f"a GIF of {len(frames)} frames at {fps:g} per second: use 1 or more, at most 50 fps")
    distinct = {id(frame): frame for frame in frames}  # the way back of an animation repeats the way there
    made = {key: _with_palette(enlarge(frame, scale)) for key, frame in distinct.items()}
    pages = [made[id(frame)] for frame in frames]
    duration_ms = 10 * round(100 / fps)
    data = io.BytesIO()
    # disposal=1 leaves each frame standing; Pillow then stores what has changed.
    pages[0].save(
        data,
        format="GIF",
        save_all=True,
        append_images=pages[1:],
        duration=duration_ms,
        loop=0,
        disposal=1,
        optimize=False,
    )
    write_atomically(path, lambda p: p.write_bytes(data.getvalue()))
    return path


def _with_palette(frame: Image.Image) -> Image.Image:
    if frame.mode == "L":
        return frame  # GIF has all 256 greys
    # Pillow dithers towards a given palette only, hence two passes. Median cut may take 0.2 s for 256x256 pixels, and
    # finds as good colours in 64x64.
    palette = frame.resize((64, 64)).quantize(256, method=Image.Quantize.MEDIANCUT)
    return frame.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
