"""The device that a user names."""

import torch

from spatialgan.errors import SpatialGANError


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
