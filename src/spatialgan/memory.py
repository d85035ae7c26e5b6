"""What becomes of memory that was freed."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's names for what mallopt sets
KEPT_BYTES = (1 << 31) - 1  # the largest int


def keep_freed_memory() -> bool:
    """Have glibc keep what is freed, for the next tensor, in place of giving it back to the system.

    By default glibc asks Linux for every block of more than 32 MiB anew, and Linux has to empty it page by page: on a
    virtual machine that took longer than the convolutions whose outputs were to lie there. A process stays as large as
    it once had to be, and some grew 1.4 times as large.

    Returns:
        whether it does so from here on; False with other libraries and systems.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl has none
        return False
    return all(mallopt(name, KEPT_BYTES) == 1 for name in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD))
