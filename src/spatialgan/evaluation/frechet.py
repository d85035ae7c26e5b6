"""Fréchet distance of two sets of features (Dowson and Landau, 1982; Heusel et al., 2017): float64, without SciPy."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.data.images import ImageDataset, to_uint8
from spatialgan.editing.arguments import finite
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.generated import generate_seeds
from spatialgan.files import user_cache_dir
from spatialgan.sealed import UNREADABLE, read_sealed, save_sealed
from spatialgan.vision.features import FeatureExtractor

CACHE_FORMAT = 1  # raise it when the same pictures, network and weights come to give other features
BATCH_SIZE = 32

Progress = Callable[[str, int, int], None]
"""Called with (what is being counted, done, total)."""


@dataclass(frozen=True)
class Gaussian:
    """What a Fréchet distance keeps of a set of features."""

    mean: Tensor
    """(F,) float64."""
    covariance: Tensor
    """(F, F) float64, with N - 1 in the denominator."""
    count: int
    """Pictures it was measured on."""


@dataclass(frozen=True)
class FrechetResult:
    distance: float
    num_generated: int
    num_reference: int
    cache: str
    """hit: the reference's features came from disk; miss: they were computed, and stored; off."""


class RunningGaussian:
    """Mean and covariance of features that arrive batch by batch, in float64 on the CPU.

    Deviations from the running mean are summed (Chan et al., 1979): the plain sum of squares would lose digits.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = torch.zeros(0, dtype=torch.float64)
        self._scatter = torch.zeros(0, 0, dtype=torch.float64)

    def add(self, features: Tensor) -> None:
        """Take in ``(B, F)``; raises SpatialGANError where they are not finite."""
        x = features.detach().to(device="cpu", dtype=torch.float64)
        if not x.isfinite().all():
            raise SpatialGANError("the features hold numbers that are not finite; the model draws broken pictures")
        b, f = x.shape
        if self.count == 0:
            self._mean, self._scatter = torch.zeros(f, dtype=torch.float64), torch.zeros(f, f, dtype=torch.float64)
        mean = x.mean(dim=0)
        centred, shift = x - mean, mean - self._mean
        self._scatter += centred.T @ centred + torch.outer(shift, shift) * (self.count * b / (self.count + b))
        self._mean += shift * (b / (self.count + b))
        self.count += b

    def gaussian(self) -> Gaussian:
        """Raises SpatialGANError where fewer than two pictures were added."""
        if self.count < 2:
            raise SpatialGANError(f"{self.count} pictures have no covariance; use at least 2")
        return Gaussian(self._mean.clone(), self._scatter / (self.count - 1), self.count)


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """``|mu_a - mu_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2)``, in float64.

    The last trace is that of ``(S_a^(1/2) S_b S_a^(1/2))^(1/2)``, whose eigenvalues are the singular values of
    ``S_a^(1/2) S_b^(1/2)``. Taking those saves the square root of eigenvalues that are zero but for rounding, of which
    there are many where pictures are fewer than features.
    """
    if a.mean.shape != b.mean.shape:
        raise SpatialGANError(f"features of {len(a.mean)} and of {len(b.mean)} numbers cannot be compared")
    trace = torch.linalg.svdvals(symmetric_sqrt(a.covariance) @ symmetric_sqrt(b.covariance)).sum()
    distance = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() - 2 * trace
    return max(distance.item(), 0.0)  # rounding can leave a tiny negative number


def symmetric_sqrt(matrix: Tensor) -> Tensor:
    """The positive semi-definite root of a positive semi-definite ``(F, F)`` float64 matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def frechet_of_model(
    model: SpatialGAN,
    dataset: ImageDataset,
    extractor: FeatureExtractor,
    *,
    num_samples: int = 5000,
    first_seed: int = 0,
    truncation: float = 1.0,
    use_cache: bool = True,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
    log: Callable[[str], None] = print,
) -> FrechetResult:
    """Fréchet distance of a model's pictures to all pictures of a data set's split, unmirrored.

    Pictures are rounded to uint8 first, as when they are saved. The smaller ``num_samples``, the larger the value:
    compare only where it is equal.

    Args:
        model: the one to judge.
        dataset: opened at the resolution that the model's training reads pictures in, and with its channels. With
            ``data.shift`` they are seen through windows at random places, as in training.
        extractor: the feature network.
        num_samples: pictures to generate, of seeds first_seed, first_seed + 1, ...
        truncation: 1 for none.
        use_cache: keep the reference's statistics on disk, and take them from there.
        cache_dir: None for the user's own, see :func:`user_cache_dir`.
        log: told whether the cache was hit.

    Raises:
        SpatialGANError: the data set's pictures are not the model's, or there are fewer than two.
    """
    config = model.config.model
    wanted = (model.config.data_resolution, config.image_channels)
    if (dataset.resolution, dataset.channels) != wanted:
        raise SpatialGANError(
            f"the data set was opened at {dataset.resolution} pixels with {dataset.channels} channels, the model "
            f"reads {wanted[0]} pixels with {wanted[1]}; open it with the model's"
        )
    if num_samples < 2:
        raise SpatialGANError(f"num_samples={num_samples}: use at least 2; 5000 is usual here")
    folder = (cache_dir or user_cache_dir("features")) if use_cache else None
    finite(truncation, "truncation")
    reference, cache = reference_statistics(
        dataset, extractor, folder, size=config.resolution, on_progress=on_progress, log=log
    )
    running = RunningGaussian()
    seeds = range(first_seed, first_seed + num_samples)
    for images in generate_seeds(model, seeds, batch_size=BATCH_SIZE, truncation=truncation):
        running.add(extractor(to_uint8(images)))
        if on_progress is not None:
            on_progress("generated", running.count, num_samples)
    distance = frechet_distance(reference, running.gaussian())
    return FrechetResult(distance, running.count, reference.count, cache)


