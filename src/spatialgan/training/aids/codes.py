"""Codes [ours]: latent codes of real pictures without any training, for ``training/aids/reconstruction.py``.

Frozen ImageNet features and the picture made small, reduced to z's width by principal components and whitened: the
codes of all pictures together have the mean and covariance of the normal distribution that z is drawn from. In
multi-object models things (``training/aids/things.py``) get codes of their own, each of what lies under a heatmap at
that place, and a background one of the rest. No label is used.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.config import ModelConfig
from spatialgan.coords import pixel_centers_xy, sample_at, to_grid
from spatialgan.data.images import ImageDataset, to_float
from spatialgan.devices import move_to
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import render_gaussians
from spatialgan.networks.resample import resize_images
from spatialgan.sampling import sample_layout
from spatialgan.streams import random_stream
from spatialgan.training.aids.subject import (
    Subjects,
    around_subjects,
    descriptors,
    large_maps,
    subject_maps,
    subjects_of,
)
from spatialgan.training.aids.things import Things, things_of
from spatialgan.vision.efficientnet_lite import EfficientNetLite, load_imagenet

INPUT_PX = 128  # size of pictures for the features that codes are made of
STRIDES = (8, 16, 32)
SURROUNDINGS = 1.6  # a subject's code is of a square so many times as wide as the subject
GRID = 4  # a whole picture's features are averaged over GRID x GRID regions
SMALL_PX = 16  # the picture itself, at this size, goes in, too: features care little for colour
PATCH_PX, PATCH_STDS = 8, 2.0  # the same for a thing: a patch of this size, PATCH_STDS standard deviations to each side
PIXEL_SHARE = 2.0  # weight of pixels against that of features, before the principal components
STD_OF_RADIUS = 0.85  # 1 / (2 ln 2)^0.5: a heatmap of so many radii is at half its height one radius from its middle
HALF_MAX = 6e4  # of float16
CHROMA_WEIGHT = 3.0  # of colours against brightness, in pixels: it varies far more, and took nearly all the components
USUAL_PICTURES = 2000  # say what is usual: more would say the same
METHOD = 1  # raise it with any change here, in subject.py or in things.py, by which other codes would be found
MAX_PICTURES = 50_000  # the features of so many take about 16 GB of memory while codes are made
CHUNK = 16  # pictures at once; larger batches make the allocator hand memory back and fetch it again


@dataclass(frozen=True)
class Codes:
    """Of N pictures, and of the same pictures mirrored. S codes a picture, K things; all float32, on the CPU."""

    z: Tensor
    """(2, N, S, z_dim): one code a picture, or one a thing and the background's last."""
    centers_xy: Tensor
    """(2, N, K, 2) of things or, K = 1, of single-object pictures' subjects; in 0..1 of the whole picture."""
    stds: Tensor
    """(2, N, K): standard deviations of their heatmaps, in picture widths."""


class Progress:
    """Tells now and then how far a long look at pictures has come."""

    def __init__(self, total: int, report: Callable[[str], None], *, every_s: float = 30):
        """``total`` pictures will be counted; ``report`` gets a line after ``every_s`` seconds, and so on."""
        self.total, self.report, self.every_s = total, report, every_s
        self.done, self.told = 0, time.monotonic()

    def add(self, count: int) -> None:
        """``count`` more pictures have been seen."""
        self.done += count
        if time.monotonic() - self.told >= self.every_s:
            self.told = time.monotonic()
            self.report(f"codes: {self.done / self.total:.0%}")


def check_size(dataset: ImageDataset) -> None:
    """Raise SpatialGANError where there are more pictures than codes can be made for."""
    if dataset.num_images > MAX_PICTURES:
        raise SpatialGANError(
            f"codes are for at most {MAX_PICTURES:,} pictures, and these are {dataset.num_images:,}; set "
            "aids.reconstruct_kimg and aids.place_weight to 0: such a set needs no aids"
        )


