"""``spatialgan tables`` and ``spatialgan reproduce``: the paper's tables from result files, and what makes those."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spatialgan.cli.options import STOPPED, Device, say, writable
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.reproduction.recipes import Budget

Number = Annotated[int, typer.Argument(metavar="1|2|3|4|5", help="The paper's table.")]
BudgetOption = Annotated[
    str,
    typer.Option(
        "--budget",
        metavar="small|paper|F.toml",
        help="Whose runs: small, 32 pixels, half an hour of a CPU core each; paper, its own size; or a file of yours.",
    ),
]
Runs = Annotated[
    Path, typer.Option("--runs", metavar="DIR", help="Holds a folder for each budget, with runs and result files.")
]
DataOption = Annotated[
    list[str] | None,
    typer.Option("--data", metavar="NAME=PATH", help="Where a data set of the budget lies, as in cats=cats.zip."),
]
Out = Annotated[Path | None, typer.Option(metavar="F.md", help="Write the table here too.", callback=writable)]
RUNS = Path("runs/tables")


def tables(
    number: Number,
    budget: BudgetOption = "small",
    runs: Runs = RUNS,
    data: DataOption = None,
    out: Out = None,
) -> None:
    """Print one of the paper's tables as Markdown: its numbers beside ours, from result files, and the commands that
    make what is missing.

    Tables 1 and 2 show other results in the folder, too, such as those of the bundled models.
    """
    from spatialgan.files import user_path
    from spatialgan.reproduction.recipes import missing_jobs, read_budget
    from spatialgan.reproduction.tables import missing, other_results, table

    b, runs = read_budget(budget), user_path(runs)
    if not runs.is_dir():
        raise SpatialGANError(
            f"--runs {runs} is no folder; give the one that holds the results, or make them: "
            f"spatialgan reproduce {number} --budget {budget}"
        )
    jobs = missing_jobs(b, number, runs, _paths(data, b))
    _write(table(b, number, runs) + other_results(number, runs, leave_out=runs / b.name) + missing(jobs), out)


def reproduce(
    number: Number,
    budget: BudgetOption = "small",
    data: DataOption = None,
    runs: Runs = RUNS,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Runs in parallel, each with one thread; by default one per core.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the commands that would be run, and stop.")] = False,
    device: Device = "auto",
    out: Out = None,
) -> None:
    """Run what is missing of one of the paper's tables, and print the table.

    The same command continues where it stopped.
    """
    from spatialgan.files import user_path
    from spatialgan.reproduction.recipes import missing_data, missing_jobs, read_budget
    from spatialgan.reproduction.running import run_jobs
    from spatialgan.reproduction.tables import table
    from spatialgan.threads import available_cores

    b, runs = read_budget(budget), user_path(runs)
    paths = _paths(data, b)
    jobs = missing_jobs(b, number, runs, paths, device)
    if dry_run:
        say(*(job.command for job in jobs))
        return
    without = missing_data(jobs, b, paths)
    if without:
        options = " ".join(f"--data {name}=PATH" for name in without)
        raise SpatialGANError(f"table {number} needs pictures that are not in this project; add {options}")
    if not run_jobs(jobs, runs / b.name, processes=processes or available_cores(), say=say):
        say("stopped; the same command goes on from here")
        raise typer.Exit(STOPPED)
    _write(table(b, number, runs), out)


def _paths(data: list[str] | None, budget: "Budget") -> dict[str, Path]:
    """``--data`` by name."""
    from spatialgan.files import user_path

    paths = {}
    for word in data or []:
        name, equals, path = word.partition("=")
        if not equals or not path:
            raise SpatialGANError(f"--data is {word}; write NAME=PATH, as in cats=cats.zip")
        budget.data_set(name)
        if not user_path(path).exists():
            raise SpatialGANError(f"--data {word}: there is no {path}")
        paths[name] = user_path(path)
    return paths


def _write(text: str, out: Path | None) -> None:
    from spatialgan.files import write_atomically

    if out is not None:
        write_atomically(out, lambda p: p.write_text(text, encoding="utf-8"))
    typer.echo(text, nl=False)
