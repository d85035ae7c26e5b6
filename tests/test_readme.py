"""The README's commands and its Python run as they stand, from a copy of the repository, on the bundled model."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from spatialgan.cli.commands import app

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
COMMANDS = [
    words.strip()
    for language, block in BLOCKS
    if language == "sh"
    for line in block.splitlines()
    for words in line.split("#")[0].split("&&")
    if "spatialgan " in words and "pip install" not in words
]


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """A working folder with some photographs in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for i in range(4):
        Image.new("RGB", (80, 60), (60 * i, 100, 200 - 40 * i)).save(tmp_path / "photos" / f"{i}.jpg")
    return tmp_path


def test_the_readme_shows_the_commands_that_matter():
    verbs = {shlex.split(c)[1] for c in COMMANDS}
    assert {"studio", "edit", "drag", "train", "data"} <= verbs


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command, at_home):
    words = shlex.split(command)[1:]  # without .venv/bin/spatialgan
    if words[0] == "train":
        words.append("--dry-run")
    if words[0] == "studio":
        words.append("--help")  # it would run for ever; tests/studio drives it
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    for option, value in pairwise(words):
        if option in ("--out", "--gif", "--json", "--save-scene") and words[0] != "train":
            assert (at_home / value).exists(), f"{option} {value} was not written"


def test_the_python_runs(at_home):
    (block,) = [block for language, block in BLOCKS if language == "python"]
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert (at_home / "moved.png").exists() and (at_home / "cat.scene.json").exists()
    assert tuple(names["scene"].layout.centers.shape) == (7, 2)
    assert tuple(names["scene"].attention().shape) == (3, 64, 64)
