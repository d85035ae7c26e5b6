"""Spatial encoding layers: how heatmaps enter the generator (Section 3.2 of the paper, Eq. 2 and 3)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spatialgan.heatmaps import resize_maps
from spatialgan.networks.layers import Conv, Scale, lrelu

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
        modulated = (1 + gamma).to(x.dtype) * instance_normalized(x) + beta.to(x.dtype)
        return x + self.residual(lrelu(modulated), gain=RESIDUAL_WEIGHT)


def instance_normalized(x: Tensor, eps: float = 1e-8) -> Tensor:
    """``(F - mu(F)) / sd(F)`` of each picture and channel of F (B, C, h, w), in x's data type."""
    # The statistics need float32: with bfloat16's 8 bits, squares of a thousand pixels do not add up. They are sums,
    # since gradients of means and of torch.var_mean take several times as long on CPUs; adding what is negative spares
    # a pass.
    features, share = x.float(), 1 / x[0, 0].numel()
    centered = features + features.sum(dim=(2, 3), keepdim=True) * -share
    variance = (centered * centered).sum(dim=(2, 3), keepdim=True) * share
    return (centered * (variance + eps).rsqrt()).to(x.dtype)


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


@dataclass(frozen=True)
class Mixture:
    """SEL_multi: what each pixel's style is mixed from (Eq. 3), for all layers of one size."""

    maps: Tensor
    """(B, h w, M): a pixel's share in each style, and where the model has them, its object coordinates."""
    products: Tensor
    """(B, M, M) in float32: of every two maps, their product averaged over the pixels."""

    @staticmethod
    def of(maps: Tensor) -> "Mixture":
        """Of maps (B, M, h, w)."""
        flat = maps.flatten(2).transpose(1, 2)
        with torch.autocast(maps.device.type, enabled=False):
            products = flat.transpose(1, 2).float() @ flat.float() / flat.shape[1]
        return Mixture(flat, products)

    def scale(self, parts: Tensor) -> Scale:
        """A layer's style at each pixel.

        The style map ``S(u) = sum_i a_i(u) w_i`` goes through the layer's affine map A. A is affine and the shares sum
        to 1, so ``A(S(u)) = sum_i a_i(u) A(w_i)``, which needs no map of the width of w; and the mean square of a sum
        needs no pass over the pixels either: ``mean_u (sum_m a_m(u) p_m)^2 = sum_mn p_m p_n mean_u a_m(u) a_n(u)``.

        Args:
            parts: (B, M, C), what each map is multiplied by: of shares, the affine map's values at their styles.
        """
        b, pixels, _ = self.maps.shape
        size = math.isqrt(pixels)
        # (B, h w, C) is (B, C, h, w) in the memory format of the features that it meets: channels last.
        values = torch.bmm(self.maps.to(parts.dtype), parts).view(b, size, size, -1).permute(0, 3, 1, 2)
        with torch.autocast(parts.device.type, enabled=False):
            p = parts.float()
            mean_square = (torch.bmm(self.products, p) * p).sum(dim=1)
        # Rounding may take a sum of squares just below 0.
        return Scale(values, mean_square.clamp_min(0.0))
