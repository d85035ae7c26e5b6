"""The matcher finds known shifts, and says so where it cannot tell."""

import pytest
import torch
from torch.nn import functional as F

from spatialgan.vision.matching import EfficientNetMatcher, block_scores, peak_offset


@pytest.fixture(scope="module")
def matcher():
    return EfficientNetMatcher()


def scenery(seed):
    """A picture of 128 pixels with structure at several sizes, -1..1."""
    rng = torch.Generator().manual_seed(seed)
    layers = [F.interpolate(torch.randn(1, 3, n, n, generator=rng), size=128, mode="bicubic") for n in (6, 12, 24, 48)]
    return (sum(layers) / 3)[0].clamp(-1, 1)


@pytest.mark.parametrize("dx, dy", [(7, 0), (-3, 14), (-10, -11)])
def test_known_shifts_are_found_within_a_pixel(matcher, dx, dy):
    field = scenery(1)
    first, last = field[:, 32:96, 32:96], field[:, 32 - dy : 96 - dy, 32 - dx : 96 - dx]
    points = torch.tensor([[0.5, 0.5], [0.4, 0.6]])
    found = matcher(first, last, points)
    assert ((found - points) * 64 - torch.tensor([dx, dy])).norm(dim=1).max() < 1


def test_between_unrelated_pictures_it_cannot_tell(matcher):
    point = torch.tensor([[0.5, 0.5]])
    found = [matcher(scenery(i)[:, :64, :64], scenery(i + 50)[:, :64, :64], point) for i in range(5)]
    assert torch.cat(found).isnan().any(dim=1).sum() >= 4


def test_grey_pictures(matcher):
    grey = scenery(2).mean(dim=0, keepdim=True)[:, :64, :64]
    assert torch.allclose(matcher(grey, grey, torch.tensor([[0.5, 0.25]])), torch.tensor([[0.5, 0.25]]), atol=0.01)


def test_scores_ignore_what_is_outside(rng):
    features = F.normalize(torch.randn(1, 6, 16, 16, generator=rng), dim=1)
    corner = torch.tensor([0.5 / 16, 0.5 / 16])
    scores = block_scores(features, features, corner, 2)
    assert scores.shape == (16, 16) and scores.max() <= 1 + 1e-5
    middle = torch.tensor([8.5 / 16, 4.5 / 16])
    best = block_scores(features, features, middle, 2)
    assert divmod(int(best.argmax()), 16) == (4, 8) and best.max() == pytest.approx(1, abs=1e-5)


def test_the_peak_of_a_parabola():
    x = torch.arange(5.0)
    assert peak_offset(-((x - 2.3) ** 2), 2) == pytest.approx(0.3)
    assert peak_offset(x, 4) == 0
