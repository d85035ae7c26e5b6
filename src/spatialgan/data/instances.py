"""Pictures with instance masks: `images/`, `masks/` and `objects.jsonl` in a folder or zip (format: docs/data.md).

Shapes: C channels (1 or 3), H height, W width, n objects. Pixels are uint8 0..255.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from spatialgan.data.decoding import BadImageError, Fit, check_settings, fit_square, open_image, upright
from spatialgan.data.images import Split, split_indices
from spatialgan.data.sources import ImageSource, image_names, is_visible, open_source
from spatialgan.errors import SpatialGANError

TABLE = "objects.jsonl"
STRUCTURE = ("wall", "floor", "ceiling")
"""Classes that are instances in the masks of rooms but no objects: they have no place of their own."""
MAX_ID = 65535  # of a 16-bit mask


@dataclass(frozen=True)
class RootObject:
    """An object with all that belongs to it: a bed with its pillows."""

    id: int
    """Its value in `AnnotatedImage.instances`."""
    label: str
    """Its class, such as `bed`."""


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """One picture, and what is where in it."""

    name: str
    image: Tensor
    """uint8 (C, H, W)."""
    instances: Tensor
    """int64 (H, W): the id of the root object at each pixel, 0 for none."""
    objects: tuple[RootObject, ...]
    """The root objects that have a pixel, by id; wall, floor and ceiling too where the data set has them."""

    def masks(self, objects: Iterable[RootObject] | None = None) -> Tensor:
        """bool (n, H, W): the regions of some objects, of all by default."""
        ids = torch.tensor([o.id for o in (self.objects if objects is None else objects)], dtype=torch.int64)
        return self.instances == ids[:, None, None]


@dataclass(frozen=True, eq=False)
class ObjectDataset:
    """Annotated images by index 0..num_images-1, read at each use. Made by `ObjectDataset.open`."""

    names: list[str]
    """File name of each image."""
    resolution: int | None
    """Side of the pictures and maps in pixels; None for each file's own size."""
    channels: int
    fit: Fit
    source: ImageSource
    """Of all files of the set, not of its images only."""
    files: dict[str, int]
    """Position of each file in `source`."""
    roots: list[dict[int, RootObject]]
    """Of each image: the root object of each id that its mask may hold."""

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        resolution: int | None = None,
        channels: int = 3,
        fit: Fit = "crop",
        holdout: int = 0,
        split: Split = "all",
    ) -> ObjectDataset:
        """List the files and read `objects.jsonl`; pictures and masks are read when they are asked for.

        Images are numbered and split as by `ImageDataset`, by their sorted names.

        Raises SpatialGANError naming the file: there is no `objects.jsonl` or more than one, a line of it is not as
        docs/data.md has it, an image has no line or no mask, or a line has no image.
        """
        check_settings(1 if resolution is None else resolution, channels, fit)
        source = open_source(path, _visible)
        files = {name: i for i, name in enumerate(source.names)}
        tables = [name for name in files if PurePosixPath(name).name == TABLE]
        if len(tables) != 1:
            found = "there is none" if not tables else f"there are {len(tables)}: {', '.join(tables[:3])}"
            raise SpatialGANError(f"{path}: a set with masks has one {TABLE} beside images/ and masks/; {found}")
        root = tables[0].removesuffix(TABLE)
        lines = _read_table(source.read(files[tables[0]]), tables[0])
        images = image_names(source.names)
        _check_pairs(images, {f"{root}{file}": number for file, (number, _) in lines.items()}, files, tables[0])
        names = [images[i] for i in split_indices(len(images), holdout, split)]
        if not names:
            raise SpatialGANError(f"{path}: split={split!r} with holdout={holdout} leaves none of {len(images)} images")
        roots = [lines[name.removeprefix(root)][1] for name in names]
        return cls(names, resolution, channels, fit, source, files, roots)

    @property
    def num_images(self) -> int:
        return len(self.names)

    def __len__(self) -> int:
        return self.num_images

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the split's images and masks, their names and checksums, the objects, and the settings."""
        settings = json.dumps(["spatialgan-objects-1", self.resolution, self.channels, self.fit])
        digest = hashlib.sha256(settings.encode())
        for name, roots in zip(self.names, self.roots, strict=True):
            stamps = [self.source.stamp(self.files[file]) for file in (name, mask_name(name))]
            text = json.dumps([name, *stamps, sorted((i, r.id, r.label) for i, r in roots.items())])
            digest.update(text.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def __getitem__(self, index: int) -> AnnotatedImage:
        """Read one image with its mask.

        Both go through the same Lanczos filter: each region's coverage is resized as a picture would be, and a pixel
        belongs to the region that covers most of it. So the map's edges lie where the picture's do.

        Raises BadImageError naming the file that is damaged, or in which image and mask do not fit together.
        """
        name = self.names[index]
        picture = upright(self.source.read(self.files[name]), name, self.channels)
        ids = self._mask(mask_name(name), picture.size)
        file_roots = self.roots[index]
        unknown = np.setdiff1d(np.unique(ids), [0, *file_roots])
        if len(unknown):
            raise BadImageError(
                mask_name(name),
                f"has pixels of the value {unknown[0]}, an id that the line of {name} in {TABLE} does not list",
            )
        table = np.zeros(MAX_ID + 1, np.int64)
        for i, root in file_roots.items():
            table[i] = root.id
        ids = table[ids]  # (H, W), roots
        if self.resolution is not None:
            picture = fit_square(picture, self.resolution, self.fit)
            ids = fit_instances(ids, self.resolution, self.fit)
        pixels = np.asarray(picture).reshape(*ids.shape, self.channels).transpose(2, 0, 1)  # HWC => CHW
        present = set(np.unique(ids).tolist())
        roots = {root.id: root for root in file_roots.values()}
        objects = tuple(roots[i] for i in sorted(roots) if i in present)
        return AnnotatedImage(name, torch.from_numpy(pixels.copy()), torch.from_numpy(ids), objects)

    def _mask(self, name: str, size: tuple[int, int]) -> np.ndarray:
        """The file's ids, (H, W)."""
        image = open_image(self.source.read(self.files[name]), name)
        if image.mode not in ("L", "P", "I;16"):
            raise BadImageError(
                name,
                f"has mode {image.mode}; a mask is a grey PNG of 8 or 16 bits, or one with a "
                "palette, whose values are ids",
            )
        if image.size != size:
            (w, h), (image_w, image_h) = image.size, size
            raise BadImageError(name, f"is {w}x{h}, but its image (upright) is {image_w}x{image_h}")
        try:
            return np.asarray(image).astype(np.int64)  # of a palette image these are the indices
        except Exception as error:  # Pillow's readers raise nearly anything on damaged files
            raise BadImageError(name, f"is cut short or damaged ({error})") from error


def mask_name(image_name: str) -> str:
    """`images/a.jpg` => `masks/a.png`, below the same folder."""
    root, _, file = f"/{image_name}".rpartition("/images/")
    return f"{root}/masks/{PurePosixPath(file.lstrip('/')).with_suffix('.png')}".lstrip("/")


def fit_instances(ids: np.ndarray, size: int, fit: Fit) -> np.ndarray:
    """Ids (H, W) => (size, size), int64: each pixel goes to the id that covers most of it; black bars get 0."""
    values = np.union1d([0], ids)  # 0 first: it takes what nothing covers
    covers = [fit_square(Image.fromarray(np.where(ids == v, 255, 0).astype(np.uint8)), size, fit) for v in values]
    return values[np.argmax(np.stack([np.asarray(cover) for cover in covers]), axis=0)]


# ---------------------------------------------------------------- the table


def _visible(names: Iterable[str]) -> list[str]:
    return sorted(n for n in names if is_visible(n))


def _check_pairs(images: list[str], lines: dict[str, int], files: dict[str, int], table: str) -> None:
    """Every image has a line and a mask, and every line an image."""
    present = set(images)
    for name, number in lines.items():
        if name not in present:
            raise SpatialGANError(
                f"{table}, line {number}: there is no image {name}; `file` is its path from {TABLE}, "
                "as in images/000000.jpg"
            )
    for name in images:
        if name not in lines:
            raise SpatialGANError(f'{table}: has no line for {name}; one without objects has `"objects": []`')
        if mask_name(name) not in files:
            raise SpatialGANError(f"{name}: has no mask; {mask_name(name)} is missing")


def _read_table(data: bytes, name: str) -> dict[str, tuple[int, dict[int, RootObject]]]:
    """objects.jsonl => file: (line number, the root object of each id)."""
    lines: dict[str, tuple[int, dict[int, RootObject]]] = {}
    for number, text in enumerate(data.splitlines(), 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
            file = _field(line, "file", lambda v: isinstance(v, str), "the image's path, such as images/000000.jpg")
            objects = _field(line, "objects", lambda v: isinstance(v, list), "a list")
            if file in lines:
                raise SpatialGANError(f"{file} has a line already, number {lines[file][0]}")
            lines[file] = number, _roots(objects)
        except (ValueError, RecursionError) as error:
            raise SpatialGANError(f"{name}, line {number}: is not JSON ({error})") from None
        except SpatialGANError as error:
            raise SpatialGANError(f"{name}, line {number}: {error}") from None
    if not lines:
        raise SpatialGANError(f"{name}: is empty; it has one line of JSON for each image")
    return lines


def _field(values: Any, key: str, fits: Callable[[Any], bool], wanted: str, **default: Any) -> Any:
    if not isinstance(values, dict):
        raise SpatialGANError(f"{json.dumps(values)[:40]} must be a JSON object")
    value = values.get(key, default.get("default"))
    if not fits(value):
        raise SpatialGANError(f"{key}={json.dumps(value)[:40]}: must be {wanted}")
    return value


def _roots(objects: list[Any]) -> dict[int, RootObject]:
    """The root object of each id, following the parents up."""

    def is_id(value: Any, lowest: int) -> bool:
        return type(value) is int and lowest <= value <= MAX_ID

    parents: dict[int, int] = {}
    labels: dict[int, str] = {}
    for o in objects:
        i = _field(o, "id", lambda v: is_id(v, 1), f"a whole number in 1..{MAX_ID}")
        if i in parents:
            raise SpatialGANError(f"id={i} is there twice")
        parents[i] = _field(o, "parent", lambda v: is_id(v, 0), "the id of another object, or 0 for none", default=0)
        labels[i] = _field(o, "class", lambda v: isinstance(v, str) and v != "", "a name, such as bed")
    roots: dict[int, RootObject] = {}
    for i in sorted(parents):
        top, seen = i, {i}
        while parents.get(top, 0) != 0:
            top = parents[top]
            if top in seen:
                raise SpatialGANError(f"id={i} is its own ancestor; a root object has parent 0")
            seen.add(top)
        # A parent that is out of sight need not be listed: what belongs to it is one object all the same.
        roots[i] = RootObject(top, labels.setdefault(top, labels[i]))
    return roots
