"""What a seed stands for: a style, a layout and noise, each from a stream of its own, so that each can be replaced.

Drawn on the CPU and picture by picture: neither the device nor the batch size changes them.
"""

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.layout import Layout
from spatialgan.networks.generator import sample_noise, sample_z
from spatialgan.sampling import sample_layout
from spatialgan.streams import random_stream


def style_of(config: ModelConfig, seed: int) -> Tensor:
    """z of one picture, ``(S, z_dim)``."""
    return sample_z(config, 1, random_stream(seed, "style"))[0]


def object_style_of(config: ModelConfig, seed: int) -> Tensor:
    """z of one object, or of the background, ``(z_dim,)``."""
    return torch.randn(config.z_dim, generator=random_stream(seed, "object style"), dtype=torch.float32)


def layout_of(config: ModelConfig, seed: int, *, impulse_noise: bool = False) -> Layout:
    """The layout of one picture; empty for a plain StyleGAN2.

    Args:
        config: the model's.
        seed: any.
        impulse_noise: add it where ``config`` has it. It is for training, and its rasters have no centres to edit.
    """
    if not impulse_noise:
        config = replace(config, impulse_noise=0.0)
    return sample_layout(config, 1, random_stream(seed, "layout"))[0]


def noise_of(config: ModelConfig, seeds: Iterable[int], *, max_resolution: int | None = None) -> tuple[Tensor, ...]:
    """The noise inputs of B pictures: one ``(B, 1, r, r)`` a layer, of those of at most ``max_resolution``."""
    noises = [sample_noise(config, 1, random_stream(s, "noise"), max_resolution=max_resolution) for s in seeds]
    return tuple(torch.cat(layer) for layer in zip(*noises, strict=True))
