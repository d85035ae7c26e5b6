"""Inputs of a generator by seed, and pictures of them: the same in batches of any size, but for the last bits."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.config import ModelConfig
from spatialgan.inputs import Inputs
from spatialgan.layout import Layout
from spatialgan.seeds import layout_of, noise_of, style_of


def draw_inputs(
    config: ModelConfig, seeds: Sequence[int], device: torch.device | str = "cpu", *, impulse_noise: bool = False
) -> Inputs:
    """The inputs of the seeds' pictures: seed i's are those of ``model.sample(i)``.

    With ``impulse_noise``, layouts have the impulse noise of training where ``config`` has it, which scenes never have.
    """
    z = torch.stack([style_of(config, seed) for seed in seeds]).to(device)
    noise = tuple(layer.to(device) for layer in noise_of(config, seeds))
    layout = Layout.stack([layout_of(config, seed, impulse_noise=impulse_noise) for seed in seeds])
    return Inputs(z, layout.to(device), noise)


def generate_seeds(
    model: SpatialGAN, seeds: Sequence[int], *, batch_size: int = 16, truncation: float = 1.0
) -> Iterator[Tensor]:
    """Pictures of the seeds as in training, in order: ``(B, C, R, R)`` about -1..1, at most ``batch_size`` at once.

    Seed i draws the picture of ``model.sample(i)``, but in a model with impulse noise, which scenes leave out.
    """
    for start in range(0, len(seeds), batch_size):
        chunk = seeds[start : start + batch_size]
        inputs = draw_inputs(model.config.model, chunk, model.device, impulse_noise=True)
        yield model.generate(inputs.z, inputs.layout, inputs.noise, truncation=truncation)
