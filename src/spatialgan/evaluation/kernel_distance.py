"""Kernel distance of two sets of features: on Inception's the KID (Bińkowski et al., ICLR 2018).

Unbiased, so that values of different numbers of pictures can be compared, and fit for sets too small for a Fréchet
distance.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from spatialgan.errors import SpatialGANError
from spatialgan.streams import random_stream

NUM_SUBSETS = 100
SUBSET_SIZE = 1000


@dataclass(frozen=True)
class KernelDistance:
    mean: float
    """Over the subsets; of equal distributions about 0, on either side."""
    std: float
    """Of the subsets, with their number in the denominator, as published: how much one subset's value varies."""
    num_subsets: int
    subset_size: int


def kernel_distance(
    real: Tensor,
    generated: Tensor,
    *,
    num_subsets: int = NUM_SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = 0,
) -> KernelDistance:
    """Mean and spread of :func:`squared_mmd` over random subsets of features (N, F) and (M, F), in float64.

    Both sets are kept in memory: subsets are drawn from all of them, each without repetition.

    Raises:
        SpatialGANError: a set has fewer features than a subset, or they are not of one width or not finite.
    """
    if real.shape[1:] != generated.shape[1:]:
        raise SpatialGANError(f"features of {real.shape[1]} and of {generated.shape[1]} numbers cannot be compared")
    if num_subsets < 1 or subset_size < 2:
        raise SpatialGANError(f"{num_subsets} subsets of {subset_size}: use at least 1 subset of at least 2")
    for name, features in (("real", real), ("generated", generated)):
        if len(features) < subset_size:
            raise SpatialGANError(
                f"{len(features)} {name} pictures are too few for subsets of {subset_size}; use more, or --subset-size"
            )
        if not features.isfinite().all():
            raise SpatialGANError(f"the features of {name} pictures hold numbers that are not finite")
    values = []
    for i in range(num_subsets):
        stream = random_stream(seed, f"kernel distance, subset {i}")
        x, y = (f[torch.randperm(len(f), generator=stream)[:subset_size]].double() for f in (real, generated))
        values.append(squared_mmd(x, y))
    found = torch.tensor(values, dtype=torch.float64)
    return KernelDistance(found.mean().item(), found.std(correction=0).item(), num_subsets, subset_size)


def squared_mmd(x: Tensor, y: Tensor) -> float:
    """Unbiased estimate of the squared maximum mean discrepancy of (N, F) and (M, F), with the polynomial kernel."""
    n, m = len(x), len(y)
    within_x, within_y = polynomial_kernel(x, x), polynomial_kernel(y, y)
    # Nothing is compared with itself: that is what makes it unbiased.
    own_x = (within_x.sum() - within_x.trace()) / (n * (n - 1))
    own_y = (within_y.sum() - within_y.trace()) / (m * (m - 1))
    return (own_x + own_y - 2 * polynomial_kernel(x, y).mean()).item()


def polynomial_kernel(x: Tensor, y: Tensor) -> Tensor:
    """(N, M): ``(x . y / F + 1)^3`` of features (N, F) and (M, F)."""
    return (x @ y.T / x.shape[1] + 1) ** 3
