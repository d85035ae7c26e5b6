"""Folder, zip or LMDB of images => uint8 batches, in an order that can be resumed at any position.

Shapes: N images in the set, B in a batch, C channels (1 or 3), R resolution. Pixels are uint8 0..255 here;
`to_float` gives the networks' float32 -1..1.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from spatialgan.data.decoding import BadImageError, Fit, Progress, check_settings, decode, in_threads
from spatialgan.data.sources import ImageSource, open_source
from spatialgan.errors import SpatialGANError

Split = Literal["train", "test", "all"]


def split_indices(num_files: int, holdout: int, split: Split) -> list[int]:
    """Positions in the sorted names: `test` is where position modulo holdout is 0; holdout=0 has no test."""
    if holdout < 0:
        raise SpatialGANError(f"holdout={holdout}: give 0 (none), or 20 to keep every 20th image out")
    if split not in get_args(Split):
        raise SpatialGANError(f"split={split!r}: choose one of {', '.join(get_args(Split))}")
    if split == "all":
        return list(range(num_files))
    is_test = [holdout > 0 and i % holdout == 0 for i in range(num_files)]
    return [i for i in range(num_files) if is_test[i] == (split == "test")]


@dataclass(frozen=True, eq=False)
class Views:
    """Which images are shown, and how. Both tensors are on the CPU."""

    indices: torch.Tensor
    """int64 (B,), 0..num_images-1."""
    flips: torch.Tensor
    """bool (B,): mirrored left to right."""


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Square images of one size, by index 0..num_images-1. Made by `ImageDataset.open`."""

    name: str
    """Of the folder or file that the images are in."""
    names: list[str]
    """File name of each image."""
    resolution: int
    channels: int
    fit: Fit
    mirror: bool
    """Whether `shown` mirrors half of the images; `batch` follows its own argument."""
    fingerprint: str
    """sha256 over the split's sorted names, their sizes and checksums, and what makes the pixels: resolution,
    channels, fit. Equal for equal images, so not over `mirror`, nor over how the split was named."""
    skipped: list[tuple[str, str]]
    """(name, reason) of the files left out, and of folders that cannot be listed."""
    images: torch.Tensor | None
    """uint8 (N, C, R, R), or None where the set is larger than `cache_bytes` and decoded at each use."""
    source: ImageSource
    positions: list[int]
    """Position of each image in `source`."""

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        resolution: int,
        channels: int = 3,
        fit: Fit = "crop",
        mirror: bool = False,
        holdout: int = 0,
        split: Split = "train",
        cache_bytes: int = 4 << 30,
        on_progress: Progress | None = None,
    ) -> ImageDataset:
        """Decode the whole split into memory, or none of it where that takes more than `cache_bytes`.

        In memory, files that cannot be used are left out and listed in `skipped`. A lazy set is only listed
        and fingerprinted (decoding millions takes hours): a damaged file met later raises BadImageError.
        Raises SpatialGANError where a setting is wrong or nothing is usable.
        """
        check_settings(resolution, channels, fit)
        source = open_source(path)
        positions = split_indices(len(source.names), holdout, split)
        if not positions:
            found = f"leaves none of {len(source.names)} images; change one"
            raise SpatialGANError(f"{path}: split={split!r} with holdout={holdout} {found}")
        names = [source.names[i] for i in positions]
        shape = (len(positions), channels, resolution, resolution)
        pixels = np.empty(shape, np.uint8) if math.prod(shape) <= cache_bytes else None
        stamps, reasons = _read_all(source, positions, pixels, channels, fit, on_progress)
        keep = [row for row, reason in enumerate(reasons) if reason is None]
        if not keep:
            raise SpatialGANError(f"{path}: none of {len(names)} images can be used; {names[0]} {reasons[0]}")
        return cls(
            name=Path(path).resolve().name,
            names=[names[row] for row in keep],
            resolution=resolution,
            channels=channels,
            fit=fit,
            mirror=mirror,
            fingerprint=_fingerprint(names, stamps, (resolution, channels, fit)),
            skipped=[
                *source.unreadable,
                *((name, why) for name, why in zip(names, reasons, strict=True) if why is not None),
            ],
            images=None if pixels is None else torch.from_numpy(_compact(pixels, keep)),
            source=source,
            positions=[positions[row] for row in keep],
        )

    @property
    def num_images(self) -> int:
        return len(self.names)

    def __len__(self) -> int:
        return self.num_images

    def batch(
        self, indices: torch.Tensor | Sequence[int], flips: torch.Tensor | Sequence[bool] | None = None
    ) -> torch.Tensor:
        """uint8 (B, C, R, R), a copy, on the CPU; image b mirrored left-right where flips[b].

        Raises BadImageError where a lazy set meets a damaged file.
        """
        rows = torch.as_tensor(indices, dtype=torch.int64, device="cpu")  # (B,)
        if self.images is not None:
            batch = self.images[rows]
        else:
            batch = torch.from_numpy(np.stack(list(in_threads(self._decode, rows.tolist()))))
        if flips is not None:
            mirrored = torch.as_tensor(flips, dtype=torch.bool, device="cpu")  # (B,)
            batch[mirrored] = batch[mirrored].flip(3)
        return batch

    def shown(self, start: int, count: int, *, seed: int) -> torch.Tensor:
        """uint8 (count, C, R, R): the images that training shows at positions start..start+count-1."""
        views = self.views(start, count, seed=seed)
        return self.batch(views.indices, views.flips)

    def views(self, start: int, count: int, *, seed: int) -> Views:
        """What training shows at positions start..start+count-1."""
        indices, flips = epoch_indices(start, count, num_images=self.num_images, seed=seed)
        return Views(indices, flips if self.mirror else torch.zeros_like(flips))

    def _decode(self, row: int) -> np.ndarray:
        name = self.names[row]
        try:
            data = self.source.read(self.positions[row])
            return decode(data, name, size=self.resolution, channels=self.channels, fit=self.fit)
        except BadImageError as error:
            hint = "`spatialgan data check` lists every such file, `spatialgan data prepare` leaves them out"
            raise BadImageError(name, f"{error.reason}; {hint}") from error


