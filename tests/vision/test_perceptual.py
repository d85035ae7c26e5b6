import pytest
import torch

from spatialgan.vision.perceptual import MAX_PX, comparison_network, perceptual_distance, unit_features

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network():
    return comparison_network(CPU)


def smooth(seed: int, size: int, channels: int = 3) -> torch.Tensor:
    """A picture of blots, -1..1."""
    stream = torch.Generator().manual_seed(seed)
    small = torch.rand(1, channels, 8, 8, generator=stream) * 2 - 1
    return torch.nn.functional.interpolate(small, size=(size, size), mode="bilinear")


def test_equal_pictures_have_none_and_unlike_ones_more_than_alike_ones(network):
    a, b = smooth(0, 64), smooth(1, 64)
    blurred = torch.nn.functional.avg_pool2d(a, 3, 1, 1)
    batch = torch.cat([a, blurred, b])
    distances = perceptual_distance(network, batch, a.expand(3, -1, -1, -1))
    assert distances.shape == (3,) and distances[0] < 1e-6
    assert 2 * distances[1] < distances[2] < 2


def test_it_is_the_naive_loop(network):
    a, b = smooth(0, 64), smooth(1, 64)
    total = 0.0
    for x, y in zip(network(a), network(b), strict=True):
        places = []
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                u, v = x[0, :, i, j].double(), y[0, :, i, j].double()
                places.append(
                    float((u / (u.square().sum() + 1e-6).sqrt() - v / (v.square().sum() + 1e-6).sqrt()).square().sum())
                )
        total += sum(places) / len(places)
    assert float(perceptual_distance(network, a, b)) == pytest.approx(total / 4, rel=1e-4)


@pytest.mark.parametrize(("size", "seen"), [(32, 64), (128, 128), (512, MAX_PX)])
def test_pictures_of_any_size_are_compared(network, size, seen):
    maps = unit_features(network, smooth(0, size, channels=1))
    assert [m.shape[-1] for m in maps] == [seen // 2, seen // 4, seen // 8, seen // 16]