def find_codes(
    dataset: ImageDataset, config: ModelConfig, device: torch.device, report: Callable[[str], None] = print
) -> Codes:
    """The codes of all pictures; ``report`` is told now and then how far that is. Raises as :func:`picture_codes`."""
    looks = 2 if config.encoding == "none" else 3  # as they are and mirrored; before that, for things or subjects
    progress = Progress(looks * dataset.num_images, report)
    return (object_codes if config.layout == "multi" else picture_codes)(dataset, config, device, progress)


@torch.no_grad()
def picture_codes(
    dataset: ImageDataset, config: ModelConfig, device: torch.device, progress: Progress | None = None
) -> Codes:
    """One code a picture, of what surrounds its subject, whose place and size the heatmap of level 0 has.

    Sizes become standard deviations in their order: the smallest subject gets the smallest that layouts are drawn with.
    A plain StyleGAN2 has no heatmap, and its codes are of the whole pictures. Raises as :func:`load_imagenet` and
    :meth:`ImageDataset.batch`.
    """
    network, n = _network(device), dataset.num_images
    if config.encoding == "none":
        z = _picture_codes(network, dataset, config.z_dim, device, progress)
        return Codes(z, torch.full((2, n, 1, 2), 0.5, dtype=torch.float32), torch.ones(2, n, 1, dtype=torch.float32))
    subjects = subjects_of(
        subject_maps(
            torch.cat(
                [descriptors(network, images).half().cpu() for images in _chunks(dataset, device, progress, (False,))]
            )
        )
    )
    both = torch.stack([subjects.centers_xy, subjects.mirrored().centers_xy])  # (2, N, 2)
    all_subjects = Subjects(both.flatten(0, 1), subjects.sizes.repeat(2))
    drawn = sample_layout(config, n, random_stream(0, "sizes of subjects")).gaussians(0).stds[:, 0, 0].sort()[0]
    stds = drawn[subjects.sizes.argsort().argsort()]
    z = _picture_codes(network, dataset, config.z_dim, device, progress, all_subjects)
    return Codes(z, both[:, :, None], stds.repeat(2, 1)[..., None])


def _picture_codes(
    network: EfficientNetLite,
    dataset: ImageDataset,
    z_dim: int,
    device: torch.device,
    progress: Progress | None,
    subjects: Subjects | None = None,
) -> Tensor:
    """One code a picture, (2, N, 1, z_dim): its features on a coarse grid, and its pixels; or, of the 2 N pictures with
    ``subjects``, those of what surrounds the subject."""
    rows, start = [], 0
    for images in _chunks(dataset, device, progress):
        if subjects is not None:
            part = slice(start, start + len(images))
            these = Subjects(subjects.centers_xy[part].to(device), subjects.sizes[part].to(device))
            images = around_subjects(images, these, widths=SURROUNDINGS, size=INPUT_PX)
            start += len(images)
        features = [F.adaptive_avg_pool2d(m, GRID).flatten(1) for m in _maps(network, images)]
        pixels = opponent(resize_images(images, SMALL_PX)).flatten(1)
        rows.append((torch.cat(features, dim=1).half().cpu(), pixels.cpu()))
    return _whitened(rows, z_dim).reshape(2, dataset.num_images, 1, z_dim)


