"""The projected discriminator (Sauer et al., "Projected GANs converge faster", NeurIPS 2021), for little compute.

Pictures pass a frozen ImageNet network; its features at four scales are mixed by fixed random convolutions, across channels
and from coarse to fine, and one small head a scale tells real from generated. It needs no R1.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from spatialgan.config import LEVEL_RESOLUTIONS
from spatialgan.networks.discriminator import DiscriminatorOutput
from spatialgan.networks.efficientnet_lite import EfficientNetLite, load_imagenet

INPUT_SIZE = 128  # features of 32, 16, 8 and 4 pixels
MIXED_CHANNELS = (32, 64, 96, 128)  # fine to coarse
HEAD_CHANNELS = 64
HEAD_SIZE = 4  # every head ends in 4x4 patch logits, so that all weigh the same


class FixedConv(nn.Module):
    """A random convolution that is never trained, He-initialised."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int):
        super().__init__()
        weight = torch.randn(out_channels, in_channels, kernel, kernel) / (in_channels * kernel**2) ** 0.5
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=self.weight.shape[-1] // 2)


class FixedNorm(nn.Module):
    """Per-channel standardisation by statistics that are measured once, on real pictures."""

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("inv_std", torch.ones(channels))

    def measure(self, x: Tensor) -> None:
        var, mean = torch.var_mean(x.float(), dim=(0, 2, 3))
        self.mean.copy_(mean)
        self.inv_std.copy_((var + 1e-6).rsqrt())

    def forward(self, x: Tensor) -> Tensor:
        scale = self.inv_std[:, None, None]
        return x * scale.to(x.dtype) - (self.mean[:, None, None] * scale).to(x.dtype)


class Head(nn.Module):
    """Spectrally normalised convolutions from one scale down to 4x4 patch logits."""

    def __init__(self, in_channels: int, size: int):
        super().__init__()
        layers: list[nn.Module] = []
        channels = in_channels
        while size > HEAD_SIZE:
            layers += [spectral_norm(nn.Conv2d(channels, HEAD_CHANNELS, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
            channels, size = HEAD_CHANNELS, size // 2
        layers += [spectral_norm(nn.Conv2d(channels, HEAD_CHANNELS, 3, padding=1)), nn.LeakyReLU(0.2),
                   spectral_norm(nn.Conv2d(HEAD_CHANNELS, 1, 1))]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).float().flatten(1)  # (B, 16)


class ProjectedDiscriminator(nn.Module):
    """Four heads on mixed, frozen features; :meth:`calibrate` once before training."""

    def __init__(self, *, pretrained: bool = True):
        super().__init__()
        self.backbone = load_imagenet("lite0") if pretrained else EfficientNetLite("lite0")
        sizes = tuple(INPUT_SIZE // s for s in (4, 8, 16, 32))
        self.feature_norms = nn.ModuleList(FixedNorm(c) for c in self.backbone.feature_channels)
        self.channel_mixers = nn.ModuleList(
            FixedConv(i, o, 1) for i, o in zip(self.backbone.feature_channels, MIXED_CHANNELS, strict=True))
        coarser = (*MIXED_CHANNELS[1:], 0)  # each scale also takes the next coarser one, up-sampled
        self.scale_mixers = nn.ModuleList(FixedConv(c + d, c, 3) for c, d in zip(MIXED_CHANNELS, coarser, strict=True))
        self.mixed_norms = nn.ModuleList(FixedNorm(c) for c in MIXED_CHANNELS)
        self.heads = nn.ModuleList(Head(c, s) for c, s in zip(MIXED_CHANNELS, sizes, strict=True))

    def forward(self, images: Tensor) -> DiscriminatorOutput:
        """``images`` (B, 3, R, R), -1..1, of any R."""
        mixed = self._mixed(images)
        logits = torch.cat([head(m) for head, m in zip(self.heads, mixed, strict=True)], dim=1)  # (B, 4 * 16)
        return DiscriminatorOutput(logits, {m.shape[-1]: m for m in mixed if m.shape[-1] in LEVEL_RESOLUTIONS})

    @torch.no_grad()
    def calibrate(self, images: Tensor) -> None:
        """Measure the mean and spread of every channel on real pictures (B, 3, R, R), so that all scales weigh alike."""
        self._mixed(images, measure=True)

    def _mixed(self, images: Tensor, *, measure: bool = False) -> list[Tensor]:
        """Mixed features, fine to coarse; with ``measure`` the norms take their statistics on the way."""
        x = images.contiguous(memory_format=torch.channels_last)
        if x.shape[-1] != INPUT_SIZE:
            x = F.interpolate(x, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", antialias=x.shape[-1] > INPUT_SIZE)
        maps = list(self.backbone(x))
        mixed: list[Tensor] = []
        coarser: Tensor | None = None
        for i in reversed(range(len(maps))):
            if measure:
                self.feature_norms[i].measure(maps[i])
            y = self.channel_mixers[i](self.feature_norms[i](maps[i]))
            if coarser is not None:
                y = torch.cat([y, F.interpolate(coarser, scale_factor=2, mode="bilinear")], dim=1)
            y = self.scale_mixers[i](y)
            if measure:
                self.mixed_norms[i].measure(y)
            coarser = self.mixed_norms[i](y)
            mixed.insert(0, coarser)
        return mixed
