"""What the commands of ``spatialgan eval`` share: two options, and how a number with its interval is printed."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spatialgan.evaluation.summary import Summary

BATCH = 32  # pictures that are drawn at once, more or less
SamplesOption = Annotated[int, typer.Option("--samples", min=1, help="Pictures, or pairs of pictures, to generate.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the first picture; the others follow it.")]


def print_line(name: str, summary: "Summary", note: str) -> None:
    typer.echo(f"{name:<15} mean {with_interval(summary)}, median {number(summary.median)}; {note}")


def with_interval(summary: "Summary") -> str:
    low, high = summary.mean_interval or (None, None)
    return f"{number(summary.mean)} ({number(low)} to {number(high)})"


def number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
