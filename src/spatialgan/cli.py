"""The command line. Each command calls one function; torch and its friends are imported inside commands."""

import errno
import os
import re
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spatialgan import __version__
from spatialgan.cli_drag import drag
from spatialgan.cli_edits import FORMS, ORDER_KEY, OrderedCommand, edits_in_order, notes_on, read_edit, read_seeds
from spatialgan.cli_eval import app as eval_app
from spatialgan.cli_import import export_model, import_model
from spatialgan.cli_options import (
    Device,
    LayoutSeed,
    Model,
    ModelOfScene,
    Mp4,
    Scale,
    SceneFile,
    Seed,
    Truncation,
    check_outputs,
    check_start,
    open_start,
    progress_bar,
    say,
)
from spatialgan.cli_segmenter import segmenter, train_segmenter
from spatialgan.cli_studio import studio
from spatialgan.cli_tables import tables
from spatialgan.errors import SpatialGANError
from spatialgan.terminal import bounded, tolerate_any_name

if TYPE_CHECKING:
    from spatialgan.config import RunConfig

STREAM_ERRORS = (errno.ENOSPC, errno.EIO)  # of the standard output: a full disk, a closed terminal
STOPPED = 130  # exit code of a run that a signal ended, as shells have it for Ctrl-C: what was to follow it does not

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
models_app = typer.Typer(no_args_is_help=True, help="The models that come with the package.")
data_app = typer.Typer(no_args_is_help=True, help="Look at a set of images, and prepare it for training.")
app.add_typer(models_app, name="models")
app.add_typer(data_app, name="data")
app.add_typer(eval_app, name="eval")
eval_app.command()(segmenter)
eval_app.command("train-segmenter")(train_segmenter)
app.command()(drag)
app.command()(studio)
app.command("import")(import_model)
app.command("export")(export_model)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit: 0, or 2 with one line on stderr where the user can put something right."""
    tolerate_any_name()
    try:
        app(args=argv, prog_name="spatialgan")
    except SpatialGANError as e:
        print(f"error: {e}", file=sys.stderr)
        sys.exit(2)
    except OSError as e:
        if e.filename is None and e.errno not in STREAM_ERRORS:
            raise
        where = "the output" if e.filename is None else bounded(str(e.filename))
        print(f"error: {where}: {e.strerror}", file=sys.stderr)
        if e.filename is None:
            # What is left would fail again at the end; an output that is no file, as in a notebook, has no number.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)
    except (MemoryError, RuntimeError) as e:  # PyTorch's own are RuntimeErrors
        if not isinstance(e, MemoryError) and not re.search("out of memory|can't allocate memory|Storage size", str(e)):
            raise
        print("error: the memory does not suffice; make pictures smaller with --scale, or a run with "
              "--set train.micro_batch, model.channel_max or model.resolution", file=sys.stderr)
        sys.exit(2)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit()


@app.callback()
def _options(version: Annotated[bool, typer.Option(
        "--version", help="Print the version.", is_eager=True, callback=_print_version)] = False) -> None:
    """Steer what a GAN draws: move, resize, remove and restyle what is in its pictures."""


@models_app.command("list")
def models_list() -> None:
    """List the bundled models."""
    from rich.console import Console
    from rich.table import Table

    from spatialgan.model import CARD, bundled_models, read_card

    table = Table("name", "pictures", "layout", "encoding", "data")
    for name, path in bundled_models().items():
        config, card = read_card(path.with_suffix(CARD))
        m = config.model
        colour = "grey" if m.image_channels == 1 else "colour"
        table.add_row(name, f"{m.resolution}x{m.resolution} {colour}", m.layout, m.encoding, str(card.get("data", "")))
    if not table.row_count:
        typer.echo("no models are bundled with this installation; give --model a folder or a .safetensors file")
        return
    Console().print(table)


@models_app.command("info")
def models_info(name: Annotated[str, typer.Argument(metavar="NAME|PATH")]) -> None:
    """Print a model's card and its configuration."""
    import json

    from spatialgan.model import CARD, find_weights, read_card
    from spatialgan.settings import to_dict

    weights = find_weights(name)
    config, card = read_card(weights.with_suffix(CARD))
    typer.echo(json.dumps({"weights": str(weights), "card": card, "config": to_dict(config)}, indent=1))


