"""``spatialgan tables``: the paper's tables from result files."""

from pathlib import Path
from typing import Annotated

import typer

from spatialgan.errors import SpatialGANError


def tables(
    number: Annotated[int, typer.Argument(metavar="1", help="The paper's table: 1 is the Co-move ratio.")],
    runs: Annotated[Path, typer.Option(metavar="DIR", help="The folder that holds the result files, at any depth.")],
    out: Annotated[Path | None, typer.Option(metavar="F.md", help="Write the table here too.")] = None,
) -> None:
    """Print one of the paper's tables as Markdown, the paper's numbers beside ours from result files."""
    if number != 1:
        raise SpatialGANError(f"table {number} cannot be made; use 1, the Co-move ratio")
    from spatialgan.evaluation.tables import read_results, table_1
    from spatialgan.files import write_atomically

    text = table_1(read_results(runs))
    if out is not None:
        write_atomically(out, lambda p: p.write_text(text, encoding="utf-8"))
    typer.echo(text, nl=False)
