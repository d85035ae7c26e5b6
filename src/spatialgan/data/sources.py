"""Where image files come from: a folder, a zip or an LSUN LMDB, all read in the same way by position."""

from __future__ import annotations

import functools
import itertools
import os
import stat
import struct
import threading
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from spatialgan.data.decoding import MAX_FILE_BYTES, BadImageError
from spatialgan.errors import SpatialGANError
from spatialgan.files import kind_of, user_path

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
ACCEPTED = "give a folder of images, a .zip or an LSUN LMDB folder"
BESIDE_IMAGES = (".json", ".jsonl", ".txt", ".csv", ".md", ".yaml", ".html", ".xml", ".url", ".ini", ".db", ".py")
TOO_LARGE = f"has more than {MAX_FILE_BYTES >> 20} MiB; make the image smaller first"
Choose = Callable[[Iterable[str]], list[str]]
"""Of all of a set's files (relative, with /), those to read, sorted."""


class ImageSource(Protocol):
    """Named image files in sorted order. Reading is safe from threads and after a fork."""

    names: list[str]
    unread: dict[str, int]
    """Ending => number of files that lie among the images and are of a kind that is not read, most frequent first."""
    unreadable: list[tuple[str, str]]
    """(name, reason) of folders that cannot be listed."""
    folders: list[Path]
    """Where files are looked for, links followed; empty for a zip."""

    def read(self, index: int) -> bytes:
        """The file's bytes. Raises BadImageError where they cannot be had."""
        ...

    def stamp(self, index: int) -> str:
        """A short text that changes when the file's content does (LMDB: when its length does)."""
        ...


def open_source(path: str | Path, choose: Choose | None = None) -> ImageSource:
    """Open a folder (recursive), a .zip, or an LSUN LMDB folder. Raises SpatialGANError naming the path.

    `choose` picks and sorts the files to read; the images by default. All entries of an LMDB are images.
    """
    choose = choose or image_names
    path = user_path(path)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # a name may hold a NUL
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        reason = "does not exist" if missing else f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise SpatialGANError(f"{path}: {reason}; {ACCEPTED}") from None
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise SpatialGANError(f"{path}: is {kind_of(mode)}; {ACCEPTED}")
    if path.is_dir():
        source: ImageSource = _LmdbSource(path) if (path / "data.mdb").is_file() else _FolderSource(path, choose)
    elif os.access(path, os.R_OK) and zipfile.is_zipfile(path):
        source = _ZipSource(path, choose)
    else:
        raise SpatialGANError(f"{path}: is neither a folder nor a readable .zip; {ACCEPTED}")
    if not source.names:
        notes = [unread_note(source.unread)] if source.unread else []
        notes += [f"{name}: {reason}" for name, reason in source.unreadable[:3]]
        raise SpatialGANError("; ".join([f"{path}: holds no images", f"{' '.join(SUFFIXES)} are read", *notes]))
    return source


def image_names(names: Iterable[str]) -> list[str]:
    """Which of a data set's files (relative, with /) are its images, sorted.

    Hidden files are left out. Where `images/` holds images, only those are read; `masks/` never is.
    Both are also found further down when everything lies in one folder, as in a zip made of a folder.
    """
    return sorted(n for n in _among_images(names) if _is_image(n))


def unread_endings(names: Iterable[str]) -> dict[str, int]:
    """Of the files where `image_names` looks, those that are no images nor what usually lies beside them: their number
    by ending ("" for none), most frequent first."""
    endings = Counter(PurePosixPath(n).suffix.lower() for n in _among_images(names) if not _is_image(n))
    return {ending: count for ending, count in endings.most_common() if ending not in BESIDE_IMAGES}


def unread_note(endings: dict[str, int]) -> str:
    """`unread_endings` in words."""
    total = sum(endings.values())
    if len(endings) == 1:
        kinds = next(iter(endings)) or "without ending"
    else:
        kinds = ", ".join(f"{count} {ending or 'without ending'}" for ending, count in endings.items())
    return f"{total} {'file' if total == 1 else 'files'} not read ({kinds})"


