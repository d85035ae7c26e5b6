"""Windows around boxes, for `data prepare --boxes`: squares at random places and of random sizes that hold a subject.

Pictures whose subjects all lie in the middle, and are all of a size, teach nothing of places and sizes. Where somebody
has marked the subjects, say the heads of cats, windows cut at random show them anywhere and of any size in a range.
"""

from __future__ import annotations

import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from spatialgan.data.decoding import BadImageError
from spatialgan.errors import SpatialGANError
from spatialgan.files import read_bytes, user_path

Box = tuple[float, float, float, float]
"""Left, top, width and height, in 0..1 of the picture's width and height."""
MAX_FILE_BYTES = 256 << 20  # of a file of boxes


@dataclass(frozen=True)
class Windows:
    """Which windows to cut, one a picture."""

    boxes: dict[str, Box]
    """By the file's name, as the set's own list has it."""
    share_min: float = 0.4
    """The subject's longer side, in window widths, is uniform from this ..."""
    share_max: float = 0.8
    """... to this, or as small as the whole picture makes it."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share_min <= self.share_max <= 1:
            raise SpatialGANError(
                f"the subject's share of a window is {self.share_min} to {self.share_max}; use "
                "numbers above 0 and at most 1, the smaller first"
            )

    def cut(self, image: Image.Image, name: str) -> tuple[Image.Image, Box]:
        """A square window of an upright picture, and where the box lies in it, in 0..1 of the window.

        One a picture: several would share what a model is to be tested on with what it was trained on. The same name
        and seed give the same window. Raises BadImageError where there is no box, or the
        subject is too large to be shown at ``share_max``.
        """
        box = self.boxes.get(name)
        if box is None:
            raise BadImageError(name, "has no box")
        left, top, width, height = (v * s for v, s in zip(box, (*image.size, *image.size), strict=True))
        longest, most = max(width, height), min(image.size)
        if longest > self.share_max * most:
            raise BadImageError(
                name,
                f"has a box of {longest / most:.0%} of its shorter side, more than {self.share_max:.0%}",
            )
        random = np.random.default_rng([self.seed, *name.encode()])
        share = random.uniform(max(self.share_min, longest / most), self.share_max)
        side = min(most, max(1, round(longest / share)))
        x, y = (
            _place(random, start, length, side, whole)
            for start, length, whole in ((left, width, image.width), (top, height, image.height))
        )
        box = ((left - x) / side, (top - y) / side, width / side, height / side)
        return image.crop((x, y, x + side, y + side)), box


def _place(random: np.random.Generator, start: float, length: float, side: int, whole: int) -> int:
    """The first pixel of a window of ``side`` pixels, inside the picture, that holds ``start`` to ``start + length``;
    where rounding leaves no such place, the nearest."""
    low, high = int(np.ceil(max(0, start + length - side))), int(np.floor(min(start, whole - side)))
    if low > high:
        return min(max(0, round((low + high) / 2)), whole - side)
    return int(random.integers(low, high + 1))


def read_boxes(path: Path, source: Path) -> dict[str, Box]:
    """Boxes from a file of JSON lines, ``{"file": NAME, "head": [x, y, w, h]}`` with any name for the box.

    Args:
        path: the file, or the name of one inside ``source``, a folder or zip.
        source: the set of pictures.

    Raises:
        SpatialGANError: there is no such file, or a line is not of that kind; the message names it.
    """
    text = _read_text(path, source)
    boxes: dict[str, Box] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            name, box = _name_and_box(line)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            raise SpatialGANError(
                f'{path}, line {number}: write {{"file": NAME, "head": [x, y, w, h]}}, with x, y '
                "and the far corner in 0..1 of the picture"
            ) from None
        boxes[name.removeprefix("images/")] = boxes[name] = box
    if not boxes:
        raise SpatialGANError(f"{path} holds no boxes")
    return boxes


def _name_and_box(line: str) -> tuple[str, Box]:
    """Of a JSON line; raises ValueError, or what comes of values of other types, where it is not one."""
    entry = json.loads(line)
    name = entry.pop("file")
    (values,) = entry.values()
    x, y, w, h = (float(v) for v in values)
    inside = w > 0 and h > 0 and min(x, y) >= 0 and max(x + w, y + h) <= 1.001
    if not isinstance(name, str) or not all(map(math.isfinite, (x, y, w, h))) or not inside:
        raise ValueError(line)
    return name, (x, y, w, h)


def _read_text(path: Path, source: Path) -> str:
    path, source = user_path(path), user_path(source)
    found = next((file for file in (path, source / path) if file.is_file()), None)
    data = _from_zip(path, source) if found is None else read_bytes(found, MAX_FILE_BYTES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise SpatialGANError(f"{path} is not text in UTF-8") from None


def _from_zip(path: Path, source: Path) -> bytes:
    try:
        if not zipfile.is_zipfile(source):
            raise KeyError(path)
        with zipfile.ZipFile(source) as archive:
            info = archive.getinfo(path.as_posix())
            if info.file_size > MAX_FILE_BYTES:
                raise SpatialGANError(f"{path} has more than {MAX_FILE_BYTES >> 20} MiB, too much for a file of boxes")
            return archive.read(info)
    except KeyError:
        raise SpatialGANError(f"there is no file {path}, neither here nor in {source}") from None
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise SpatialGANError(f"{path} cannot be read ({error})") from None
