"""Fréchet distance of two sets of features (Dowson and Landau, 1982; Heusel et al., 2017): float64, without SciPy."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.data.images import ImageDataset
from spatialgan.editing.arguments import finite
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.picture_features import (
    Progress,
    generated_pictures,
    real_pictures,
    require_same_pictures,
)
from spatialgan.files import user_cache_dir
from spatialgan.sealed import UNREADABLE, read_sealed, save_sealed
from spatialgan.vision.features import FeatureExtractor

CACHE_FORMAT = 2  # raise it when the same pictures, network and weights come to give other features
EXTRAPOLATION_POINTS = 15  # as in Chong and Forsyth's experiments
SMALLEST_EXTRAPOLATED = 20  # pictures, of which the first tenth still has a covariance


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
class Reference:
    """What a data set's pictures are to a Fréchet distance."""

    gaussian: Gaussian
    num_damaged: int
    """Files that could not be read, and were left out."""
    cache: str
    """hit: the features came from disk; miss: they were computed, and stored; off."""
    images_per_s: float | None
    """None where they came from disk."""


@dataclass(frozen=True)
class Point:
    num_generated: int
    distance: float


@dataclass(frozen=True)
class Extrapolation:
    """FD-infinity."""

    distance: float
    """To infinitely many generated pictures."""
    slope: float
    """Distance over 1 / number of pictures."""
    points: tuple[Point, ...]
    """What the line was laid through."""


@dataclass(frozen=True)
class FrechetResult:
    distance: float
    num_generated: int
    num_reference: int
    num_features: int
    num_damaged: int
    """Real pictures that could not be read, and were left out."""
    cache: str
    """As :attr:`Reference.cache`."""
    generated_per_s: float
    """Pictures drawn and looked at by the feature network."""
    reference_per_s: float | None
    """None where their features came from disk."""
    extrapolation: Extrapolation | None
    warnings: tuple[str, ...]


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


def sample_counts(num_samples: int, *, points: int = EXTRAPOLATION_POINTS) -> list[int]:
    """Numbers of pictures to extrapolate over: evenly spaced from a tenth of ``num_samples`` to all of them."""
    if num_samples < SMALLEST_EXTRAPOLATED:
        raise SpatialGANError(
            f"{num_samples} pictures are too few to extrapolate from; use at least {SMALLEST_EXTRAPOLATED}"
        )
    return torch.linspace(num_samples / 10, num_samples, points, dtype=torch.float64).round().long().tolist()


def extrapolate(points: Sequence[Point]) -> tuple[float, float]:
    """FD-infinity (Chong and Forsyth, CVPR 2020): where the least-squares line through distances over
    1 / number of generated pictures meets 0, and its slope."""
    x = torch.tensor([1 / p.num_generated for p in points], dtype=torch.float64)
    y = torch.tensor([p.distance for p in points], dtype=torch.float64)
    slope = ((x - x.mean()) @ (y - y.mean()) / (x - x.mean()).square().sum()).item()
    return y.mean().item() - slope * x.mean().item(), slope


