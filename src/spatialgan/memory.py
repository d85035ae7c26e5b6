"""What becomes of memory that was freed."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # glibc's names for what mallopt sets


def keep_freed_memory() -> bool:
    """Have glibc keep what is freed, for the next tensor, in place of giving it back to the system.

    By default glibc asks Linux for every block of more than 32 MiB anew, and Linux has to clear it page by page: on a
    virtual machine that took longer than the convolutions whose outputs were to lie there. A process stays as large as
    it once had to be, and some grew 1.4 times as large. It is for commands that compute in their main thread, whose
    memory alone can grow without bounds; and where PyTorch takes its tensors from glibc, as it does on x86-64.

    Returns:
        whether it does so from here on; False with other libraries and systems.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl has none
        return False
    never = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: -1}  # a mapping of its own for a block; the end of the heap given back
    return all([mallopt(name, value) == 1 for name, value in never.items()])
