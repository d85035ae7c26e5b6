"""Recipes: the runs behind the tables at one budget, and the commands that make them and measure them."""

import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from spatialgan.config import RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.files import MAX_JSON_BYTES, read_bytes, user_path
from spatialgan.reproduction.paper import (
    DRAG_BASELINE,
    DRAG_COLUMN,
    DRAGGED,
    PAPER_TABLES,
    WITHOUT_HANDLES,
    Measure,
)
from spatialgan.settings import from_dict, with_settings
from spatialgan.snapshots import SNAPSHOTS
from spatialgan.training.presets import preset

TABLES = (1, 2, 3, 4, 5)
BUDGETS = ("small", "paper")


@dataclass(frozen=True)
class DataSet:
    name: str = ""
    column: str = ""
    """The paper's data set that it stands for."""
    preset: str = ""
    """Of the runs on it."""
    settings: tuple[str, ...] = ()
    """Of the runs on it, as ``--set`` has them."""


@dataclass(frozen=True)
class Recipe:
    name: str = ""
    data: tuple[str, ...] = ()
    """Names of the data sets that it is trained on."""
    preset: str = ""
    """Empty: the data set's."""
    settings: tuple[str, ...] = ()

    def trains(self, data: str, name: str) -> bool:
        """Whether it is the run of that name, and has it on that data set."""
        return self.name == name and data in self.data


@dataclass(frozen=True)
class Measures:
    """Words after ``spatialgan eval``."""

    quality: str = "fd"
    comove: str = "comove"
    drag: str = "drag"
    cost: str = "cost"


@dataclass(frozen=True)
class Budget:
    """A recipe file."""

    name: str = ""
    """The file's; not in it."""
    seeds: tuple[int, ...] = (0,)
    """Of training."""
    settings: tuple[str, ...] = ()
    """Of all runs."""
    measures: Measures = field(default_factory=Measures)
    data: tuple[DataSet, ...] = ()
    runs: tuple[Recipe, ...] = ()

    def data_set(self, name: str) -> DataSet:
        """Raises SpatialGANError where there is none of this name."""
        found = {d.name: d for d in self.data}
        if name not in found:
            raise SpatialGANError(f"the budget {self.name} has no data set {name}; it has {', '.join(found) or 'none'}")
        return found[name]

    def runs_of(self, data: str, name: str) -> list["Run"]:
        """The trainings of that name on a data set, one a seed; none where the budget has no such run."""
        return [self.run(data, name, seed) for seed in self.seeds if any(r.trains(data, name) for r in self.runs)]

    def run(self, data: str, name: str, seed: int) -> "Run":
        """Raises StopIteration where there is no such run."""
        recipe = next(r for r in self.runs if r.trains(data, name))
        on = self.data_set(data)
        settings = (*self.settings, *on.settings, *recipe.settings, f"train.seed={seed}")
        return Run(self, data, name, seed, recipe.preset or on.preset, settings)

    def columns(self, paper: Iterable[str]) -> dict[str, str]:
        """Of the paper's columns those that a data set stands for: column -> the data set's name."""
        of = {d.column: d.name for d in self.data}
        return {column: of[column] for column in paper if column in of}


@dataclass(frozen=True)
class Run:
    """One training."""

    budget: Budget
    data: str
    name: str
    seed: int
    preset: str
    settings: tuple[str, ...]

    @property
    def stem(self) -> str:
        """Of its folder and of its result files."""
        return f"{self.data}-{self.name}-{self.seed}"

    @property
    def config(self) -> RunConfig:
        return with_settings(preset(self.preset), list(self.settings))


@dataclass(frozen=True)
class Needed:
    """A result file of a table, whether it is there or not."""

    run: Run
    measure: Measure

    def path(self, runs: Path) -> Path:
        return runs / self.run.budget.name / f"{self.run.stem}.{self.measure}.json"


@dataclass(frozen=True)
class Job:
    """One command."""

    name: str
    words: tuple[str, ...]
    """After ``spatialgan``."""
    needs: frozenset[str] = frozenset()
    """Names of jobs that come first, where they have to be run at all."""

    @property
    def command(self) -> str:
        """As typed into a shell."""
        return shlex.join(["spatialgan", *self.words])


