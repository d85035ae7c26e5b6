"""How alike maps are, their peaks, and attention on pictures of any number."""

import pytest
import torch
from figure_models import SMALL, small_model

from spatialgan.data.images import ImageDataset
from spatialgan.figures.looking import correlation, generated_images, look, map_alone, num_peaks, overlay, real_images


def test_correlation_of_known_maps() -> None:
    ramp = torch.arange(16.0).reshape(4, 4)
    maps = torch.stack([ramp, 3 * ramp + 2, -ramp, ramp.T, torch.ones(4, 4)])
    found = correlation(maps, ramp)
    assert found[:3].tolist() == pytest.approx([1, 1, -1])
    assert found[3] == pytest.approx(float(torch.corrcoef(torch.stack([ramp.T.flatten(), ramp.flatten()]))[0, 1]))
    assert found[4].isnan()


def test_peaks_are_greater_than_all_their_neighbours() -> None:
    maps = torch.zeros(2, 5, 5)
    maps[0, 0, 0] = maps[0, 4, 2] = 1.0  # on the edge, too
    maps[0, 2, 2], maps[0, 0, 4] = 0.4, 0.6
    maps[1, 1, 1] = maps[1, 1, 2] = 1.0  # a plateau has none
    assert num_peaks(maps).tolist() == [3, 0]
    assert num_peaks(maps[None], least=0.3).tolist() == [[4, 0]]


def test_attention_of_a_part_of_a_group_is_that_of_whole_groups() -> None:
    model = small_model()
    images = generated_images(model, range(5))
    maps = look(model, images)
    assert maps.shape == (5, 3, SMALL["resolution"], SMALL["resolution"])
    first = model.attention(images[:4])
    torch.testing.assert_close(maps[:4], first.cpu())
    assert look(model, images, 8).shape == (5, 3, 8, 8)


def test_pictures_for_the_eye() -> None:
    image, heatmap = torch.zeros(3, 32, 32), torch.eye(4)
    assert overlay(image, heatmap).image.size == (256, 256)
    alone = map_alone(heatmap)
    assert alone.image.size == (4, 4) and not alone.smooth
    assert alone.image.getpixel((0, 0)) != alone.image.getpixel((1, 0))


def test_real_pictures(images_folder) -> None:
    found = real_images(ImageDataset.open(images_folder, resolution=32), 5)
    assert found.shape == (5, 3, 32, 32) and -1 <= float(found.min()) < float(found.max()) <= 1
