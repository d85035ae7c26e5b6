"""Real and generated pictures in batches, and their features kept whole, where a metric needs all of them at once."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.data.decoding import BadImageError
from spatialgan.data.images import ImageDataset, to_uint8
from spatialgan.data.instances import ObjectDataset
from spatialgan.editing.arguments import finite
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.generated import generate_seeds
from spatialgan.vision.features import FeatureExtractor

BATCH_SIZE = 16  # of more, features need more memory and, on a CPU, no less time

Progress = Callable[[str, int, int], None]
"""Called with (what is being counted, done, total)."""


@dataclass(frozen=True, eq=False)
class PictureFeatures:
    features: Tensor
    """(N, F) float32, on the CPU: memory grows with N, 0.8 GB for 100,000 pictures of 2,048 features."""
    num_damaged: int
    """Files that could not be read, and were left out."""
    images_per_s: float


def require_same_pictures(model: SpatialGAN, dataset: ImageDataset | ObjectDataset) -> None:
    """Raise SpatialGANError where a data set was not opened as the model's training reads it."""
    wanted = (model.config.model.resolution, model.config.model.image_channels)
    if (dataset.resolution, dataset.channels) != wanted:
        raise SpatialGANError(
            f"the data set was opened at {dataset.resolution} pixels with {dataset.channels} channels, the model "
            f"reads {wanted[0]} pixels with {wanted[1]}; open it with the model's"
        )


def generated_pictures(model: SpatialGAN, seeds: Sequence[int], *, truncation: float = 1.0) -> Iterator[Tensor]:
    """uint8 ``(B, C, R, R)``, rounded as when they are saved; raises SpatialGANError where truncation is not finite."""
    finite(truncation, "truncation")
    for images in generate_seeds(model, seeds, batch_size=BATCH_SIZE, truncation=truncation):
        yield to_uint8(images)


def real_pictures(dataset: ImageDataset, *, count: int | None = None) -> Iterator[tuple[Tensor, int]]:
    """uint8 ``(B, C, R, R)`` as they are, unmirrored, and how many damaged files each batch left out.

    Args:
        count: how many of them, spread evenly over the set; None: all.
    """
    count = dataset.num_images if count is None else min(count, dataset.num_images)
    # In float64: a set may have more pictures than float32 has whole numbers.
    places = torch.linspace(0, dataset.num_images - 1, count, dtype=torch.float64).round().long()
    for part in places.split(BATCH_SIZE):
        try:
            yield dataset.batch(part), 0
        except BadImageError:  # one by one, to leave out the damaged ones alone
            whole = []
            for single in part.split(1):
                try:
                    whole.append(dataset.batch(single))
                except BadImageError:
                    continue
            none = torch.empty(0, dataset.channels, dataset.resolution, dataset.resolution, dtype=torch.uint8)
            images = torch.cat([none, *whole])
            yield images, len(part) - len(whole)


def real_features(
    dataset: ImageDataset,
    extractor: FeatureExtractor,
    *,
    count: int | None = None,
    on_progress: Progress | None = None,
) -> PictureFeatures:
    """Of :func:`real_pictures`; raises SpatialGANError where all files are damaged."""
    total = dataset.num_images if count is None else min(count, dataset.num_images)
    found, damaged, started = [], 0, time.perf_counter()
    for images, left_out in real_pictures(dataset, count=count):
        damaged += left_out
        if len(images):
            found.append(extractor(images))
        if on_progress is not None:
            on_progress("reference", damaged + sum(map(len, found)), total)
    if not found:
        raise SpatialGANError(f"{dataset.name}: all {damaged} pictures are damaged")
    features = torch.cat(found)
    return PictureFeatures(features, damaged, len(features) / (time.perf_counter() - started))


def generated_features(
    model: SpatialGAN,
    extractor: FeatureExtractor,
    seeds: Sequence[int],
    *,
    truncation: float = 1.0,
    on_progress: Progress | None = None,
) -> PictureFeatures:
    """Of :func:`generated_pictures`."""
    found, started = [], time.perf_counter()
    for images in generated_pictures(model, seeds, truncation=truncation):
        found.append(extractor(images))
        if on_progress is not None:
            on_progress("generated", sum(map(len, found)), len(seeds))
    return PictureFeatures(torch.cat(found), 0, len(seeds) / (time.perf_counter() - started))
