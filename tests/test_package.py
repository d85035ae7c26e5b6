"""Rules of the package as a whole: what importing it costs, its public names, and what its source must not contain."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import spatialgan

SOURCE = Path(spatialgan.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))


def matches(pattern: str) -> list[str]:
    """Where the pattern occurs in the source."""
    return [
        f"{path.relative_to(SOURCE)}:{text.count(chr(10), 0, m.start()) + 1}: {m.group()}"
        for path in FILES
        for text in [path.read_text()]
        for m in re.finditer(pattern, text)
    ]


@pytest.mark.parametrize("module", ["spatialgan", "spatialgan.config", "spatialgan.errors"])
def test_import_does_not_load_torch(module: str):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_public_names():
    assert set(spatialgan.__all__) == {"Layout", "Scene", "SpatialGAN", "SpatialGANError", "__version__", "edit_many"}


@pytest.mark.parametrize("name", spatialgan.__all__)
def test_public_name_is_importable(name: str):
    assert getattr(spatialgan, name) is not None


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Scenes'"):
        _ = spatialgan.Scenes


def test_errors_are_one_class():
    from spatialgan.config import SpatialGANError as from_config

    assert spatialgan.SpatialGANError is from_config


def test_the_search_for_forbidden_words_finds_words():
    assert len(FILES) > 10
    assert matches(r"class SpatialGANError\b")


def test_no_device_is_written_into_the_source():
    assert matches(r"\.cuda\(") == []
    assert matches(r"""device\s*=\s*["']cuda""") == []


def test_no_pickle_is_loaded():
    loads = matches(r"torch\.load\((?:[^()]|\([^()]*\))*\)")
    assert len(loads) == len(matches(r"torch\.load\("))
    assert [x for x in loads if "weights_only=True" not in x] == []
    # importing/pickles.py alone reads pickles, through an Unpickler of its own that runs nothing.
    importers = {where.split(":")[0] for where in matches(r"(?m)^[ \t]*(?:import|from) (?:pickle|dill)\b")}
    assert importers == {str(Path("importing", "pickles.py"))}
    assert matches(r"\bpickle\.(?:loads?|_Unpickler)\b") == []
    assert "pickle.Unpickler" in matches(r"\bpickle\.Unpickler\b")[0] and len(matches(r"pickle\.Unpickler")) == 1


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_file_is_long(path: Path):
    assert len(path.read_text().splitlines()) <= 400


def test_files_that_docstrings_name_are_there():
    """Of a package's own files, which get renamed: `name.py` alone, or with its folder."""
    there = [path.relative_to(SOURCE.parent).as_posix() for path in FILES]
    named = [
        where for where in matches(r"(?<![\w/])[\w/]+\.py\b") if not where.startswith("importing")
    ]  # others' files
    assert len(named) > 50
    missing = [w for w in named if not any(f"/{path}".endswith(f"/{w.split(': ')[1]}") for path in there)]
    assert [w for w in missing if not w.split(": ")[1].startswith(("benchmarks/", "docs/"))] == []
