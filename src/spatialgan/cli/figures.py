"""``spatialgan figures``: the paper's figures from a model, as PNG, PDF, and JSON with the numbers behind them."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from spatialgan.cli.eval.measured import BATCH
from spatialgan.cli.generate import read_seeds
from spatialgan.cli.options import Device, Model, Threads, load_model, progress_bar, say
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.api import SpatialGAN
    from spatialgan.data.images import ImageDataset
    from spatialgan.figures.content import Figure

NEED = {  # options that a figure reads beside the model
    "--data": ("3", "13", "impulse"),
    "--baseline": ("14",),
}


def figures(
    which: Annotated[
        Literal["3", "5", "9", "10", "12", "13", "14", "impulse", "receptive-field"],
        typer.Argument(
            metavar="3|5|9|10|12|13|14|impulse|receptive-field",
            help="3: D's attention; 5: styles in one layout; 9: edits of objects; 10: edits of levels; 12: heatmaps "
            "while they are dragged; 13: attention under noise, on bad pictures and over training; 14: G's features; "
            "impulse noise on heatmaps; receptive field of the heatmap encoder.",
        ),
    ],
    model: Model,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for NAME.png, NAME.pdf and NAME.json.")],
    seeds: Annotated[str, typer.Option(metavar="LIST", help="Pictures that are shown, as in 0-3,42.")] = "0-3",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="PATH", help="Real pictures, for figures 3, 13 and impulse."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="NAME|PATH", help="A plain StyleGAN2 beside the model, for figure 14."),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=2, help="Pictures for the numbers, from the first seed on.")
    ] = 64,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Make one of the paper's figures from a model or a run.

    Of a run's folder, figure 13 shows all snapshots that are kept.
    """
    numbers = read_seeds(seeds)
    from spatialgan.evaluation.result_file import result_record, write_result
    from spatialgan.figures.drawing import require_matplotlib, save_figure
    from spatialgan.files import require_writable

    for option, given in (("--data", data), ("--baseline", baseline)):
        if given is not None and which not in NEED[option]:
            raise SpatialGANError(f"{option} is of the figures {', '.join(NEED[option])}; leave it out")
    require_matplotlib()
    require_writable(out / "figure.json")
    gan = load_model(model, device, threads, batch=BATCH)
    dataset = None if data is None else _open(data, gan)
    figure = _figure(which, gan, model, numbers, dataset, baseline, samples, device, threads)
    paths = save_figure(figure, out)
    record = result_record(
        figure.name, figure.values, gan, num_samples=figure.num_samples, seed=numbers[0], data=data, dataset=dataset
    )
    write_result(out / f"{figure.name}.json", record)
    say(", ".join(str(path) for path in [*paths, out / f"{figure.name}.json"]))


def _figure(
    which: str,
    gan: "SpatialGAN",
    source: str,
    seeds: list[int],
    dataset: "ImageDataset | None",
    baseline: str | None,
    samples: int,
    device: str,
    threads: int | None,
) -> "Figure":
    from spatialgan.figures import attention, editing, generator

    with progress_bar() as show:
        match which:
            case "3":
                return attention.figure_3(gan, seeds, dataset=dataset, num_samples=samples)
            case "5":
                return editing.figure_5(gan, seeds, num_samples=samples)
            case "9":
                return editing.figure_9(gan, seeds, num_samples=samples)
            case "10":
                return editing.figure_10(gan, seeds, num_samples=samples)
            case "12":
                progress = partial(show, "drags")
                return editing.figure_12(gan, seeds, num_samples=samples, on_progress=progress)
            case "13":
                snapshots = _snapshots(source, device)
                return attention.figure_13(
                    gan, seeds, snapshots=snapshots, dataset=dataset, num_samples=samples, on_progress=show
                )
            case "14":
                other = None if baseline is None else load_model(baseline, device, threads, batch=BATCH)
                return generator.figure_14(gan, seeds, baseline=other, num_samples=samples)
            case "impulse":
                from spatialgan.vision.features import EfficientNetLite2Features

                extractor = None if dataset is None else EfficientNetLite2Features(gan.device)
                return generator.impulse(
                    gan, seeds, dataset=dataset, extractor=extractor, num_samples=samples, on_progress=show
                )
            case _:
                return generator.receptive_field(gan, num_samples=samples)


def _open(data: Path, gan: "SpatialGAN") -> "ImageDataset":
    from spatialgan.cli.eval.measured import open_split

    return open_split(data, gan, "all", cache_bytes=0)


def _snapshots(source: str, device: str) -> "list[SpatialGAN]":
    """All whole snapshots of a run's folder, oldest first; none where ``source`` is another thing."""
    from spatialgan.api import SpatialGAN
    from spatialgan.files import user_path
    from spatialgan.model import DISCRIMINATOR
    from spatialgan.snapshots import SNAPSHOTS, whole_models

    found = whole_models(user_path(source) / SNAPSHOTS)
    whole = [path for path in found if path.with_suffix(DISCRIMINATOR).exists()]
    return [SpatialGAN.load(path, device=device) for path in whole]