@app.command()
def generate(
    model: Model,
    seeds: Annotated[str, typer.Option(metavar="LIST", help="Numbers and ranges, as in 0-15,42.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the pictures; made where it is missing.")],
    grid: Annotated[bool, typer.Option("--grid", help="Also write all pictures as one, grid.png.")] = False,
    layout_seed: LayoutSeed = None,
    truncation: Truncation = None,
    heatmaps: Annotated[bool, typer.Option(
        "--heatmaps", help="Also write each picture under its heatmaps, with the numbers that edits name.")] = False,
    save_scenes: Annotated[bool, typer.Option("--save-scenes", help="Also write each picture's recipe.")] = False,
    scale: Scale = None,
    device: Device = "auto",
) -> None:
    """Draw random pictures, one for each seed."""
    numbers = read_seeds(seeds)
    from spatialgan.editing.export import enlarged_size, grid_size, image_grid, numbered_heatmaps, save_png
    from spatialgan.model import SpatialGAN

    gan = SpatialGAN.from_pretrained(model, device=device)
    images = []
    if grid:  # one too large is refused before all its pictures are drawn
        r = gan.config.model.resolution
        grid_size(len(numbers), _columns(len(numbers)), *enlarged_size((r, r), scale))
    for seed in numbers:
        scene = gan.sample(seed, layout_seed=layout_seed, truncation=_or_one(truncation))
        stem = f"seed{seed:04d}"
        if heatmaps:
            save_png(numbered_heatmaps(scene, scale=scale), out / f"{stem}.heatmaps.png")
        if save_scenes:
            scene.save(out / f"{stem}.scene.json")
        save_png(scene.image, out / f"{stem}.png", scale=_or_one(scale))
        if grid:
            images.append(scene.image)
    if grid:
        save_png(image_grid(images, columns=_columns(len(images)), scale=scale), out / "grid.png")
    say(f"{len(numbers)} picture{'s' if len(numbers) > 1 else ''} in {out}")


def _or_one(value: float | None) -> float:
    return 1.0 if value is None else value


def _columns(count: int) -> int:
    """Of a grid that is about square."""
    return max(1, round(count**0.5))


def _edit_option(name: str, help: str) -> Any:
    return typer.Option(f"--{name}", metavar=FORMS[name].split(" ")[0], help=f"{help} May be repeated.")


@app.command(cls=OrderedCommand)
def edit(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(metavar="F.png", help="The edited picture.")],
    model: ModelOfScene = None,
    seed: Seed = None,
    scene: SceneFile = None,
    layout_seed: LayoutSeed = None,
    truncation: Truncation = None,
    move: Annotated[list[str] | None, _edit_option("move", "Move by shares of the image's width.")] = None,
    resize: Annotated[list[str] | None, _edit_option("resize", "Multiply the size.")] = None,
    remove: Annotated[list[str] | None, _edit_option("remove", "Remove, or with I:AMOUNT (0..1) partly.")] = None,
    restyle: Annotated[list[str] | None, _edit_option(
        "restyle", "Multi-object models: a new style; I may be 'background'.")] = None,
    duplicate: Annotated[list[str] | None, _edit_option(
        "duplicate", "Multi-object models: a copy, this far away.")] = None,
    add: Annotated[list[str] | None, _edit_option("add", "Multi-object models: a new object.")] = None,
    stretch: Annotated[list[str] | None, _edit_option("stretch", "Multiply width and height.")] = None,
    rotate: Annotated[list[str] | None, _edit_option("rotate", "Turn clockwise.")] = None,
    new_styles: Annotated[list[str] | None, _edit_option("new-styles", "The same layout, all styles new.")] = None,
    new_layout: Annotated[list[str] | None, _edit_option("new-layout", "The same styles, the layout new.")] = None,
    save_scene: Annotated[Path | None, typer.Option(metavar="F.scene.json", help="Save the edited scene.")] = None,
    gif: Annotated[Path | None, typer.Option(metavar="F.gif", help="Animate each edit, there and back.")] = None,
    mp4: Mp4 = None,
    scale: Scale = None,
    device: Device = "auto",
) -> None:
    """Edit a picture. Edits apply in the order given.

    I is an object's number, or in single-object models a level; L.P is one centre of a level, as in --move 2.1:0.05,0.
    """
    given = {"move": move, "resize": resize, "remove": remove, "restyle": restyle, "duplicate": duplicate, "add": add,
             "stretch": stretch, "rotate": rotate, "new-styles": new_styles, "new-layout": new_layout}
    edits = [read_edit(option, text) for option, text in edits_in_order(ctx.meta[ORDER_KEY], given)]
    check_start(model, seed, scene, layout_seed, truncation)
    check_outputs({"--out": out, "--gif": gif, "--mp4": mp4, "--save-scene": save_scene}, {"--scene": scene})
    from spatialgan.editing.export import animate, save_gif, save_png
    from spatialgan.editing.rendering import render_scenes
    from spatialgan.editing.video import save_mp4

    steps = [open_start(model, seed, scene, layout_seed, truncation, device)]
    for apply in edits:
        steps.append(apply(steps[-1]))
    save_png(steps[-1].image, out, scale=_or_one(scale))
    for note in notes_on(steps):
        typer.echo(f"note: {note}", err=True)
    if steps[0].layout is not None and len(steps[0].layout.levels) == 1:
        for i in range(steps[0].num_objects, steps[-1].num_objects):
            typer.echo(f"object {i} is new")
    if save_scene is not None:
        steps[-1].save(save_scene)
    frames = [] if gif is None and mp4 is None else render_scenes(animate(steps))
    if gif is not None:
        save_gif(frames, gif, scale=scale)
    if mp4 is not None:
        save_mp4(frames, mp4, scale=scale)
    written = ", ".join(str(p) for p in (out, gif, mp4, save_scene) if p is not None)
    say(f"{len(edits)} {'edit' if len(edits) == 1 else 'edits'}: {written}")


