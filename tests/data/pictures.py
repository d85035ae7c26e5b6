"""Small pictures, and folders and zips of them, for the tests of the data modules."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from spatialgan.data.decoding import decode


def encode(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def noise(seed: int, width: int = 8, height: int = 8) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def make_folder(root: Path, count: int = 6, prefix: str = "") -> Path:
    for i in range(count):
        path = root / f"{prefix}{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(noise(i)))
    return root


def zip_folder(folder: Path, target: Path, compression: int = zipfile.ZIP_STORED, inside: str = "") -> Path:
    with zipfile.ZipFile(target, "w", compression) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, inside + path.relative_to(folder).as_posix())
    return target


def decoded(image_bytes: bytes, size: int = 32, channels: int = 3, fit: str = "crop") -> np.ndarray:
    return decode(image_bytes, "a.png", size=size, channels=channels, fit=fit)
