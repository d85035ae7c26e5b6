"""Files: written whole or not at all, read with errors that name them, told apart by their hash."""

import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from spatialgan.errors import SpatialGANError

MAX_JSON_BYTES = 16 << 20  # of a file of ours but for scenes, which may hold pixels
DAY_S = 86400
LEFT_OVER = re.compile(r"\.([0-9a-f]{6})-([0-9]+)-[0-9a-f]{8}\.partial$")  # computer, process, chance


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, and put it in place only when it is whole.

    Links stay, and what they lead to is replaced. Pipes and devices are written into: renaming would replace them.

    Raises:
        SpatialGANError: there is no room, no right to write, or the like; the message names ``path``.
    """
    try:
        if is_stream(user_path(path)):
            _write_into(user_path(path), write)
            return
        with written_whole(path) as partial:
            partial.touch()
            mode = partial.stat().st_mode
            write(partial)
            partial.chmod(mode)  # as any new file: safetensors makes its own readable for their owner alone
    except (OSError, SafetensorError) as e:
        raise SpatialGANError(f"{path} cannot be written: {_why(path, e)}") from e


def require_writable(path: Path) -> None:
    """Raise SpatialGANError where nothing could be written at ``path``, before hours of work are lost for it."""
    if os.path.isdir(path):
        raise SpatialGANError(f"{path} cannot be written: it is a folder")
    if is_stream(user_path(path)):
        _require_pourable(user_path(path))
        return
    try:
        folder = destination(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as e:
        raise SpatialGANError(f"{path} cannot be written: {_why(path, e)}") from None


def _why(path: Path, e: Exception) -> str:
    """Why nothing can be written at ``path``: the system's words, but where what is to be its folder is a file."""
    parents = (parent for parent in user_path(path).parents if os.path.exists(parent))
    nearest = next(parents, None)
    if nearest is not None and not os.path.isdir(nearest):
        return f"{nearest} is no folder"
    return getattr(e, "strerror", None) or str(e)


def require_ending(path: Path, ending: str, what: str) -> None:
    """Raise SpatialGANError where a file's name would promise another format than it has, as in ``.png``; pipes and
    devices promise nothing."""
    if path.suffix.lower() != ending and not is_stream(user_path(path)):
        raise SpatialGANError(f"{path}: {what} are written as {ending[1:].upper()}; give a name that ends in {ending}")


def require_distinct(paths: Mapping[str, Path | None]) -> None:
    """Raise SpatialGANError where two options name one file: the one that is written last would be left."""
    seen: dict[str, str] = {}
    for option, path in paths.items():
        if path is None or is_stream(user_path(path)):
            continue
        key = os.path.normcase(os.path.realpath(user_path(path)))
        if key in seen:
            raise SpatialGANError(f"{seen[key]} and {option} both name {path}; give each a file of its own")
        seen[key] = option


