"""Pivotal tuning's difference (Roich et al., "Pivotal Tuning for Latent-based Editing of Real Images", TOG 2022): what
is added to a generator's weights so that one photograph, whose codes are found already, is drawn as it is.

[ours] Of low rank (Hu et al., "LoRA", ICLR 2022), and of the layers' convolutions and ToRGBs alone: so it is small
enough to lie in a scene's file, and the layers that read heatmaps stay as they were.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spatialgan.errors import SpatialGANError
from spatialgan.levels import tensor_from_json, tensor_to_json
from spatialgan.networks.digest import tensors_digest
from spatialgan.networks.generator import Generator
from spatialgan.streams import random_stream

RANK = 4


@dataclass(frozen=True, eq=False)
class Tuning:
    """By the weight's name in the generator, factors (O, r) and (r, I k k); what is added is their product."""

    factors: dict[str, tuple[Tensor, Tensor]]

    @property
    def tensors(self) -> list[Tensor]:
        return [factor for pair in self.factors.values() for factor in pair]

    @property
    def digest(self) -> str:
        """What tells it from others."""
        named = {f"{name} {i}": factor for name, pair in self.factors.items() for i, factor in enumerate(pair)}
        return tensors_digest(dict(sorted(named.items())))


def tunable(generator: Generator) -> dict[str, Tensor]:
    """The weights that a tuning may change: (O, I, k, k) of all convolutions but those of heatmaps."""
    return {n: p for n, p in generator.blocks.named_parameters() if p.dim() == 4 and ".sel." not in n}


def new_tuning(generator: Generator) -> Tuning:
    """Of no effect yet, on the generator's device."""
    stream, factors = random_stream(0, "tuning"), {}
    for name, weight in tunable(generator).items():
        rank = min(RANK, len(weight))
        left = torch.randn(len(weight), rank, generator=stream, dtype=torch.float32) / rank**0.5
        right = torch.zeros(rank, weight[0].numel(), dtype=torch.float32)
        factors[name] = (left.to(weight.device), right.to(weight.device))
    return Tuning(factors)


def tuned_weights(generator: Generator, tuning: Tuning) -> dict[str, Tensor]:
    """The weights that differ, by name in ``generator.blocks``."""
    weights = tunable(generator)
    return {n: weights[n] + (left @ right).reshape(weights[n].shape) for n, (left, right) in tuning.factors.items()}


@torch.no_grad()
def tuned(generator: Generator, tuning: Tuning) -> Generator:
    """A copy of the generator with the difference in it; raises SpatialGANError where it is another generator's."""
    check_tuning(generator, tuning)
    device = generator.mapping.w_mean.device
    there = Tuning({n: (a.to(device), b.to(device)) for n, (a, b) in tuning.factors.items()})
    new = copy.deepcopy(generator)
    weights = tunable(new)
    for name, weight in tuned_weights(generator, there).items():
        weights[name].copy_(weight)
    return new


def check_tuning(generator: Generator, tuning: Tuning) -> None:
    """Raise SpatialGANError where a tuning is not of this generator."""
    weights = tunable(generator)
    for name, (left, right) in tuning.factors.items():
        weight = weights.get(name)
        if weight is None:
            raise SpatialGANError(f"the tuning changes {name[:80]}, which this model has not")
        if left.dim() != 2 or (len(left), right.shape) != (len(weight), (left.shape[1], weight[0].numel())):
            raise SpatialGANError(f"the tuning of {name} has shapes {tuple(left.shape)} and {tuple(right.shape)}")


def tuning_to_json(tuning: Tuning) -> dict[str, Any]:
    """A tuning as JSON values, exact to the last bit."""
    return {name: [tensor_to_json(factor) for factor in pair] for name, pair in tuning.factors.items()}


def tuning_from_json(data: Any) -> Tuning:
    """The inverse of :func:`tuning_to_json`; raises SpatialGANError where it is damaged."""
    try:
        factors = {}
        for name, (left, right) in data.items():
            factors[name] = (tensor_from_json(left), tensor_from_json(right))
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as e:
        raise SpatialGANError(f"the scene's tuning is not readable: {e}") from None
    return Tuning(factors)
