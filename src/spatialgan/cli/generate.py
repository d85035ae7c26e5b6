"""`spatialgan generate`: random pictures."""

from pathlib import Path
from typing import Annotated

import typer

from spatialgan.cli.options import Device, LayoutSeed, Model, Scale, Threads, Truncation, load_model, or_one, say
from spatialgan.errors import SpatialGANError

MAX_SEEDS = 1_000_000  # of one command: a slip such as 0-99999999999 would fill the memory


def generate(
    model: Model,
    seeds: Annotated[str, typer.Option(metavar="LIST", help="Numbers and ranges, as in 0-15,42.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the pictures; created if missing.")],
    grid: Annotated[bool, typer.Option("--grid", help="Also write all pictures as one, grid.png.")] = False,
    layout_seed: LayoutSeed = None,
    truncation: Truncation = None,
    heatmaps: Annotated[
        bool,
        typer.Option("--heatmaps", help="Also write each picture under its heatmaps, with the numbers that edits use."),
    ] = False,
    save_scenes: Annotated[bool, typer.Option("--save-scenes", help="Also write each picture's recipe.")] = False,
    scale: Scale = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Draw random pictures, one for each seed."""
    numbers = list(dict.fromkeys(read_seeds(seeds)))
    from spatialgan.editing.pictures import enlarged_size, grid_size, image_grid, numbered_heatmaps, save_png
    from spatialgan.files import require_writable

    gan = load_model(model, device, threads)
    images = []
    if grid:  # one too large is refused before all its pictures are drawn
        r = gan.config.model.resolution
        grid_size(len(numbers), _columns(len(numbers)), *enlarged_size((r, r), scale))
    require_writable(out / "grid.png")
    for seed in numbers:
        scene = gan.sample(seed, layout_seed=layout_seed, truncation=or_one(truncation))
        stem = f"seed{seed:04d}"
        if heatmaps:
            save_png(numbered_heatmaps(scene, scale=scale), out / f"{stem}.heatmaps.png")
        if save_scenes:
            scene.save(out / f"{stem}.scene.json")
        save_png(scene.image, out / f"{stem}.png", scale=or_one(scale))
        if grid:
            images.append(scene.image)
    if grid:
        save_png(image_grid(images, columns=_columns(len(images)), scale=scale), out / "grid.png")
    say(f"{len(numbers)} picture{'s' if len(numbers) > 1 else ''} in {out}")


def _columns(count: int) -> int:
    """Of a grid that is about square."""
    return max(1, round(count**0.5))


def read_seeds(text: str) -> list[int]:
    """``0-3,42`` as [0, 1, 2, 3, 42], in that order; raises SpatialGANError on anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            if not (first.isdecimal() and (last.isdecimal() or not dash)):
                raise ValueError
            span = range(int(first), int(last if dash else first) + 1)
        except ValueError:  # also for numbers of thousands of digits
            span = range(0)
        if not span:
            raise SpatialGANError(f"--seeds {text}: write numbers from 0 and ranges upwards, as in --seeds 0-15,42")
        if span.stop - span.start + len(seeds) > MAX_SEEDS:
            raise SpatialGANError(f"--seeds {text}: use at most {MAX_SEEDS:,} seeds at once")
        seeds += span
    return seeds
