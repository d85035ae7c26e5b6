"""`spatialgan models`: what comes with the package."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The models that come with the package.")


@app.command("list")
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


@app.command("info")
def models_info(name: Annotated[str, typer.Argument(metavar="NAME|PATH")]) -> None:
    """Print a model's card and its configuration."""
    import json

    from spatialgan.api import find_weights
    from spatialgan.model import CARD, read_card
    from spatialgan.settings import to_dict

    weights = find_weights(name)
    config, card = read_card(weights.with_suffix(CARD))
    typer.echo(json.dumps({"weights": str(weights), "card": card, "config": to_dict(config)}, indent=1))
