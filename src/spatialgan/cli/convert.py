"""``spatialgan import`` and ``spatialgan export``: models from other programs, and for them."""

from pathlib import Path
from typing import Annotated

import typer

from spatialgan.cli.options import writable
from spatialgan.errors import SpatialGANError


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
    to: Annotated[
        str, typer.Option(metavar="rosinality|stylegan2-state-dict|onnx|web", help="The program that is to read it.")
    ],
    out: Annotated[Path, typer.Option(metavar="F.pt|F.onnx|DIR", help="The file, or with --to web the folder.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A bundled model, a .safetensors file, the folder of a model or a run, or another program's "
            "StyleGAN2 (.pkl, .pt). With --to web it may be repeated, and without it all bundled models are taken.",
        ),
    ] = None,
    ort: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="With --to web: an installed onnxruntime-web. Without it: the one in node_modules."
        ),
    ] = None,
) -> None:
    """Write a plain StyleGAN2 (encoding=none) as a file of another program, any model as ONNX graphs, or the studio
    itself as a folder of static files (web), which draws in the browser."""
    from spatialgan.api import SpatialGAN
    from spatialgan.importing.writing import check_format, export_model

    models = model or []
    if to == "web":
        from spatialgan.studio.exporting import export_web

        typer.echo(str(export_web(models, out, runtime=ort, report=lambda line: typer.echo(line, err=True))))
        return
    check_format(to)
    if ort is not None:
        raise SpatialGANError("--ort goes with --to web")
    if len(models) != 1:
        raise SpatialGANError(f"--to {to} takes one --model; {len(models)} were given")
    writable(out)
    for note in export_model(SpatialGAN.from_pretrained(models[0], device="cpu"), out, to):
        typer.echo(f"note: {note}", err=True)
    typer.echo(str(out))
