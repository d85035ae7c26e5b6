"""The discriminator's attention: GradCAM (Selvaraju et al., 2017) as a pure function of its output (Section 3.1)."""

from typing import Literal

import torch
from torch import Tensor

from spatialgan.config import LEVEL_RESOLUTIONS
from spatialgan.layout import min_max_normalize, resize_maps
from spatialgan.networks.discriminator import DiscriminatorOutput

Empty = Literal["zero", "relative"]


def gradcam(features: Tensor, gradients: Tensor, *, empty: Empty = "zero") -> Tensor:
    """``C = ReLU(sum_k alpha_k A_k)``, ``alpha_k = mean_u dD / dA_k(u)``, min-max normalised.

    alpha is a constant of the loss: gradients flow through the features only.

    Args:
        features: (B, C, h, w), activations A_k.
        gradients: (B, C, h, w), of each picture's own logit by A.
        empty: what is left of a picture in which nothing speaks for "real": nothing; or (``relative`` [ours]) what
            speaks least against it, ``C = sum_k alpha_k A_k``, min-max normalised. While D wins, that is most pictures
            of G, and G has nothing to align.

    Returns:
        (B, h, w) float32 in 0..1.
    """
    alpha = gradients.detach().float().mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
    # Normalising alpha changes nothing after min-max, and keeps its small numbers clear of the eps there.
    alpha = alpha / (alpha.abs().amax(dim=1, keepdim=True) + 1e-20)
    evidence = (alpha * features.float()).sum(dim=1)  # (B, h, w)
    if empty == "relative":
        low, high = (f(dim=(1, 2), keepdim=True) for f in (evidence.amin, evidence.amax))
        evidence = torch.where(high <= 0, evidence - low, evidence)
    return min_max_normalize(evidence.relu())


def attention_maps(output: DiscriminatorOutput, *, levels: tuple[int, ...] = (0, 1, 2),
                   empty: Empty = "zero", keep_graph: bool = True) -> dict[int, Tensor]:
    """Attention on the given levels, from a forward pass that somebody has already paid for.

    Only D's last small blocks are run backwards, from the logits to the largest feature map asked for.

    Args:
        output: D's, with a graph from logits to features.
        levels: 0, 1, 2 for the features of 4x4, 8x8, 16x16 pixels.
        empty: see :func:`gradcam`.
        keep_graph: keep the graph for a backward pass to come.

    Returns:
        (B, h, w) in 0..1 by level.
    """
    features = [output.features[LEVEL_RESOLUTIONS[level]] for level in levels]
    # Several logits a picture (patches) count by their mean; the sum over pictures separates them again, since
    # a picture's features reach the other pictures' logits through the minibatch statistic alone.
    gradients = torch.autograd.grad(output.logits.mean(dim=1).sum(), features, retain_graph=keep_graph)
    return {level: gradcam(f, g, empty=empty) for level, f, g in zip(levels, features, gradients, strict=True)}


def attention_of(discriminator: torch.nn.Module, images: Tensor, size: int, *, empty: Empty = "zero") -> Tensor:
    """For looking at: attention of pictures ``(B, C, R, R)`` on levels 0, 1, 2, resized to ``(B, 3, size, size)``."""
    with torch.enable_grad():
        maps = attention_maps(discriminator(images.detach().requires_grad_()), empty=empty, keep_graph=False)
    return torch.stack([resize_maps(maps[level].detach(), size) for level in sorted(maps)], dim=1)
