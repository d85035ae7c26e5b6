"""Folders, zips and LMDBs: the same names and bytes from each, safe in threads, damage named."""

import io
import os
import struct
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from pictures import encode, make_folder, noise, zip_folder

from spatialgan.data.decoding import BadImageError
from spatialgan.data.images import ImageDataset
from spatialgan.data.sources import image_names, open_source, unread_note
from spatialgan.errors import SpatialGANError

torch.set_num_threads(1)


def test_names_follow_the_images_folder_and_leave_out_the_rest():
    beside = ["masks/0.png", "objects.jsonl", "heads.jsonl", "card.json", "dataset.json", "preview.jpg"]
    assert image_names(["images/b.jpg", "images/sub/a.PNG", *beside]) == ["images/b.jpg", "images/sub/a.PNG"]
    assert image_names(["b.jpg", "masks/b.png", "x/masks/c.png"]) == ["b.jpg", "x/masks/c.png"]
    assert image_names(["set/images/a.jpg", "set/masks/a.png", "__MACOSX/set/images/._a.jpg"]) == ["set/images/a.jpg"]
    assert image_names(["00001/i9.png", "00000/i1.png", "dataset.json"]) == ["00000/i1.png", "00001/i9.png"]
    assert image_names([".thumbs/a.jpg", "a/.b.jpg", "a/c.jpg"]) == ["a/c.jpg"]
    assert image_names([]) == []


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("prefix", ["", "00000/img", "images/"])
def test_zip_equals_folder(tmp_path, compression, prefix):
    folder = make_folder(tmp_path / "set", prefix=prefix)
    (folder / "dataset.json").write_text("{}")
    a, b = open_source(folder), open_source(zip_folder(folder, tmp_path / "set.zip", compression))
    assert len(a.names) == 6 and a.names == b.names == sorted(a.names)
    assert [a.read(i) for i in range(6)] == [b.read(i) for i in range(6)]
    x, y = (ImageDataset.open(tmp_path / name, resolution=8) for name in ("set", "set.zip"))
    assert torch.equal(x.images, y.images) and x.fingerprint == y.fingerprint


def test_zip_reads_are_safe_in_threads_and_keep_no_handle_to_fork(tmp_path):
    folder = make_folder(tmp_path / "set", count=8)
    source = open_source(zip_folder(folder, tmp_path / "set.zip"))
    expected = [source.read(i) for i in range(8)]
    wrong: list[int] = []

    def hammer(offset: int) -> None:
        for k in range(200):
            i = (k + offset) % 8
            if source.read(i) != expected[i]:
                wrong.append(i)

    threads = [threading.Thread(target=hammer, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not hasattr(source, "_archive") and not any(isinstance(v, io.IOBase) for v in vars(source).values())


def test_damaged_zip_entry_is_named(tmp_path):
    path = zip_folder(make_folder(tmp_path / "set"), tmp_path / "set.zip")
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("002.png").header_offset + 30 + len("002.png") + 40
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)
    source = open_source(path)
    with pytest.raises(BadImageError, match=r"002\.png.*damaged"):
        source.read(2)
    assert source.read(3)
    dataset = ImageDataset.open(path, resolution=8)
    assert [name for name, _ in dataset.skipped] == ["002.png"] and dataset.num_images == 5


def test_entry_that_unpacks_to_more_than_it_says_is_refused(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(100_000))
    data = path.read_bytes().replace(struct.pack("<I", 100_000), struct.pack("<I", 100))
    path.write_bytes(data)
    with pytest.raises(BadImageError, match=r"a\.png.*damaged"):
        open_source(path).read(0)


def test_looping_links_end(tmp_path):
    folder = make_folder(tmp_path / "set", count=2)
    os.symlink(folder, folder / "again")
    assert open_source(folder).names == ["000.png", "001.png"]


@pytest.mark.parametrize("kind", ["missing", "tar", "broken zip", "empty folder", "only masks"])
def test_unusable_paths_are_named(tmp_path, kind):
    path = tmp_path / "given"
    if kind == "tar":
        path.write_bytes(b"x" * 2000)
    elif kind == "broken zip":
        path.write_bytes(b"PK\x03\x04" + b"x" * 200)
    elif kind == "empty folder":
        path.mkdir()
    elif kind == "only masks":
        make_folder(path, prefix="masks/")
        (path / "objects.jsonl").touch()
    with pytest.raises(SpatialGANError, match=str(path)):
        open_source(path)


def test_lmdb_without_the_package_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "data.mdb").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(SpatialGANError, match=r"pip install spatialgan\[lsun\]"):
        open_source(tmp_path)