def frechet_of_model(
    model: SpatialGAN,
    dataset: ImageDataset,
    extractor: FeatureExtractor,
    *,
    num_samples: int = 5000,
    first_seed: int = 0,
    truncation: float = 1.0,
    extrapolated: bool = False,
    use_cache: bool = True,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
    log: Callable[[str], None] = print,
) -> FrechetResult:
    """Fréchet distance of a model's pictures to all pictures of a data set's split, unmirrored.

    Pictures are rounded to uint8 first, as when they are saved. The smaller ``num_samples``, the larger the value:
    compare only where it is equal. Memory does not grow with the number of pictures.

    Args:
        model: the one to judge.
        dataset: opened at the model's resolution, and with its channels.
        extractor: the feature network.
        num_samples: pictures to generate, of seeds first_seed, first_seed + 1, ...
        truncation: 1 for none.
        extrapolated: the distance to infinitely many pictures too, from those of the first tenth of the pictures, and
            more of them, to all: 15 distances in place of one. That of the reference's number stays.
        use_cache: keep the reference's statistics on disk, and take them from there.
        cache_dir: None for the user's own, see :func:`user_cache_dir`.
        log: told whether the cache was hit.

    Raises:
        SpatialGANError: the data set's pictures are not the model's, or there are fewer than two.
    """
    require_same_pictures(model, dataset)
    if num_samples < 2:
        raise SpatialGANError(f"num_samples={num_samples}: use at least 2; 5000 is usual here")
    counts = sample_counts(num_samples) if extrapolated else [num_samples]
    finite(truncation, "truncation")
    folder = (cache_dir or user_cache_dir("features")) if use_cache else None
    reference = reference_statistics(dataset, extractor, folder, on_progress=on_progress, log=log)
    running, points, seconds = RunningGaussian(), [], 0.0
    for count in counts:
        started = time.perf_counter()
        seeds = range(first_seed + running.count, first_seed + count)
        for images in generated_pictures(model, seeds, truncation=truncation):
            running.add(extractor(images))
            if on_progress is not None:
                on_progress("generated", running.count, num_samples)
        seconds += time.perf_counter() - started
        points.append(Point(count, frechet_distance(reference.gaussian, running.gaussian())))
    limit, slope = extrapolate(points) if extrapolated else (None, None)
    num_features = len(reference.gaussian.mean)
    return FrechetResult(
        distance=points[-1].distance,
        num_generated=running.count,
        num_reference=reference.gaussian.count,
        num_features=num_features,
        num_damaged=reference.num_damaged,
        cache=reference.cache,
        generated_per_s=running.count / seconds,
        reference_per_s=reference.images_per_s,
        extrapolation=None if limit is None or slope is None else Extrapolation(limit, slope, tuple(points)),
        warnings=too_few(num_features, {"generated": counts[0], "real": reference.gaussian.count}),
    )


def too_few(num_features: int, counts: Mapping[str, int]) -> tuple[str, ...]:
    """A warning for each kind of pictures, by number, that are no more than features."""
    return tuple(
        f"{count:,} {kind} pictures for {num_features:,} features: their covariance is not of full rank, and the "
        f"distance is far too large; use more than {num_features:,}, or eval kid"
        for kind, count in counts.items()
        if count <= num_features
    )


def reference_statistics(
    dataset: ImageDataset,
    extractor: FeatureExtractor,
    folder: Path | None,
    *,
    on_progress: Progress | None = None,
    log: Callable[[str], None] = print,
) -> Reference:
    """Mean and covariance of a data set's features; ``folder`` None for no cache. Damaged pictures are left out, and
    counted."""
    path = None if folder is None else folder / f"{cache_key(dataset, extractor)}.safetensors"
    if path is not None and (stored := _load(path)) is not None:
        log(f"reference features: cache hit ({stored.gaussian.count} pictures, {path.name})")
        return stored
    log("reference features: " + ("computed, cache off" if path is None else f"cache miss, computing ({path.name})"))
    running, damaged, started = RunningGaussian(), 0, time.perf_counter()
    for images, left_out in real_pictures(dataset):
        damaged += left_out
        if len(images):
            running.add(extractor(images))
        if on_progress is not None:
            on_progress("reference", running.count + damaged, dataset.num_images)
    rate = running.count / (time.perf_counter() - started)
    gaussian = running.gaussian()
    if path is not None:
        tensors = {"mean": gaussian.mean, "covariance": gaussian.covariance, "count": torch.tensor(gaussian.count)}
        try:
            save_sealed(tensors, path, {"format": CACHE_FORMAT, "num_damaged": damaged})
        except SpatialGANError as e:  # as in a home folder that cannot be written
            log(f"note: the reference features are not kept for the next time: {e}")
    return Reference(gaussian, damaged, "off" if path is None else "miss", rate)


def cache_key(dataset: ImageDataset, extractor: FeatureExtractor) -> str:
    """Of the files' contents and what makes features of them; never of paths."""
    parts = (str(CACHE_FORMAT), dataset.fingerprint, extractor.name, extractor.weights_hash, extractor.resize)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _load(path: Path) -> Reference | None:
    """Stored statistics; None where there are none, or where the file is damaged and has to be made again."""
    if not path.is_file():
        return None
    try:
        stored, values = read_sealed(path)
        if values.get("format") != CACHE_FORMAT:
            return None
        gaussian = Gaussian(stored["mean"], stored["covariance"], int(stored["count"]))
        return Reference(gaussian, int(values["num_damaged"]), "hit", None)
    except UNREADABLE:
        return None
