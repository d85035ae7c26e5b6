"""`spatialgan data check` and `data prepare`: say what is wrong with a set, write a clean square one."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image
from PIL.ImageFile import ImageFile

from spatialgan.data.decoding import (
    BadImageError,
    Fit,
    Progress,
    check_settings,
    convert,
    fit_square,
    in_threads,
    open_image,
    orientation,
    upright,
)
from spatialgan.data.sources import ImageSource, open_source, unread_note
from spatialgan.data.windows import Box, Windows
from spatialgan.errors import SpatialGANError
from spatialgan.files import is_inside, user_path, written_whole

SIZES = (32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about one file: fatal where it cannot be used, else a notice of what will be converted."""

    name: str
    reason: str
    fatal: bool
    kind: str
    """One of `unreadable`, `grey`, `alpha`, `cmyk`, `palette`, `16-bit`, `animated`, `rotated`, `non-square`,
    `small`."""


@dataclass(frozen=True)
class CheckReport:
    """What `check` found."""

    path: str
    num_files: int
    num_usable: int
    problems: list[Problem]
    """In the order of the files."""
    counts: dict[str, int]
    """Number of problems of each kind that occurs."""
    sizes: dict[tuple[int, int], int]
    """(width, height) as seen upright => number of usable files; most frequent first."""
    num_duplicates: int
    """Usable files whose bytes are those of an earlier file."""
    unread: dict[str, int]
    """Ending ("" for none) => number of files among the images that are not read."""

    def summary(self) -> list[str]:
        """Lines of text for the command line: the totals, each kind of notice, each unusable file."""
        lines = [f"{self.path}: {self.num_usable} of {self.num_files} images can be used"]
        shown = list(self.sizes.items())[:5]
        if shown:
            more = f", and {len(self.sizes) - len(shown)} more" if len(self.sizes) > len(shown) else ""
            lines.append("sizes: " + ", ".join(f"{w}x{h} ({n})" for (w, h), n in shown) + more)
        if self.num_duplicates:
            lines.append(f"duplicates: {self.num_duplicates} images repeat an earlier one byte for byte")
        first = {p.kind: p for p in reversed(self.problems) if not p.fatal}
        for kind in sorted(first, key=lambda kind: -self.counts[kind]):
            lines.append(f"notice: {self.counts[kind]} {kind}, e.g. {first[kind].name}: {first[kind].reason}")
        if self.unread:
            lines.append(f"notice: {unread_note(self.unread)}")
        return lines + [f"unusable: {p.name}: {p.reason}" for p in self.problems if p.fatal]


@dataclass(frozen=True)
class _Seen:
    """One file looked at: its upright size (None: unusable), its digest, what there is to say."""

    size: tuple[int, int] | None
    digest: bytes
    problems: list[Problem]


def check(path: str | Path, *, resolution: int | None = None, on_progress: Progress | None = None) -> CheckReport:
    """Decode every image of a set and report what cannot be used and what will be converted.

    With `resolution`, images smaller than it are noticed too. Raises SpatialGANError only where the set
    itself cannot be opened or holds no images.
    """
    source = open_source(path)
    indices = range(len(source.names))
    seen = list(in_threads(lambda index: _look(source, index, resolution), indices, on_progress))
    problems = [Problem(name, reason, fatal=True, kind="unreadable") for name, reason in source.unreadable]
    problems += [problem for one in seen for problem in one.problems]
    usable = [one for one in seen if one.size is not None]
    return CheckReport(
        path=str(path),
        num_files=len(seen),
        num_usable=len(usable),
        problems=problems,
        counts=dict(Counter(problem.kind for problem in problems).most_common()),
        sizes=dict(Counter(one.size for one in usable if one.size is not None).most_common()),
        num_duplicates=len(usable) - len({one.digest for one in usable}),
        unread=source.unread,
    )


