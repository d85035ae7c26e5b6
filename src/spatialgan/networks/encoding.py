"""Spatial encoding layers: how heatmaps enter the generator (Section 3.2 of the paper, Eq. 2 and 3)."""

import torch
from torch import Tensor, nn

from spatialgan.heatmaps import resize_maps
from spatialgan.networks.layers import Conv, lrelu

STEM_CHANNELS = 96  # of all levels' heatmaps together, in the conference release
HIDDEN_CHANNELS = 64  # of the heatmap encoder of SEL_norm, from the conference release
RESIDUAL_WEIGHT = 0.1  # of the residual branch of SEL_norm, from the conference release


class HeatmapStem(nn.Module):
    """The conference release's first look at heatmaps: those of all levels together pass two convolutions at image
    size, and every layer reads what comes out [conf]; both are of its 96 channels, with leaky ReLU [ours]."""

    def __init__(self, num_maps: int, *, kernel: int, dilation: int):
        super().__init__()
        self.conv0 = Conv(num_maps, STEM_CHANNELS, kernel, dilation=dilation, activate=True)
        self.conv1 = Conv(STEM_CHANNELS, STEM_CHANNELS, kernel, dilation=dilation, activate=True)

    def forward(self, maps: Tensor) -> Tensor:
        """``maps`` (B, K, R, R) sub-heatmaps of all levels; returns (B, STEM_CHANNELS, R, R)."""
        return self.conv1(self.conv0(maps))


class SELConcat(nn.Module):
    """SEL_concat: a 3x3 convolution over feature and heatmap together."""

    def __init__(self, channels: int, num_maps: int, *, kernel: int, dilation: int, fine: bool):
        super().__init__()
        # Fine processing convolves the heatmap at image size, before it meets the feature.
        self.heatmap_conv = Conv(num_maps, num_maps, kernel, dilation=dilation) if fine else None
        self.conv = Conv(channels + num_maps, channels, kernel, dilation=dilation)

    def forward(self, x: Tensor, maps: Tensor) -> Tensor:
        """``x`` (B, C, h, w); ``maps`` (B, K, h, w) sub-heatmaps, or (B, K, R, R) for fine processing."""
        if self.heatmap_conv is not None:
            maps = resize_maps(self.heatmap_conv(maps), x.shape[-1])
        return self.conv(torch.cat([x, maps.to(x.dtype)], dim=1))


class SELNorm(nn.Module):
    """SEL_norm, Eq. 2: ``F' = gamma(H) (F - mu(F)) / sd(F) + beta(H)``, as a residual (Fig. 6).

    gamma and beta have one channel. As in the conference release gamma is ``1 +`` its convolution, and the layer
    returns ``F + 0.1 conv(lrelu(F'))``.
    """

    def __init__(self, channels: int, num_maps: int, *, kernel: int, dilation: int, residual_kernel: int):
        super().__init__()
        self.shared = Conv(num_maps, HIDDEN_CHANNELS, kernel, dilation=dilation, activate=True)
        self.gamma_beta = Conv(HIDDEN_CHANNELS, 2, kernel, dilation=dilation)
        self.residual = Conv(channels, channels, residual_kernel)

    def forward(self, x: Tensor, maps: Tensor) -> Tensor:
        """``x`` (B, C, h, w); ``maps`` (B, K, h, w) sub-heatmaps, or (B, K, R, R) for fine processing; K may be
        :data:`STEM_CHANNELS` of them instead."""
        gamma, beta = resize_maps(self.gamma_beta(self.shared(maps)), x.shape[-1]).split(1, dim=1)  # each (B, 1, h, w)
        # The statistics need float32: with bfloat16's 8 bits, squares of a thousand pixels do not add up. Means are
        # several times faster than torch.var_mean on CPUs.
        features = x.float()
        mean = features.mean(dim=(2, 3), keepdim=True)
        inv_std = ((features - mean).square().mean(dim=(2, 3), keepdim=True) + 1e-8).rsqrt()
        normalized = x * inv_std.to(x.dtype) - (mean * inv_std).to(x.dtype)
        modulated = (1 + gamma).to(x.dtype) * normalized + beta.to(x.dtype)
        return x + self.residual(lrelu(modulated), gain=RESIDUAL_WEIGHT)


def style_shares(maps: Tensor) -> Tensor:
    """SEL_multi: each pixel's share in the objects' styles and, last, the background's (Eq. 3).

    ``a_i = H_i / max(1, sum_j H_j)`` and ``a_bg = 1 - sum_i a_i`` [ours].

    Args:
        maps: (B, K, h, w) sub-heatmaps in 0..1.

    Returns:
        (B, K + 1, h, w), non-negative, summing to 1 over the styles.
    """
    shares = maps / maps.sum(dim=1, keepdim=True).clamp_min(1.0)
    return torch.cat([shares, (1 - shares.sum(dim=1, keepdim=True)).clamp_min(0.0)], dim=1)


def spatial_scale(scales: Tensor, shares: Tensor | None) -> Tensor:
    """A layer's style: of one code, or of one code a pixel.

    The style map ``S(u) = sum_i a_i(u) w_i`` goes through the layer's affine map A. A is affine and the shares sum
    to 1, so ``A(S(u)) = sum_i a_i(u) A(w_i)``, which needs no map of the width of w.

    Args:
        scales: (B, S, C), the affine map's values at the S style codes.
        shares: (B, S, h, w) from :func:`style_shares`, or None for one style per picture (S = 1).

    Returns:
        (B, C, 1, 1) or (B, C, h, w).
    """
    if shares is None:
        return scales[:, 0, :, None, None]
    return torch.einsum("bshw,bsc->bchw", shares.to(scales.dtype), scales)
