"""Data for the runs of these tests."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 pictures, each a bright disc on a dark ground."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:32, 0:32]
    for i in range(24):
        cx, cy, r = *rng.uniform(8, 24, 2).tolist(), rng.uniform(3, 7)
        disc = ((x - cx) ** 2 + (y - cy) ** 2 < r * r)[..., None]
        pixels = np.where(disc, rng.integers(128, 255, 3), rng.integers(0, 80, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    return folder
