"""Where a picture's subject is, and how large, without labels: deep descriptor transforming (Wei et al., "Unsupervised
Object Discovery and Co-localization by Deep Descriptor Transforming", Pattern Recognition 88, 2019).

What all pictures of a set have in common, and their surroundings have not, is the direction in which the frozen
features of all places of all pictures vary most: their first principal component. For ``training/aids/codes.py``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.coords import pixel_centers_xy, sample_at, to_grid
from spatialgan.vision.efficientnet_lite import EfficientNetLite

INPUT_PX, STRIDE = 256, 32  # 8 x 8 descriptors a picture: the best of those tried, docs/decisions.md 57
CHUNK = 2  # pictures at once: on a CPU, twice as fast as 16
NO_SUBJECT = 1e-6  # of a map's mean square below which there is nothing to see


@dataclass(frozen=True)
class Subjects:
    """Of N pictures, one each."""

    centers_xy: Tensor
    """(N, 2) in 0..1 of the picture."""
    sizes: Tensor
    """(N,): the side of a square as large as the subject, in picture widths, above 0 to 1."""

    def mirrored(self) -> "Subjects":
        x, y = self.centers_xy.unbind(dim=-1)
        return Subjects(torch.stack([1 - x, y], dim=-1), self.sizes)


def large_maps(network: EfficientNetLite, images: Tensor) -> list[Tensor]:
    """Features of ``images`` (B, 3, R, R) in -1..1, enlarged to INPUT_PX: (B, C, h, h) for each of its strides."""
    large = F.interpolate(images, size=(INPUT_PX, INPUT_PX), mode="bilinear", antialias=True)
    chunks = large.contiguous(memory_format=torch.channels_last).split(CHUNK)
    return [torch.cat(maps).float() for maps in zip(*(network(chunk) for chunk in chunks), strict=True)]


def descriptors(network: EfficientNetLite, images: Tensor) -> Tensor:
    """The last of :func:`large_maps`, (B, C, 8, 8), where ``network`` gives stride 32 last."""
    return large_maps(network, images)[-1]


def subject_maps(found: Tensor) -> Tensor:
    """How much each place looks like what the pictures have in common: ``(N, C, h, w)`` to ``(N, h, w)``, 0 and more.

    The first principal component has no sign of its own: subjects are taken to be rarer at the pictures' edges.
    """
    rows = found.permute(0, 2, 3, 1).flatten(0, 2).float()  # (N h w, C)
    rows = rows - rows.mean(dim=0)
    _, axes = torch.linalg.eigh(rows.T @ rows / len(rows))  # ascending
    maps = (rows @ axes[:, -1]).reshape(len(found), *found.shape[2:])
    edge = torch.cat([maps[:, 0], maps[:, -1], maps[:, :, 0], maps[:, :, -1]], dim=1).mean()
    return (maps if edge < maps.mean() else -maps).clamp_min(0)


def subjects_of(maps: Tensor) -> Subjects:
    """Centres of mass of the squared maps (N, h, w), and sizes: the share of places that a map spreads over. Where a
    map is empty: the middle, and all of the picture."""
    h, w = maps.shape[1:]
    squared = maps.square().flatten(1)
    total = squared.sum(dim=1, keepdim=True)
    empty = total < NO_SUBJECT * h * w
    weights = torch.where(empty, 1 / (h * w), squared / total.clamp_min(NO_SUBJECT))
    centers = weights @ pixel_centers_xy(h, w, device=maps.device).reshape(-1, 2)
    spread = (maps.flatten(1).sum(dim=1).square() / total.squeeze(1).clamp_min(NO_SUBJECT) / (h * w)).sqrt()
    return Subjects(centers, torch.where(empty.squeeze(1), 1.0, spread))


def around_subjects(images: Tensor, subjects: Subjects, *, widths: float, size: int) -> Tensor:
    """Squares of ``images`` (B, C, R, R), ``widths`` subjects wide, with the subject in the middle: (B, C, size, size).
    What lies outside the picture is as its edge."""
    offsets = to_grid(pixel_centers_xy(size, size, device=images.device)) * (widths / 2)  # (size, size, 2)
    return sample_at(images, subjects.centers_xy[:, None, None] + offsets * subjects.sizes[:, None, None, None])
