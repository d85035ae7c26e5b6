"""Pictures for the aids to find things in."""

import pytest
import torch
from PIL import Image, ImageDraw

from spatialgan.data.images import ImageDataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """40 grey pictures, each with one coloured square: its middle, in image widths, is the picture's name."""
    folder = tmp_path_factory.mktemp("squares")
    random = torch.Generator().manual_seed(0)
    for i in range(40):
        x, y = (20 + 88 * torch.rand(2, generator=random)).tolist()
        color = tuple(torch.randint(256, (3,), generator=random).tolist())
        image = Image.new("RGB", (128, 128), (128, 128, 128))
        ImageDraw.Draw(image).rectangle([x - 14, y - 14, x + 14, y + 14], fill=color)
        image.save(folder / f"{i:02d}_{x / 128:.3f}_{y / 128:.3f}.png")
    return folder


@pytest.fixture(scope="module")
def rooms(folder):
    return ImageDataset.open(folder, resolution=128)


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    """40 pictures of one square each, anywhere, 24 to 60 pixels wide, of one of two colours; names: colour, width."""
    folder = tmp_path_factory.mktemp("subjects")
    random = torch.Generator().manual_seed(3)
    for i in range(40):
        x, y, size = torch.rand(3, generator=random).tolist()
        half = 12 + 18 * size
        cx, cy = (half + (128 - 2 * half) * v for v in (x, y))
        image = Image.new("RGB", (128, 128), (128, 128, 128))
        ImageDraw.Draw(image).rectangle(
            [cx - half, cy - half, cx + half, cy + half], fill=[(220, 40, 30), (20, 60, 200)][i % 2]
        )
        image.save(folder / f"{i:02d}_{i % 2}_{half:.2f}.png")
    return ImageDataset.open(folder, resolution=128)
