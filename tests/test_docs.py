"""The documents: their links lead somewhere, their figures are the result files', their line numbers the code's."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from spatialgan.threads import threads_for
from spatialgan.training.presets import PRESETS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.fixture(scope="module")
def refresh():
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs/refresh.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_method_page_gives_every_idea_its_line(refresh):
    text = (ROOT / "docs/method.md").read_text()
    references = list(refresh.REFERENCE.finditer(text))
    assert len(references) >= 20
    assert all(r["path"] == f"src/spatialgan/{r['name']}" for r in references)
    assert refresh.with_lines(text) == text, "run: python docs/refresh.py"


def test_a_reference_finds_the_method_of_its_class_and_nothing_else(refresh, tmp_path):
    code = tmp_path / "code.py"
    code.write_text("class A:\n    def f(self): ...\nclass B:\n    def f(self): ...\n")
    assert (refresh.line_of("A.f", code), refresh.line_of("B.f", code), refresh.line_of("B", code)) == (2, 4, 3)
    with pytest.raises(ValueError, match="defines no g"):
        refresh.line_of("g", code)


def test_the_readmes_tables_are_those_of_the_result_files(refresh):
    text = (ROOT / "README.md").read_text()
    assert refresh.with_tables(text) == text, "run: python docs/refresh.py"


def test_the_tables_of_speed_are_those_of_the_result_file(refresh):
    text = (ROOT / "docs/configuration.md").read_text()
    assert refresh.with_tables(text, refresh.SPEED_TABLES) == text, "run: python docs/refresh.py"


def test_the_threads_of_the_presets_are_as_documented(monkeypatch):
    monkeypatch.setattr("spatialgan.threads.available_cores", lambda: 8)
    text = (ROOT / "docs/configuration.md").read_text()
    for name, make in PRESETS.items():
        c = make()
        training, one = threads_for(c.model, batch=c.train.batch_size), threads_for(c.model, batch=1)
        shown = name if f"`{name}`" in text else "paper256-..."
        assert re.search(rf"\| .*`{re.escape(shown)}`.* \| {training} \| {one} \|\n", text), name


@pytest.mark.parametrize(
    ("result", "model"),
    [
        ("response", "cats-64"),
        ("drag", "cats-64"),
        ("drag-rooms", "rooms-64"),
        ("comove", "rooms-64"),
        ("comove-independent", "rooms-64"),
        ("fd-rooms", "rooms-64"),
        ("attention/cats-64-sum", "cats-64"),
        ("attention/rooms-64-sum", "rooms-64"),
    ],
)
def test_results_of_bundled_models_are_of_the_weights_that_are_bundled(result, model):
    measured = json.loads((ROOT / f"docs/results/{result}.json").read_text())["model"]["weights_sha256"]
    bundled = json.loads((ROOT / f"src/spatialgan/zoo/{model}.json").read_text())["weights_sha256"]
    assert measured == bundled, f"measure {result} again"