def read_budget(name: str) -> Budget:
    """A budget of :data:`BUDGETS`, or that of a ``.toml`` file of the same form; raises SpatialGANError."""
    if name in BUDGETS:
        path = Path(str(files("spatialgan"))) / "recipes" / "tables" / f"{name}.toml"
    elif name.endswith(".toml"):
        path = user_path(name)
    else:
        raise SpatialGANError(f"--budget is {name}; use {' or '.join(BUDGETS)}, or a .toml file of the same form")
    try:
        values = tomllib.loads(read_bytes(path, MAX_JSON_BYTES).decode("utf-8-sig"))
    except ValueError as e:
        raise SpatialGANError(f"{path} is not TOML: {e}") from None
    budget = from_dict(Budget, {**values, "name": path.stem}, where=str(path))
    for recipe in budget.runs:
        for data in recipe.data:
            try:
                _ = budget.run(data, recipe.name, 0).config
            except SpatialGANError as e:
                raise SpatialGANError(f"{path}: run {recipe.name} on {data}: {e}") from None
    return budget


def needed(budget: Budget, table: int) -> list[Needed]:
    """The result files of a table that a budget is to have; raises SpatialGANError where there is no such table."""
    if table not in TABLES:
        raise SpatialGANError(f"there is no table {table}; use 1 to {TABLES[-1]}")
    if table == 2:
        data = budget.columns([DRAG_COLUMN]).values()
        return [
            Needed(run, "drag") for d in data if budget.runs_of(d, DRAG_BASELINE) for run in budget.runs_of(d, DRAGGED)
        ]
    t = PAPER_TABLES[table]
    return [
        Needed(run, measure)
        for data in budget.columns(t.columns).values()
        for row in t.rows
        for run in budget.runs_of(data, row.run)
        for measure in t.measures
        if (measure, row.run) != ("comove", WITHOUT_HANDLES)
    ]


def missing_jobs(budget: Budget, table: int, runs: Path, data: Mapping[str, Path], device: str = "auto") -> list[Job]:
    """The commands that make what is missing of a table, in an order in which they can be run.

    Args:
        budget: whose.
        table: its number.
        runs: where runs and result files lie.
        data: the data sets' paths by name; the others are written in capitals.
        device: of all commands.
    """
    jobs: dict[str, Job] = {}
    options = () if device == "auto" else ("--device", device)
    for n in needed(budget, table):
        if n.path(runs).exists():
            continue
        baseline = budget.run(n.run.data, DRAG_BASELINE, n.run.seed) if n.measure == "drag" else None
        models = [n.run, *([] if baseline is None else [baseline])]
        for run in models:
            if not is_trained(run, runs):
                jobs[run.stem] = Job(run.stem, (*train_words(run, runs, data), *options))
        words = ["eval", *shlex.split(getattr(budget.measures, n.measure)), "--model", str(folder_of(n.run, runs))]
        if baseline is not None:
            words += ["--baseline", str(folder_of(baseline, runs))]
        if n.measure == "quality":
            words += ["--data", path_of(n.run.data, data)]
        name = f"{n.run.stem}.{n.measure}"
        needs = frozenset(run.stem for run in models)
        jobs[name] = Job(name, (*words, "--json", str(n.path(runs)), *options), needs)
    return list(jobs.values())


def missing_data(jobs: Iterable[Job], budget: Budget, data: Mapping[str, Path]) -> list[str]:
    """Names of the data sets that jobs read and whose path is not known."""
    read = {word for job in jobs for word in job.words}
    return [d.name for d in budget.data if d.name not in data and path_of(d.name, data) in read]


def train_words(run: Run, runs: Path, data: Mapping[str, Path]) -> list[str]:
    """The words after ``spatialgan`` that train a run, or go on training it."""
    words = ["train", "--data", path_of(run.data, data), "--preset", run.preset]
    for setting in run.settings:
        words += ["--set", setting]
    return [*words, "--out", str(folder_of(run, runs))]


def folder_of(run: Run, runs: Path) -> Path:
    return runs / run.budget.name / run.stem


def path_of(name: str, data: Mapping[str, Path]) -> str:
    """A data set's path, or its name in capitals, as in ``CATS``."""
    return str(data[name]) if name in data else name.upper()


def is_trained(run: Run, runs: Path) -> bool:
    """Whether a run's last snapshot is there."""
    config = run.config
    batch = config.train.batch_size
    last = -(-int(config.train.kimg * 1000) // batch) * batch  # whole batches
    return (folder_of(run, runs) / SNAPSHOTS / f"{last:09d}.json").exists()
