"""Training in several processes, one a GPU: ``torchrun --nproc-per-node 4 -m spatialgan.cli train ...``.

Each process takes its share of every batch, and has random numbers of its own. Gradients are averaged before each step
of an optimiser, so that all processes hold the same weights; the first one alone writes files. One process, the
default, does not touch ``torch.distributed``.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import torch
from torch import Tensor

from spatialgan.config import RunConfig
from spatialgan.devices import choose_device
from spatialgan.errors import SpatialGANError

TORCHRUN = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # what it sets besides WORLD_SIZE
TIMEOUT = timedelta(hours=3)  # of one waiting for the others: the first one may be making codes


@dataclass(frozen=True)
class Workers:
    """The processes that train together, and which one this is. All methods are to be called by all of them alike."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Give each tensor its mean over the processes, in place, in float32 and one message."""
        tensors = list(tensors)
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([t.detach().float().flatten() for t in tensors])
        torch.distributed.all_reduce(flat)
        parts = (flat / self.count).split([t.numel() for t in tensors])
        with torch.no_grad():
            for t, part in zip(tensors, parts, strict=True):
                t.copy_(part.view_as(t))

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """A step of the optimiser along the mean of the processes' gradients."""
        self.average(p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None)
        optimizer.step()

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Give each tensor the first process's values, in place."""
        if self.count > 1:
            for t in tensors:
                values = t.detach().contiguous()  # which weights in channels_last order are not
                torch.distributed.broadcast(values, src=0)
                t.detach().copy_(values)

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether it is so in any process; ``device`` is where tensors can be sent from."""
        if self.count == 1:
            return flag
        asked = torch.tensor(float(flag), device=device, dtype=torch.float32)
        torch.distributed.all_reduce(asked)
        return bool(asked > 0)

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            torch.distributed.barrier()


@contextmanager
def workers_of_environment(device: str) -> Iterator[tuple[Workers, torch.device]]:
    """The processes that torchrun started, or this one alone, and the device that this one trains on.

    Args:
        device: as users name it; with several processes ``auto`` and ``cuda`` mean a GPU for each, by its LOCAL_RANK.

    Raises:
        SpatialGANError: there is no such device, there are fewer GPUs than processes, or torchrun's variables are not
            as it sets them.
    """
    count = _count_of_environment()
    if count == 1:
        yield Workers(), choose_device(device)
        return
    if device == "auto" and not torch.cuda.is_available():
        device = "cpu"  # Apple's GPU has no means for several
    if device in ("auto", "cuda"):
        local, available = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= available:
            raise SpatialGANError(
                f"there is no GPU for process {local + 1}; this machine has {available}: give "
                f"torchrun --nproc-per-node {max(1, available)}, or --device cpu"
            )
        device = f"cuda:{local}"
    chosen = choose_device(device)
    if chosen.type not in ("cuda", "cpu"):
        raise SpatialGANError(f"several processes train on CUDA's GPUs or on the CPU, not on {chosen.type}")
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    torch.distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield Workers(torch.distributed.get_rank(), count), chosen
    finally:
        torch.distributed.destroy_process_group()


def _count_of_environment() -> int:
    """The number of processes; raises SpatialGANError where WORLD_SIZE is left over from something else, which the
    other variables do not fit."""
    count = _variable("WORLD_SIZE") if os.environ.get("WORLD_SIZE") else 1
    if count == 1:
        return 1
    missing = [name for name in TORCHRUN if not os.environ.get(name)]
    if count < 1 or missing or not all(0 <= _variable(name) < count for name in ("RANK", "LOCAL_RANK")):
        reason = f"{', '.join(missing)} not set" if missing else "RANK and LOCAL_RANK do not fit it"
        raise SpatialGANError(
            f"WORLD_SIZE is {count} in the environment, and {reason}; start several processes with "
            "torchrun, which sets all of them, or unset WORLD_SIZE to train in one"
        )
    return count


def _variable(name: str) -> int:
    text = os.environ[name]
    if not text.strip().isdecimal():
        raise SpatialGANError(
            f"{name} is {text!r} in the environment, not a whole number; start several processes "
            "with torchrun, which sets it, or unset WORLD_SIZE to train in one"
        )
    return int(text)


def require_shares(config: RunConfig, count: int) -> None:
    """Raise SpatialGANError where a batch cannot be shared among ``count`` processes."""
    batch = config.train.batch_size
    reason = _share_error(config, batch, count)
    if reason is not None:
        candidates = range(max(1, batch // count) * count, 16 * batch * count, count)
        working = next((b for b in candidates if _share_error(config, b, count) is None), None)
        advice = "" if working is None else f"; all else unchanged, a new run could have train.batch_size={working}"
        raise SpatialGANError(f"{count} processes cannot share train.batch_size={batch}: {reason}{advice}")


def _share_error(config: RunConfig, batch_size: int, count: int) -> str | None:
    """Why ``count`` processes cannot share a batch of that size; None where they can."""
    if batch_size % count:
        return f"it is no multiple of {count}"
    try:
        replace(config, train=replace(config.train, batch_size=batch_size // count))
    except SpatialGANError as e:
        return f"each would take a batch of {batch_size // count}, of which it holds that {e}"
    return None
