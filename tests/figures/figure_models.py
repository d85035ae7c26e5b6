"""Tiny random models for figures."""

import torch

from spatialgan.api import SpatialGAN
from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.generator import Generator

SMALL = {
    "resolution": 32,
    "z_dim": 8,
    "w_dim": 8,
    "mapping_layers": 1,
    "channel_base": 64,
    "channel_max": 8,
    "minibatch_std_group": 4,
}


def small_model(seed: int = 0, *, with_discriminator: bool = True, kimg: float = 0.0, **settings: object) -> SpatialGAN:
    config = ModelConfig(**{**SMALL, **settings})
    torch.manual_seed(seed)
    discriminator = make_discriminator(config) if with_discriminator else None
    run = RunConfig(model=config, loss=LossConfig(align="none"))
    model = SpatialGAN(run, Generator(config), discriminator, name="small", weights_hash="0" * 64, card={"kimg": kimg})
    return model.to("cpu")