def _look(source: ImageSource, index: int, resolution: int | None) -> _Seen:
    name = source.names[index]
    try:
        data = source.read(index)
        width, height = convert(open_image(data, name), name, channels=3).size
    except (BadImageError, MemoryError) as error:
        reason = getattr(error, "reason", "needs more memory than there is; make it smaller first")
        return _Seen(None, b"", [Problem(name, reason, fatal=True, kind="unreadable")])
    # Opened again, header only: loading forgets how the pixels were stored.
    notices = _notices(open_image(data, name))
    if width != height:
        notices["non-square"] = f"is {width}x{height}; the fit decides: crop, pad or squash"
    if resolution is not None and min(width, height) < resolution:
        notices["small"] = f"is {width}x{height}, smaller than {resolution}; will be enlarged"
    problems = [Problem(name, reason, fatal=False, kind=kind) for kind, reason in notices.items()]
    return _Seen((width, height), hashlib.blake2b(data, digest_size=16).digest(), problems)


def _notices(image: ImageFile) -> dict[str, str]:
    """kind => what will be done, for an image opened but not loaded."""
    notices = {}
    if image.mode in ("1", "L", "LA", "I", "I;16", "I;16L", "I;16B"):
        notices["grey"] = "is grey; becomes three equal channels unless channels=1"
    if image.mode == "CMYK":
        notices["cmyk"] = "is CMYK; converted to RGB without its colour profile"
    if image.mode in ("P", "PA"):
        notices["palette"] = "has a palette; converted"
    # "RGB;16B" and the like: the stored form, which Pillow's mode no longer tells.
    if image.mode.startswith("I") or ";16" in str(image.tile):
        notices["16-bit"] = "has 16 bits a channel; scaled to 8"
    if image.has_transparency_data and not image.mode.startswith("I"):
        notices["alpha"] = "has transparency; laid over white"
    if _has_frames(image):
        notices["animated"] = "has several frames; the first is taken"
    if orientation(image) != 1:
        notices["rotated"] = "is turned by EXIF; turned upright"
    return notices


