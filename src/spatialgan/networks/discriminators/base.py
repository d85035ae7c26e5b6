"""What every discriminator has in common."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn


@dataclass(frozen=True)
class DiscriminatorOutput:
    logits: Tensor
    """(B, N) in float32: N = 1 for the residual discriminator, 5 heads x 16 patches for the projected, 160 for both."""
    features: dict[int, Tensor]
    """Features (B, C, s, s) by size s = 4, 8, 16, which attention is read from."""
    scales: tuple[Tensor, ...] = ()
    """Of the projected discriminator the mixed ImageNet features (B, C, s, s), s = 32, 16, 8, 4."""


class Discriminator(nn.Module, ABC):
    """Pictures to logits, and the features that attention is read from. Nobody hooks into it."""

    needs_statistics: ClassVar[bool] = False
    """Whether :meth:`calibrate` has something to do."""

    @abstractmethod
    def forward(self, images: Tensor) -> DiscriminatorOutput:
        """``images`` (B, C, R, R), -1..1."""

    @property
    def regularized(self) -> "Discriminator":
        """The part that R1 is for."""
        return self

    def calibrate(self, images: Tensor) -> None:
        """Take statistics of real pictures (B, C, R, R), once before training."""
