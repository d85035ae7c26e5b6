"""What the figures of attention share: pictures to look at, attention on them, and how alike maps are."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.config import LEVEL_RESOLUTIONS
from spatialgan.data.images import ImageDataset, to_float
from spatialgan.editing.pictures import colorize, enlarge, heatmap_overlay, to_image
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.picture_features import real_pictures
from spatialgan.figures.content import Picture
from spatialgan.networks.discriminators.residual import in_whole_groups

LEVELS = tuple(range(len(LEVEL_RESOLUTIONS)))
LEVEL_NAMES = tuple(f"{r} x {r}" for r in LEVEL_RESOLUTIONS)


def real_images(dataset: ImageDataset, count: int) -> Tensor:
    """At most ``count`` pictures of a data set, ``(N, C, R, R)`` in -1..1; raises SpatialGANError without any."""
    images = torch.cat([batch for batch, _ in real_pictures(dataset, count=count)])
    if not len(images):
        raise SpatialGANError(f"{dataset.name} has no picture that can be read")
    return to_float(images)


def generated_images(model: SpatialGAN, seeds: Sequence[int], *, truncation: float = 1.0) -> Tensor:
    """Pictures of seeds, ``(N, C, R, R)`` about -1..1, on the CPU."""
    scenes = [model.sample(seed, truncation=truncation) for seed in seeds]
    return torch.stack([scene.tensor for scene in scenes])


def look(model: SpatialGAN, images: Tensor, size: int | None = None) -> Tensor:
    """D's attention on ``(N, C, R, R)`` pictures, ``(N, 3, size, size)`` in 0..1, on the CPU; size None: R.

    D compares pictures within groups: the last group is filled up with the first pictures.
    """
    group = model.config.model.minibatch_std_group
    chunks = in_whole_groups(images, group).split(group)
    return torch.cat([model.attention(chunk.to(model.device), size).cpu() for chunk in chunks])[: len(images)]


def overlay(image: Tensor, heatmap: Tensor) -> Picture:
    """A picture (C, R, R) under a map (h, w) in 0..1."""
    return Picture(heatmap_overlay(enlarge(to_image(image), None), heatmap))


def map_alone(heatmap: Tensor) -> Picture:
    """A map (h, w) in 0..1 by itself, its pixels as they are."""
    return Picture(Image.fromarray(colorize(heatmap.detach().cpu())), smooth=False)


def plain(image: Tensor | Image.Image, **marks: Any) -> Picture:
    """A picture as it is, with marks of :class:`Picture`."""
    return Picture(image if isinstance(image, Image.Image) else to_image(image), **marks)


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's, of each pair of maps ``(..., h, w)``: ``(...)``; NaN where one is constant."""
    a, b = (m.flatten(-2).double() for m in (a, b))
    a, b = (m - m.mean(dim=-1, keepdim=True) for m in (a, b))
    lengths = a.norm(dim=-1) * b.norm(dim=-1)
    return torch.where(lengths > 1e-9, (a * b).sum(dim=-1) / lengths.clamp_min(1e-9), torch.nan)


def num_peaks(maps: Tensor, least: float = 0.5) -> Tensor:
    """Local maxima of maps ``(..., h, w)`` in 0..1 of at least ``least``, greater than all 8 neighbours: ``(...)``."""
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    padded = torch.nn.functional.pad(flat, (1, 1, 1, 1), value=-1.0)
    around = torch.nn.functional.unfold(padded, 3).unflatten(1, (9, 1)).squeeze(2)  # (N, 9, h w)
    others = around[:, [i for i in range(9) if i != 4]].amax(dim=1)
    peaks = (flat.flatten(1) > others) & (flat.flatten(1) >= least)
    return peaks.sum(dim=-1).reshape(maps.shape[:-2])
