"""``spatialgan export --to web``: what is in the folder, and what is refused. The page itself: test_browser_web.py."""

import json
from pathlib import Path

import pytest

from spatialgan.cli import main
from spatialgan.editing.edits import EDITS, Mirror
from spatialgan.errors import SpatialGANError
from spatialgan.studio import exporting
from spatialgan.studio.exporting import PAGE, export_web, runtime_files


@pytest.fixture
def runtime(tmp_path) -> Path:
    """As much of onnxruntime-web as is copied."""
    package = tmp_path / "onnxruntime-web"
    (package / "dist").mkdir(parents=True)
    for name in exporting.RUNTIME:
        (package / "dist" / name).write_text(name)
    return package


@pytest.fixture
def no_graphs(monkeypatch) -> None:
    """Making graphs takes its time, and has tests of its own."""
    monkeypatch.setattr(exporting, "export_onnx", lambda model, out: out.write_text(model.name))


def test_the_folder_is_the_page_with_answers_of_its_own(sources, runtime, no_graphs, tmp_path):
    said = []
    out = export_web([sources["multi"], sources["single"]], tmp_path / "site", runtime=runtime, report=said.append)
    assert sorted(p.name for p in out.iterdir()) == [
        "css",
        "icon.svg",
        "icons.svg",
        "index.html",
        "js",
        "models",
        "ort",
        "studio.json",
    ]
    changed = {"js/backend.js", "index.html"}
    for path in PAGE.rglob("*.*"):
        name = path.relative_to(PAGE).as_posix()
        if path.name in exporting.SERVERS_OWN:
            assert not (out / name).exists()
        elif name not in changed:
            assert (out / name).read_bytes() == path.read_bytes()
    assert "<body data-alone " in (out / "index.html").read_text()
    assert (out / "ort/ort.js").read_text() == "ort.wasm.bundle.min.mjs"
    assert [p.name for p in sorted((out / "models").iterdir())] == ["multi.onnx", "single.onnx"]
    assert not [p for p in out.rglob("*") if p.suffix in (".ts", ".mjs")]  # some hosts do not know .mjs
    assert any("single: the model draws noise anew" in line for line in said)


def test_what_the_page_is_told_names_nothing_of_this_computer(sources, runtime, no_graphs, tmp_path):
    out = export_web(list(sources.values()), tmp_path / "site", runtime=runtime)
    text = (out / "studio.json").read_text()
    said = json.loads(text)
    assert [m["name"] for m in said["models"]] == list(sources) == list(said["sources"])
    assert not any(m["attention"] for m in said["models"]) and str(tmp_path.parent) not in text
    assert said["labels"]["move"] == "Move" and {a["label"] for a in said["actions"]} >= {"Mirror", "In a row"}


def test_what_only_a_server_does_has_no_button(sources, monkeypatch):
    """What index.html shows to a server's visitors alone has the edit's name and the class on one line."""
    for line in (PAGE / "index.html").read_text().splitlines():
        for edit in EDITS:
            if f'id="{edit.name}"' in line:
                assert ("needs-server" in line) == (edit in exporting.SERVERS_EDITS), line
    monkeypatch.setattr(exporting, "SERVERS_EDITS", (Mirror,))
    said = exporting.studio_json(exporting.named([sources["multi"]]))
    buttons = {action["edit"]["edit"] for action in said["actions"]}
    assert "align" in buttons and "mirror" not in buttons | said["labels"].keys()


def test_without_the_runtime_the_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpatialGANError, match=r"node_modules.*is missing; run npm install onnxruntime-web"):
        runtime_files(exporting.PACKAGE)


def test_a_folder_with_something_in_it_stays(sources, runtime, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/mine.txt").write_text("mine")
    with pytest.raises(SpatialGANError, match=r"site is there already; name a new folder"):
        export_web([sources["multi"]], tmp_path / "site", runtime=runtime)
    assert (tmp_path / "site/mine.txt").read_text() == "mine"


def test_where_one_model_fails_nothing_is_left(sources, runtime, tmp_path, monkeypatch):
    def fail(model, out):
        raise SpatialGANError("the graphs differ")

    monkeypatch.setattr(exporting, "export_onnx", fail)
    with pytest.raises(SpatialGANError, match="the graphs differ"):
        export_web([sources["multi"]], tmp_path / "site", runtime=runtime)
    assert [p.name for p in tmp_path.iterdir()] == ["onnxruntime-web"]


def test_two_models_of_one_name(sources, runtime, tmp_path):
    other = tmp_path / "multi.safetensors"
    for ending in (".safetensors", ".json"):
        other.with_suffix(ending).write_bytes(Path(sources["plain"]).with_suffix(ending).read_bytes())
    with pytest.raises(SpatialGANError, match="two of the models are called multi"):
        export_web([sources["multi"], str(other)], tmp_path / "site", runtime=runtime)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--to", "web", "--out", "site", "--ort", "nowhere"],
            "error: nowhere/dist/ort.wasm.bundle.min.mjs is missing",
        ),
        (["--to", "onnx", "--out", "a.onnx"], "error: --to onnx takes one --model; 0 were given"),
        (["--to", "onnx", "--out", "a.onnx", "--ort", "x"], "error: --ort goes with --to web"),
    ],
)
def test_mistakes_are_one_line_and_code_2(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["export", *arguments])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.startswith(sentence) and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