def is_visible(name: str) -> bool:
    """Whether no part of a name (relative, with /) is hidden."""
    return not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def _among_images(names: Iterable[str]) -> list[str]:
    visible = [n for n in names if is_visible(n)]
    levels = zip(*(n.split("/")[:-1] for n in visible), strict=False)  # the folder names at each depth
    shared = itertools.takewhile(lambda at: len(set(at)) == 1 and at[0] not in ("images", "masks"), levels)
    root = "".join(f"{at[0]}/" for at in shared)
    inside = [n for n in visible if n.startswith(f"{root}images/")]
    return inside if any(map(_is_image, inside)) else [n for n in visible if not n.startswith(f"{root}masks/")]


class _FolderSource:
    def __init__(self, root: Path, choose: Choose) -> None:
        self._root = root
        self.folders: list[Path] = []
        self.unreadable: list[tuple[str, str]] = []
        found = list(self._walk())
        self.names = choose(found)
        self.unread = unread_endings(found)

    def _walk(self) -> Iterator[str]:
        """Every file, relative, with /. Follows links, each folder once: a link may make a loop."""
        seen: set[str] = set()
        for folder, subfolders, files in os.walk(self._root, followlinks=True, onerror=self._note_unreadable):
            real = os.path.realpath(folder)
            if real in seen:
                subfolders.clear()
                continue
            seen.add(real)
            self.folders.append(Path(real))
            subfolders.sort()
            for file in files:
                yield Path(folder, file).relative_to(self._root).as_posix()

    def _note_unreadable(self, error: OSError) -> None:
        name = Path(error.filename).relative_to(self._root).as_posix()
        if is_visible(name) or name == ".":
            self.unreadable.append((name, f"cannot be read ({error.strerror})"))

    def read(self, index: int) -> bytes:
        name = self.names[index]
        try:
            info = os.stat(self._root / name)
            if not stat.S_ISREG(info.st_mode):  # a named pipe would be waited for
                raise BadImageError(name, f"is {kind_of(info.st_mode)}, not a file")
            if info.st_size > MAX_FILE_BYTES:
                raise BadImageError(name, TOO_LARGE)
            return (self._root / name).read_bytes()
        except OSError as error:
            raise BadImageError(name, f"cannot be read ({error.strerror or error})") from error
        except MemoryError:
            raise BadImageError(name, "needs more memory than there is; make it smaller first") from None

    def stamp(self, index: int) -> str:
        # The whole content, not the time of change: a copy of the set, or a zip of it, keeps its fingerprint.
        data = self.read(index)
        return f"{len(data)}:{zlib.crc32(data):08x}"


class _ZipSource:
    """Keeps the directory and no handle: each read opens anew, so threads and forks share no position."""

    def __init__(self, path: Path, choose: Choose) -> None:
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                entries = [(_member_name(info.filename), info) for info in archive.infolist()]
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise SpatialGANError(f"{path}: is not a readable .zip ({error}); make it again") from error
        infos = {name: info for name, info in entries if not name.endswith("/")}
        self._size = path.stat().st_size
        self.names = choose(infos)
        self.unread = unread_endings(infos)
        self.unreadable: list[tuple[str, str]] = []
        self.folders: list[Path] = []
        self._infos = [infos[name] for name in self.names]

    def read(self, index: int) -> bytes:
        info, name = self._infos[index], self.names[index]
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadImageError(name, "is encrypted or oddly packed; zip it stored or deflated")
        if info.file_size > MAX_FILE_BYTES:
            raise BadImageError(name, TOO_LARGE)
        damaged = f"is damaged inside {self._path.name} (the checksum differs)"
        if info.compress_size > self._size:  # it would be made room for
            raise BadImageError(name, damaged)
        try:
            with open(self._path, "rb") as file:
                file.seek(info.header_offset)
                # The local header repeats name and extra field, of lengths of its own, before the data.
                name_length, extra_length = struct.unpack("<26xHH", file.read(30))
                file.seek(name_length + extra_length, os.SEEK_CUR)
                data = file.read(info.compress_size)
            if info.compress_type == zipfile.ZIP_DEFLATED:
                # The limit stops a small entry that claims little and unpacks to much.
                data = zlib.decompressobj(-15).decompress(data, info.file_size + 1)
        except (OSError, ValueError, struct.error, zlib.error) as error:
            raise BadImageError(name, f"cannot be read from {self._path.name} ({error})") from error
        except MemoryError:
            raise BadImageError(name, "needs more memory than there is; make it smaller first") from None
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            raise BadImageError(name, damaged)
        return data

    def stamp(self, index: int) -> str:
        return f"{self._infos[index].file_size}:{self._infos[index].CRC:08x}"


