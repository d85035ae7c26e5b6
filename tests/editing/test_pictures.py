"""Pictures for people: grids, overlays, animations."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from spatialgan.editing.pictures import (
    colorize,
    enlarge,
    grid_size,
    heatmap_overlay,
    image_grid,
    numbered_heatmaps,
    save_gif,
    save_png,
    to_image,
    viewing_scale,
    with_numbers,
)
from spatialgan.errors import SpatialGANError
from spatialgan.levels import Raster


def flat(color: tuple[int, int, int], size: int = 32) -> Image.Image:
    return Image.new("RGB", (size, size), color)


def test_to_image_rounds_and_clips():
    tensor = torch.tensor([-1.5, -1.0, 0.0, 1.0, 1.5]).repeat(3, 1, 1)
    assert np.asarray(to_image(tensor))[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    color = to_image(torch.stack([torch.full((2, 2), v) for v in (-1.0, 0.0, 1.0)]))
    assert color.mode == "RGB" and color.getpixel((0, 0)) == (0, 128, 255)


def test_scales_for_viewing():
    assert [viewing_scale((s, s)) for s in (32, 64, 100, 256, 512)] == [8, 4, 3, 1, 1]
    assert enlarge(flat((0, 0, 0), 64), None).size == (256, 256)
    assert enlarge(flat((0, 0, 0), 64), 1.5).size == (96, 96)
    with pytest.raises(SpatialGANError, match="scale is 0"):
        enlarge(flat((0, 0, 0)), 0)


def test_save_png_keeps_size_and_pixels(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    save_png(image, tmp_path / "deep" / "a.png")
    assert Image.open(tmp_path / "deep" / "a.png").tobytes() == image.tobytes()
    save_png(image, tmp_path / "b.png", scale=2)
    assert Image.open(tmp_path / "b.png").size == (128, 128)


def test_image_grid_goes_row_by_row():
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    grid = image_grid([flat(c) for c in colors], columns=2, scale=1, gap_px=2)
    assert grid.size == (66, 66)
    assert [grid.getpixel(p) for p in ((5, 5), (40, 5), (5, 40), (40, 40), (32, 5))] == [*colors, *[(255,) * 3] * 2]
    assert image_grid([flat(c) for c in colors], columns=9, scale=1).size == (100, 32)
    assert image_grid([flat(c, 64) for c in colors], columns=3).size == (3 * 256 + 4, 256)


def test_image_grid_refuses():
    for images, columns in (([], 2), ([flat((0, 0, 0))], 0), ([flat((0, 0, 0)), flat((0, 0, 0), 16)], 2)):
        with pytest.raises(SpatialGANError, match="grid"):
            image_grid(images, columns, scale=1)


@pytest.mark.parametrize("scale", [1e4, 1e6])
def test_pictures_too_large_to_open_are_refused(scale):
    with pytest.raises(SpatialGANError, match="pixels is too large; use a smaller scale"):
        enlarge(flat((0, 0, 0)), scale)


def test_the_size_of_a_grid_is_known_before_it_is_made():
    assert grid_size(7, 3, 10, 20, gap_px=1) == image_grid([Image.new("L", (10, 20))] * 7, 3, scale=1, gap_px=1).size
    with pytest.raises(SpatialGANError, match="fewer pictures in a grid"):
        grid_size(100_001, 316, 256, 256)


def test_colors_grow_lighter_evenly():
    colors = colorize(np.linspace(0, 1, 256)[None])[0].astype(float) / 255
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    lightness = np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)
    # CIE L*: how light it looks
    steps = np.diff(lightness[::16])
    assert steps.min() > 0.5 * steps.mean() and steps.max() < 1.6 * steps.mean()
    assert colorize(np.array([[-1.0, 2.0]])).tolist() == [[[0, 0, 4], [252, 255, 164]]]


def test_heatmap_overlay_is_bright_where_the_map_is_high():
    heatmap = torch.zeros(8, 8)
    heatmap[0, 6:] = 1.0  # row 0, on the right: the upper right corner
    overlay = heatmap_overlay(flat((100, 100, 100)), heatmap)
    assert overlay.size == (32, 32) and overlay.mode == "RGB"
    assert overlay.getpixel((31, 0))[0] > 150 > overlay.getpixel((0, 31))[0]
    assert heatmap_overlay(Image.new("L", (32, 32), 100), heatmap).mode == "RGB"


def test_numbers_stand_at_their_points_and_inside_the_picture():
    grey = flat((100, 100, 100), 256)
    points = torch.tensor([[0.25, 0.75], [0.75, 0.25], [1.5, 0.5]])
    changed = np.abs(np.asarray(with_numbers(grey, points)).astype(int) - 100).sum(axis=-1) > 100
    assert with_numbers(grey, points).size == (256, 256)
    for x, y in ((64, 192), (192, 64), (243, 128)):
        assert changed[y - 12 : y + 12, x - 12 : x + 12].sum() > 20
        changed[y - 14 : y + 14, x - 14 : x + 14] = False
    assert not changed.any()
    one, two = (np.asarray(with_numbers(grey, points[:k])) for k in (1, 2))
    assert not np.array_equal(one, two) and np.array_equal(one[128:], two[128:])  # the second is in the upper half
    assert with_numbers(Image.new("L", (32, 32)), points).mode == "RGB"


def test_numbered_heatmaps_show_the_picture_and_each_level(single, multi):
    for scene, levels in ((single.sample(0), 3), (multi.sample(0), 1)):
        sheet = numbered_heatmaps(scene, scale=4)
        side = 4 * scene.image.width
        assert sheet.size == ((levels + 1) * (side + 2) - 2, side)
        picture = enlarge(scene.image, 4)
        for level, heatmap in enumerate(scene.heatmaps()):
            left = (level + 1) * (side + 2)
            view = sheet.crop((left, 0, left + side, side))
            bare = heatmap_overlay(picture, heatmap)
            assert np.array_equal(view, with_numbers(bare, scene.layout.level_centers(level)))
            assert not np.array_equal(view, bare)


def test_the_number_at_a_point_is_that_of_its_row():
    grey, at_px = flat((100, 100, 100), 256), (51, 128, 205)
    points = (torch.tensor(at_px)[:, None].expand(3, 2) + 0.5) / 256

    def glyphs(order: list[int]) -> list[np.ndarray]:
        numbered = with_numbers(grey, points[order])
        return [np.asarray(numbered.crop((x - 14, x - 14, x + 14, x + 14))) for x in at_px]

    zero, one, two = glyphs([0, 1, 2])
    assert not np.array_equal(zero, one) and not np.array_equal(zero, two) and not np.array_equal(one, two)
    assert all(np.array_equal(a, b) for a, b in zip(glyphs([2, 0, 1]), (one, two, zero), strict=True))
    for row in range(3):  # alone, a point is number 0, wherever it is
        assert np.array_equal(glyphs([row])[row], zero)


def test_rasters_have_no_numbers(multi):
    scene = multi.sample(1).drag([((0.25, 0.5), (0.75, 0.5))], mode="pixels", max_steps=1).scene
    assert isinstance(scene.layout.levels[0], Raster)
    side = 4 * scene.image.width
    view = numbered_heatmaps(scene, scale=4).crop((side + 2, 0, 2 * side + 2, side))
    assert np.array_equal(view, heatmap_overlay(enlarge(scene.image, 4), scene.heatmaps()[0]))


def test_heatmaps_too_large_to_write_are_refused_before_they_are_made(multi):
    with pytest.raises(SpatialGANError, match="pixels is too large; use a smaller scale"):
        numbered_heatmaps(multi.sample(1), scale=250)


def test_gif_has_its_frames_size_speed_and_colours(tmp_path):
    rng = np.random.default_rng(0)
    coarse = [Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)) for _ in range(5)]
    smooth = [image.resize((64, 64)) for image in coarse]
    path = save_gif(smooth, tmp_path / "a.gif", fps=10)
    with Image.open(path) as gif:
        assert gif.n_frames == 5 and gif.size == (256, 256) and gif.info["loop"] == 0
        read = [
            (f.convert("RGB").resize((64, 64), Image.Resampling.BOX), f.info["duration"])
            for f in ImageSequence.Iterator(gif)
        ]
    for (frame, duration_ms), original in zip(read, smooth, strict=True):
        assert duration_ms == 100
        # Its own palette; with another frame's it would be far off.
        assert np.abs(np.asarray(frame, float) - np.asarray(original, float)).mean() < 4


def test_gif_of_grey_pictures_is_exact(tmp_path):
    ramps = [Image.fromarray(np.roll(np.arange(256, dtype=np.uint8).reshape(16, 16), k, axis=1)) for k in range(3)]
    path = save_gif(ramps, tmp_path / "a.gif", scale=1)
    with Image.open(path) as gif:
        read = [np.asarray(f.convert("L")) for f in ImageSequence.Iterator(gif)]
    assert all(np.array_equal(a, np.asarray(b)) for a, b in zip(read, ramps, strict=True))


def test_gif_refuses_the_name_of_another_format(tmp_path):
    with pytest.raises(SpatialGANError, match=r"a\.mp4: animations are written as GIF"):
        save_gif([flat((0, 0, 0))], tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_gif_stands_still_on_equal_frames(tmp_path):
    path = save_gif([flat((0, 0, 0))] * 3 + [flat((200, 0, 0))], tmp_path / "a.gif", fps=10)
    with Image.open(path) as gif:
        assert sum(f.info["duration"] for f in ImageSequence.Iterator(gif)) == 400


@pytest.mark.parametrize(("frames", "fps"), [([], 10), ([flat((0, 0, 0))], 0), ([flat((0, 0, 0))], 51)])
def test_gif_refuses(tmp_path, frames, fps):
    with pytest.raises(SpatialGANError):
        save_gif(frames, tmp_path / "a.gif", fps)
    assert not list(tmp_path.iterdir())


def test_a_png_is_called_png(tmp_path):
    with pytest.raises(SpatialGANError, match=r"cat\.jpg: pictures are written as PNG"):
        save_png(Image.new("RGB", (4, 4)), tmp_path / "cat.jpg")
    assert not (tmp_path / "cat.jpg").exists()
