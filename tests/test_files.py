"""Files are whole or not there, also after a failure in the middle."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from spatialgan.errors import SpatialGANError
from spatialgan.files import (
    read_json,
    require_distinct,
    require_ending,
    require_writable,
    user_cache_dir,
    user_path,
    write_atomically,
    written_whole,
)


def test_a_failing_writer_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "card.json"
    write_atomically(path, lambda p: p.write_text("old"))

    def fail(p: Path) -> None:
        p.write_text("half of the n")
        raise OSError("disk full")

    with pytest.raises(SpatialGANError, match=r"card\.json cannot be written: disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]


def test_a_path_that_cannot_be_written_is_named_and_not_its_temporary_file(tmp_path: Path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(SpatialGANError, match=r"/folder\.png cannot be written: Is a directory"):
        write_atomically(tmp_path / "folder.png", lambda p: p.write_text("x"))
    assert [p.name for p in tmp_path.iterdir()] == ["folder.png"]


def test_the_old_file_is_there_while_the_new_one_is_written(tmp_path: Path):
    path = tmp_path / "deep" / "card.json"
    write_atomically(path, lambda p: p.write_text("old"))
    seen = []
    write_atomically(path, lambda p: (p.write_text("new"), seen.append(path.read_text())))
    assert seen == ["old"]
    assert path.read_text() == "new"


KILLED = """
import os, signal, sys
from pathlib import Path
from spatialgan.files import write_atomically
def die(partial):
    partial.write_text("half of something much longer")
    partial.chmod(0o400)
    os.kill(os.getpid(), signal.SIGKILL)
