"""Where image files come from: a folder, a zip or an LSUN LMDB, all read in the same way by position."""

from __future__ import annotations

import functools
import itertools
import os
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from spatialgan.data.decoding import BadImageError
from spatialgan.errors import SpatialGANError

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
ACCEPTED = "give a folder of images, a .zip or an LSUN LMDB folder"
MAX_PACKED_BYTES = 1 << 30  # one file inside a zip, unpacked
Choose = Callable[[Iterable[str]], list[str]]
"""Of all of a set's files (relative, with /), those to read, sorted."""


class ImageSource(Protocol):
    """Named image files in sorted order. Reading is safe from threads and after a fork."""

    names: list[str]

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
    path = Path(path).expanduser()
    if not path.exists():
        raise SpatialGANError(f"{path}: does not exist; {ACCEPTED}")
    if path.is_dir():
        source: ImageSource = _LmdbSource(path) if (path / "data.mdb").is_file() else _FolderSource(path, choose)
    elif zipfile.is_zipfile(path):
        source = _ZipSource(path, choose)
    else:
        raise SpatialGANError(f"{path}: is neither a folder nor a readable .zip; {ACCEPTED}")
    if not source.names:
        raise SpatialGANError(f"{path}: holds no images; {' '.join(SUFFIXES)} are read")
    return source


def image_names(names: Iterable[str]) -> list[str]:
    """Which of a data set's files (relative, with /) are its images, sorted.

    Hidden files are left out. Where `images/` holds images, only those are read; `masks/` never is.
    Both are also found further down when everything lies in one folder, as in a zip made of a folder.
    """
    visible = [n for n in names if not any(part.startswith((".", "__MACOSX")) for part in n.split("/"))]
    levels = zip(*(n.split("/")[:-1] for n in visible), strict=False)  # the folder names at each depth
    shared = itertools.takewhile(lambda at: len(set(at)) == 1 and at[0] not in ("images", "masks"), levels)
    root = "".join(f"{at[0]}/" for at in shared)
    images = [n for n in visible if PurePosixPath(n).suffix.lower() in SUFFIXES]
    inside = [n for n in images if n.startswith(f"{root}images/")]
    return sorted(inside or [n for n in images if not n.startswith(f"{root}masks/")])


def _walk(root: Path) -> Iterator[str]:
    """Every file below root, relative, with /. Follows links, each folder once: a link may make a loop."""
    seen: set[str] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders.sort()
        for file in files:
            yield Path(folder, file).relative_to(root).as_posix()


class _FolderSource:
    def __init__(self, root: Path, choose: Choose) -> None:
        self._root = root
        self.names = choose(_walk(root))

    def read(self, index: int) -> bytes:
        try:
            return (self._root / self.names[index]).read_bytes()
        except OSError as error:
            raise BadImageError(self.names[index], f"cannot be read ({error.strerror or error})") from error

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
                infos = {info.filename: info for info in archive.infolist() if not info.is_dir()}
        except (zipfile.BadZipFile, OSError) as error:
            raise SpatialGANError(f"{path}: is not a readable .zip ({error}); make it again") from error
        self.names = choose(infos)
        self._infos = [infos[name] for name in self.names]

    def read(self, index: int) -> bytes:
        info = self._infos[index]
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadImageError(info.filename, "is encrypted or oddly packed; zip it stored or deflated")
        if info.file_size > MAX_PACKED_BYTES:
            raise BadImageError(info.filename, "unpacks to more than 1 GiB; make the image smaller first")
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
        except (OSError, struct.error, zlib.error) as error:
            raise BadImageError(info.filename, f"cannot be read from {self._path.name} ({error})") from error
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            raise BadImageError(info.filename, f"is damaged inside {self._path.name} (the checksum differs)")
        return data

    def stamp(self, index: int) -> str:
        return f"{self._infos[index].file_size}:{self._infos[index].CRC:08x}"


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
        with self._transaction() as transaction:
            return bytes(transaction.get(self._keys[index]))

    def stamp(self, index: int) -> str:
        return str(self._lengths[index])