@torch.no_grad()
def object_codes(
    dataset: ImageDataset, config: ModelConfig, device: torch.device, progress: Progress | None = None
) -> Codes:
    """``num_objects`` things a picture, and the background: what is left when the things are blanked out.

    Where the model has one style a picture, its code is of the whole picture, and of the things only places are taken.
    """
    network, n, k = _network(device), dataset.num_images, config.num_objects
    found = _find_things(network, dataset, k, device, progress)
    mirrored = found.mirrored()
    centers = torch.cat([found.centers_xy, mirrored.centers_xy])  # (2 N, K, 2)
    radii = torch.cat([found.radii, mirrored.radii])
    where = centers.reshape(2, n, k, 2), ranked_stds(found.radii, config).repeat(2, 1, 1)
    if config.num_styles == 1:
        return Codes(_picture_codes(network, dataset, config.z_dim, device, progress), *where)
    things, backgrounds, start = [], [], 0
    for images in _chunks(dataset, device, progress):
        part = slice(start, start + len(images))
        xy, radius = centers[part].to(device), radii[part].to(device)
        start += len(images)
        std, angles = radius * STD_OF_RADIUS, torch.zeros_like(radius)
        maps, pooled = _maps(network, images), []
        for m in maps:
            weights = render_gaussians(xy, std[..., None].expand(-1, -1, 2), angles, m.shape[-1])  # (B, K, h, w)
            weights = weights / weights.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)
            pooled.append(torch.einsum("bkhw,bchw->bkc", weights, m))
        things.append(
            (
                torch.cat(pooled, dim=2).flatten(0, 1).half().cpu(),
                opponent(patches(images, xy, std).flatten(0, 1)).flatten(1).cpu(),
            )
        )
        # Blanked out with a wider heatmap: what is left of a thing, the background would learn to draw.
        covered = render_gaussians(xy, radius[..., None].expand(-1, -1, 2), angles, SMALL_PX).sum(dim=1, keepdim=True)
        rest = 1 - covered.clamp_max(1)  # (B, 1, SMALL_PX, SMALL_PX)
        blanked = [F.adaptive_avg_pool2d(m, GRID) * F.adaptive_avg_pool2d(rest, GRID) for m in maps]
        backgrounds.append(
            (
                torch.cat([b.flatten(1) for b in blanked], dim=1).half().cpu(),
                opponent(resize_images(images, SMALL_PX) * rest).flatten(1).cpu(),
            )
        )
    z = torch.cat(
        [_whitened(things, config.z_dim).reshape(2 * n, k, -1), _whitened(backgrounds, config.z_dim)[:, None]], dim=1
    )
    return Codes(z.reshape(2, n, k + 1, -1), *where)


def _find_things(
    network: EfficientNetLite, dataset: ImageDataset, count: int, device: torch.device, progress: Progress | None
) -> Things:
    """Of all pictures, not mirrored."""
    mean, std = _usual(network, dataset, device)
    found, unusual = [], []
    for images in _chunks(dataset, device, progress, (False,)):
        maps = large_maps(network, images)
        found.append(maps[-1].half().cpu())
        unusual.append(((maps[0] - mean) / std).square().mean(dim=1).clamp_max(HALF_MAX).half().cpu())
    rows = torch.cat(found)
    found.clear()  # with 50,000 pictures, 2 GB
    maps, parts = subject_maps(rows), []
    for subject, rest in zip(maps.split(1000), torch.cat(unusual).split(1000), strict=True):
        parts.append(things_of(subject, rest.float(), count))
    return Things(torch.cat([p.centers_xy for p in parts]), torch.cat([p.radii for p in parts]))


def ranked_stds(radii: Tensor, config: ModelConfig) -> Tensor:
    """Standard deviations of things' heatmaps, of all pictures' in the order of ``radii`` (N, K) and spread as those
    that layouts are drawn with; in picture widths. Equal radii come in a random order: files may have one of their
    own."""
    low, high = config.object_std_min, config.object_std_max
    shuffled = torch.randperm(radii.numel(), generator=random_stream(0, "order of equal sizes"))
    order = shuffled[radii.flatten()[shuffled].argsort(stable=True)]
    ranks = order.argsort().reshape(radii.shape)
    return low + (high - low) * (ranks + 0.5) / radii.numel()


def patches(images: Tensor, centers_xy: Tensor, stds: Tensor) -> Tensor:
    """Squares of ``images`` (B, C, R, R) around ``centers_xy`` (B, K, 2), PATCH_STDS ``stds`` (B, K) to each side:
    (B, K, C, PATCH_PX, PATCH_PX). What lies outside the picture is as its edge."""
    small = resize_images(images, 2 * SMALL_PX)
    offsets = to_grid(pixel_centers_xy(PATCH_PX, PATCH_PX, device=images.device)) * PATCH_STDS  # (P, P, 2)
    at = centers_xy[:, :, None, None] + offsets * stds[:, :, None, None, None]
    return sample_at(small, at).transpose(1, 2)


