"""Pictures for people: PNG, grids, heatmap overlays, animated GIF, and the scenes in between two scenes."""

import io
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from spatialgan.coords import to_pixels
from spatialgan.data.images import to_uint8
from spatialgan.editing.arguments import positive
from spatialgan.errors import SpatialGANError
from spatialgan.files import require_ending, write_atomically
from spatialgan.heatmaps import MIN_STD
from spatialgan.layout import Layout

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

MAX_PIXELS = 89_478_485  # Pillow's own threshold for a decompression bomb: few programs would open more
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
    if width * height > MAX_PIXELS:
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


def interpolate(scene_a: "Scene", scene_b: "Scene", frames: int) -> list["Scene"]:
    """``frames`` scenes from ``scene_a`` to ``scene_b``, both included, of one model.

    Centres and angles move linearly, standard deviations evenly in their logarithm (linearly where something appears or
    vanishes); styles that differ turn along the great circle, what drags did to them moves linearly. Objects that only
    one scene has grow from nothing. The noise stays ``scene_a``'s: edits of one scene end exactly at ``scene_b``,
    scenes of different seeds near it.
    """
    if frames < 2:
        raise SpatialGANError(f"frames is {frames}; use 2 or more")
    if scene_a.model is not scene_b.model:
        raise SpatialGANError("interpolate goes between scenes of one model")
    a, b = _with_same_objects(scene_a, scene_b), _with_same_objects(scene_b, scene_a)
    between = [_between(a, b, i / (frames - 1)) for i in range(1, frames - 1)]
    return [scene_a, *between, replace(scene_b, noise_seed=scene_a.noise_seed)]


def animate(scenes: Sequence["Scene"], frames_per_edit: int = 12, *, hold: int = 6) -> list["Scene"]:
    """From the first scene through each of the others, and back again; both ends stand still for ``hold`` frames."""
    if not scenes:
        raise SpatialGANError("an animation needs at least one scene")
    there = [scenes[0]]
    for a, b in pairwise(scenes):
        there += interpolate(a, b, frames_per_edit + 1)[1:]
    return [there[0]] * hold + there[1:-1] + [there[-1]] * hold + there[-2:0:-1]


def _with_same_objects(scene: "Scene", other: "Scene") -> "Scene":
    """``scene`` with those objects of ``other`` that it lacks, as nothing: they are the last ones."""
    n, m = scene.z.shape[0], other.z.shape[0]
    if n >= m:
        return scene
    more = other.layout.gaussians(0).map(lambda t: t[n - 1 :])
    nothing = Layout((replace(more, stds=torch.full_like(more.stds, MIN_STD)),), hierarchical=False)
    # The background stays last.
    z = torch.cat([scene.z[:-1], other.z[n - 1 : -1], scene.z[-1:]])
    w, w_other = scene.w_offset_or_zeros, other.w_offset_or_zeros
    w_offset = torch.cat([w[:, :-1], w_other[:, n - 1 : -1], w[:, -1:]], dim=1)
    # The leading dimension of one picture's layout is its objects.
    return replace(scene, layout=Layout.cat([scene.layout, nothing]), z=z, w_offset=w_offset)


def _between(a: "Scene", b: "Scene", t: float) -> "Scene":
    """The scene at ``t`` in 0..1 between two scenes with as many styles each."""
    layout = a.layout.between(b.layout, t)
    z = torch.stack([slerp(x, y, t) for x, y in zip(a.z, b.z, strict=True)])
    truncation = a.truncation + t * (b.truncation - a.truncation)
    w_offset = None
    if a.w_offset is not None or b.w_offset is not None:
        w_offset = a.w_offset_or_zeros.lerp(b.w_offset_or_zeros, t)
    return replace(a, layout=layout, z=z, truncation=truncation, w_offset=w_offset, edits=())


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """From ``a`` (D,) to ``b`` (D,) along the great circle between their directions; lengths change linearly."""
    if torch.equal(a, b):
        return a  # exactly, so that an edit of the layout leaves the style alone
    length_a, length_b = a.norm(), b.norm()
    cos = (a @ b / (length_a * length_b)).clamp(-1, 1)
    angle = cos.acos()
    if angle.sin() < 1e-4:  # the same or opposite directions: no circle is the one
        return a.lerp(b, t)
    direction = (((1 - t) * angle).sin() * a / length_a + (t * angle).sin() * b / length_b) / angle.sin()
    return direction * length_a.lerp(length_b, t)
