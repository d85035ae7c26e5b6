"""Attacks on what reads pictures: image files, zips, LMDBs, annotated sets, boxes."""

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from attack_mutations import ODD_NUMBERS, ODD_TEXTS, bad_bytes, bad_json, dumped
from PIL import Image

from spatialgan.cli.drag import read_mask_file
from spatialgan.data.decoding import decode
from spatialgan.data.images import ImageDataset
from spatialgan.data.instances import ObjectDataset
from spatialgan.data.prepare import check, prepare
from spatialgan.data.windows import Windows, read_boxes

SIZE = 24
FORMATS = {"png": {}, "jpg": {}, "bmp": {}, "webp": {}, "gif": {}, "tiff": {"compression": "tiff_lzw"}}
NAMES = (
    "a.png",
    "b.jpg",
    "a\nb.png",
    "\x1b[2J.png",
    "é.webp",
    "x" * 200 + ".png",
    " .png",
    "a.PNG",
    "a.png.gz",
    "a.heic",
    "a",
    ".png",
    "a.tif",
    "a.gif",
    "%s.bmp",
)
Calls = Iterator[Callable[[], Any]]


def good_pictures() -> list[tuple[str, bytes]]:
    """(ending, content) of small pictures, of all formats and modes that are read."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (SIZE, SIZE, 4), dtype=np.uint8)
    found = []
    for ending, options in FORMATS.items():
        for mode in ("RGB", "L", "RGBA", "P", "I;16", "CMYK", "1"):
            image = Image.fromarray(pixels).convert("L" if mode == "I;16" else "RGB").convert(mode)
            exif = Image.Exif()
            exif[0x0112] = int(random.integers(1, 9))
            file = io.BytesIO()
            try:
                image.save(
                    file,
                    "jpeg" if ending == "jpg" else ending,
                    **options,
                    **({"exif": exif} if ending in ("png", "jpg", "webp") else {}),
                )
            except (OSError, ValueError):  # no such mode in that format
                continue
            found.append((ending, file.getvalue()))
    file = io.BytesIO()
    frames = [Image.fromarray(np.roll(pixels, i, 0)).convert("P") for i in range(3)]
    frames[0].save(file, "gif", save_all=True, append_images=frames[1:])
    return [*found, ("gif", file.getvalue())]


def bad_picture(random: Random, pictures: list[tuple[str, bytes]]) -> bytes:
    """A damaged picture; some have a size in their header that no memory holds."""
    ending, data = random.choice(pictures)
    if random.random() < 0.25:
        old, big = struct.pack(">I", SIZE), random.choice((0, 1, 70_000, 2**31 - 1, 2**32 - 1))
        new = struct.pack(">I", big)
        if ending in ("bmp", "gif", "tiff", "webp"):
            wide = "<I" if ending in ("bmp", "tiff") else "<H"
            old = struct.pack(wide, SIZE)
            new = struct.pack(wide, big % 2**16 if wide == "<H" else big)
        return data.replace(old, new, random.choice((1, 2)))
    return bad_bytes(random, data, random.choice(pictures)[1]) if random.random() < 0.9 else data


def reading(random: Random, path: Path) -> Calls:
    """All that opens a set of pictures."""
    channels, fit, size = random.choice((1, 3)), random.choice(("crop", "pad", "squash")), random.choice((8, 16, 33))
    yield lambda: check(path, resolution=32).summary()
    yield lambda: ImageDataset.open(path, resolution=size, channels=channels, fit=fit)
    lazy = []
    yield lambda: lazy.append(ImageDataset.open(path, resolution=size, channels=channels, fit=fit, cache_bytes=0))
    if lazy:
        yield lambda: lazy[0].shown(0, 2, seed=0)
    if random.random() < 0.3:
        yield lambda: prepare(
            path, Path(random.choice(("new", "new.zip"))).absolute(), size=32, fit=fit, channels=channels
        ).summary()


def image(home: Path) -> Callable[[Random, Path], Calls]:
    pictures = good_pictures()

    def attack(random: Random, folder: Path) -> Calls:
        data, name = bad_picture(random, pictures), random.choice(NAMES)
        (folder / "set").mkdir()
        (folder / "set" / name).write_bytes(data)
        if random.random() < 0.5:
            (folder / "set" / "good.png").write_bytes(pictures[0][1])
        yield from reading(random, folder / "set")
        yield lambda: decode(data, name, size=16, channels=3, fit="crop")
        yield lambda: read_mask_file(folder / "set" / name, SIZE)

    return attack


def _bad_zip(random: Random, pictures: list[tuple[str, bytes]]) -> bytes:
    """A zip with strange names and members, whose headers may be changed once more."""
    file = io.BytesIO()
    odd = [
        *NAMES,
        *(t + ".png" for t in ODD_TEXTS),
        "./a.png",
        "../a.png",
        "/a.png",
        "a\\b.png",
        "a/",
        "a//b.png",
        "C:a.png",
        "a.png/",
    ]
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")  # names that are there twice
        for _ in range(random.choice((0, 1, 2, 4))):
            name = random.choice(odd).replace("\ud800", "")
            info = zipfile.ZipInfo(name)
            info.filename = name  # as it is: ZipInfo cuts at a NUL
            info.compress_type = random.choice((0, 8, 12, 14))
            info.external_attr = random.choice((0, 0o120777 << 16, 0o10644 << 16, 0x10))
            archive.writestr(info, bad_picture(random, pictures) if random.random() < 0.5 else pictures[0][1])
        if random.random() < 0.02:
            archive.writestr("bomb.png", bytes(300 << 20), 8)
    data = bytearray(file.getvalue())
    for _ in range(random.choice((0, 1, 1, 2))):
        marks = [i for m in (b"PK\1\2", b"PK\3\4", b"PK\5\6") for i in _places(bytes(data), m)]
        at = random.choice(marks) + random.randrange(4, 46)
        width = random.choice((1, 2, 4))
        data[at : at + width] = (random.choice(ODD_NUMBERS[:15]) % 256**width).to_bytes(width, "little")
    return bytes(data)


def _places(data: bytes, mark: bytes) -> list[int]:
    return [i for i in range(len(data)) if data.startswith(mark, i)] if len(data) < 10_000 else [data.rfind(mark)]


def zip_file(home: Path) -> Callable[[Random, Path], Calls]:
    pictures = good_pictures()

    def attack(random: Random, folder: Path) -> Calls:
        data = _bad_zip(random, pictures)
        (folder / "set.zip").write_bytes(bad_bytes(random, data) if random.random() < 0.2 else data)
        yield from reading(random, folder / "set.zip")
        if random.random() < 0.1:
            yield lambda: read_boxes(Path("a.png"), folder / "set.zip")

    return attack


def lmdb_folder(home: Path) -> Callable[[Random, Path], Calls]:
    import lmdb

    with lmdb.open(str(home / "set"), map_size=1 << 20) as environment, environment.begin(write=True) as writing:
        for i, (_, data) in enumerate(good_pictures()[:8]):
            writing.put(b"%04d" % i, data)
    whole = (home / "set" / "data.mdb").read_bytes()

    def attack(random: Random, folder: Path) -> Calls:
        # The pages themselves are lmdb's to check, and it checks none: changed bits end the process within it.
        data = whole[: random.randrange(len(whole))]
        if random.random() < 0.4:
            head = bad_bytes(random, whole[:24])
            data = head[:24].ljust(24, b"\0") + whole[24:]
        (folder / "set").mkdir()
        (folder / "set" / "data.mdb").write_bytes(data)
        yield lambda: check(folder / "set")

    return attack


def boxes(home: Path) -> Callable[[Random, Path], Calls]:
    pictures = good_pictures()
    good = {"file": "a.png", "head": [0.3, 0.3, 0.3, 0.3]}

    def attack(random: Random, folder: Path) -> Calls:
        (folder / "set").mkdir()
        (folder / "set" / "a.png").write_bytes(pictures[0][1])
        lines = [dumped(random, bad_json(random, good)) for _ in range(random.choice((1, 2)))]
        (folder / "boxes.jsonl").write_bytes(random.choice((b"\n", b"\r", b"", b"\xe2\x80\xa8")).join(lines))
        found: dict[str, Any] = {}
        yield lambda: found.update(read_boxes(folder / "boxes.jsonl", folder / "set"))
        if found:
            yield lambda: prepare(folder / "set", folder / "new", size=32, windows=Windows(found))

    return attack


def objects(home: Path) -> Callable[[Random, Path], Calls]:
    pictures = good_pictures()
    mask_pictures = []
    for mode in ("L", "P", "I;16"):
        file = io.BytesIO()
        ids = np.arange(SIZE * SIZE).reshape(SIZE, SIZE) // 200
        Image.fromarray(ids.astype(np.uint16 if mode == "I;16" else np.uint8)).convert(mode).save(file, "png")
        mask_pictures.append(("png", file.getvalue()))
    table = {
        "file": "images/a.png",
        "objects": [{"id": 1, "class": "bed", "parent": 0}, {"id": 2, "class": "leg", "parent": 1}],
    }

    def attack(random: Random, folder: Path) -> Calls:
        for name in ("images", "masks"):
            (folder / "set" / name).mkdir(parents=True)
        masks = [*mask_pictures, random.choice(pictures)]
        (folder / "set" / "images" / "a.png").write_bytes(
            bad_picture(random, pictures) if random.random() < 0.3 else pictures[0][1]
        )
        (folder / "set" / "masks" / "a.png").write_bytes(
            bad_picture(random, masks) if random.random() < 0.6 else random.choice(mask_pictures)[1]
        )
        line = dumped(random, bad_json(random, table)) if random.random() < 0.6 else json.dumps(table).encode()
        (folder / "set" / "objects.jsonl").write_bytes(line)
        opened = []
        yield lambda: opened.append(ObjectDataset.open(folder / "set", resolution=random.choice((None, 16))))
        if opened:
            yield lambda: [opened[0][i].masks() for i in range(len(opened[0]))]

    return attack


DATA_KINDS = {"image": image, "zip": zip_file, "lmdb": lmdb_folder, "boxes": boxes, "objects": objects}
