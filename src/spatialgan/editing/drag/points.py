"""Features at points: motion supervision and tracking (Pan et al., DragGAN, 2023), as pure functions.

The published method up-samples a block's features to image size. Sampling them bilinearly at the points of the discs
gives the same numbers without a map of that size.

Shapes: H handles, N points, M points of a disc, C channels. Points are ``(x, y)`` in 0..1; lengths are image widths.
"""

import torch
from torch import Tensor

from spatialgan.coords import sample_at


def features_at(features: Tensor, points_xy: Tensor) -> Tensor:
    """Features ``(1, C, h, w)`` at points ``(..., 2)``, bilinear: ``(..., C)``; outside, those of the edge."""
    return sample_at(features, points_xy[None])[0].movedim(0, -1)


def discs_at(features: Tensor, points_xy: Tensor, disc_xy: Tensor) -> Tensor:
    """All features of the discs round points ``(..., 2)``, as one vector each: ``(..., M C)``."""
    return features_at(features, points_xy[..., None, :] + disc_xy).flatten(-2)


def inside(points_xy: Tensor) -> Tensor:
    """Which points ``(..., 2)`` lie in the image, ``(...)``."""
    return ((points_xy >= 0) & (points_xy <= 1)).all(dim=-1)


def motion_loss(features: Tensor, handles_xy: Tensor, targets_xy: Tensor, disc_xy: Tensor, step: float) -> Tensor:
    """Motion supervision: what is in each disc should be found one step nearer to the target.

    ``mean |F(q).detach() - F(q + d)|`` over the points q of all discs that lie in the image, and over channels; d leads
    towards the target.

    Args:
        features: (1, C, h, w).
        handles_xy: (H, 2), the discs' centres.
        targets_xy: (H, 2).
        disc_xy: (M, 2) offsets.
        step: length of d; shorter where the target is nearer.
    """
    way = targets_xy - handles_xy
    length = way.norm(dim=1, keepdim=True)
    d = way * (step / length.clamp_min(step))  # (H, 2)
    q = handles_xy[:, None] + disc_xy  # (H, M, 2)
    ahead = q + d[:, None]
    # A handle that has arrived asks for nothing, and takes nothing from the weight of the others.
    counts = inside(q) & inside(ahead) & (length > 0)  # (H, M)
    change = (features_at(features.detach(), q) - features_at(features, ahead)).abs().mean(dim=-1)  # (H, M)
    return (change * counts).sum() / counts.sum().clamp_min(1)


def mask_loss(features: Tensor, first: Tensor, kept: Tensor) -> Tensor:
    """``mean |F - F_0|`` over what the mask keeps; features ``(1, C, h, w)``, ``kept`` (1, 1, h, w) in 0..1."""
    return ((features - first).abs().mean(dim=1, keepdim=True) * kept).sum() / kept.sum()


def variation(features: Tensor, references: Tensor, disc_xy: Tensor, places_xy: Tensor) -> Tensor:
    """How much features differ within a picture, ``(H,)``: each reference's mean L1 distance to the given places.

    Args:
        features: (1, C, h, w).
        references: (H, M C), from :func:`discs_at`.
        disc_xy: (M, 2) offsets.
        places_xy: (N, 2).
    """
    return torch.cdist(references, discs_at(features, places_xy, disc_xy), p=1).mean(dim=1)


def track(features: Tensor, references: Tensor, disc_xy: Tensor, candidates_xy: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Where each reference is now: the candidate inside the image whose disc is nearest in L1.

    Args:
        features: (1, C, h, w).
        references: (H, M C), from :func:`discs_at` of the first picture's features.
        disc_xy: (M, 2) offsets.
        candidates_xy: for each handle (N, 2), at least one of them inside.

    Returns:
        Places (H, 2) and their L1 distances (H,).
    """
    places, distances = [], []
    for reference, points in zip(references, candidates_xy, strict=True):
        points = points[inside(points)]
        differences = (discs_at(features, points, disc_xy) - reference).abs().sum(dim=-1)  # (N,)
        best = differences.argmin()
        places.append(points[best])
        distances.append(differences[best])
    return torch.stack(places), torch.stack(distances)


def along(starts_xy: Tensor, moves_xy: Tensor, window_xy: Tensor, step: float) -> list[Tensor]:
    """Candidates: everything in a window about the way from each start ``(H, 2)`` along its move ``(H, 2)``."""
    candidates = []
    for start, move in zip(starts_xy, moves_xy, strict=True):
        count = 1 + int(torch.ceil(move.norm() / step))
        shares = torch.linspace(0, 1, count, device=start.device, dtype=torch.float32)
        way = start + shares[:, None] * move  # (count, 2)
        candidates.append((way[:, None] + window_xy).reshape(-1, 2))
    return candidates
