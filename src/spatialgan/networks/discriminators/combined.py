"""StyleGAN2's discriminator beside the projected one [ours]: attention of the first, the second's head start.

On little compute the projected discriminator has shapes standing long before a residual one does, but its GradCAM of
generated pictures is nearly empty: its verdict on them is too one-sided. A residual discriminator's is not. So both
judge, with equal weight, and attention is read from the residual one alone.
"""

import torch
from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.networks.discriminators.base import Discriminator, DiscriminatorOutput
from spatialgan.networks.discriminators.projected import ProjectedDiscriminator
from spatialgan.networks.discriminators.residual import ResidualDiscriminator


class CombinedDiscriminator(Discriminator):
    """A residual and a projected discriminator; :meth:`calibrate` once before training."""

    needs_statistics = True

    def __init__(self, config: ModelConfig, *, pretrained: bool = True):
        super().__init__()
        self.residual = ResidualDiscriminator(config)
        self.projected = ProjectedDiscriminator(config.projected_input, pretrained=pretrained)

    def forward(self, images: Tensor) -> DiscriminatorOutput:
        """``images`` (B, 3, R, R), -1..1."""
        residual, projected = self.residual(images), self.projected(images)
        # The residual one's logit counts as often as the other has patches: losses and attention take means.
        logits = torch.cat([residual.logits.expand_as(projected.logits), projected.logits], dim=1)
        return DiscriminatorOutput(logits, residual.features, projected.scales)

    @property
    def regularized(self) -> Discriminator:
        """R1 is for the residual part: the projected one has spectral norms instead."""
        return self.residual

    def calibrate(self, images: Tensor) -> None:
        """See :meth:`ProjectedDiscriminator.calibrate`."""
        self.projected.calibrate(images)
