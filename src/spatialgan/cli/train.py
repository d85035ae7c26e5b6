"""`spatialgan train`: a run, from its beginning or from where it stopped."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spatialgan.cli.options import STOPPED, Device, Threads, say
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.config import RunConfig


def train(
    data: Annotated[Path, typer.Option(metavar="PATH", help="A folder or zip of images, or an LSUN LMDB.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run's folder.")],
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="For example cats64, floors64, paper256-ffhq or tiny.")
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="F.toml",
            help="Settings in a file, with a table for each section, or a run's folder or config.json. They win over "
            "the preset, and --set over both.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.FIELD=VALUE", help="For example train.batch_size=32. May be repeated."),
    ] = None,
    kimg: Annotated[
        float | None, typer.Option(help="Thousands of images to train on; the same as --set train.kimg.")
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Start from a model's weights; those of a smaller size are grown, a plain StyleGAN2's retrofitted.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and stop.")] = False,
) -> None:
    """Train a model. The same command again continues the run exactly where it stopped."""
    from spatialgan.config import RunConfig
    from spatialgan.settings import with_settings
    from spatialgan.training.presets import PRESETS, RETROFITS
    from spatialgan.training.presets import preset as preset_by_name

    if preset is None and config_file is None:
        raise SpatialGANError(f"give --preset ({', '.join(PRESETS)}), or --config with a file of settings")
    changes = [*(settings or []), *([] if kimg is None else [f"train.kimg={kimg}"])]
    config = RunConfig() if preset is None else preset_by_name(preset)
    if preset in RETROFITS:
        from spatialgan.training.retrofit import with_architecture_of

        config = with_architecture_of(config, init_from, out)
    config = with_settings(config, changes, file=config_file)
    if dry_run:
        if init_from is not None:
            from spatialgan.training.growing import check_source

            check_source(config, init_from)
        typer.echo(_describe_run(config, data))
        return
    from spatialgan.training.loop import train as run

    if not run(config, data=data, out=out, device=device, init_from=init_from, threads=threads, report=say):
        raise typer.Exit(STOPPED)


def _describe_run(config: "RunConfig", data: Path) -> str:
    """The configuration as JSON, and the sizes of the data and of the networks, with no image decoded."""
    import json

    import torch

    from spatialgan.data.images import split_indices
    from spatialgan.data.sources import open_source
    from spatialgan.networks.discriminators import make_discriminator
    from spatialgan.networks.generator import Generator
    from spatialgan.settings import to_dict

    source = open_source(data)
    num_images = len(split_indices(len(source.names), config.data.holdout, "train"))
    with torch.device("meta"):  # no memory for the weights
        networks = {
            "generator": Generator(config.model),
            "discriminator": make_discriminator(config.model, pretrained=False),
        }
    sizes = {name: sum(p.numel() for p in n.parameters() if p.requires_grad) for name, n in networks.items()}
    return json.dumps({"config": to_dict(config), "num_images": num_images, "trained_parameters": sizes}, indent=1)