def reference_statistics(
    dataset: ImageDataset,
    extractor: FeatureExtractor,
    folder: Path | None,
    *,
    size: int | None = None,
    on_progress: Progress | None = None,
    log: Callable[[str], None] = print,
) -> tuple[Gaussian, str]:
    """Mean and covariance of a data set's features, and ``hit``, ``miss`` or ``off``; ``folder`` None for no cache.

    Pictures larger than ``size`` (None: their own) are seen through windows of that size.
    """
    size = size or dataset.resolution
    path = None if folder is None else folder / f"{cache_key(dataset, extractor, size)}.safetensors"
    if path is not None and (stored := _load(path)) is not None:
        log(f"reference features: cache hit ({stored.count} pictures, {path.name})")
        return stored, "hit"
    log("reference features: " + ("computed, cache off" if path is None else f"cache miss, computing ({path.name})"))
    running = RunningGaussian()
    for start in range(0, dataset.num_images, BATCH_SIZE):
        count = min(BATCH_SIZE, dataset.num_images - start)
        if size == dataset.resolution:
            running.add(extractor(dataset.batch(range(start, start + count))))
        else:
            running.add(extractor(dataset.windows(start, count, size=size, seed=0)))
        if on_progress is not None:
            on_progress("reference", running.count, dataset.num_images)
    gaussian = running.gaussian()
    if path is not None:
        tensors = {"mean": gaussian.mean, "covariance": gaussian.covariance, "count": torch.tensor(gaussian.count)}
        try:
            save_sealed(tensors, path, {"format": CACHE_FORMAT})
        except SpatialGANError as e:  # as in a home folder that cannot be written
            log(f"note: the reference features are not kept for the next time: {e}")
    return gaussian, "off" if path is None else "miss"


def cache_key(dataset: ImageDataset, extractor: FeatureExtractor, size: int | None = None) -> str:
    """Of the files' contents and what makes features of them; never of paths."""
    windows = () if size in (None, dataset.resolution) else (f"windows of {size}",)
    parts = (str(CACHE_FORMAT), dataset.fingerprint, extractor.name, extractor.weights_hash, extractor.resize, *windows)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _load(path: Path) -> Gaussian | None:
    """Stored statistics; None where there are none, or where the file is damaged and has to be made again."""
    if not path.is_file():
        return None
    try:
        stored, values = read_sealed(path)
        if values.get("format") != CACHE_FORMAT:
            return None
        return Gaussian(stored["mean"], stored["covariance"], int(stored["count"]))
    except UNREADABLE:
        return None