def test_lmdb_reads_like_a_folder(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 20) as env, env.begin(write=True) as transaction:
        for i in range(4):
            transaction.put(f"key{i}".encode(), encode(noise(i), "WEBP", lossless=True))
    dataset = ImageDataset.open(tmp_path / "db", resolution=8)
    assert dataset.names == ["key0", "key1", "key2", "key3"]
    plain = ImageDataset.open(make_folder(tmp_path / "set", count=4), resolution=8)
    assert torch.equal(dataset.images, plain.images)
    train, test = (
        ImageDataset.open(tmp_path / "db", resolution=8, holdout=2, split=split, cache_bytes=0)
        for split in ("train", "test")  # both open at once
    )
    assert torch.equal(test.batch([0, 1]), plain.images[[0, 2]])
    with ThreadPoolExecutor(4) as pool:
        for row in pool.map(lambda i: train.batch([i % 2]), range(50)):
            assert row.shape == (1, 3, 8, 8)
    pid = os.fork()
    if pid == 0:  # a forked worker reads too
        try:
            os._exit(0 if torch.equal(train.batch([1, 0]), plain.images[[3, 1]]) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_broken_lmdb_is_named(tmp_path):
    pytest.importorskip("lmdb")
    (tmp_path / "data.mdb").write_bytes(b"nonsense" * 2000)
    with pytest.raises(SpatialGANError, match=f"{tmp_path}: is not a readable LMDB"):
        open_source(tmp_path)


def test_lmdb_cut_short_is_refused_and_kills_nothing(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(tmp_path), map_size=1 << 20) as env:
        for i in range(8):
            with env.begin(write=True) as transaction:
                transaction.put(f"key{i}".encode(), encode(noise(i, 32, 32)))
    assert len(open_source(tmp_path).names) == 8
    data = (tmp_path / "data.mdb").read_bytes()
    for size in (0, 100, 4096, 8192, len(data) - 4096, len(data) - 1):
        (tmp_path / "data.mdb").write_bytes(data[:size])
        with pytest.raises(SpatialGANError, match=f"{tmp_path}: is not a readable LMDB"):
            open_source(tmp_path)


ODD_NAMES = [
    "./images/0.png",
    "images\\1.png",
    "/images/2.png",
    "./x/../images/3.png",
    "masks\\0.png",
    ".\\masks/1.png",
    "images\\.hidden.png",
    "masks\\",
    "./",
]


def test_odd_names_in_a_zip_are_read_as_what_they_mean(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for i, name in enumerate(ODD_NAMES):
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, b"" if name.endswith(("/", "\\")) else encode(noise(i)))
    source = open_source(tmp_path / "set.zip")
    assert source.names == ["images/0.png", "images/1.png", "images/2.png"]  # x/images is another folder
    assert source.read(1) == encode(noise(1)) and source.unread == {}


def _patched(path, old: bytes, new: bytes):
    data = path.read_bytes()
    assert old in data and len(old) == len(new)
    path.write_bytes(data.replace(old, new))
    return path


def test_zips_of_newer_versions_and_wrong_sizes_are_sentences(tmp_path):
    def make(name: str):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.png", bytes(77_777))
            archive.writestr("b.png", encode(noise(1)))
        return tmp_path / name

    newer = _patched(make("newer.zip"), b"PK\x01\x02\x14\x03\x14\x00", b"PK\x01\x02\x14\x03\xff\x00")
    with pytest.raises(SpatialGANError, match=r"newer\.zip: is not a readable \.zip"):
        open_source(newer)
    size = struct.pack("<I", 77_777)
    for wrong, reason in ((0xFFFF_FFF0, "has more than 512 MiB"), (10, "damaged"), (77_778, "damaged")):
        path = _patched(make("set.zip"), size, struct.pack("<I", wrong))
        with pytest.raises(BadImageError, match=f"a.png: .*{reason}"):
            open_source(path).read(0)
        assert open_source(path).read(1) == encode(noise(1))
    with zipfile.ZipFile(make("set.zip")) as archive:
        packed = archive.getinfo("a.png").compress_size
    path = _patched(make("set.zip"), struct.pack("<II", packed, 77_777), struct.pack("<II", 0xFFFF_FFF0, 77_777))
    with pytest.raises(BadImageError, match=r"a\.png: is damaged"):
        open_source(path).read(0)  # and makes no room for 4 GB


def test_pipes_sockets_and_devices_are_never_waited_for(tmp_path):
    folder = make_folder(tmp_path / "set", count=2)
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    dataset = ImageDataset.open(folder, resolution=8)
    assert dataset.num_images == 2
    assert dataset.skipped == [("pipe.png", "is a named pipe, not a file"), ("zero.png", "is a device, not a file")]
    with pytest.raises(SpatialGANError, match=r"pipe\.png: is a named pipe"):
        open_source(folder / "pipe.png")
    with pytest.raises(SpatialGANError, match="/dev/zero: is a device"):
        open_source("/dev/zero")
    with pytest.raises(SpatialGANError, match="cannot be read"):
        open_source("a\0b")


def test_huge_files_are_refused_by_their_size(tmp_path):
    folder = make_folder(tmp_path / "set", count=1)
    with open(folder / "huge.png", "wb") as f:
        f.truncate(1 << 40)
    assert ImageDataset.open(folder, resolution=8).skipped == [
        ("huge.png", "has more than 512 MiB; make the image smaller first")
    ]


def test_what_is_not_read_is_counted_by_ending(tmp_path):
    folder = make_folder(tmp_path / "set", count=1, prefix="images/")
    for name in (
        "images/a.HEIC",
        "images/b.heic",
        "images/c.avif",
        "images/plain",
        "images/.hidden",
        "notes.pdf",
        "images/dataset.json",
        "masks/a.psd",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    for path in (folder, zip_folder(folder, tmp_path / "set.zip")):
        source = open_source(path)
        assert source.names == ["images/000.png"] and source.unread == {".heic": 2, ".avif": 1, "": 1}
        assert unread_note(source.unread) == "4 files not read (2 .heic, 1 .avif, 1 without ending)"
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "a.heic").touch()
    with pytest.raises(SpatialGANError, match=r"holds no images;.*; 1 file not read \(\.heic\)"):
        open_source(tmp_path / "phone")


def test_folders_that_cannot_be_listed_are_named(tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "set", count=1)
    (folder / "locked").mkdir()
    scandir = os.scandir

    def locked(path):  # the tests may run as root, who may read anything
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert open_source(folder).unreadable == [("locked", "cannot be read (Permission denied)")]
    assert ImageDataset.open(folder, resolution=8).skipped == [("locked", "cannot be read (Permission denied)")]


def test_a_folder_whose_name_begins_with_a_tilde_is_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "~old", count=1)
    assert open_source("~old").names == open_source("./~old").names == ["000.png"]
