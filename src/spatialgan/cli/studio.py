"""``spatialgan studio``: the editor in the browser."""

from typing import Annotated

import typer

from spatialgan.cli.options import Device, Threads


def studio(
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|PATH", help="A model to offer; may be repeated. Without it: all bundled models."),
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets others on the network in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 7860,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Another name that it answers to; may be repeated.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SPATIALGAN_TOKEN",
            help="What visitors must know, 8 characters or more. Other users of this computer can read it in the list "
            "of processes: better set the variable.",
        ),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="A proxy, or a network of them, whose X-Forwarded headers are believed; may be repeated.",
        ),
    ] = None,
    prefix: Annotated[
        str, typer.Option(metavar="PATH", help="The path under which a proxy shows it, such as /studio.")
    ] = "",
    rate: Annotated[
        float | None,
        typer.Option(
            help="Requests a second from each visitor, ten times as many at once; 0 for no limit. Without it: 20 "
            "where others can reach the studio, else no limit.",
            show_default=False,
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")] = False,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Open the editor in the browser. To let others in, see docs/serving.md."""
    from spatialgan.studio.access import Access
    from spatialgan.studio.model_list import Models
    from spatialgan.studio.server import serve

    access = Access(host, tuple(allow_host or ()), token, tuple(proxy or ()), prefix, rate)
    models = Models(model or (), device=device)
    serve(models, access=access, port=port, open_browser=not no_browser, threads=threads, report=typer.echo)
