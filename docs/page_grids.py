"""Grids for the pages: what moving the layout does to a picture, and what heatmaps and attention look like on it."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL import Image, ImageDraw

from spatialgan.api import SpatialGAN
from spatialgan.coords import to_pixels
from spatialgan.editing.pictures import enlarge, heatmap_overlay, image_grid
from spatialgan.editing.rendering import render_scenes
from spatialgan.editing.scene import Scene
from spatialgan.evaluation.response import moved_whole

MARK_SHARE = 1 / 32  # radius of a centre's mark, in image widths


def move_grid(
    model: SpatialGAN, seeds: Sequence[int], steps: int = 7, extent: float = 0.25, *, mark_center: bool = False
) -> Image.Image:
    """Pictures of a single-object model as its whole layout moves; one picture a column, two rows a seed.

    In a seed's first row the level-0 centre goes from left to right through the middle of the image, in its second row
    from top to bottom: from 0.5 - extent to 0.5 + extent. Styles and noise stay.

    Args:
        model: with a single-object layout of Gaussians.
        seeds: of the pictures.
        steps: pictures a row, at least 2.
        extent: in image widths, up to 0.5.
        mark_center: draw a ring round the level-0 centre.
    """
    places = [
        torch.tensor([0.5, 0.5]) + offset * axis
        for axis in torch.eye(2)
        for offset in torch.linspace(-extent, extent, steps)
    ]  # 2 * steps of (2,)
    scenes = [_moved_to(Scene.sample(model, seed), place) for seed in seeds for place in places]
    images = [enlarge(image, None) for image in render_scenes(scenes)]  # before marks are drawn, to keep them thin
    if mark_center:
        images = [_with_ring(image, place) for image, place in zip(images, places * len(seeds), strict=True)]
    return image_grid(images, steps, scale=1)


def attention_grid(model: SpatialGAN, seeds: Sequence[int]) -> Image.Image:
    """One row a seed: the picture, its heatmap and D's attention on each level, laid over the picture."""
    scenes = [Scene.sample(model, seed) for seed in seeds]
    cells: list[Image.Image] = []
    group = model.config.model.minibatch_std_group  # see measure_response
    for start in range(0, len(scenes), group):
        chunk = scenes[start : start + group]
        attention = model.attention(torch.stack([s.tensor for s in chunk]).to(model.device)).cpu()  # (B, 3, R, R)
        for scene, maps in zip(chunk, attention, strict=True):
            heatmaps = [] if scene.layout.kind == "none" else scene.heatmaps()
            picture = enlarge(scene.image, None)
            cells += [picture, *(heatmap_overlay(picture, m) for m in (*heatmaps, *maps))]
    return image_grid(cells, len(cells) // len(seeds), scale=1)


def _moved_to(scene: Scene, place: torch.Tensor) -> Scene:
    """The scene with its level-0 centre at ``place`` (2,), and all other centres moved as far."""
    layout = scene.layout
    return replace(scene, layout=moved_whole(layout, place - layout.level_centers(0)[0]))


def _with_ring(image: Image.Image, place: torch.Tensor) -> Image.Image:
    """An RGB copy with a ring round ``place`` (2,), white inside black, to be seen on any ground."""
    image = image.convert("RGB")
    x, y = to_pixels(place, image.height, image.width).tolist()
    radius = max(2.0, MARK_SHARE * image.width)
    draw = ImageDraw.Draw(image)
    for r, colour in ((radius + 1, "black"), (radius, "white")):
        draw.ellipse((x - r, y - r, x + r, y + r), outline=colour)
    return image
