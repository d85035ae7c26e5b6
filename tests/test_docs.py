"""The documents: links lead somewhere, figures are the result files', line numbers the code's, and the picture of the
structure is that of the source."""

import graphlib
import importlib.util
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from spatialgan.threads import threads_for
from spatialgan.training.presets import PRESETS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def refresh():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")  # where the script's own parts are
        yield script("refresh")


@pytest.fixture(scope="module")
def structure():
    return script("structure")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_no_part_of_a_script_is_called_like_a_module_of_the_tests():
    """One process runs many test files, and the first module of a name is everybody's."""
    tests = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    assert not tests & {path.stem for folder in ("docs", "benchmarks") for path in (ROOT / folder).glob("*.py")}


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


def test_tables_are_those_of_the_result_files(refresh):
    pages = {page: page.read_text() for page in refresh.pages()}
    for page, text in pages.items():
        assert refresh.with_tables(text) == text, f"{page.name}: run: python docs/refresh.py"
    shown = [m["name"] for text in pages.values() for m in refresh.MARKS.finditer(text)]
    assert sorted(shown) == sorted(refresh.TABLES), "each table has one page"


def test_each_command_writes_the_file_of_its_row(refresh):
    text = (ROOT / "docs/tables.md").read_text()
    rows = re.findall(r"(?m)^\| \[[^]]*\]\(results\.md#[^)]*\) \| \[[^]]*\]\(([^)]*)\) \| `([^`]*)` \|", text)
    assert len(rows) == sum(map(len, refresh.MEASURED.values()))
    for link, command in rows:
        options = dict(pairwise(command.split()))
        written = options.get("--json") or f"docs/results/invert/{options['--model']}.json"  # by benchmarks/invert.py
        assert ROOT / written == (ROOT / "docs" / link).resolve(), command


def test_what_commands_need_and_the_repository_lacks_is_described(refresh):
    text = (ROOT / "docs/tables.md").read_text()
    table, rest = text.split("<!-- /commands -->")
    for name in re.findall(r"`([\w-]+\.(?:zip|safetensors))`", table):
        assert re.search(rf"(?m)^\| .*`{name}`.* \|", rest), name
        assert not name.endswith(".safetensors") or f"`{name}`" in rest.split("## ")[0], f"{name} cannot be run again"


def test_a_table_that_differs_is_made_anew(refresh):
    text = "<!-- frechet -->\n| 1 |\n<!-- /frechet -->"
    assert refresh.with_tables(text) != text and refresh.with_tables("<!-- no -->") == "<!-- no -->"


def test_the_readmes_numbers_are_in_its_table():
    """Prose has no figures of its own that could be out of date."""
    text = (ROOT / "README.md").read_text()
    prose = text.split("<!-- results -->")[0] + text.split("<!-- /results -->")[1]
    assert not re.search(r"\b[01]\.\d\d\b|\d ms\b", re.sub(r"```.*?```", "", prose, flags=re.DOTALL))


def test_the_studios_film_is_small():
    assert (ROOT / "docs/images/studio.gif").stat().st_size < 1_500_000


def test_decisions_have_each_number_once():
    text = (ROOT / "docs/decisions.md").read_text()
    records, experiments = text.split("## Experiments")
    numbers = [int(n) for row in re.findall(r"(?m)^\| ([\d, ]+) \|", records) for n in row.split(",")]
    pair = re.findall(r"\d+", experiments.replace("(83)", ""))
    assert sorted([*numbers, *map(int, pair)]) == list(range(1, len(numbers) + len(pair) + 1))
    for number, status in re.findall(r"(?m)^\| ([\d, ]+) \| ([^|]+?) \|", records):
        assert re.fullmatch(r"accepted|withdrawn( \(\d+\))?|superseded by \d+", status), f"{number}: {status}"


def test_the_structures_picture_is_that_of_the_source(structure):
    assert structure.draw() == structure.PICTURE.read_text(), "run: python docs/refresh.py"


def test_the_structure_of_a_small_package(structure, tmp_path):
    for name, text in {
        "top.py": "from spatialgan.low import a\nfrom spatialgan import middle\n",
        "middle.py": "from typing import TYPE_CHECKING\nfrom spatialgan.low.one import a\n"
        "if TYPE_CHECKING:\n    import spatialgan.top\n",
        "low/one.py": "def f():\n    import spatialgan.top\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    graph, circles = structure.acyclic(*structure.read(tmp_path))
    assert structure.reduced(graph) == {"top": {"middle"}, "middle": {"low"}, "low": set()}
    assert circles == [("low", "top")]
    assert structure.rows(structure.reduced(graph)) == [["low"], ["middle"], ["top"]]
    (tmp_path / "low/two.py").write_text("import spatialgan.top\n")
    with pytest.raises(graphlib.CycleError):
        structure.draw(tmp_path)


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
        ("drag-floors", "floors-64"),
        ("comove", "floors-64"),
        ("comove-independent", "floors-64"),
        ("fd-floors", "floors-64"),
        ("attention/cats-64-sum", "cats-64"),
        ("attention/floors-64-channel", "floors-64"),
        *((f"figures/figure-{n}", "floors-64") for n in (3, 5, 9, 14)),
        *((f"figures/figure-{n}", "cats-64") for n in (10, 12, "impulse")),
    ],
)
def test_results_of_bundled_models_are_of_the_weights_that_are_bundled(result, model):
    measured = json.loads((ROOT / f"docs/results/{result}.json").read_text())["model"]["weights_sha256"]
    bundled = json.loads((ROOT / f"src/spatialgan/zoo/{model}.json").read_text())["weights_sha256"]
    assert measured == bundled, f"measure {result} again"


def test_the_figures_have_their_commands():
    commands = (ROOT / "docs/tables.md").read_text()
    for file in sorted((ROOT / "docs/results/figures").glob("*.json")):
        command = json.loads(file.read_text())["command"].replace("--out .", "--out figures")
        assert command.replace(" floors64-run ", " runs/floors64 ") in commands, command
