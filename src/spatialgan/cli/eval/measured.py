"""What the commands of ``spatialgan eval`` share: two options, a model's data set, how a number is printed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spatialgan.cli.options import say

if TYPE_CHECKING:
    from spatialgan.api import SpatialGAN
    from spatialgan.data.images import ImageDataset, Split
    from spatialgan.evaluation.summary import Summary

BATCH = 16  # pictures that are drawn at once, more or less
SamplesOption = Annotated[int, typer.Option("--samples", min=1, help="Pictures, or pairs of pictures, to generate.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the first picture; the others follow it.")]


def print_line(name: str, summary: "Summary", note: str) -> None:
    typer.echo(f"{name:<15} mean {with_interval(summary)}, median {number(summary.median)}; {note}")


def with_interval(summary: "Summary") -> str:
    low, high = summary.mean_interval or (None, None)
    return f"{number(summary.mean)} ({number(low)} to {number(high)})"


def number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def open_split(data: Path, model: "SpatialGAN", split: "Split", *, cache_bytes: int = 4 << 30) -> "ImageDataset":
    """A split of a model's data set, opened as its training opened it, unmirrored; says what was left out.

    With ``cache_bytes`` 0 pictures are decoded when they are asked for, and damaged ones are met then.
    """
    from spatialgan.data.images import ImageDataset

    config = model.config
    dataset = ImageDataset.open(
        data,
        resolution=config.model.resolution,
        channels=config.model.image_channels,
        fit=config.data.fit,
        holdout=config.data.holdout,
        split=split,
        cache_bytes=cache_bytes,
    )
    if dataset.skipped:
        name, reason = dataset.skipped[0]
        say(f"note: {len(dataset.skipped)} unusable, skipped, e.g. {name}: {reason}")
    return dataset