@data_app.command("check")
def data_check(
    path: Annotated[Path, typer.Argument(help="A folder or zip of images, or an LSUN LMDB.")],
    resolution: Annotated[int | None, typer.Option(help="Tell which images are smaller than this.")] = None,
) -> None:
    """Decode every image and tell which cannot be used, and what will be converted. Exits with 1 where some cannot."""
    from spatialgan.data.prepare import check

    with progress_bar() as show:
        report = check(path, resolution=resolution, on_progress=partial(show, "checking"))
    say(*report.summary())
    if any(p.fatal for p in report.problems) or report.num_usable < report.num_files:
        raise typer.Exit(1)


@data_app.command("prepare")
def data_prepare(
    src: Annotated[Path, typer.Argument(help="A folder or zip of images, or an LSUN LMDB.")],
    dst: Annotated[Path, typer.Argument(help="A new folder, or a new file that ends in .zip.")],
    size: Annotated[int, typer.Option(help="Width and height in pixels.")],
    fit: Annotated[str, typer.Option(metavar="crop|pad|squash", help="How a picture becomes square.")] = "crop",
    channels: Annotated[int, typer.Option(metavar="1|3", help="3 for colour, 1 for grey.")] = 3,
    boxes: Annotated[Path | None, typer.Option(
        metavar="FILE.jsonl", help="Where the subject of each picture is: cut a window around it, at a random place "
                                   "and of a random size. A file here or in SRC.")] = None,
    box_share: Annotated[tuple[float, float], typer.Option(
        metavar="MIN MAX", help="With --boxes: the subject's longer side, in window widths.")] = (0.4, 0.8),
    seed: Annotated[int, typer.Option(min=0, help="With --boxes: another seed cuts other windows.")] = 0,
) -> None:
    """Write every usable image as a square PNG of one size."""
    from spatialgan.data.prepare import prepare
    from spatialgan.data.windows import Windows, read_boxes

    windows = None if boxes is None else Windows(read_boxes(boxes, src), *box_share, seed=seed)
    with progress_bar() as show:
        report = prepare(src, dst, size=size, fit=fit, channels=channels, windows=windows,
                         on_progress=partial(show, "preparing"))
    say(*report.summary())


@app.command()
def train(
    data: Annotated[Path, typer.Option(metavar="PATH", help="A folder or zip of images, or an LSUN LMDB.")],
    preset: Annotated[str, typer.Option(metavar="NAME", help="As in cats64, rooms64, paper256-ffhq, tiny.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run's folder.")],
    settings: Annotated[list[str] | None, typer.Option(
        "--set", metavar="SECTION.FIELD=VALUE", help="As in train.batch_size=32. May be repeated.")] = None,
    kimg: Annotated[float | None, typer.Option(help="Thousands of images to train on, as --set train.kimg.")] = None,
    device: Device = "auto",
    init_from: Annotated[str | None, typer.Option(
        metavar="NAME|PATH", help="Start from a model's weights; those of a smaller size are grown.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and stop.")] = False,
) -> None:
    """Train a model. The same command again continues the run exactly where it stopped."""
    from spatialgan.settings import with_settings
    from spatialgan.training.presets import preset as preset_by_name

    changes = [*(settings or []), *([] if kimg is None else [f"train.kimg={kimg}"])]
    config = with_settings(preset_by_name(preset), changes)
    if dry_run:
        if init_from is not None:
            from spatialgan.training.growing import check_source

            check_source(config, init_from)
        typer.echo(_describe_run(config, data))
        return
    from spatialgan.training.loop import train as run

    if not run(config, data=data, out=out, device=device, init_from=init_from, report=say):
        raise typer.Exit(STOPPED)


def _describe_run(config: "RunConfig", data: Path) -> str:
    """The configuration as JSON, and the sizes of the data and of the networks, with no image decoded."""
    import json

    import torch

    from spatialgan.data.images import split_indices
    from spatialgan.data.sources import open_source
    from spatialgan.networks.discriminator import make_discriminator
    from spatialgan.networks.generator import Generator
    from spatialgan.settings import to_dict

    source = open_source(data)
    num_images = len(split_indices(len(source.names), config.data.holdout, "train"))
    with torch.device("meta"):  # no memory for the weights
        networks = {"generator": Generator(config.model),
                    "discriminator": make_discriminator(config.model, pretrained=False)}
    sizes = {name: sum(p.numel() for p in n.parameters() if p.requires_grad) for name, n in networks.items()}
    return json.dumps({"config": to_dict(config), "num_images": num_images, "trained_parameters": sizes}, indent=1)


app.command()(tables)

if __name__ == "__main__":
    main()
