"""The commands and the Python of the README and of the pages for users run as they stand, on the bundled models; those
that need data or hours are at least commands that the program takes."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import click
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from spatialgan.cli.commands import app

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RUN = [
    README,
    *(ROOT / f"docs/{n}.md" for n in ("start-studio", "start-editing", "start-training", "training", "dragging")),
]
TAKEN = [ROOT / f"docs/{n}.md" for n in ("measuring", "realism", "tables", "hub")]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def commands(page: Path) -> list[str]:
    """Those of spatialgan in a page's shell blocks, in order, and in the cells of tables that hold nothing else."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in line.split("#")[0].split("&&")]
    found = [part for part in parts if "spatialgan " in part and "pip install" not in part]
    return found + re.findall(r"\| `(spatialgan .*?)` \|", page.read_text())


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """A working folder with some photographs in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for i in range(4):
        Image.new("RGB", (80, 60), (60 * i, 100, 200 - 40 * i)).save(tmp_path / "photos" / f"{i}.jpg")
    return tmp_path


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) <= 150


def test_the_readme_shows_the_commands_that_matter():
    verbs = {shlex.split(c)[1] for c in commands(README)}
    assert {"studio", "generate", "edit", "drag", "train", "data"} <= verbs


@pytest.mark.parametrize("page", RUN, ids=lambda p: p.stem)
def test_commands_run(page, at_home):
    assert commands(page)
    for command in commands(page):  # one after the other: some read what one before has written
        words = shlex.split(command)[1:]  # without .venv/bin/spatialgan
        if words[0] == "train" and "--dry-run" not in words:
            words.append("--dry-run")
        if words[0] == "studio":
            words.append("--help")  # it would run for ever; tests/studio drives it
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0, f"{command}: {result.output}"
        for option, value in pairwise(words):
            if option in ("--out", "--gif", "--json", "--heatmaps", "--save-scene") and words[0] != "train":
                assert value.startswith("-") or (at_home / value).exists(), f"{option} {value} was not written"


@pytest.mark.parametrize("page", TAKEN, ids=lambda p: p.stem)
def test_commands_are_commands(page, at_home):
    assert len(commands(page)) >= 5
    for command in commands(page):
        words = shlex.split(command)[1:]
        group = typer.main.get_command(app)
        context = click.Context(group)
        while hasattr(group, "resolve_command"):
            name, group, words = group.resolve_command(context, words)
            context = click.Context(group, info_name=name, parent=context)
        group.make_context(group.name, words)  # raises where an option or a value is none


def test_what_is_no_command_is_told(at_home):
    command = typer.main.get_command(app).commands["generate"]
    with pytest.raises(Exception, match="No such option"):
        command.make_context("generate", ["--model", "cats-64", "--seeds", "0", "--out", "out", "--no-such"])


@pytest.mark.parametrize("page", RUN, ids=lambda p: p.stem)
def test_the_python_runs(page, at_home):
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), {})


def test_the_readmes_python_is_short_and_true(at_home):
    (block,) = blocks(README, "python")
    assert len([line for line in block.splitlines() if line]) <= 10
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert (at_home / "moved.png").exists() and (at_home / "cat.scene.json").exists()
    assert tuple(names["scene"].attention().shape) == (3, 64, 64)
