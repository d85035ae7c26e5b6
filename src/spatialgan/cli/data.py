"""`spatialgan data`: check a set of images, and prepare it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from spatialgan.cli.options import progress_bar, say

if TYPE_CHECKING:
    from spatialgan.data.decoding import Fit

app = typer.Typer(no_args_is_help=True, help="Check a set of images, and prepare it for training.")


@app.command("check")
def data_check(
    path: Annotated[Path, typer.Argument(help="A folder or zip of images, or an LSUN LMDB.")],
    resolution: Annotated[int | None, typer.Option(help="Say which images are smaller than this.")] = None,
) -> None:
    """Decode every image, and say which cannot be used and what will be converted. Exits with 1 where some cannot."""
    from spatialgan.data.prepare import check

    with progress_bar() as show:
        report = check(path, resolution=resolution, on_progress=partial(show, "checking"))
    say(*report.summary())
    if any(p.fatal for p in report.problems) or report.num_usable < report.num_files:
        raise typer.Exit(1)


@app.command("prepare")
def data_prepare(
    src: Annotated[Path, typer.Argument(help="A folder or zip of images, or an LSUN LMDB.")],
    dst: Annotated[Path, typer.Argument(help="A new folder, or a new file that ends in .zip.")],
    size: Annotated[int, typer.Option(help="Width and height in pixels.")],
    fit: Annotated[str, typer.Option(metavar="crop|pad|squash", help="How a picture becomes square.")] = "crop",
    channels: Annotated[int, typer.Option(metavar="1|3", help="3 for colour, 1 for grey.")] = 3,
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Where the subject of each picture is: cut a window around it, at a random place "
            "and of a random size. A file here or in SRC.",
        ),
    ] = None,
    box_share: Annotated[
        tuple[float, float],
        typer.Option(metavar="MIN MAX", help="With --boxes: the subject's longer side, in window widths."),
    ] = (0.4, 0.8),
    seed: Annotated[int, typer.Option(min=0, help="With --boxes: another seed cuts other windows.")] = 0,
) -> None:
    """Write every usable image as a square PNG of one size."""
    from spatialgan.data.prepare import prepare
    from spatialgan.data.windows import Windows, read_boxes

    windows = None if boxes is None else Windows(read_boxes(boxes, src), *box_share, seed=seed)
    with progress_bar() as show:
        report = prepare(
            src,
            dst,
            size=size,
            fit=cast("Fit", fit),  # whatever else it is, is told
            channels=channels,
            windows=windows,
            on_progress=partial(show, "preparing"),
        )
    say(*report.summary())
