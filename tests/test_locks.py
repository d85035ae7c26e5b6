"""A folder that a process holds, and what another one may do meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spatialgan.errors import SpatialGANError
from spatialgan.locks import LOCK, locked

TRY = (
    "import sys; from pathlib import Path; from spatialgan.locks import locked\n"
    "with locked(Path(sys.argv[1]), 'busy'): print('taken')"
)


def another(folder: Path) -> str:
    """What another process says that wants the folder, too."""
    done = subprocess.run([sys.executable, "-c", TRY, str(folder)], capture_output=True, text=True, timeout=120)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_a_second_and_a_third_are_refused_while_the_first_has_written_nothing(tmp_path):
    """The refused ones must not tidy up what is not theirs."""
    folder = tmp_path / "run"
    with locked(folder, "busy"):
        assert another(folder).endswith("busy") and another(folder).endswith("busy")
        assert (folder / LOCK).exists()
    assert not folder.exists()  # nothing has become of it
    assert another(folder) == "taken"


def test_what_was_written_stays_and_the_folder_is_free(tmp_path):
    with locked(tmp_path / "run", "busy"):
        (tmp_path / "run" / "config.json").write_text("{}")
    assert (tmp_path / "run" / "config.json").exists() and another(tmp_path / "run") == "taken"


def test_an_empty_folder_is_removed_before_it_is_given_up(tmp_path, monkeypatch):
    """Whoever took it in between would find its lock, or its folder, gone."""
    from spatialgan import locks

    folder, said = tmp_path / "run", []
    listdir = os.listdir
    monkeypatch.setattr(locks.os, "listdir", lambda path: (said.append(another(folder)), listdir(path))[1])
    with locked(folder, "busy"):
        pass
    assert len(said) == 1 and said[0].endswith("busy") and not folder.exists()


def test_a_lock_that_was_removed_meanwhile_does_not_count(tmp_path, monkeypatch):
    """Another process may remove the file between its opening here and the lock."""
    from spatialgan import locks

    take = locks._take
    monkeypatch.setattr(locks, "_take", lambda file: os.unlink(tmp_path / LOCK) is None and take(file))
    with pytest.raises(SpatialGANError, match="busy"), locked(tmp_path, "busy"):
        pass
