"""All commands, and how the command line ends: exit code 0, or 2 with one sentence."""

import errno
import os
import re
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer

from spatialgan import __version__
from spatialgan.cli.convert import export_model, import_model
from spatialgan.cli.data import app as data_app
from spatialgan.cli.drag import drag
from spatialgan.cli.edit import edit
from spatialgan.cli.edit_options import EditCommand
from spatialgan.cli.eval.commands import app as eval_app
from spatialgan.cli.figures import figures
from spatialgan.cli.generate import generate
from spatialgan.cli.hub import pull, push
from spatialgan.cli.interpolate import interpolate
from spatialgan.cli.invert import invert
from spatialgan.cli.models import app as models_app
from spatialgan.cli.studio import studio
from spatialgan.cli.tables import reproduce, tables
from spatialgan.cli.train import train
from spatialgan.errors import SpatialGANError
from spatialgan.terminal import bounded, tolerate_any_name

USAGE_ERROR: Any = typer.BadParameter.__bases__[0]  # typer has no name of its own for it
STREAM_ERRORS = (errno.ENOSPC, errno.EIO)  # of the standard output: a full disk, a closed terminal

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(models_app, name="models")
app.command()(generate)
app.command(cls=EditCommand)(edit)
app.command()(drag)
app.command()(invert)
app.command()(interpolate)
app.command()(studio)
app.add_typer(data_app, name="data")
app.command()(train)
app.add_typer(eval_app, name="eval")
app.command()(tables)
app.command()(figures)
app.command()(reproduce)
app.command("import")(import_model)
app.command("export")(export_model)
app.command()(push)
app.command()(pull)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit: 0, or 2 with one line on stderr where the user can put something right."""
    tolerate_any_name()
    try:
        sys.exit(app(args=argv, prog_name="spatialgan", standalone_mode=False))
    except typer.Abort:
        print("aborted", file=sys.stderr)
        sys.exit(1)
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
        print(
            "error: there is not enough memory; make pictures smaller with --scale, or a run with "
            "--set train.micro_batch, model.channel_max or model.resolution",
            file=sys.stderr,
        )
        sys.exit(2)
    except USAGE_ERROR as e:
        if (said := _usage(e)) is not None:
            print(said, file=sys.stderr)
        sys.exit(2)


def _usage(e: Any) -> str | None:
    """What is wrong with the words of a command line, in one line; without words the help, None where it is printed."""
    said = e.format_message()
    if not said or "Usage:" in said:
        return said or None
    said = bounded(" ".join(said.split()).rstrip("."))
    command = "" if e.ctx is None else f"{e.ctx.command_path} "  # the parser does not know whose option it is
    end = "" if said.endswith("?") else ";"
    return f"error: {said[:1].lower()}{said[1:]}{end} {command}--help shows what there is"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Steer what a GAN draws: move, resize, remove and restyle what is in its pictures."""
