"""``spatialgan push`` and ``spatialgan pull``: models on the Hugging Face Hub."""

from pathlib import Path
from typing import Annotated

import typer

from spatialgan.cli.options import say

Address = Annotated[str, typer.Argument(metavar="hf://OWNER/NAME", help="A repository; with @REVISION a branch of it.")]


def push(
    model: Annotated[str, typer.Argument(metavar="NAME|PATH", help="As --model of other commands.")],
    to: Address,
    private: Annotated[bool, typer.Option("--private", help="Only its owner may see it.")] = False,
    license: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="As the Hub names licenses, such as apache-2.0. Without it: the card's, or other."
        ),
    ] = None,
    keep_card: Annotated[bool, typer.Option("--keep-card", help="Keep the README.md that is there.")] = False,
) -> None:
    """Put a model on the Hub, with its card and a sheet of samples. Log in with: hf auth login."""
    from spatialgan.api import find_weights
    from spatialgan.hub.pushing import pushed
    from spatialgan.hub.repository import repository

    repo = repository(to)
    say(pushed(find_weights(model), repo, private=private, license=license, keep_page=keep_card))


def pull(
    source: Address,
    out: Annotated[Path, typer.Option(metavar="DIR", help="A folder, new or empty.")],
) -> None:
    """Fetch a model from the Hub into a folder, with its card. --model hf://OWNER/NAME works without this, too."""
    from spatialgan.hub.fetching import pulled
    from spatialgan.hub.repository import repository

    say(str(pulled(repository(source), out)))
