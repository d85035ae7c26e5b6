"""Inputs of a generator by seed: in batches of any size, on any device, seed i is what ``model.sample(i)`` draws."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.layout import Layout, sample_layout
from spatialgan.model import SpatialGAN
from spatialgan.networks.generator import sample_noise, sample_z
from spatialgan.streams import random_stream


@dataclass(frozen=True)
class Inputs:
    """What ``SpatialGAN.generate`` takes, for a batch of B."""

    z: Tensor
    """(B, S, z_dim)."""
    layout: Layout | None
    """A batch of B layouts; None for a plain StyleGAN2."""
    noise: tuple[Tensor, ...]
    """One (B, 1, r, r) a layer."""


def draw_inputs(config: ModelConfig, seeds: Sequence[int], device: torch.device | str = "cpu") -> Inputs:
    """The inputs of the seeds' pictures; with impulse noise where ``config`` has it, as in training."""
    # Picture by picture from streams of their own, so that the batch size changes nothing.
    z = torch.cat([sample_z(config, 1, random_stream(seed, "style")) for seed in seeds])
    noises = [sample_noise(config, 1, random_stream(seed, "noise")) for seed in seeds]
    noise = tuple(torch.cat(layer).to(device) for layer in zip(*noises, strict=True))
    if config.encoding == "none":
        return Inputs(z.to(device), None, noise)
    layout = Layout.cat([sample_layout(config, 1, random_stream(seed, "layout")) for seed in seeds])
    return Inputs(z.to(device), layout.to(device), noise)


def generate_seeds(model: SpatialGAN, seeds: Sequence[int], *, batch_size: int = 16,
                   truncation: float = 1.0) -> Iterator[Tensor]:
    """Pictures of the seeds, in order: ``(B, C, R, R)`` about -1..1, at most ``batch_size`` at once."""
    for start in range(0, len(seeds), batch_size):
        inputs = draw_inputs(model.config.model, seeds[start : start + batch_size], model.device)
        yield model.generate(inputs.z, inputs.layout, inputs.noise, truncation=truncation)