def opponent(images: Tensor) -> Tensor:
    """Brightness, and two differences of colours, which count CHROMA_WEIGHT times: of (B, 3, h, w) red, green, blue."""
    red, green, blue = images.unbind(dim=1)
    return torch.stack(
        [
            (red + green + blue) / 3**0.5,
            CHROMA_WEIGHT * (red - blue) / 2**0.5,
            CHROMA_WEIGHT * (2 * green - red - blue) / 6**0.5,
        ],
        dim=1,
    )


def whiten(rows: Tensor, width: int) -> Tensor:
    """The first principal components of ``rows`` (N, F), each of mean 0 and variance 1: ``(N, width)``.

    Where there are fewer than ``width``, random numbers take the place of the rest.
    """
    rank = min(width, rows.shape[0] - 1, rows.shape[1])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # a randomised method
        u, s, _ = torch.pca_lowrank(rows, q=max(1, rank), niter=4)
    known = u[:, s > 1e-4 * s[0]] * rows.shape[0] ** 0.5  # what is not there must not be blown up to variance 1
    stream = random_stream(0, "components that are not there")
    rest = torch.randn(rows.shape[0], width - known.shape[1], generator=stream, dtype=torch.float32)
    return torch.cat([known, rest], dim=1)


def _whitened(rows: list[tuple[Tensor, Tensor]], width: int) -> Tensor:
    """Codes of (features, pixels), each list entry a chunk of both."""
    features, pixels = (torch.cat(column).float() for column in zip(*rows, strict=True))
    features = (features - features.mean(dim=0)) / (features.std(dim=0) + 1e-3)
    pixels = (pixels - pixels.mean(dim=0)) / (pixels.std() + 1e-6)
    joint = [features / features.shape[1] ** 0.5, PIXEL_SHARE * pixels / pixels.shape[1] ** 0.5]
    return whiten(torch.cat(joint, dim=1), width)


def _usual(network: EfficientNetLite, dataset: ImageDataset, device: torch.device) -> tuple[Tensor, Tensor]:
    """Of the finest features: the mean at each place over pictures, (C, h, w), and how far single pictures are from it,
    as a standard deviation over all places, (C, 1, 1)."""
    (total, squares), count = torch.zeros(2, device=device, dtype=torch.float32).unbind(), 0
    some = torch.randperm(dataset.num_images, generator=random_stream(0, "usual pictures"))[:USUAL_PICTURES]
    for images in _chunks(dataset, device, None, (False,), some.sort()[0]):
        fine = large_maps(network, images)[0]
        total, squares, count = total + fine.sum(dim=0), squares + fine.square().sum(dim=0), count + len(images)
    mean = total / count
    variance = (squares / count - mean.square()).mean(dim=(1, 2), keepdim=True)
    return mean, variance.clamp_min(0).sqrt() + 1e-2


def _network(device: torch.device) -> EfficientNetLite:
    return move_to(load_imagenet("lite0", strides=STRIDES), device)


def _maps(network: EfficientNetLite, images: Tensor) -> list[Tensor]:
    large = F.interpolate(images, size=(INPUT_PX, INPUT_PX), mode="bilinear", antialias=True)
    return [m.float() for m in network(large.contiguous(memory_format=torch.channels_last))]


def _chunks(
    dataset: ImageDataset,
    device: torch.device,
    progress: Progress | None,
    turns: tuple[bool, ...] = (False, True),
    which: Tensor | None = None,
) -> Iterator[Tensor]:
    """All pictures (or those of the indices ``which``), then the same mirrored, (B, 3, R, R) in -1..1."""
    for mirrored in turns:
        for indices in (torch.arange(dataset.num_images) if which is None else which).split(CHUNK):
            yield to_float(dataset.batch(indices, torch.full_like(indices, mirrored, dtype=torch.bool)).to(device))
            if progress is not None:
                progress.add(len(indices))
