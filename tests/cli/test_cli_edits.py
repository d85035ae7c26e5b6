"""The options of all edits, and the order in which they were typed."""

import ast
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import spatialgan
from spatialgan.cli.edit_options import EditCommand, edits_in_order, with_edits


@pytest.fixture
def typed():
    """``typed(*words)``: the edits that a command is given, and its own option."""

    def call(*words: str) -> tuple[list[tuple[str, str]], str | None]:
        found = []

        @with_edits
        def command(edits: list[tuple[str, str]], out: str | None = None) -> None:
            found.append((edits, out))

        app = typer.Typer()
        app.command(cls=EditCommand)(command)
        answer = CliRunner().invoke(app, list(words))
        assert answer.exit_code == 0, answer.output
        return found[0]

    return call


def test_edits_come_in_the_order_in_which_they_were_typed(typed):
    words = ("--resize", "0:2", "--move=0:-0.1,0", "--mirror", "--out", "a.png", "--resize=1:3", "--mirror")
    edits = [("resize", "0:2"), ("move", "0:-0.1,0"), ("mirror", ""), ("resize", "1:3"), ("mirror", "")]
    assert typed(*words) == (edits, "a.png")
    assert typed() == ([], None)


def test_an_option_in_the_place_of_a_word_is_that_word(typed):
    assert typed("--resize", "--move", "--move", "0:1,0")[0] == [("resize", "--move"), ("move", "0:1,0")]


def test_edits_in_order_merges_options():
    words = ["--seed", "3", "--b", "4", "--a=1", "--out", "f", "--b", "5", "--a", "2", "--a", "3", "--d", "--c", "--d"]
    given = {"a": ["1", "2", "3"], "b": ["4", "5"], "c": None, "d": True, "e": False}
    merged = [("b", "4"), ("a", "1"), ("b", "5"), ("a", "2"), ("a", "3"), ("d", ""), ("d", "")]
    assert edits_in_order(words, given) == merged


def test_of_typers_own_modules_no_more_is_used_than_its_class_of_commands():
    """Typer 0.29 gave its class of options other arguments, and no command could be run any more."""
    used = set()
    for path in Path(spatialgan.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("typer", "click")):
                used |= {(node.module, name.name) for name in node.names}
    assert used == {("typer.core", "TyperCommand")}
