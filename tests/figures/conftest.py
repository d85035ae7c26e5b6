"""Files that tests of figures read."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def images_folder(tmp_path: Path) -> Path:
    """Six different pictures of 32 pixels."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    numbers = np.random.default_rng(0)
    for i in range(6):
        Image.fromarray(numbers.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder
