"""Pictures for people: grids, overlays, animations."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from spatialgan.editing.export import (
    animate,
    colorize,
    enlarge,
    grid_size,
    heatmap_overlay,
    image_grid,
    interpolate,
    numbered_heatmaps,
    save_gif,
    save_png,
    slerp,
    to_image,
    viewing_scale,
    with_numbers,
)
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import MIN_STD
from spatialgan.layout import Layout
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


# ---------------------------------------------------------------- between scenes


def test_interpolation_is_linear_in_centres_and_in_log_std(single):
    a = single.sample(0)
    b = a.move(0, dx=0.4, dy=-0.2).resize(0, 4).rotate(0, 60)
    way = interpolate(a, b, 5)
    assert len(way) == 5 and way[0] is a and torch.equal(way[-1].tensor, b.tensor)
    start = a.layout.centers[0]
    for i, scene in enumerate(way):
        torch.testing.assert_close(scene.layout.centers[0], start + torch.tensor([0.1, -0.05]) * i)
        torch.testing.assert_close(scene.layout.stds[0], a.layout.stds[0] * 4 ** (i / 4))
        assert float(scene.layout.gaussians(0).angles[0]) == pytest.approx(math.radians(15 * i), abs=1e-6)
        assert torch.equal(scene.z, a.z) and scene.noise_seed == a.noise_seed


def test_what_vanishes_shrinks_evenly(multi):
    a = multi.sample(0)
    stds = [float(s.layout.stds[1, 0]) for s in interpolate(a, a.remove(1), 3)]
    assert stds[1] == pytest.approx(stds[0] / 2, rel=0.02) and stds[2] == pytest.approx(MIN_STD)


def test_a_new_object_grows_from_nothing_with_its_style(multi):
    a = multi.sample(0)
    b = a.duplicate(0, 0.3, 0)
    way = interpolate(a, b, 3)
    assert [s.num_objects for s in way] == [3, 4, 4]
    torch.testing.assert_close(way[1].layout.stds[3], b.layout.stds[3] / 2, rtol=0.02, atol=0)
    torch.testing.assert_close(way[1].layout.centers[3], b.layout.centers[3])
    assert torch.equal(way[1].z, b.z)
    back = interpolate(b, a, 3)
    assert [s.num_objects for s in back] == [4, 4, 3] and torch.equal(back[1].z, b.z)


def test_frames_of_rasters_go_along(multi):
    a, b = (
        Scene(multi, s.z, Layout((Raster(s.layout.heatmaps(0, 32), s.layout.gaussians(0)),), hierarchical=False), 0)
        for s in (multi.sample(0), multi.sample(0).move(1, dx=0.4))
    )
    middle = interpolate(a, b, 3)[1].layout.levels[0].frames
    ends = [s.layout.levels[0].frames.centers_xy for s in (a, b)]
    torch.testing.assert_close(middle.centers_xy, (ends[0] + ends[1]) / 2)
    assert not torch.equal(*ends)


def test_styles_turn_along_the_circle(multi):
    a = multi.sample(0)
    way = interpolate(a, a.restyle(1, 5), 3)
    assert torch.equal(way[1].z[[0, 2, 3]], a.z[[0, 2, 3]])
    torch.testing.assert_close(
        slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 4.0]), 1 / 3),
        torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6)]) * 8 / 3,
    )
    opposite = slerp(torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 0.0]), 0.25)
    torch.testing.assert_close(opposite, torch.tensor([0.5, 0.0]))


def test_animation_goes_there_and_back(multi):
    a = multi.sample(0)
    b = a.move(0, dx=0.3)
    c = b.remove(1)
    frames = animate([a, b, c], 4, hold=3)
    assert len(frames) == 3 + 7 + 3 + 7
    assert frames[:3] == [a] * 3 and frames[10:13] == [frames[10]] * 3
    assert torch.equal(frames[10].layout.stds, c.layout.stds)
    x = [float(s.layout.centers[0, 0] - a.layout.centers[0, 0]) for s in frames]
    assert x[3:7] == pytest.approx([0.075, 0.15, 0.225, 0.3], abs=1e-6)
    assert x[13:] == pytest.approx(x[3:10][::-1], abs=1e-6)


def test_interpolation_refuses(single, multi):
    with pytest.raises(SpatialGANError, match="frames is 1"):
        interpolate(single.sample(0), single.sample(1), 1)
    with pytest.raises(SpatialGANError, match="one model"):
        interpolate(single.sample(0), multi.sample(1), 3)
    with pytest.raises(SpatialGANError, match="at least one scene"):
        animate([])


def test_a_png_is_called_png(tmp_path):
    with pytest.raises(SpatialGANError, match=r"cat\.jpg: pictures are written as PNG"):
        save_png(Image.new("RGB", (4, 4)), tmp_path / "cat.jpg")
    assert not (tmp_path / "cat.jpg").exists()
