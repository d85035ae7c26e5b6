import re
from pathlib import Path

import pytest
import torch

import spatialgan
from spatialgan.coords import centroid_xy, from_pixels, pixel_centers_xy, sample_at, to_pixels


def test_pixel_centers_are_x_then_y_on_a_map_that_is_not_square():
    grid = pixel_centers_xy(2, 4)
    assert grid.shape == (2, 4, 2)
    torch.testing.assert_close(grid[0, :, 0], torch.tensor([0.125, 0.375, 0.625, 0.875]))
    torch.testing.assert_close(grid[:, 0, 1], torch.tensor([0.25, 0.75]))
    torch.testing.assert_close(grid[1, 3], torch.tensor([0.875, 0.75]))


def test_integer_pixel_indices_are_pixel_centers():
    h, w = 3, 5
    for row in range(h):
        for column in range(w):
            expected = torch.tensor([column, row], dtype=torch.float32)
            torch.testing.assert_close(to_pixels(pixel_centers_xy(h, w)[row, column], h, w), expected)


def test_image_edges_lie_half_a_pixel_outside_the_outer_pixel_centers():
    edges = to_pixels(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), 4, 8)
    torch.testing.assert_close(edges, torch.tensor([[-0.5, -0.5], [7.5, 3.5]]))


def test_pixel_conversions_are_inverse():
    xy = torch.rand(2, 7, 2)
    torch.testing.assert_close(from_pixels(to_pixels(xy, 48, 20), 48, 20), xy)
    px = torch.rand(2, 7, 2) * 20
    torch.testing.assert_close(to_pixels(from_pixels(px, 48, 20), 48, 20), px)


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.5), (0.4, 0.6), (0.55, 0.35)])
def test_centroid_of_a_gaussian_is_its_center(x: float, y: float):
    grid = pixel_centers_xy(64, 96)
    gaussian = torch.exp(-((grid[..., 0] - x) ** 2 + (grid[..., 1] - y) ** 2) / (2 * 0.05**2))
    torch.testing.assert_close(centroid_xy(gaussian), torch.tensor([x, y]), atol=1e-5, rtol=0)


def test_centroid_is_x_then_y_for_any_leading_dimensions():
    maps = torch.zeros(2, 3, 4, 8)
    maps[..., 1, 6] = 2.0
    expected = torch.tensor([6.5 / 8, 1.5 / 4]).expand(2, 3, 2)
    torch.testing.assert_close(centroid_xy(maps), expected)


def test_centroid_of_nothing_is_nan():
    assert centroid_xy(torch.zeros(4, 4)).isnan().all()


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
def test_a_map_at_its_own_pixels_is_itself(mode):
    maps = torch.randn(2, 3, 5, 7)
    xy = pixel_centers_xy(5, 7).expand(2, 5, 7, 2)
    torch.testing.assert_close(sample_at(maps, xy, mode=mode), maps, atol=1e-5, rtol=1e-4)


def test_between_pixels_and_outside():
    ramp = torch.arange(4.0).expand(1, 1, 4, 4)  # 0, 1, 2, 3 from left to right
    xy = torch.tensor([[[0.5, 0.5], [0.25, 0.9], [-3.0, 0.5], [1.2, 0.5]]])
    torch.testing.assert_close(sample_at(ramp, xy)[0, 0], torch.tensor([1.5, 0.5, 0.0, 3.0]))
    mirrored = sample_at(ramp, torch.tensor([[[-0.25, 0.5]]]), outside="reflection")  # a quarter beyond the edge
    torch.testing.assert_close(mirrored[0, 0], torch.tensor([0.5]))


def test_points_of_any_shape_each_on_its_own_maps():
    maps = torch.stack([torch.zeros(1, 3, 3), torch.ones(1, 3, 3)])
    found = sample_at(maps, torch.rand(2, 4, 5, 2))
    assert found.shape == (2, 1, 4, 5) and (found[0] == 0).all() and (found[1] == 1).all()


def test_nobody_else_samples_by_hand():
    """What coords.py promises, as far as a pattern can tell: frames are converted there alone."""
    source = Path(spatialgan.__file__).parent
    half_pixel = re.compile(r"grid_sample\(|arange\([^()]*\) ?\+ ?(0?\.5|1 ?/ ?2)")
    by_hand = [p.name for p in source.rglob("*.py") if half_pixel.search(p.read_text())]
    assert by_hand == ["coords.py"]
