"""The documents: their links lead somewhere, and the equations are where docs/method.md says."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
CODE = re.compile(r"`(?P<symbol>[\w.]+)`, \[(?P<name>[\w/]+\.py):(?P<line>\d+)\]"
                  r"\(\.\./(?P<path>[\w/]+\.py)#L(?P<anchor>\d+)\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_every_equation_is_at_the_line_that_the_method_page_gives():
    entries = list(CODE.finditer((ROOT / "docs/method.md").read_text()))
    assert len(entries) >= 20
    wrong = []
    for e in entries:
        symbol = e["symbol"].split(".")[-1]
        lines = (ROOT / e["path"]).read_text().splitlines()
        at = [i for i, text in enumerate(lines, 1) if re.match(rf"\s*(def|class) {symbol}\b|{symbol}\b.* = ", text)]
        if int(e["line"]) not in at or e["anchor"] != e["line"] or not e["path"].endswith(e["name"]):
            wrong.append(f"{e['symbol']} is at {e['path']}:{at}, not {e['line']}")
    assert wrong == []


def test_the_readmes_tables_are_those_of_the_result_files():
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs/refresh.py")
    refresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(refresh)
    text = (ROOT / "README.md").read_text()
    assert refresh.with_tables(text) == text, "run: python docs/refresh.py"
