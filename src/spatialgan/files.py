"""Files: written whole or not at all, read with errors that name them, told apart by their hash."""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from spatialgan.errors import SpatialGANError


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, and put it in place only when it is whole.

    Raises:
        SpatialGANError: there is no room, no right to write, or the like; the message names ``path``.
    """
    try:
        with written_whole(path) as partial:
            partial.touch()
            mode = partial.stat().st_mode
            write(partial)
            partial.chmod(mode)  # as any new file: safetensors makes its own readable for their owner alone
    except (OSError, SafetensorError) as e:
        raise SpatialGANError(f"{path} cannot be written: {getattr(e, 'strerror', None) or e}") from e


def require_writable(path: Path) -> None:
    """Raise SpatialGANError where nothing could be written at ``path``, before hours of work are lost for it."""
    if path.is_dir():
        raise SpatialGANError(f"{path} cannot be written: it is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as e:
        raise SpatialGANError(f"{path} cannot be written: {e.strerror}") from None


def require_ending(path: Path, ending: str, what: str) -> None:
    """Raise SpatialGANError where a file's name would promise another format than it has, as in ``.png``."""
    if path.suffix.lower() != ending:
        raise SpatialGANError(f"{path}: {what} are written as {ending[1:].upper()}; give a name that ends in {ending}")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A hidden name beside ``path`` for a new file or folder, renamed at the end, removed where anything fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{path.name}.partial"  # always the same: what a kill left is replaced the next time
    try:
        _remove(partial)
        yield partial
        if partial.is_file():
            with open(partial, "rb+") as f:
                os.fsync(f.fileno())  # else a power cut may leave an empty file under the new name
        os.replace(partial, path)
    finally:  # also on an interrupt; after the renaming there is nothing left to remove
        _remove(partial)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """A JSON file's value; raises SpatialGANError naming the file where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a mark before UTF-8
    except OSError as e:
        raise SpatialGANError(f"{path} is not readable: {e.strerror}") from None
    except (ValueError, RecursionError) as e:
        raise SpatialGANError(f"{path} is not JSON: {e}") from None


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def user_cache_dir(name: str) -> Path:
    """Where the operating system wants caches, ``spatialgan`` and ``name`` inside; where nobody is at home, among
    temporary files."""
    try:
        home = Path.home()
    except RuntimeError:  # a user without a name or HOME, as in some containers
        home = Path(tempfile.gettempdir())
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "spatialgan" / name