write_atomically(Path(sys.argv[1]), die)
"""


def test_what_a_kill_left_behind_is_removed_the_next_time(tmp_path: Path):
    path = tmp_path / "card.json"
    path.write_text("old")
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2 and path.read_text() == "old"
    write_atomically(path, lambda p: p.open("a").write("new"))
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]
    assert path.stat().st_mode & 0o200


def test_what_another_computer_left_goes_after_a_day(tmp_path: Path):
    there = [tmp_path / f".card.json.ffffff-1-0000000{i}.partial" for i in range(2)]
    for path in there:
        path.touch()
    os.utime(there[0], (time.time() - 2 * 86400,) * 2)
    write_atomically(tmp_path / "card.json", lambda p: p.write_text("new"))
    assert [path.exists() for path in there] == [False, True]


def test_a_folder_is_looked_through_once(tmp_path: Path, monkeypatch):
    """Else a thousand pictures for one folder cost a million looks at names."""
    looks, listdir = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: (looks.append(path), listdir(path))[1])
    for i in range(3):
        write_atomically(tmp_path / f"{i}.txt", lambda p: p.write_text("new"))
    assert looks == [tmp_path] and len(listdir(tmp_path)) == 3


def test_two_that_write_one_path_do_not_meet(tmp_path: Path):
    path = tmp_path / "card.json"

    def second(p: Path) -> None:
        p.write_text("first")
        write_atomically(path, lambda other: other.write_text("second"))
        assert path.read_text() == "second" and p.read_text() == "first"

    write_atomically(path, second)
    assert path.read_text() == "first" and [p.name for p in tmp_path.iterdir()] == ["card.json"]


def test_the_longest_names_can_be_written(tmp_path: Path):
    path = tmp_path / f"{'x' * 250}.json"
    write_atomically(path, lambda p: p.write_text("x"))
    assert path.read_text() == "x"


def test_links_stay_and_their_targets_are_written(tmp_path: Path):
    (tmp_path / "real").mkdir()
    for name, there in (("a", True), ("new", False)):
        target, link = tmp_path / "real" / name, tmp_path / f"link-{name}"
        if there:
            target.write_text("old")
        link.symlink_to(Path("real") / name)
        require_writable(link)
        write_atomically(link, lambda p: p.write_text("new"))
        assert link.is_symlink() and target.read_text() == "new" and not target.is_symlink()
    assert sorted(p.name for p in (tmp_path / "real").iterdir()) == ["a", "new"]


def test_pipes_are_written_into_and_never_waited_for(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SpatialGANError, match="pipe cannot be written: No such device"):  # nobody reads
        write_atomically(pipe, lambda p: p.write_text("x"))
    text = "long" * 100_000  # more than a pipe holds
    with open(tmp_path / "read", "w") as f, subprocess.Popen(["cat", str(pipe)], stdout=f) as reader:
        for _ in range(100):
            try:
                write_atomically(pipe, lambda p: p.write_text(text))
                break
            except SpatialGANError:
                time.sleep(0.05)  # cat has not opened it yet
        assert reader.wait(timeout=20) == 0
    assert (tmp_path / "read").read_text() == text
    assert pipe.is_fifo()


def test_devices_are_written_into_and_sockets_refused(tmp_path: Path):
    (tmp_path / "null").symlink_to("/dev/null")
    write_atomically(tmp_path / "null", lambda p: p.write_text("x"))
    assert (tmp_path / "null").is_symlink() and Path("/dev/null").is_char_device()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "s"))
        for write in (require_writable, lambda p: write_atomically(p, lambda q: q.write_text("x"))):
            with pytest.raises(SpatialGANError, match="s cannot be written: it is a socket"):
                write(tmp_path / "s")


@pytest.mark.parametrize("to_file", [False, True])
def test_the_standard_output_can_be_written_by_name(tmp_path: Path, to_file: bool):
    code = (
        "from pathlib import Path; from spatialgan.files import write_atomically; print('before', flush=True); "
        "write_atomically(Path('/dev/stdout'), lambda p: p.write_text('whole\\n')); print('after')"
    )
    with open(tmp_path / "out", "w") as f:
        done = subprocess.run([sys.executable, "-c", code], stdout=f if to_file else subprocess.PIPE, text=True)
    assert ((tmp_path / "out").read_text() if to_file else done.stdout) == "before\nwhole\nafter\n"


def test_one_file_for_two_options_is_refused(tmp_path: Path):
    (tmp_path / "link.png").symlink_to("a.png")
    for other in ("a.png", "./b/../a.png", "link.png"):
        with pytest.raises(SpatialGANError, match="--out and --json both name"):
            require_distinct({"--out": tmp_path / "a.png", "--gif": None, "--json": tmp_path / other})
    require_distinct({"--out": tmp_path / "a.png", "--json": tmp_path / "a.json"})
    require_distinct({"--out": Path("/dev/null"), "--json": Path("/dev/null")})


def test_a_tilde_is_home_only_as_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert user_path("~/a") == tmp_path / "home" / "a"
    assert [user_path(p) for p in ("~old", "./~old", "~root/a", "a/~")] == [
        Path("~old"),
        Path("~old"),
        Path("~root/a"),
        Path("a/~"),
    ]
    (tmp_path / "~").mkdir()
    assert user_path("~/a") == Path("~/a")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path, reason in ((tmp_path / "pipe", "a named pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a folder")):
        with pytest.raises(SpatialGANError, match=f"{path} is not readable: it is {reason}"):
            read_json(path)
    with pytest.raises(SpatialGANError, match="is not readable"):
        read_json(Path("a\0b"))


def test_huge_files_are_refused_before_they_are_read(tmp_path: Path):
    with open(tmp_path / "huge.json", "wb") as f:
        f.truncate(1 << 40)
    with pytest.raises(SpatialGANError, match=r"huge\.json has 1,099,512 MB, more than the 17 MB"):
        read_json(tmp_path / "huge.json")


def test_folders_are_whole_too(tmp_path: Path):
    with written_whole(tmp_path / "set") as partial:
        partial.mkdir()
        (partial / "new.png").touch()
        assert not (tmp_path / "set").exists()
    assert [p.name for p in tmp_path.rglob("*")] == ["set", "new.png"]


@pytest.mark.parametrize("path", [".", ".."])
def test_a_path_without_a_name_is_refused(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpatialGANError, match="cannot be written"):
        write_atomically(Path(path), lambda p: p.write_text("x"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path):
    (tmp_path / "cat.jpg").touch()
    path = tmp_path / "cat.jpg" / "grids" / "seed.png"
    for write in (require_writable, lambda p: write_atomically(p, lambda q: q.write_text("x"))):
        with pytest.raises(SpatialGANError, match=r"seed\.png cannot be written: .*cat\.jpg is no folder$"):
            write(path)


@pytest.mark.parametrize("write", [require_writable, lambda p: write_atomically(p, lambda q: q.write_text("x"))])
def test_a_folder_whose_name_is_too_long_is_one_sentence(tmp_path: Path, write):
    with pytest.raises(SpatialGANError, match="cannot be written: File name too long"):
        write(tmp_path / ("x" * 300) / "a.png")
    with pytest.raises(SpatialGANError, match="pictures are written as PNG"):
        require_ending(tmp_path / ("x" * 300) / "a.jpg", ".png", "pictures")


def test_user_cache_dir_follows_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    for platform, base in (("linux", "xdg"), ("darwin", "Library/Caches"), ("win32", "local")):
        monkeypatch.setattr("sys.platform", platform)
        assert user_cache_dir("features") == tmp_path / base / "spatialgan" / "features"


def test_without_a_home_there_is_a_cache_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr("sys.platform", "linux")
    assert user_cache_dir("codes") == Path(tempfile.gettempdir()) / ".cache" / "spatialgan" / "codes"
