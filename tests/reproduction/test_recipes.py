"""Recipes: which runs the tables need, and the commands that make them."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from spatialgan.config import RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.reproduction.paper import PAPER_TABLES
from spatialgan.reproduction.recipes import (
    BUDGETS,
    TABLES,
    Needed,
    is_trained,
    missing_data,
    missing_jobs,
    needed,
    read_budget,
)


def same_but_for(a: RunConfig, b: RunConfig) -> set[str]:
    """Names of the fields in which two configurations differ."""
    sections = ("model", "data", "loss", "train", "aids")
    pairs = [(f"{s}.{n}", v, getattr(getattr(b, s), n)) for s in sections for n, v in vars(getattr(a, s)).items()]
    return {name for name, one, other in pairs if one != other}


@pytest.mark.parametrize("name", BUDGETS)
@pytest.mark.parametrize("number", TABLES)
def test_every_row_has_runs_that_can_be_configured(name: str, number: int) -> None:
    budget = read_budget(name)
    found = needed(budget, number)
    assert {n.run.seed for n in found} == set(budget.seeds)
    if number != 2:
        rows = {row.run for row in PAPER_TABLES[number].rows} - ({"stylegan2"} if number == 1 else set())
        columns = budget.columns(PAPER_TABLES[number].columns).values()
        assert columns and {(n.run.data, n.run.name) for n in found} == {(d, r) for d in columns for r in rows}
    for n in found:
        config = n.run.config
        assert config.train.seed == n.run.seed and config.aids == RunConfig().aids
        assert config.model.discriminator == "residual" and config.model.coordinates_max_resolution == 0


TABLE_1 = {  # the paper's Co-move ratio of what each run is: encoding, layout, alignment, processing
    "eqgan-sa": (0.32, "norm", "single", "single", "release"),
    "multi-sampling": (0.41, "norm", "multi", "single", "release"),
    "sel-multi": (0.62, "multi", "multi", "single", "coarse"),
    "spatialgan": (0.69, "multi", "multi", "multi", "coarse"),
}


@pytest.mark.parametrize("name", BUDGETS)
def test_the_runs_of_table_1(name: str) -> None:
    runs = [n.run for n in needed(read_budget(name), 1)]
    assert {run.name for run in runs} == TABLE_1.keys()
    for run in runs:
        (row,) = [row for row in PAPER_TABLES[1].rows if row.run == run.name]
        m = run.config.model
        assert (row.values[0], m.encoding, m.layout, run.config.loss.align, m.processing) == TABLE_1[run.name]
        assert m.encoded_max_resolution >= m.resolution  # all layers


def test_rows_differ_in_what_they_are_about_alone() -> None:
    budget = read_budget("small")
    ours = budget.run("cats", "spatialgan", 0).config
    differences = {
        "noise": {"model.sampling"},
        "independent": {"model.sampling"},
        "flatten": {"model.encoding"},
        "concat": {"model.encoding"},
        "stylegan2": {"model.encoding", "loss.align"},
    }
    for name, fields in differences.items():
        assert same_but_for(ours, budget.run("cats", name, 0).config) == fields
    assert same_but_for(ours, budget.run("cats", "spatialgan", 1).config) == {"train.seed"}
    floors = [budget.run("floors", n, 0).config for n in ("eqgan-sa", "multi-sampling", "sel-multi", "spatialgan")]
    assert same_but_for(floors[2], floors[3]) == {"loss.align"}
    assert same_but_for(floors[0], floors[1]) == {"model.layout", "model.sampling"}


def test_the_papers_budget_is_the_papers_presets() -> None:
    budget = read_budget("paper")
    assert budget.measures.quality.startswith("fid --samples 50000")
    assert budget.run("faces", "spatialgan", 0).preset == "paper256-ffhq"
    for n in needed(budget, 3):
        assert n.run.config.model.resolution == 256 and n.run.config.train.kimg == 25000
        assert n.run.config.data.mirror == (n.run.data == "faces")


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    budget = replace(read_budget("small"), seeds=(0,))
    data = {"cats": Path("my cats.zip")}
    jobs = missing_jobs(budget, 5, tmp_path, data)
    assert [j.words[0] for j in jobs] == ["train", "eval"] * 4
    for train, evaluation in zip(jobs[::2], jobs[1::2], strict=True):
        assert evaluation.needs == {train.name} and not train.needs
        assert "'my cats.zip'" in train.command and "'my cats.zip'" in evaluation.command
        out = train.words[train.words.index("--out") + 1]
        assert evaluation.words[evaluation.words.index("--model") + 1] == out
    run = budget.run("cats", "concat", 0)
    folder = tmp_path / "small" / run.stem / "snapshots"
    folder.mkdir(parents=True)
    (folder / "000050000.json").write_text("{}")
    assert not is_trained(run, tmp_path)
    (folder / "000100000.json").write_text("{}")
    assert is_trained(run, tmp_path)
    (tmp_path / "small" / "cats-flatten-0.quality.json").write_text("{}")
    assert [j.name for j in missing_jobs(budget, 5, tmp_path, data)] == [
        "cats-stylegan2-0",
        "cats-stylegan2-0.quality",
        "cats-concat-0.quality",
        "cats-spatialgan-0",
        "cats-spatialgan-0.quality",
    ]


def test_a_drag_waits_for_two_runs(tmp_path: Path) -> None:
    budget = read_budget("small")
    jobs = missing_jobs(budget, 2, tmp_path, {}, device="cpu")
    assert [j.name for j in jobs if j.name.endswith("1.drag")] == ["cats-spatialgan-1.drag"]
    drag = jobs[-1]
    assert drag.needs == {"cats-spatialgan-1", "cats-stylegan2-1"} and drag.words[-2:] == ("--device", "cpu")
    baseline = drag.words[drag.words.index("--baseline") + 1]
    assert baseline == str(tmp_path / "small" / "cats-stylegan2-1")
    assert missing_data(jobs, budget, {}) == ["cats"] and missing_data(jobs, budget, {"cats": Path("x")}) == []


def test_commands_are_what_a_shell_takes_apart_again(tmp_path: Path) -> None:
    for job in missing_jobs(read_budget("small"), 3, tmp_path / "my runs", {}):
        assert shlex.split(job.command) == ["spatialgan", *job.words]


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = """
    data = [{name = "dogs", column = "Cat", preset = "tiny"}]
    runs = [{name = "spatialgan", data = ["dogs"]}]
    """
    path.write_text(text)
    budget = read_budget(str(path))
    assert [n.path(Path()) for n in needed(budget, 5)] == [Path("mine/dogs-spatialgan-0.quality.json")]
    assert needed(budget, 1) == needed(budget, 2) == []  # no such column; no baseline
    assert needed(budget, 3)[1] == Needed(budget.run("dogs", "spatialgan", 0), "cost")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds = [", "mine.toml is not TOML"),
        ("sees = [0]", "has no field sees"),
        ("seeds = ['a']", "seeds"),
        (
            "data = [{name = 'd', column = 'Cat', preset = 'tiny'}]\nruns = [{name = 'r', data = ['e']}]",
            "run r on e: the budget mine has no data set e; it has d",
        ),
        (
            "data = [{name = 'd', column = 'Cat', preset = 'no'}]\nruns = [{name = 'r', data = ['d']}]",
            "run r on d: there is no preset no",
        ),
        (
            "settings = ['model.size=3']\ndata = [{name = 'd', preset = 'tiny'}]\nruns = [{name = 'r', data = ['d']}]",
            "model has no field size",
        ),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(SpatialGANError, match=r"mine") as caught:
        read_budget(str(tmp_path / "mine.toml"))
    assert message in str(caught.value)


def test_no_such_budget_or_table() -> None:
    with pytest.raises(SpatialGANError, match="use small or paper"):
        read_budget("large")
    with pytest.raises(SpatialGANError, match="there is no table 6; use 1 to 5"):
        needed(read_budget("small"), 6)
