"""Files are whole or not there, also after a failure in the middle."""

import tempfile
from pathlib import Path

import pytest

from spatialgan.errors import SpatialGANError
from spatialgan.files import user_cache_dir, write_atomically, written_whole


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


def test_what_a_kill_left_behind_is_replaced(tmp_path: Path):
    left = tmp_path / ".card.json.partial"
    left.write_text("half of something much longer")
    left.chmod(0o400)
    write_atomically(tmp_path / "card.json", lambda p: p.open("a").write("new"))
    assert (tmp_path / "card.json").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]
    assert (tmp_path / "card.json").stat().st_mode & 0o200


def test_folders_are_whole_too(tmp_path: Path):
    left = tmp_path / ".set.partial"
    left.mkdir()
    (left / "old.png").touch()
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
