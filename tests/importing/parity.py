"""What the tests of both formats compare: our networks with what the files' own programs drew."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spatialgan.api import SpatialGAN

FIXTURES = Path(__file__).parents[1] / "fixtures"
TOLERANCE = 1e-5  # of the largest value


def expected(name: str) -> dict[str, Tensor]:
    """z (2, 32), w (2, 32), image, image_truncated and more, of a file in the fixtures."""
    with np.load(FIXTURES / f"{name}.npz", allow_pickle=False) as arrays:
        return {n: torch.from_numpy(arrays[n]) for n in arrays}


def error(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.abs().max())


def draw(model: SpatialGAN, z: Tensor, *, truncation: float = 1.0, noise: bool = True) -> Tensor:
    """Pictures of z (B, z_dim); random noise is asked for, and the model puts its own in its place."""
    from spatialgan.networks.generator import sample_noise

    random = sample_noise(model.config.model, len(z), torch.Generator().manual_seed(0)) if noise else None
    return model.generate(z[:, None], None, random, truncation=truncation)