def _member_name(name: str) -> str:
    """A zip's entry as folders would name it: `./a.png` and, from old tools of Windows, `masks\\a.png`."""
    parts = name.replace("\\", "/").split("/")
    ending = "/" if parts[-1] in ("", ".", "..") else ""
    return "/".join(part for part in parts if part not in ("", ".", "..")) + ending


class _LmdbSource:
    """LSUN's layout: key => encoded image. Keys are digests of the content, so the length is stamp enough."""

    # A process may hold an LMDB open once only, and not carry it over a fork: two splits of one set, or a
    # forked worker, would fail. So each read opens it (40 us), and one at a time.
    _one_at_a_time = threading.Lock()

    def __init__(self, path: Path) -> None:
        try:
            import lmdb
        except ImportError as error:
            raise SpatialGANError(f"{path}: an LMDB needs `pip install spatialgan[lsun]`") from error
        _require_whole_lmdb(path)
        self._error = lmdb.Error
        self.unread: dict[str, int] = {}
        self.unreadable: list[tuple[str, str]] = []
        self.folders = [path]
        self._open = functools.partial(lmdb.open, str(path), readonly=True, lock=False, readahead=False)
        try:
            with self._transaction() as transaction:
                entries = [(bytes(key), len(value)) for key, value in transaction.cursor()]
        except lmdb.Error as error:
            raise SpatialGANError(f"{path}: is not a readable LMDB ({error}); unpack it again") from error
        self._keys = [key for key, _ in entries]
        self._lengths = [length for _, length in entries]
        self.names = [key.decode("utf-8", "backslashreplace") for key in self._keys]

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._one_at_a_time, self._open() as environment, environment.begin(buffers=True) as transaction:
            yield transaction

    def read(self, index: int) -> bytes:
        if self._lengths[index] > MAX_FILE_BYTES:
            raise BadImageError(self.names[index], TOO_LARGE)
        try:
            with self._transaction() as transaction:
                return bytes(transaction.get(self._keys[index], b""))
        except self._error as error:
            raise BadImageError(self.names[index], f"cannot be read ({error})") from error

    def stamp(self, index: int) -> str:
        return str(self._lengths[index])


def _require_whole_lmdb(path: Path) -> None:
    """Raise SpatialGANError where data.mdb is shorter than its own header says: reading beyond its end, as LMDB would,
    kills the process."""
    file = path / "data.mdb"
    try:
        size = file.stat().st_size
        with open(file, "rb") as f:
            first = f.read(_LMDB_META_BYTES)
            f.seek(_lmdb_meta(first)[0])
            metas = [_lmdb_meta(first), _lmdb_meta(f.read(_LMDB_META_BYTES))]
    except OSError as error:
        raise SpatialGANError(f"{path}: is not a readable LMDB ({error.strerror}); unpack it again") from error
    except (ValueError, struct.error):
        raise SpatialGANError(f"{path}: is not a readable LMDB (no header); unpack it again") from None
    page_bytes, last_page, _ = max(metas, key=lambda meta: meta[2])
    if size < (last_page + 1) * page_bytes:
        raise SpatialGANError(
            f"{path}: is not a readable LMDB (data.mdb has {size:,} bytes and should have "
            f"{(last_page + 1) * page_bytes:,}: it is cut short); copy or unpack it again"
        )


_LMDB_META_BYTES = 152  # of a 64-bit computer: a page's header (16), then what lmdb.h calls MDB_meta
_LMDB_MAGIC = 0xBEEFC0DE


def _lmdb_meta(page: bytes) -> tuple[int, int, int]:
    """(bytes a page, number of the last page, transaction) of one of the two first pages; raises ValueError or
    struct.error where it is not such a page."""
    magic, page_bytes, last_page, transaction = struct.unpack("=16xI20xI92xQQ", page)
    if magic != _LMDB_MAGIC or page_bytes < 512:
        raise ValueError("no LMDB")
    return page_bytes, last_page, transaction