def _has_frames(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged second frame; only the first one is used
        return False


# ---------------------------------------------------------------- prepare


@dataclass(frozen=True)
class PrepareReport:
    """What `prepare` wrote."""

    path: str
    size: int
    fit: Fit
    channels: int
    num_written: int
    skipped: list[tuple[str, str]]
    """(name, reason) of the files left out, and of folders that cannot be listed."""
    unread: dict[str, int]
    """Ending ("" for none) => number of files among the images that are not read."""

    def summary(self) -> list[str]:
        """Lines of text for the command line."""
        kind = "grey" if self.channels == 1 else "colour"
        lines = [f"{self.path}: {self.num_written} {kind} images of {self.size}x{self.size} ({self.fit})"]
        if self.unread:
            lines.append(f"notice: {unread_note(self.unread)}")
        return lines + [f"skipped: {name}: {reason}" for name, reason in self.skipped]


def prepare(
    src: str | Path,
    dst: str | Path,
    *,
    size: int,
    fit: Fit = "crop",
    channels: int = 3,
    windows: Windows | None = None,
    on_progress: Progress | None = None,
) -> PrepareReport:
    """Write every usable image of `src` as a size x size PNG to `dst`, a folder or (by its ending) a .zip.

    `dst` holds `images/NNNNNN.png` and `card.json`, and appears only when complete: until then it is a hidden
    name beside it. With `windows`, of each picture the window around its box, and `boxes.jsonl` with where the box lies
    in it. Masks and objects of `src` are not carried over. Raises SpatialGANError where a setting is
    wrong, `dst` exists or cannot be written, or nothing in `src` is usable.
    """
    src, dst = user_path(src), user_path(dst)
    if size not in SIZES:
        raise SpatialGANError(f"size={size}: choose a power of two, one of {', '.join(map(str, SIZES))}")
    check_settings(size, channels, fit)
    source = open_source(src)
    _check_destination(source, src, dst)
    try:
        with _writer(dst) as writer:
            num_written, skipped = _write_images(source, writer, size, fit, channels, windows, on_progress)
            if num_written == 0:
                name, reason = skipped[0]
                raise SpatialGANError(f"{src}: none of {len(skipped)} images can be used; {name} {reason}")
            card = _card(src, size, fit, channels, windows, num_written, skipped)
            writer.write("card.json", (json.dumps(card, indent=2) + "\n").encode())
    except OSError as error:
        raise SpatialGANError(f"{dst}: cannot be written ({error.strerror or error})") from error
    return PrepareReport(str(dst), size, fit, channels, num_written, skipped, source.unread)


def _check_destination(source: ImageSource, src: Path, dst: Path) -> None:
    if dst.exists() or dst.is_symlink():
        raise SpatialGANError(f"{dst}: exists already; choose another name or remove it first")
    if any(is_inside(dst, folder) for folder in source.folders):
        raise SpatialGANError(f"{dst}: lies inside the source {src}; choose a place outside")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One image as it is written, and where its box lies in it."""

    png: bytes
    box: Box | None


def _write_images(
    source: ImageSource,
    writer: _Writer,
    size: int,
    fit: Fit,
    channels: int,
    windows: Windows | None,
    on_progress: Progress | None,
) -> tuple[int, list[tuple[str, str]]]:
    """Number the usable images in order; (number written, [(name, reason) of the others])."""

    def work(index: int) -> _Prepared | tuple[str, str]:
        name = source.names[index]
        try:
            image, box = upright(source.read(index), name, channels), None
            if windows is not None:
                image, box = windows.cut(image, name)
            return _Prepared(_png(fit_square(image, size, fit)), box)
        except BadImageError as error:
            return error.name, error.reason  # not the error: its traceback holds the file's bytes

    skipped = list(source.unreadable)
    num_written, digits, boxes = 0, max(6, len(str(len(source.names)))), []
    for result in in_threads(work, range(len(source.names)), on_progress):
        if isinstance(result, tuple):
            skipped.append(result)
        else:
            name = f"images/{num_written:0{digits}d}.png"
            writer.write(name, result.png)
            if result.box is not None:
                boxes.append(json.dumps({"file": name, "box": [round(v, 4) for v in result.box]}) + "\n")
            num_written += 1
    if boxes:
        writer.write("boxes.jsonl", "".join(boxes).encode())
    return num_written, skipped


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _card(
    src: Path,
    size: int,
    fit: Fit,
    channels: int,
    windows: Windows | None,
    num_written: int,
    skipped: list[tuple[str, str]],
) -> dict[str, object]:
    cut = (
        None
        if windows is None
        else {"share_min": windows.share_min, "share_max": windows.share_max, "seed": windows.seed}
    )
    return {
        "format_version": 1,
        "source": src.resolve().name,  # not the whole path: cards are shared, home folders are not
        "size": size,
        "fit": fit,
        "channels": channels,
        "filter": "lanczos",
        "windows": cut,
        "num_images": num_written,
        "num_skipped": len(skipped),
        "skipped": [{"name": name, "reason": reason} for name, reason in skipped],
    }


class _Writer(Protocol):
    def write(self, name: str, data: bytes) -> None: ...


class _FolderWriter:
    def __init__(self, root: Path) -> None:
        self._root = root
        (root / "images").mkdir(parents=True)

    def write(self, name: str, data: bytes) -> None:
        (self._root / name).write_bytes(data)


class _ZipWriter:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def write(self, name: str, data: bytes) -> None:
        # ZipInfo's own date, 1980: the same images give the same file. Stored: PNGs are packed already.
        self._archive.writestr(zipfile.ZipInfo(name), data, compress_type=zipfile.ZIP_STORED)


@contextmanager
def _writer(dst: Path) -> Iterator[_Writer]:
    """A writer to a hidden name beside `dst`, renamed to `dst` at the end, removed where anything fails."""
    with written_whole(dst) as partial:
        if dst.suffix.lower() == ".zip":
            with zipfile.ZipFile(partial, "w") as archive:
                yield _ZipWriter(archive)
        else:
            yield _FolderWriter(partial)
