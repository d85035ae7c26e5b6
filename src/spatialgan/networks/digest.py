"""What tells one network's weights from another's."""

import hashlib
from collections.abc import Mapping

from torch import Tensor, nn


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of all weights and buffers with their names, in hexadecimal; the same on every device."""
    return tensors_digest(network.state_dict())


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of floating-point tensors with their names, in hexadecimal; the same on every device."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(name.encode() + tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
