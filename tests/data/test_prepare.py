"""`check` names every bad file and every conversion; `prepare` writes all of a set or nothing."""

import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import make_folder
from PIL import Image

from spatialgan.data import decoding
from spatialgan.data.images import ImageDataset
from spatialgan.data.prepare import check, prepare
from spatialgan.errors import SpatialGANError

torch.set_num_threads(1)


def save(path: Path, image: Image.Image, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def noise(seed: int, width: int = 40, height: int = 40) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def awkward(tmp_path: Path) -> Path:
    """One file of each kind, and their masks, which nobody reads."""
    root = tmp_path / "awkward"
    images = root / "images"
    save(images / "00_plain.png", noise(0))
    save(images / "01_grey.png", noise(1).convert("L"))
    save(images / "02_alpha.png", noise(2).convert("RGBA"))
    save(images / "03_cmyk.jpg", noise(3).convert("CMYK"))
    save(images / "04_16bit.png", Image.fromarray(np.full((40, 40), 30000, np.uint16)))
    exif = Image.Exif()
    exif[0x0112] = 6
    save(images / "05_rotated.jpg", noise(5, 60, 40), exif=exif)
    save(images / "06_palette.png", noise(6).quantize(16))
    save(images / "07_moving.gif", noise(7), save_all=True, append_images=[noise(8)])
    save(images / "08_tiny.png", noise(8, 1, 1))
    save(images / "09_cut.jpg", noise(9))
    data = (images / "09_cut.jpg").read_bytes()
    (images / "09_cut.jpg").write_bytes(data[: len(data) // 2])
    (images / "10_empty.jpg").write_bytes(b"")
    (images / "11_text.jpg").write_text("hello")
    (images / "12_again.png").write_bytes((images / "00_plain.png").read_bytes())
    save(root / "masks" / "00_plain.png", noise(0).convert("L"))
    (root / "objects.jsonl").write_text("{}\n")
    return root


EXPECTED = {
    "01_grey.png": {"grey"},
    "02_alpha.png": {"alpha"},
    "03_cmyk.jpg": {"cmyk"},
    "04_16bit.png": {"grey", "16-bit"},
    "05_rotated.jpg": {"rotated", "non-square"},
    "06_palette.png": {"palette"},
    "07_moving.gif": {"animated"},
    "08_tiny.png": {"small"},
    "09_cut.jpg": {"unreadable"},
    "10_empty.jpg": {"unreadable"},
    "11_text.jpg": {"unreadable"},
}


def test_check_finds_each_kind_and_nothing_else(awkward):
    report = check(awkward, resolution=32)
    found: dict[str, set[str]] = {}
    for problem in report.problems:
        found.setdefault(problem.name.removeprefix("images/"), set()).add(problem.kind)
        assert problem.fatal == (problem.kind == "unreadable")
    # Whether a GIF opens with a palette depends on Pillow.
    found["07_moving.gif"].discard("palette")
    assert found == EXPECTED
    assert (report.num_files, report.num_usable, report.num_duplicates) == (13, 10, 1)
    assert report.counts["unreadable"] == 3 and report.counts["grey"] == 2 and report.counts["small"] == 1
    assert report.sizes == {(40, 40): 8, (40, 60): 1, (1, 1): 1}  # upright sizes


def test_check_tells_smallness_only_for_a_resolution(awkward):
    assert "small" not in check(awkward).counts
    assert check(awkward, resolution=40).counts["small"] == 1  # 40x40 is not smaller than 40
    assert check(awkward, resolution=64).counts["small"] == 10


def test_check_sees_16_bit_colour(tmp_path):
    # Pillow cannot write it: an RGB PNG of 16 bits, by hand from the 8-bit one's chunks.
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    rows = (b"\0" + struct.pack(">6H", *[0xABCD] * 6)) * 2
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(png)
    assert check(tmp_path).counts == {"16-bit": 1}
    assert ImageDataset.open(tmp_path, resolution=2).images.unique().tolist() == [0xAB]


def test_summary_names_every_unusable_file_and_each_kind_once(awkward):
    lines = check(awkward, resolution=32).summary()
    text = "\n".join(lines)
    assert lines[0].endswith("10 of 13 images can be used")
    unusable = [line for line in lines if line.startswith("unusable: ")]
    assert [line.split(": ")[1] for line in unusable] == [f"images/{name}" for name in list(EXPECTED)[-3:]]
    assert "notice: 2 grey, e.g. images/01_grey.png" in text and text.count("notice: 2 grey") == 1
    assert "40x40 (8)" in text and "duplicates: 1 " in text


def test_check_agrees_with_what_the_dataset_takes(awkward):
    dataset = ImageDataset.open(awkward, resolution=32)
    report = check(awkward)
    assert dataset.num_images == report.num_usable
    assert dataset.skipped == [(p.name, p.reason) for p in report.problems if p.fatal]


def test_check_reports_progress_and_refuses_an_empty_set(tmp_path, awkward):
    calls: list[tuple[int, int]] = []
    check(awkward, on_progress=lambda *call: calls.append(call))
    assert calls == [(i, 13) for i in range(1, 14)]
    (tmp_path / "void").mkdir()
    with pytest.raises(SpatialGANError, match="void"):
        check(tmp_path / "void")


# ---------------------------------------------------------------- prepare


@pytest.mark.parametrize("target", ["ready", "ready.zip"])
@pytest.mark.parametrize(("fit", "channels"), [("crop", 3), ("pad", 3), ("squash", 1)])
def test_prepared_set_holds_the_pixels_the_source_gives(tmp_path, awkward, target, fit, channels):
    report = prepare(awkward, tmp_path / target, size=32, fit=fit, channels=channels)
    settings = {"resolution": 32, "channels": channels}
    ready = ImageDataset.open(tmp_path / target, **settings)
    direct = ImageDataset.open(awkward, **settings, fit=fit)
    assert torch.equal(ready.images, direct.images)
    assert ready.names == [f"images/{i:06d}.png" for i in range(10)]
    assert report.num_written == 10 and report.skipped == direct.skipped
    assert check(tmp_path / target).sizes == {(32, 32): 10}


def test_zip_and_folder_hold_the_same_files(tmp_path, awkward):
    for target in ("ready", "ready.zip", "twice.zip"):
        prepare(awkward, tmp_path / target, size=32)
    with zipfile.ZipFile(tmp_path / "ready.zip") as archive:
        packed = {info.filename: archive.read(info) for info in archive.infolist()}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    root = tmp_path / "ready"
    loose = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert packed == loose and len(loose) == 11
    assert (tmp_path / "ready.zip").read_bytes() == (tmp_path / "twice.zip").read_bytes()
    image = Image.open(io.BytesIO(loose["images/000000.png"]))
    assert (image.mode, image.size) == ("RGB", (32, 32))


def test_card_tells_how_it_was_made(tmp_path, awkward):
    prepare(awkward, tmp_path / "ready", size=32, fit="pad")
    card = json.loads((tmp_path / "ready" / "card.json").read_text())
    assert card["source"] == "awkward" and str(tmp_path) not in json.dumps(card)
    assert (card["size"], card["fit"], card["filter"], card["channels"]) == (32, "pad", "lanczos", 3)
    assert (card["num_images"], card["num_skipped"]) == (10, 3)
    assert [one["name"] for one in card["skipped"]] == [
        "images/09_cut.jpg",
        "images/10_empty.jpg",
        "images/11_text.jpg",
    ]


class Stop(BaseException):
    """Stands for Ctrl-C and for a crash, which no `except Exception` catches."""


@pytest.mark.parametrize("target", ["ready", "ready.zip"])
def test_an_interrupt_leaves_nothing_behind(tmp_path, awkward, target):
    before = sorted(tmp_path.iterdir())
    halfway: list[list[str]] = []

    def stop(done: int, total: int) -> None:
        if done == 5:
            halfway.append([p.name for p in tmp_path.iterdir() if p not in before])
            raise Stop

    with pytest.raises(Stop):
        prepare(awkward, tmp_path / target, size=32, on_progress=stop)
    assert len(halfway[0]) == 1 and halfway[0][0].startswith(".ready")  # it was being written, under another name
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("target", ["ready", "ready.zip"])
def test_existing_destination_is_kept(tmp_path, awkward, target):
    prepare(awkward, tmp_path / target, size=32)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(SpatialGANError, match=f"{target}: exists already"):
        prepare(awkward, tmp_path / target, size=64)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_nothing_usable_leaves_nothing(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_text("text")
    with pytest.raises(SpatialGANError, match=r"none of 1 images.*a\.jpg"):
        prepare(tmp_path / "bad", tmp_path / "ready", size=32)
    assert [p.name for p in tmp_path.iterdir()] == ["bad"]


def test_destination_inside_the_source_is_refused(awkward):
    with pytest.raises(SpatialGANError, match="inside the source"):
        prepare(awkward, awkward / "ready", size=32)


def test_unwritable_destination_is_told_in_a_sentence(tmp_path, awkward):
    (tmp_path / "file").touch()
    with pytest.raises(SpatialGANError, match="cannot be written"):
        prepare(awkward, tmp_path / "file" / "ready.zip", size=32)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"size": 48}, "size=48"),
        ({"size": 16}, "size=16"),
        ({"size": 2048}, "size=2048"),
        ({"size": 32, "fit": "cover"}, "fit='cover'"),
        ({"size": 32, "channels": 4}, "channels=4"),
    ],
)
def test_wrong_settings_write_nothing(tmp_path, awkward, wrong, told):
    with pytest.raises(SpatialGANError, match=told):
        prepare(awkward, tmp_path / "ready", **wrong)
    assert not (tmp_path / "ready").exists()


