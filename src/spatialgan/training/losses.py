"""The losses, as pure functions of tensors."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Adversarial = Literal["logistic", "hinge"]


def generator_loss(fake_logits: Tensor, kind: Adversarial) -> Tensor:
    """G's adversarial loss of logits (B, N): non-saturating logistic ``softplus(-D(G))``, or hinge ``-D(G)``."""
    return F.softplus(-fake_logits).mean() if kind == "logistic" else -fake_logits.mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, kind: Adversarial) -> Tensor:
    """D's adversarial loss of logits (B, N)."""
    if kind == "logistic":
        return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
    return F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()


def r1_penalty(discriminator: nn.Module, images: Tensor) -> Tensor:
    """``E |grad_x D(x)|^2`` on real pictures (B, C, R, R) (Mescheder et al., 2018); the loss is gamma / 2 of it."""
    images = images.detach().requires_grad_()
    logits = discriminator(images).logits
    (gradient,) = torch.autograd.grad(logits.mean(dim=1).sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def path_length_penalty(images: Tensor, ws: Tensor, mean: Tensor, noise: Tensor, *,
                        decay: float) -> tuple[Tensor, Tensor]:
    """StyleGAN2's path-length regularisation: ``E (|J_w^T y| - a)^2``.

    Args:
        images: (B, C, R, R), made from ``ws``.
        ws: (B, num_ws, S, w_dim).
        mean: a, the running mean of lengths, a scalar.
        noise: y, (B, C, R, R) of unit variance.
        decay: share of the batch's mean in the new running mean.

    Returns:
        the penalty and the new running mean.
    """
    y = noise / (images.shape[-1] * images.shape[-2]) ** 0.5
    (gradient,) = torch.autograd.grad((images * y).sum(), ws, create_graph=True)
    lengths = gradient.square().sum(dim=(2, 3)).mean(dim=1).sqrt()  # (B,)
    mean = mean.lerp(lengths.detach().mean(), decay)
    return (lengths - mean).square().mean(), mean


def alignment_loss(attention: Tensor, candidates: Tensor, *, tau: float, mean: Literal["all", "above"] = "all",
                   visible: Tensor | None = None) -> Tensor:
    """Heatmap-attention alignment on one level (Eq. 4 and 5).

    With ``d = |H - C|``, a candidate's distance is the mean of ``d [d >= tau]`` over pixels; each picture takes its
    nearest candidate. Eq. 4 has one candidate, the level's heatmap; Eq. 5 has {H, H_1, ..., H_n}.

    Args:
        attention: C, (B, R, R) in 0..1, up-sampled.
        candidates: (B, M, R, R) in 0..1.
        tau: smaller differences do not count.
        mean: over all pixels; or (``above``, the conference release) over those above tau, all where there are none.
        visible: (B, 1, R, R) of 0 and 1, the pixels that count; None: all.

    Returns:
        a scalar, the mean over pictures.
    """
    d = (candidates - attention[:, None]).abs()  # (B, M, R, R)
    num_pixels: Tensor | int = d.shape[-1] * d.shape[-2]
    if visible is not None:
        d = d * visible
        num_pixels = visible.sum(dim=(2, 3))  # (B, 1)
    counts = (d >= tau).to(d.dtype)
    total = (d * counts).sum(dim=(2, 3))  # (B, M)
    distance = total / num_pixels
    if mean == "above":
        num = counts.sum(dim=(2, 3))
        distance = torch.where(num > 0, total / num.clamp_min(1), d.sum(dim=(2, 3)) / num_pixels)
    return distance.amin(dim=1).mean()


def attention_iou(attention: Tensor, heatmap: Tensor, threshold: float = 0.5) -> Tensor:
    """For the record: mean intersection over union of (B, R, R) attention and heatmap above ``threshold``."""
    a, h = attention > threshold, heatmap > threshold
    return ((a & h).sum(dim=(1, 2)) / (a | h).sum(dim=(1, 2)).clamp_min(1)).mean()
