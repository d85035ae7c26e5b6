"""The device that a user names."""

from typing import TypeVar

import torch
from torch import nn

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
            raise SpatialGANError(f"there is no device {str(device)!r}; use auto, cpu, cuda, cuda:1 or mps") from None
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def move_to(network: Network, device: torch.device | str) -> Network:
    """``network`` itself, on ``device``, with its weights in the order in which convolutions are fastest."""
    # torch's types have no memory_format.
    return network.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
