"""Precision and recall of generated pictures (Kynkäänniemi et al., NeurIPS 2019): how many look real, and how much of
what is real is drawn at all. A Fréchet distance mixes the two."""

from dataclasses import dataclass

import torch
from torch import Tensor

from spatialgan.errors import SpatialGANError

NEIGHBOURS = 3  # as in the paper
ROWS = 1024  # whose distances to all others are computed at once


@dataclass(frozen=True)
class PrecisionRecall:
    precision: float
    """Share of the generated pictures that lie in the real ones' manifold."""
    recall: float
    """Share of the real pictures that lie in the generated ones' manifold."""


def precision_recall(real: Tensor, generated: Tensor, *, neighbours: int = NEIGHBOURS) -> PrecisionRecall:
    """From features (N, F) and (M, F). Values depend on N, M and the feature network; compare where all are equal.

    A set's manifold is the union of balls about its features, each as large as the distance to its ``neighbours``-th
    nearest other feature of the set.

    Raises:
        SpatialGANError: a set has no more features than ``neighbours``, or they are not of one width.
    """
    if real.shape[1:] != generated.shape[1:]:
        raise SpatialGANError(f"features of {real.shape[1]} and of {generated.shape[1]} numbers cannot be compared")
    for name, features in (("real", real), ("generated", generated)):
        if len(features) <= neighbours:
            raise SpatialGANError(f"{len(features)} {name} pictures are too few; use at least {neighbours + 1}")
    return PrecisionRecall(
        precision=_share_inside(generated, real, _radii(real, neighbours)),
        recall=_share_inside(real, generated, _radii(generated, neighbours)),
    )


def _radii(features: Tensor, neighbours: int) -> Tensor:
    """(N,): each feature's distance to its k-th nearest neighbour, k being ``neighbours``."""
    nearest = [
        torch.cdist(rows, features).kthvalue(neighbours + 1, dim=1).values for rows in features.split(ROWS)
    ]  # the nearest of all is the feature itself
    return torch.cat(nearest)


def _share_inside(features: Tensor, centers: Tensor, radii: Tensor) -> float:
    inside = [(torch.cdist(rows, centers) <= radii).any(dim=1) for rows in features.split(ROWS)]
    return torch.cat(inside).float().mean().item()
