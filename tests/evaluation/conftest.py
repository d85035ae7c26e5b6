"""Files that several evaluation tests read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def images_folder(tmp_path: Path) -> Path:
    """Twelve different pictures of 32 pixels."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    numbers = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(numbers.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{i:02d}.png")
    return folder
