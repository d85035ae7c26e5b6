"""The device that a user names."""

import time
from functools import cache
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional as F

from spatialgan.errors import SpatialGANError

Network = TypeVar("Network", bound=nn.Module)


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """A device by name; ``auto`` takes a CUDA GPU, else Apple's, else the CPU."""
    if device != "auto":
        try:
            probe = torch.zeros((), device=device)
            probe.item()  # the device "meta" has no values
            return probe.device
        except (RuntimeError, AssertionError, NotImplementedError):  # unknown, not built in, not plugged in
            raise SpatialGANError(
                f"PyTorch finds no device {str(device)!r} here; use {', '.join(['auto', *available_devices()])}"
            ) from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def available_devices() -> list[str]:
    """Names of what :func:`choose_device` takes on this computer."""
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return ["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])]


def move_to(network: Network, device: torch.device | str) -> Network:
    """``network`` itself, on ``device``, with its weights in the order in which convolutions are fastest."""
    # torch's types have no memory_format.
    return network.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


@cache
def is_faster_in_bfloat16(device_type: str) -> bool:
    """Whether convolutions on this processor are: measured, in a few milliseconds, at most once a process.

    CPUs with matrix instructions (AMX) are several times faster, those that must emulate bfloat16 slower. For GPUs the
    answer is no: what takes long on CPUs takes none there.
    """
    if device_type != "cpu":
        return False
    least_s = {}
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.ones(1, 128, 32, 32, dtype=dtype).contiguous(memory_format=torch.channels_last)
        weight = torch.ones(128, 128, 3, 3, dtype=dtype).contiguous(memory_format=torch.channels_last)
        times = []
        for _ in range(4):
            begun = time.perf_counter()
            F.conv2d(x, weight, padding=1)
            times.append(time.perf_counter() - begun)
        least_s[dtype] = min(times)
    return least_s[torch.bfloat16] < 0.8 * least_s[torch.float32]