def _read_all(
    source: ImageSource,
    positions: Sequence[int],
    pixels: np.ndarray | None,
    channels: int,
    fit: Fit,
    on_progress: Progress | None,
) -> tuple[list[str], list[str | None]]:
    """Stamp every file and decode into `pixels` (N, C, R, R) where given; (stamps, why unusable or None)."""

    def work(row: int) -> tuple[str, str | None]:
        position, stamp = positions[row], ""
        try:
            stamp = source.stamp(position)
            if pixels is not None:
                data, size = source.read(position), pixels.shape[-1]
                pixels[row] = decode(data, source.names[position], size=size, channels=channels, fit=fit)
        except BadImageError as error:
            return stamp, error.reason
        return stamp, None

    outcomes = list(in_threads(work, range(len(positions)), on_progress))
    return [stamp for stamp, _ in outcomes], [reason for _, reason in outcomes]


def _compact(pixels: np.ndarray, keep: Sequence[int]) -> np.ndarray:
    """pixels[keep] for ascending `keep`, in place: a copy would take the memory twice."""
    if len(keep) < len(pixels):
        for row, old in enumerate(keep):
            pixels[row] = pixels[old]
    return pixels[: len(keep)]


def _fingerprint(names: Sequence[str], stamps: Sequence[str], settings: tuple[int | str, ...]) -> str:
    digest = hashlib.sha256(json.dumps(["spatialgan-images-1", *settings]).encode())
    for name, stamp in zip(names, stamps, strict=True):
        digest.update(f"\n{name}\0{stamp}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


# ---------------------------------------------------------------- which image is shown when


def epoch_indices(start: int, count: int, *, num_images: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What is shown at positions start..start+count-1: (indices int64 (count,), flips bool (count,)).

    A pure function: position p is step p % num_images of epoch p // num_images; an epoch is a permutation
    made from (seed, epoch) alone, so a run resumes at any position, with any batch size. Raises
    SpatialGANError where an argument is negative or there are no images.
    """
    if num_images < 1 or min(start, count, seed) < 0:
        raise SpatialGANError(
            f"{start=}, {count=}, {num_images=}, {seed=}: num_images must be 1 or more, the others 0 or more"
        )
    indices, flips = np.empty(count, np.int64), np.empty(count, np.bool_)
    done = 0
    while done < count:
        epoch, step = divmod(start + done, num_images)
        stop = min(num_images, step + count - done)
        rows = slice(done, done + stop - step)
        order, coins = _epoch(num_images, seed, epoch)
        indices[rows], flips[rows] = order[step:stop], coins[step:stop]
        done += stop - step
    return torch.from_numpy(indices), torch.from_numpy(flips)


@functools.lru_cache(maxsize=2)  # a batch may lie across two epochs
def _epoch(num_images: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """(order int64 (N,), coins bool (N,)) of one epoch. The caller must not write to them.

    Sorted raw words, not Generator.permutation: only the former is promised to stay the same in new NumPy.
    """
    words = np.random.PCG64(np.random.SeedSequence((seed, epoch))).random_raw(2 * num_images)  # uint64
    order = np.argsort(words[:num_images], kind="stable").astype(np.int64)
    return order, (words[num_images:] >> np.uint64(63)).astype(np.bool_)


def to_float(images: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 => float32 -1..1, any shape."""
    return images.to(torch.float32) / 127.5 - 1


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Float -1..1 (beyond is clamped) => uint8 0..255, any shape; undoes `to_float` exactly."""
    return ((images.to(torch.float32) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
