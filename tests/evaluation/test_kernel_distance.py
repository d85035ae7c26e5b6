"""Kernel distances against loops, and what an unbiased estimate promises."""

import pytest
import torch

from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.kernel_distance import kernel_distance, squared_mmd


def normal(count: int, features: int, seed: int) -> torch.Tensor:
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed))


def by_loops(x: torch.Tensor, y: torch.Tensor) -> float:
    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return (float(a @ b) / len(a) + 1) ** 3

    def mean(pairs: list[float]) -> float:
        return sum(pairs) / len(pairs)

    within = [mean([kernel(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j]) for z in (x, y)]
    return sum(within) - 2 * mean([kernel(a, b) for a in x for b in y])


def test_against_loops() -> None:
    x, y = normal(7, 5, 0).double(), normal(9, 5, 1).double() + 0.5
    assert squared_mmd(x, y) == pytest.approx(by_loops(x, y), rel=1e-10)


def test_a_subset_of_everything_is_the_plain_estimate() -> None:
    x, y = normal(20, 4, 0), normal(20, 4, 1) + 1
    found = kernel_distance(x, y, num_subsets=3, subset_size=20)
    assert found.mean == pytest.approx(squared_mmd(x.double(), y.double())) and found.std == pytest.approx(0, abs=1e-12)


def test_about_zero_for_one_distribution_and_not_for_two() -> None:
    real, same, other = normal(2000, 8, 0), normal(2000, 8, 1), normal(2000, 8, 2) + 0.3
    found = kernel_distance(real, same, num_subsets=40, subset_size=100)
    assert abs(found.mean) < 0.03 < kernel_distance(real, other, num_subsets=40, subset_size=100).mean
    assert found.std > 0 and (found.num_subsets, found.subset_size) == (40, 100)
    assert found == kernel_distance(real, same, num_subsets=40, subset_size=100)
    assert found != kernel_distance(real, same, num_subsets=40, subset_size=100, seed=1)


def test_it_does_not_depend_on_the_number_of_pictures() -> None:
    """As a Fréchet distance would: pictures of one distribution are not farther apart for being few."""
    real, other = normal(2000, 8, 0), normal(2000, 8, 2) + 0.3
    many, few = (kernel_distance(real, other, num_subsets=200, subset_size=n).mean for n in (500, 50))
    assert few == pytest.approx(many, rel=0.1)


def test_what_is_too_few_or_of_another_width_is_refused() -> None:
    with pytest.raises(SpatialGANError, match="9 generated pictures are too few for subsets of 10"):
        kernel_distance(normal(20, 2, 0), normal(9, 2, 1), subset_size=10)
    with pytest.raises(SpatialGANError, match="features of 2 and of 3 numbers"):
        kernel_distance(normal(20, 2, 0), normal(20, 3, 1), subset_size=10)
    with pytest.raises(SpatialGANError, match="at least 1 subset of at least 2"):
        kernel_distance(normal(20, 2, 0), normal(20, 2, 1), subset_size=1)
    with pytest.raises(SpatialGANError, match="generated pictures hold numbers that are not finite"):
        kernel_distance(normal(20, 2, 0), normal(20, 2, 1) / 0, subset_size=10)
