"""The losses, as pure functions of tensors."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Adversarial = Literal["logistic", "hinge"]
AlignMean = Literal["above", "all"]


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


def path_length_penalty(
    images: Tensor, ws: Tensor, mean: Tensor, noise: Tensor, *, decay: float
) -> tuple[Tensor, Tensor]:
    """StyleGAN2's path-length regularisation: ``E (|J_w^T y| - a)^2``.

    Args:
        images: (B, C, R, R), made from ``ws``.
        ws: (B, num_ws, S, w_dim).
        mean: a, the running mean of lengths, a scalar.
        noise: y, (B, C, R, R) of unit variance.
        decay: share of the batch's mean in the new running mean.

    Returns:
        the penalty and the new running mean. As in StyleGAN2 the penalty's gradient passes through both; the mean is
        to be kept without its graph.
    """
    y = noise / (images.shape[-1] * images.shape[-2]) ** 0.5
    (gradient,) = torch.autograd.grad((images * y).sum(), ws, create_graph=True)
    lengths = gradient.square().sum(dim=(2, 3)).mean(dim=1).sqrt()  # (B,)
    mean = mean.lerp(lengths.mean(), decay)
    return (lengths - mean).square().mean(), mean


def alignment_loss(
    attention: Tensor, heatmaps: Tensor, *, tau: float, mean: AlignMean = "above", visible: Tensor | None = None
) -> Tensor:
    """Heatmap-attention alignment of single-object scenes, on one level (Eq. 4), with ``d = |H - C|``.

    Args:
        attention: C, (B, R, R) in 0..1, up-sampled.
        heatmaps: H, (B, R, R) in 0..1.
        tau: smaller differences do not count.
        mean: ``above``: of d, over the elements of the batch that are above tau, over all where there are none; or
            ``all``: of ``d [d >= tau]``, over all.
        visible: (B, R, R) of 0 and 1, the pixels that count; None: all.

    Returns:
        a scalar.
    """
    d = (heatmaps - attention).abs()
    return _mean_distance(d, torch.ones_like(d) if visible is None else visible, tau, mean, dim=(0, 1, 2))


def multi_alignment_loss(
    attention: Tensor, candidates: Tensor, *, tau: float, mean: AlignMean = "above", visible: Tensor | None = None
) -> Tensor:
    """Heatmap-attention alignment of multi-object scenes, on one level (Eq. 5): each picture takes the nearest of
    ``candidates`` (B, M, R, R): {H, H_1, ..., H_n}. The rest is as in :func:`alignment_loss`, picture by picture.

    Returns:
        a scalar, the mean over pictures.
    """
    d = (candidates - attention[:, None]).abs()  # (B, M, R, R)
    visible = torch.ones_like(d) if visible is None else visible[:, None].expand_as(d)
    return _mean_distance(d, visible, tau, mean, dim=(2, 3)).amin(dim=1).mean()


def _mean_distance(d: Tensor, visible: Tensor, tau: float, mean: AlignMean, *, dim: tuple[int, ...]) -> Tensor:
    above = visible * (d >= tau)
    total, num_above, num_all = ((d * above).sum(dim), above.sum(dim), visible.sum(dim).clamp_min(1))
    if mean == "all":
        return total / num_all
    return torch.where(num_above > 0, total / num_above.clamp_min(1), (d * visible).sum(dim) / num_all)


def attention_iou(attention: Tensor, heatmap: Tensor, threshold: float = 0.5) -> Tensor:
    """For the record: mean intersection over union of (B, R, R) attention and heatmap above ``threshold``."""
    a, h = attention > threshold, heatmap > threshold
    return ((a & h).sum(dim=(1, 2)).float() / (a | h).sum(dim=(1, 2)).clamp_min(1)).mean()
