"""What tells one network's weights from another's."""

import hashlib

from torch import nn


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of all weights and buffers with their names, in hexadecimal; the same on every device."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
