"""``spatialgan import`` and ``spatialgan export``: models from other programs, and for them."""

from pathlib import Path
from typing import Annotated

import typer

from spatialgan.cli.options import Model, writable


def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An official StyleGAN2 pickle, or a rosinality .pt.")],
    out: Annotated[
        Path,
        typer.Option(metavar="NAME", help="The model's files: NAME.safetensors, NAME.json, ...", callback=writable),
    ],
) -> None:
    """Turn another program's StyleGAN2 into a model of this one. Nothing in the file is run."""
    from spatialgan.importing.converting import import_model
    from spatialgan.model import CARD, DISCRIMINATOR, read_card

    weights = import_model(file, out)
    model = read_card(weights.with_suffix(CARD))[0].model
    has_d = weights.with_suffix(DISCRIMINATOR).exists()
    typer.echo(
        f"{weights}: {model.resolution}x{model.resolution}, {model.mapping_layers} mapping layers, "
        f"{'constant noise' if model.noise == 'constant' else 'noise drawn anew'}, "
        f"{'with' if has_d else 'without'} its discriminator"
    )


def export_model(
    model: Model,
    to: Annotated[
        str, typer.Option(metavar="rosinality|stylegan2-state-dict|onnx", help="The program that is to read it.")
    ],
    out: Annotated[Path, typer.Option(metavar="F.pt|F.onnx", help="The file.", callback=writable)],
) -> None:
    """Write a plain StyleGAN2 (encoding=none) as a file of another program, or any model as ONNX graphs."""
    from spatialgan.api import SpatialGAN
    from spatialgan.importing.export import check_format, export_model

    check_format(to)
    for note in export_model(SpatialGAN.from_pretrained(model, device="cpu"), out, to):
        typer.echo(f"note: {note}", err=True)
    typer.echo(str(out))
