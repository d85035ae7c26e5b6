"""The discriminator's attention: GradCAM (Selvaraju et al., 2017) as a pure function of its output (Section 3.1).

There are two forms, and the difference decides whether alignment acts. In the textbook's the ReLU follows the sum over
channels; while D wins, nothing in a generated picture speaks for "real", most of its maps are empty, and an empty map
hands G no gradient. In the conference release's, which the published results were made with, each channel has its own.
"""

import torch
from torch import Tensor

from spatialgan.config import LEVEL_RESOLUTIONS, AttentionForm, AttentionSign
from spatialgan.heatmaps import min_max_normalize, resize_maps
from spatialgan.networks.discriminators import Discriminator, DiscriminatorOutput


def gradcam(features: Tensor, gradients: Tensor, *, form: AttentionForm = "channel") -> Tensor:
    """``C = sum_k ReLU(alpha_k A_k)``, ``alpha_k = mean_u dD / dA_k(u)``, min-max normalised.

    alpha is a constant of the loss: gradients flow through the features only.

    Args:
        features: (B, C, h, w), activations A_k.
        gradients: (B, C, h, w), of each picture's own logit by A.
        form: ``channel``; or ``sum``, ``C = ReLU(sum_k alpha_k A_k)``.

    Returns:
        (B, h, w) float32 in 0..1; zero where C is constant.
    """
    alpha = gradients.detach().float().mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
    # Normalising alpha changes nothing after min-max, and keeps its small numbers clear of the eps there.
    alpha = alpha / (alpha.abs().amax(dim=1, keepdim=True) + 1e-20)
    weighted = alpha * features.float()  # (B, C, h, w)
    return min_max_normalize(weighted.relu().sum(dim=1) if form == "channel" else weighted.sum(dim=1).relu())


def attention_maps(
    output: DiscriminatorOutput,
    *,
    levels: tuple[int, ...] = (0, 1, 2),
    form: AttentionForm = "channel",
    sign: AttentionSign = "fake",
    keep_graph: bool = True,
) -> dict[int, Tensor]:
    """Attention on the given levels, from a forward pass that somebody has already paid for.

    Only D's last small blocks are run backwards, from the logits to the largest feature map asked for.

    Args:
        output: D's, with a graph from logits to features.
        levels: 0, 1, 2 for the features of 4x4, 8x8, 16x16 pixels.
        form: see :func:`gradcam`.
        sign: what alpha is the gradient of: minus D's logit (``fake``), as it is for the release's softplus(-D), whose
            slope drops out of a normalised map; or the logit (``real``).
        keep_graph: keep the graph for a backward pass to come.

    Returns:
        (B, h, w) in 0..1 by level.
    """
    features = [output.features[LEVEL_RESOLUTIONS[level]] for level in levels]
    # Several logits a picture (patches) count by their mean; the sum over pictures separates them again, since
    # a picture's features reach the other pictures' logits through the minibatch statistic alone.
    total = output.logits.mean(dim=1).sum()
    gradients = torch.autograd.grad(total if sign == "real" else -total, features, retain_graph=keep_graph)
    return {level: gradcam(f, g, form=form) for level, f, g in zip(levels, features, gradients, strict=True)}


def attention_of(
    discriminator: Discriminator, images: Tensor, size: int, *, form: AttentionForm, sign: AttentionSign
) -> Tensor:
    """For looking at: attention of pictures ``(B, C, R, R)`` on levels 0, 1, 2, resized to ``(B, 3, size, size)``."""
    with torch.inference_mode(False), torch.enable_grad():
        # A clone: what was made in inference mode has no place in a graph.
        output = discriminator(images.detach().clone().requires_grad_())
        maps = attention_maps(output, form=form, sign=sign, keep_graph=False)
    return torch.stack([resize_maps(maps[level].detach(), size) for level in sorted(maps)], dim=1)