def is_inside(path: Path, folder: Path) -> bool:
    """Whether ``path`` is ``folder`` or lies in it, links followed."""
    inner, outer = (Path(os.path.normcase(os.path.realpath(user_path(p)))) for p in (path, folder))
    return inner.is_relative_to(outer)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A hidden name beside ``path`` for a new file or folder, renamed at the end, removed where anything fails.

    Two processes that write one path have two such names, and the last one's file stays. What a kill left behind goes
    when the next process writes into the folder.
    """
    path = destination(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    start = f".{path.name[:40]}."  # a name as long as names may be needs room for the rest
    _remove_left_over(path.parent.absolute())
    partial = path.parent / f"{start}{_computer()}-{os.getpid()}-{secrets.token_hex(4)}.partial"
    try:
        yield partial
        if partial.is_file():
            with open(partial, "rb+") as f:
                os.fsync(f.fileno())  # else a power cut may leave an empty file under the new name
        os.replace(partial, path)
    finally:  # also on an interrupt; after the renaming there is nothing left to remove
        _remove(partial)


def destination(path: Path) -> Path:
    """What writing to ``path`` writes to: where a link leads, which need not exist yet."""
    path = user_path(path)
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def user_path(path: str | Path) -> Path:
    """A path as users type it: ``~/`` is the home folder, unless there is a folder of that name; ``~old`` is a name."""
    path = Path(path)
    if path.parts[:1] != ("~",) or Path("~").exists():
        return path
    try:
        return path.expanduser()
    except RuntimeError:  # nobody is at home
        return path


def is_stream(path: Path) -> bool:
    """Whether ``path`` is there and is no file or folder, or is the file that the standard output goes to."""
    try:
        info = os.stat(path)
    except OSError:  # it is not there, or cannot be seen
        return False
    return not stat.S_ISDIR(info.st_mode) and (not stat.S_ISREG(info.st_mode) or _standard_output(info) is not None)


def _standard_output(info: os.stat_result) -> int | None:
    """The descriptor of the standard output or error stream that is this file."""
    for descriptor in (1, 2):
        try:
            if os.path.samestat(info, os.fstat(descriptor)):
                return descriptor
        except OSError:  # closed
            continue
    return None


def _require_pourable(path: Path) -> None:
    mode = os.stat(path).st_mode
    if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
        raise SpatialGANError(f"{path} cannot be written: it is {kind_of(mode)}; give a file")
    if not os.access(path, os.W_OK):
        raise SpatialGANError(f"{path} cannot be written: Permission denied")


def _write_into(path: Path, write: Callable[[Path], Any]) -> None:
    """Raises OSError, also where nobody reads from a pipe, and SpatialGANError."""
    _require_pourable(path)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / path.name
        write(whole)
        own = _standard_output(os.stat(path))
        if own is not None and sys.stdout is not None:
            sys.stdout.flush()
        # Without waiting: a named pipe that nobody reads from would never open.
        descriptor = os.dup(own) if own is not None else os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "wb") as target, open(whole, "rb") as source:
            os.set_blocking(descriptor, True)
            shutil.copyfileobj(source, target)


def kind_of(mode: int) -> str:
    """What something that is no file is, in words, by its ``st_mode``."""
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISBLK, "a disk"),
        (stat.S_ISCHR, "a device"),
    )
    return next((name for is_it, name in kinds if is_it(mode)), "no file")


def _computer() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


@cache  # a list of all files takes its time where there are many
def _remove_left_over(folder: Path) -> None:
    """Remove what killed processes left: those of this computer, and by their age those of others."""
    for name in os.listdir(folder):
        mark = LEFT_OVER.search(name)
        if mark is None:
            continue
        path = folder / name
        try:
            dead = mark[1] == _computer() and not _is_alive(int(mark[2]))
            if dead or time.time() - path.lstat().st_mtime > DAY_S:
                _remove(path)
        except OSError:  # another process was faster, or it is not ours to remove
            continue


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":  # there os.kill kills
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def require_file(path: Path) -> None:
    """Raise SpatialGANError unless ``path`` is a file: opening a named pipe would wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as e:  # a NUL in the name is a ValueError
        raise SpatialGANError(f"{path} is not readable: {getattr(e, 'strerror', None) or e}") from None
    if not stat.S_ISREG(mode):
        raise SpatialGANError(f"{path} is not readable: it is {kind_of(mode)}; give a file")


def read_bytes(path: Path, limit: int) -> bytes:
    """A file's content; raises SpatialGANError where it cannot be read, is no file or has more than ``limit`` bytes."""
    require_file(path)
    try:
        size = path.stat().st_size
        if size > limit:
            raise SpatialGANError(f"{path} has {size / 1e6:,.0f} MB, more than the {limit / 1e6:,.0f} MB that are read")
        with open(path, "rb") as f:
            return f.read(size)
    except OSError as e:
        raise SpatialGANError(f"{path} is not readable: {e.strerror}") from None


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; raises ValueError on anything else, also where it is nested beyond reading."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(path: Path, *, limit: int = MAX_JSON_BYTES) -> Any:
    """A JSON file's value; raises SpatialGANError naming the file where it cannot be read, or is beyond ``limit``."""
    data = read_bytes(path, limit)
    try:
        return parse_json(data.decode("utf-8-sig"))  # some editors put a mark before UTF-8
    except ValueError as e:
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
