"""A lock that a process holds while it lives: the system takes it back, however the process ends."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from spatialgan.errors import SpatialGANError

LOCK = ".lock"
UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # network drives without locks: go on as before


@contextmanager
def locked(folder: Path, busy: str) -> Iterator[None]:
    """Hold ``folder`` for this process alone; it is made where it is missing, and removed again where it stays empty.

    Raises:
        SpatialGANError: another process holds it, which ``busy`` says; or the folder cannot be written.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+b")  # noqa: SIM115 (closed below, before it is removed)
    except OSError as e:
        raise SpatialGANError(f"{path} cannot be written: {e.strerror}") from None
    held = False
    try:
        held = _take(file) and _is_there(file, path)
        if not held:
            raise SpatialGANError(busy)
        yield
    finally:
        if sys.platform == "win32":
            file.close()  # there nobody can remove an open file, so neither ours nor another's after us
        if held:  # else the folder is another process's, which may not have written anything yet
            with suppress(OSError):
                if os.listdir(folder) == [LOCK]:  # nothing has become of it: the folder is as free as before
                    path.unlink()  # before the lock is given up: whoever gets it then would lose its file
                    folder.rmdir()
        file.close()  # and with it the lock


def _is_there(file: IO[bytes], path: Path) -> bool:
    """Whether the open file is still the one of that name: the process that held it may just have removed it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


def _take(file: IO[bytes]) -> bool:
    """Whether the lock is this process's now."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        return e.errno in UNKNOWN
    return True
