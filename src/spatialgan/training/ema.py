"""The exponential moving average of G, which is what users get."""

import torch
from torch import nn


def ema_decay(batch: int, num_images_seen: int, *, half_life_kimg: float, rampup: float) -> float:
    """Weight of the old average in one step.

    Args:
        batch: images of the step.
        num_images_seen: so far.
        half_life_kimg: images after which a weight counts half, in thousands.
        rampup: the half-life is at most this share of the images seen; 0 for no limit.
    """
    half_life_nimg = half_life_kimg * 1000
    if rampup > 0:
        half_life_nimg = min(half_life_nimg, num_images_seen * rampup)
    return 0.5 ** (batch / max(half_life_nimg, 1e-8))


@torch.no_grad()
def update_ema(average: nn.Module, network: nn.Module, decay: float) -> None:
    """``average = decay * average + (1 - decay) * network``; buffers are copied."""
    for a, p in zip(average.parameters(), network.parameters(), strict=True):
        a.lerp_(p, 1 - decay)
    for a, b in zip(average.buffers(), network.buffers(), strict=True):
        a.copy_(b)
