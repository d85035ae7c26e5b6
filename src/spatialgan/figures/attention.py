"""Fig. 3 and 13: where D looks, and whether it looks there still when pictures are noisy, bad, or D is young."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.config import LEVEL_RESOLUTIONS
from spatialgan.data.images import ImageDataset
from spatialgan.evaluation.summary import Summary, summarize
from spatialgan.figures.content import Chart, Figure, Grid, Line
from spatialgan.figures.looking import (
    LEVEL_NAMES,
    LEVELS,
    correlation,
    generated_images,
    look,
    num_peaks,
    overlay,
    plain,
    real_images,
)
from spatialgan.streams import random_stream

Progress = Callable[[str, int, int], None]
NOISES = (0.0, 0.1, 0.25, 0.5, 1.0)  # standard deviations; pictures are in -1..1
BAD_TRUNCATION = 2.0  # beyond all that was trained [ours]: for bad pictures of a model without early snapshots
SHOWN = 2  # rows of pictures in the parts of Fig. 13
MOST_SNAPSHOTS = 6  # that are shown


def figure_3(
    model: SpatialGAN, seeds: Sequence[int], *, dataset: ImageDataset | None = None, num_samples: int = 64
) -> Figure:
    """Fig. 3: D's attention on real and generated pictures, by resolution; the numbers are its peaks, of 0.5 and more.

    Args:
        model: with its discriminator.
        seeds: of the generated pictures that are shown, and as many real ones.
        dataset: of real pictures; None: generated ones alone.
        num_samples: of each kind, for the numbers.
    """
    first = seeds[0]
    kinds = {"generated": (generated_images(model, seeds), generated_images(model, range(first, first + num_samples)))}
    if dataset is not None:
        many = real_images(dataset, max(num_samples, len(seeds)))
        kinds = {"real": (many[: len(seeds)], many[:num_samples]), **kinds}
    shown = torch.cat([images for images, _ in kinds.values()])
    attention = look(model, shown)
    rows = [tuple(plain(image) for image in shown)]
    for level in reversed(LEVELS):
        rows.append(tuple(overlay(i, a[level]) for i, a in zip(shown, attention, strict=True)))
    names = tuple(name for name, (images, _) in kinds.items() for _ in images)
    grid = Grid("", tuple(rows), ("picture", *reversed(LEVEL_NAMES)), names)
    values = {
        name: {"peaks": _peaks(model, images), "empty": _empty(model, images)} for name, (_, images) in kinds.items()
    }
    return Figure("figure-3", (grid,), values, num_samples)


def _peaks(model: SpatialGAN, images: Tensor) -> dict[str, dict]:
    """Local peaks of attention at its own resolution, by level."""
    found = {}
    for level, r in enumerate(LEVEL_RESOLUTIONS):
        maps = look(model, images, r)[:, level]
        found[LEVEL_NAMES[level]] = summarize(num_peaks(maps).double()).to_json()
    return found


def _empty(model: SpatialGAN, images: Tensor) -> dict[str, float]:
    """Share of maps that are zero everywhere, by level."""
    maps = look(model, images)
    return {LEVEL_NAMES[i]: float((maps[:, i].amax(dim=(-2, -1)) == 0).double().mean()) for i in LEVELS}


def figure_13(
    model: SpatialGAN,
    seeds: Sequence[int],
    *,
    snapshots: Sequence[SpatialGAN] = (),
    dataset: ImageDataset | None = None,
    num_samples: int = 64,
    on_progress: Progress | None = None,
) -> Figure:
    """Fig. 13: attention under growing noise, on bad pictures, and over training.

    Args:
        model: with its discriminator.
        seeds: of the pictures that are shown.
        snapshots: of the model's run, with their discriminators, oldest first; fewer than two: no part on training, and
            bad pictures are the model's own with a truncation of 2.
        dataset: of real pictures; None: generated ones take their place.
        num_samples: for the numbers.
        on_progress: called with (what, done, total).
    """
    count = max(num_samples, SHOWN)
    first = seeds[0]
    if dataset is not None:
        clean, kind = real_images(dataset, count), "real"
    else:
        clean, kind = generated_images(model, range(first, first + count)), "generated"
    reference = look(model, clean)  # (N, 3, R, R)
    chance = [summarize(correlation(reference[:, i], reference[:, i].roll(1, 0))) for i in LEVELS]
    parts, values = _under_noise(model, clean, reference, chance, kind)
    grid, values["bad"] = _on_bad(model, seeds, snapshots)
    parts.append(grid)
    if len(snapshots) > 1:
        more, values["training"] = _over_training(snapshots, clean, reference, chance, on_progress)
        parts += more
    values["chance"] = {LEVEL_NAMES[i]: chance[i].to_json() for i in LEVELS}
    return Figure("figure-13", tuple(parts), {**values, "pictures": kind}, len(clean))


def _under_noise(
    model: SpatialGAN, clean: Tensor, reference: Tensor, chance: Sequence[Summary], kind: str
) -> tuple[list[Grid | Chart], dict]:
    noise = torch.randn(clean.shape, generator=random_stream(0, "figure 13"), dtype=torch.float32)
    shown, by_level = [], []
    for std in NOISES:
        noisy = (clean + std * noise).clamp(-1, 1)
        maps = reference if std == 0 else look(model, noisy)
        shown.append((noisy[:SHOWN], maps[:SHOWN]))
        by_level.append([summarize(correlation(maps[:, i], reference[:, i])) for i in LEVELS])
    rows = []
    for i in range(SHOWN):
        rows.append(tuple(plain(noisy[i]) for noisy, _ in shown))
        rows.append(tuple(overlay(noisy[i], maps[i, 1]) for noisy, maps in shown))
    title = f"Attention under noise, {kind} pictures, {LEVEL_NAMES[1]}"
    grid = Grid(title, tuple(rows), ("picture", "attention") * SHOWN, tuple(f"noise {std:g}" for std in NOISES))
    chart = _chart(
        "Correlation with the clean picture's map", "standard deviation of the noise", NOISES, by_level, chance
    )
    return [grid, chart], {"noise": _json("std", NOISES, by_level)}


def _on_bad(model: SpatialGAN, seeds: Sequence[int], snapshots: Sequence[SpatialGAN]) -> tuple[Grid, dict]:
    if len(snapshots) > 1:
        source = f"of the first snapshot, {_age(snapshots[0]):g} kimg"
        images = generated_images(snapshots[0], seeds)
    else:
        source = f"drawn with a truncation of {BAD_TRUNCATION:g}"
        images = generated_images(model, seeds, truncation=BAD_TRUNCATION)
    maps = look(model, images)
    rows = (
        tuple(plain(image) for image in images),
        *(tuple(overlay(i, m[level]) for i, m in zip(images, maps, strict=True)) for level in reversed(LEVELS)),
    )
    empty = {LEVEL_NAMES[i]: float((maps[:, i].amax(dim=(-2, -1)) == 0).double().mean()) for i in LEVELS}
    names = ("picture", *reversed(LEVEL_NAMES))
    return Grid(f"Attention on bad pictures, {source}", rows, names), {"source": source, "empty": empty}


def _over_training(
    snapshots: Sequence[SpatialGAN],
    clean: Tensor,
    reference: Tensor,
    chance: Sequence[Summary],
    on_progress: Progress | None,
) -> tuple[list[Grid | Chart], list[dict]]:
    ages = [_age(s) for s in snapshots]
    maps = []
    for done, snapshot in enumerate(snapshots, 1):
        maps.append(look(snapshot, clean))
        if on_progress is not None:
            on_progress("snapshots", done, len(snapshots))
    by_level = [[summarize(correlation(m[:, i], reference[:, i])) for i in LEVELS] for m in maps]
    picked = torch.linspace(0, len(maps) - 1, min(MOST_SNAPSHOTS, len(maps))).round().long().tolist()
    rows = tuple(tuple([plain(clean[i]), *(overlay(clean[i], maps[k][i, 1]) for k in picked)]) for i in range(SHOWN))
    names = ("picture", *(f"{ages[k]:g} kimg" for k in picked))
    title = f"Attention over training, the same pictures, {LEVEL_NAMES[1]}"
    name = "Correlation with the last discriminator's map"
    return [Grid(title, rows, (), names), _chart(name, "kimg", ages, by_level, chance)], _json("kimg", ages, by_level)


def _age(snapshot: SpatialGAN) -> float:
    """Thousands of images that it was trained on."""
    return float(snapshot.card.get("kimg") or 0)


def _chart(
    title: str, x_name: str, x: Sequence[float], by_level: Sequence[Sequence[Summary]], chance: Sequence[Summary]
) -> Chart:
    """A line a level, and one for what maps of other pictures have in common."""
    lines = []
    for i in LEVELS:
        column = [summaries[i] for summaries in by_level]
        ends = [s.mean_interval or (None, None) for s in column]
        low, high = tuple(e[0] for e in ends), tuple(e[1] for e in ends)
        lines.append(Line(LEVEL_NAMES[i], tuple(x), tuple(s.mean for s in column), low, high))
    known = [c.mean for c in chance if c.mean is not None]
    if known:
        mean = sum(known) / len(known)
        lines.append(Line("another picture's", (x[0], x[-1]), (mean, mean), dashed=True))
    return Chart(title, x_name, "correlation", tuple(lines))


def _json(name: str, x: Sequence[float], by_level: Sequence[Sequence[Summary]]) -> list[dict]:
    return [
        {name: value, **{LEVEL_NAMES[i]: summaries[i].to_json() for i in LEVELS}}
        for value, summaries in zip(x, by_level, strict=True)
    ]
