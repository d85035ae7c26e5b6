"""``spatialgan studio``: the editor in the browser."""

from typing import Annotated

import typer

from spatialgan.cli_options import Device


def studio(
    model: Annotated[list[str] | None, typer.Option(
        metavar="NAME|PATH", help="A model to offer; may be repeated. Without it: all bundled models.")] = None,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets others on the network in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 7860,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")] = False,
    device: Device = "auto",
) -> None:
    """Open the editor in the browser."""
    from spatialgan.studio.models import Models
    from spatialgan.studio.server import serve

    serve(Models(model or (), device=device), host=host, port=port, open_browser=not no_browser, report=typer.echo)
