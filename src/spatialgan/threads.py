"""How many threads PyTorch computes with on the CPU.

Its own default, one for each core, waits at every layer for the slowest of them: with layers of a millisecond, a
neighbour that is busy on one core costs ten times what the others gain.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from spatialgan.config import ModelConfig
from spatialgan.errors import require

VARIABLE = "OMP_NUM_THREADS"
MULTIPLY_ADDS_PER_THREAD = 1 << 30
"""Of a layer, from which on a thread more pays: about 15 ms of a core, as long as a thread may have to wait for its
own (benchmarks/results/speed.json)."""


@dataclass(frozen=True)
class Threads:
    count: int
    reason: str
    """For the log: ``as --threads says``."""

    def __str__(self) -> str:
        return f"{self.count} CPU thread{'' if self.count == 1 else 's'} of {available_cores()}, {self.reason}"


def available_cores() -> int:
    """Cores that this process may run on: those of its affinity mask, where the system has one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def layer_multiply_adds(config: ModelConfig) -> int:
    """Of G's largest 3x3 convolution, for one picture; D's are as large."""
    return max(9 * config.channels(r) ** 2 * r**2 for r in config.block_resolutions)


def threads_for(config: ModelConfig, *, batch: int) -> int:
    """Threads that pay off for batches of that size: a function of the model and of :func:`available_cores` alone."""
    return max(1, min(available_cores(), batch * layer_multiply_adds(config) // MULTIPLY_ADDS_PER_THREAD))


def check_threads(asked: int | None, *, name: str = "--threads") -> None:
    """Raise SpatialGANError where there are fewer cores than ``asked`` for, by an argument called ``name``."""
    cores = available_cores()
    fitting = f"1 to {cores}, the cores that this process may run on" if cores > 1 else "1, the only core there is"
    require(asked is None or 1 <= asked <= cores, f"{name} is {asked}; use {fitting}")


def threads_of_environment() -> int | None:
    """What OMP_NUM_THREADS says; None where that is nothing."""
    told = os.environ.get(VARIABLE, "").partition(",")[0].strip()  # further numbers are of nested loops
    return int(told) if told.isdecimal() and int(told) > 0 else None  # libraries pass over anything else, too


def choose_threads(asked: int | None, *, usual: int, recorded: int | None = None) -> Threads:
    """The number of threads, by what comes first of: what was asked for, the environment, the record, the usual.

    Args:
        asked: by ``--threads``; None: not at all.
        usual: as :func:`threads_for` has it.
        recorded: that a run has had so far.

    Raises:
        SpatialGANError: ``asked`` is not from 1 to the cores there are; other numbers are brought there.
    """
    cores = available_cores()
    if asked is not None:
        check_threads(asked)
        return Threads(asked, "as --threads says")
    told = threads_of_environment()
    if told is not None:
        return Threads(min(cores, told), f"as {VARIABLE} says")
    if recorded is not None:
        return Threads(max(1, min(cores, recorded)), "as the run was begun")
    return Threads(max(1, min(cores, usual)), f"by the size of the layers; --threads or {VARIABLE} says otherwise")


def use_threads(asked: int | None, *, usual: int, recorded: int | None = None) -> Threads:
    """Have PyTorch compute with as many as :func:`choose_threads` says from here on, in the whole process."""
    import torch  # here, for others ask for the number of cores only

    threads = choose_threads(asked, usual=usual, recorded=recorded)
    torch.set_num_threads(threads.count)
    return threads


def lower_threads(usual: int) -> None:
    """Have PyTorch compute with at most ``usual`` threads from here on, in this thread and those that begin later; no
    change where OMP_NUM_THREADS says how many. For programs, which may have chosen fewer themselves."""
    import torch

    if threads_of_environment() is None and usual < torch.get_num_threads():
        torch.set_num_threads(usual)


@contextmanager
def threads_restored() -> Iterator[None]:
    """At its end, PyTorch computes with as many threads as before."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