def test_prepare_summary(tmp_path, awkward):
    lines = prepare(awkward, tmp_path / "ready", size=32, channels=1).summary()
    assert "10 grey images of 32x32 (crop)" in lines[0] and len(lines) == 4
    assert lines[2] == "skipped: images/10_empty.jpg: is empty (0 bytes)"


def test_bad_files_are_not_kept_in_memory(tmp_path):
    folder = make_folder(tmp_path / "set", count=1)
    for i in range(20):
        (folder / f"bad{i:02d}.png").write_bytes(bytes([65 + i]) * 1_000_000)
    tracemalloc.start()
    report = prepare(folder, tmp_path / "out", size=32)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(report.skipped) == 20 and peak < 12_000_000, (kept, peak)  # those at hand, and not all of them


def test_one_picture_too_large_for_the_memory_ends_nothing(tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "set", count=3)
    open_image = decoding.open_image

    def full(data, name):
        if name == "001.png":
            raise MemoryError
        return open_image(data, name)

    monkeypatch.setattr(decoding, "open_image", full)
    report = prepare(folder, tmp_path / "out", size=32)
    assert report.num_written == 2 and [name for name, _ in report.skipped] == ["001.png"]
    assert "needs more memory than there is" in report.skipped[0][1]


def test_reports_tell_what_is_not_read(tmp_path):
    folder = make_folder(tmp_path / "set", count=1)
    (folder / "a.heic").touch()
    assert "notice: 1 file not read (.heic)" in check(folder).summary()
    assert "notice: 1 file not read (.heic)" in prepare(folder, tmp_path / "out", size=32).summary()
