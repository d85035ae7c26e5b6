"""Who may import whom: each part of the package uses what stands above it in one list, and modules go in no circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import spatialgan

SOURCE = Path(spatialgan.__file__).parent
ORDER = [
    # what knows nothing of pictures
    "terminal",
    "errors",
    "streams",
    "coords",
    "config",
    "devices",
    "threads",
    "memory",
    "files",
    "settings",
    "locks",
    "sealed",
    # data, and networks that others have trained
    "data",
    "heatmaps",
    "vision",
    # the generator and what it draws from
    "levels",
    "layout",
    "sampling",
    "networks",
    "attention",
    "seeds",
    "inputs",
    "model",
    "snapshots",
    # what is done with models
    "importing",
    "editing",
    "hub",
    "api",
    "training",
    "segmenter",
    "evaluation",
    "figures",
    "reproduction",
    # how people reach it
    "studio",
    "notebook",
    "cli",
]


def imports(path: Path, source: Path = SOURCE) -> Iterator[tuple[str, int]]:
    """Modules of the package that a file imports, with the line, wherever in it; but those for types alone."""
    tree = ast.parse(path.read_text())
    types = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    skipped = {id(n) for block in types for statement in block.body for n in ast.walk(statement)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            # What is imported may be a module itself.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [n if file_of(n, source) else node.module for n in names]
        else:
            continue
        yield from ((name, node.lineno) for name in names if name.split(".")[0] == "spatialgan")


def file_of(module: str, source: Path = SOURCE) -> Path | None:
    path = source.joinpath(*module.split(".")[1:])
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.exists()), None)


def name_of(path: Path, source: Path = SOURCE) -> str:
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(("spatialgan", *parts[: -1 if parts[-1] == "__init__" else None]))


def out_of_order(source: Path = SOURCE, order: list[str] = ORDER) -> list[str]:
    """Imports of what stands below."""
    wrong = []
    for path in sorted(source.rglob("*.py")):
        here = name_of(path, source).split(".")[1:2]
        for name, line in imports(path, source):
            there = name.split(".")[1:2]
            if here and there and here != there and order.index(there[0]) > order.index(here[0]):
                wrong.append(f"{path.relative_to(source)}:{line} imports {name}")
    return wrong


def test_each_part_uses_what_stands_above_it():
    assert out_of_order() == []


def test_every_part_has_its_place():
    parts = {name_of(path).split(".")[1] for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py"}
    assert parts == set(ORDER) and len(set(ORDER)) == len(ORDER)


def test_modules_go_in_no_circle():
    graph = {name_of(path): {name for name, _ in imports(path)} - {name_of(path)} for path in SOURCE.rglob("*.py")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as e:
        pytest.fail(" -> ".join(e.args[1]))


def test_imports_inside_functions_count_and_those_for_types_do_not(tmp_path):
    (tmp_path / "model.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from spatialgan.studio import live\n"
        "def f():\n    from spatialgan.editing.scene import Scene\n    import spatialgan.errors\n"
    )
    assert out_of_order(tmp_path) == ["model.py:5 imports spatialgan.editing.scene"]
