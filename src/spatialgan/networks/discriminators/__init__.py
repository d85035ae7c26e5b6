"""Discriminators: StyleGAN2's residual one, one on fixed ImageNet features, and both at once."""

from spatialgan.config import ModelConfig
from spatialgan.networks.discriminators.base import Discriminator, DiscriminatorOutput
from spatialgan.networks.discriminators.combined import CombinedDiscriminator
from spatialgan.networks.discriminators.projected import ProjectedDiscriminator
from spatialgan.networks.discriminators.residual import ResidualDiscriminator

__all__ = ["Discriminator", "DiscriminatorOutput", "make_discriminator"]


def make_discriminator(config: ModelConfig, *, pretrained: bool = True) -> Discriminator:
    """The discriminator that ``config`` names.

    Args:
        config: the model's.
        pretrained: load the ImageNet weights that it may need; False where a file brings them.
    """
    if config.discriminator == "projected":
        return ProjectedDiscriminator(config.projected_input, pretrained=pretrained)
    if config.discriminator == "combined":
        return CombinedDiscriminator(config, pretrained=pretrained)
    return ResidualDiscriminator(config)
