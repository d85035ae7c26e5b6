"""Has D learned its training pictures by heart? ADA's heuristic r_v (Karras et al., NeurIPS 2020, Eq. 1)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.data.images import ImageDataset, to_float
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.generated import generate_seeds
from spatialgan.evaluation.picture_features import BATCH_SIZE, real_pictures
from spatialgan.networks.discriminators import Discriminator
from spatialgan.networks.discriminators.residual import in_whole_groups


@dataclass(frozen=True)
class Overfitting:
    train: float
    """D's mean logit on pictures that it was trained on, ..."""
    held_out: float
    """... on real pictures that it never saw, ..."""
    generated: float
    """... and on generated ones."""
    r_v: float | None
    """(train - held_out) / (train - generated). 0: D takes new real pictures for as real as its own; 1: for generated.
    None where it cannot tell its own from generated ones."""


def measure_overfitting(
    model: SpatialGAN, train: ImageDataset, held_out: ImageDataset, *, num_samples: int = 500, first_seed: int = 0
) -> Overfitting:
    """On at most ``num_samples`` pictures of each kind.

    Args:
        model: with its discriminator.
        train: pictures that it was trained on, at its resolution.
        held_out: others of the same kind.

    Raises:
        SpatialGANError: the model has no discriminator.
    """
    discriminator, group = model.discriminator, model.config.model.minibatch_std_group
    if discriminator is None:
        raise SpatialGANError(f"{model.name} has no discriminator, whose memory is to be tested")

    def mean(batches: Iterator[Tensor]) -> float:
        found = [mean_logits(discriminator, images.to(model.device), group) for images in batches]
        if not found:
            raise SpatialGANError("all pictures of the set are damaged; spatialgan data check lists them")
        return torch.cat(found).mean().item()

    seeds = range(first_seed, first_seed + num_samples)
    t, h = (mean(to_float(x) for x, _ in real_pictures(d, count=num_samples) if len(x)) for d in (train, held_out))
    g = mean(generate_seeds(model, seeds, batch_size=BATCH_SIZE))
    return Overfitting(t, h, g, (t - h) / (t - g) if t > g else None)


@torch.no_grad()
def mean_logits(discriminator: Discriminator, images: Tensor, group: int) -> Tensor:
    """(B,): the mean of D's logits of each picture (B, C, R, R), which it judges in whole groups."""
    return discriminator(in_whole_groups(images, group)).logits[: len(images)].mean(dim=1)
