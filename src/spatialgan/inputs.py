"""What a generator draws pictures from, for a batch."""

from dataclasses import dataclass

from torch import Tensor

from spatialgan.layout import Layout
from spatialgan.networks.generator import Generator


@dataclass(frozen=True, eq=False)
class Inputs:
    """Of B pictures, on one device."""

    z: Tensor
    """(B, S, z_dim)."""
    layout: Layout
    """A batch of B layouts; empty for a plain StyleGAN2."""
    noise: tuple[Tensor, ...] | None = None
    """One (B, 1, r, r) a layer; None for none."""
    truncation: float = 1.0
    """1 for none, towards 0 for more typical and more alike pictures."""
    w_offset: Tensor | None = None
    """(B, num_ws, S, w_dim), added to w after truncation; None for nothing."""

    def ws(self, generator: Generator) -> Tensor:
        """(B, num_ws, S, w_dim)."""
        ws = generator.ws(self.z, self.layout, truncation=self.truncation)
        return ws if self.w_offset is None else ws + self.w_offset
