"""Tiny random models."""

import torch

from spatialgan.api import SpatialGAN
from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.generator import Generator

TINY = {"resolution": 32, "z_dim": 32, "w_dim": 32, "mapping_layers": 2, "channel_base": 128, "channel_max": 16}


def make_model(seed: int = 0, *, name: str = "tiny", **config: object) -> SpatialGAN:
    torch.manual_seed(seed)
    model_config = ModelConfig(**(TINY | config))
    loss = LossConfig(align="none") if model_config.encoding == "none" else LossConfig()
    generator = Generator(model_config)
    for parameter_name, parameter in generator.named_parameters():
        if parameter_name.endswith("noise_strength"):
            parameter.data.fill_(0.3)  # untrained it is 0, which would hide a change of noise
    discriminator = make_discriminator(model_config, pretrained=False)
    return SpatialGAN(RunConfig(model=model_config, loss=loss), generator, discriminator, name=name)
