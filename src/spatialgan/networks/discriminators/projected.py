"""The projected discriminator (Sauer et al., "Projected GANs converge faster", NeurIPS 2021), for little compute.

Pictures pass a frozen ImageNet network; its features at four scales are mixed by fixed random convolutions, across
channels and from coarse to fine, and one small head a scale tells real from generated. It needs no R1.

Differs from the paper, each for a reason seen in training on few pictures:

- features are standardised by statistics of real pictures, else the logits of some scales explode, position by position
  and clipped, else a few outliers at the frame are all that GradCAM shows;
- they enter the heads at unit length, so that spectrally normalised heads cannot win by a wide margin at once;
- a fifth head sees the picture itself, at 32 pixels: ImageNet features care little for colour, and colours drift to
  neon.

Attention is read from the mixed features. They have both signs; behind the heads' first activation, whatever is active
in a generated picture speaks against it, and GradCAM's ReLU leaves nothing.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from spatialgan.config import LEVEL_RESOLUTIONS
from spatialgan.networks.discriminators.base import Discriminator, DiscriminatorOutput
from spatialgan.networks.layers import SLOPE, Modules
from spatialgan.networks.resample import resize_images
from spatialgan.vision.efficientnet_lite import EfficientNetLite, load_imagenet

FEATURE_SIZES = (32, 16, 8, 4)  # of the four feature maps, in pixels
MIXED_CHANNELS = (32, 64, 96, 128)  # fine to coarse
HEAD_CHANNELS = 64
PIXEL_HEAD_SIZE = 32  # the picture's size for the head that sees colours
CLIP = 3.0  # of standardised features, in standard deviations
HEAD_SIZE = 4  # every head ends in 4x4 patch logits, so that all weigh the same


class FixedConv(nn.Module):
    """A random convolution that is never trained, He-initialised."""

    weight: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel: int):
        super().__init__()
        weight = torch.randn(out_channels, in_channels, kernel, kernel) / (in_channels * kernel**2) ** 0.5
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=self.weight.shape[-1] // 2)


class FixedNorm(nn.Module):
    """Standardisation by statistics that are measured once, on real pictures: of each channel at each position.

    Position by position, because zero padding gives the frame of a feature map other statistics than its middle.
    """

    mean: Tensor
    inv_std: Tensor

    def __init__(self, channels: int, size: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, size, size))
        self.register_buffer("inv_std", torch.ones(channels, size, size))

    def measure(self, x: Tensor) -> None:
        """Take the statistics of ``x`` (B, C, size, size)."""
        var, mean = torch.var_mean(x.float(), dim=0, correction=0)
        self.mean.copy_(mean)
        self.inv_std.copy_((var + 1e-6).rsqrt())

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.inv_std.to(x.dtype) - (self.mean * self.inv_std).to(x.dtype)).clamp(-CLIP, CLIP)


class Head(nn.Module):
    """Spectrally normalised convolutions: one at the scale's own size, then down to 4x4 patch logits (B, 16)."""

    def __init__(self, in_channels: int, size: int):
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(in_channels, HEAD_CHANNELS, 3, padding=1, padding_mode="replicate"))
        down = [
            spectral_norm(nn.Conv2d(HEAD_CHANNELS, HEAD_CHANNELS, 4, stride=2, padding=1))
            for _ in range((size // HEAD_SIZE).bit_length() - 1)
        ]
        self.down = nn.ModuleList(down)
        self.last = spectral_norm(nn.Conv2d(HEAD_CHANNELS, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(x * x.shape[1] ** -0.5), SLOPE)
        for conv in self.down:
            x = F.leaky_relu(conv(x), SLOPE)
        return self.last(x).float().flatten(1)


class ProjectedDiscriminator(Discriminator):
    """Four heads on mixed, frozen features and one on the picture; :meth:`calibrate` once before training."""

    needs_statistics = True

    def __init__(self, input_size: int = 128, *, pretrained: bool = True):
        """``input_size``: what pictures are resized to, 64 or 128 pixels."""
        super().__init__()
        self.input_size = input_size
        sizes, strides = FEATURE_SIZES, tuple(input_size // s for s in FEATURE_SIZES)
        make = load_imagenet if pretrained else EfficientNetLite
        self.backbone = make("lite0", strides=strides)
        self.feature_norms = Modules(
            FixedNorm(c, s) for c, s in zip(self.backbone.feature_channels, sizes, strict=True)
        )
        self.channel_mixers = Modules(
            FixedConv(i, o, 1) for i, o in zip(self.backbone.feature_channels, MIXED_CHANNELS, strict=True)
        )
        coarser = (*MIXED_CHANNELS[1:], 0)  # each scale also takes the next coarser one, up-sampled
        self.scale_mixers = Modules(FixedConv(c + d, c, 3) for c, d in zip(MIXED_CHANNELS, coarser, strict=True))
        self.mixed_norms = Modules(FixedNorm(c, s) for c, s in zip(MIXED_CHANNELS, sizes, strict=True))
        self.heads = Modules(Head(c, s) for c, s in zip(MIXED_CHANNELS, sizes, strict=True))
        self.pixel_head = Head(3, PIXEL_HEAD_SIZE)

    def forward(self, images: Tensor) -> DiscriminatorOutput:
        """``images`` (B, 3, R, R), -1..1, of any R."""
        mixed = self._mixed(images)
        logits = [head(m) for head, m in zip(self.heads, mixed, strict=True)]
        logits.append(self.pixel_head(resize_images(images, PIXEL_HEAD_SIZE)))
        features = {m.shape[-1]: m for m in mixed if m.shape[-1] in LEVEL_RESOLUTIONS}
        return DiscriminatorOutput(torch.cat(logits, dim=1), features, tuple(mixed))  # logits (B, 5 * 16)

    @torch.no_grad()
    def calibrate(self, images: Tensor) -> None:
        """Measure the features' mean and spread on real pictures (B, 3, R, R), so that all scales weigh alike."""
        self._mixed(images, measure=True)

    def _mixed(self, images: Tensor, *, measure: bool = False) -> list[Tensor]:
        """Mixed features, fine to coarse; with ``measure`` the norms take their statistics on the way."""
        x = resize_images(images, self.input_size).contiguous(memory_format=torch.channels_last)
        maps = list(self.backbone(x))
        mixed: list[Tensor] = []
        for i in reversed(range(len(maps))):
            if measure:
                self.feature_norms[i].measure(maps[i])
            y = self.channel_mixers[i](self.feature_norms[i](maps[i]))
            if mixed:
                y = torch.cat([y, F.interpolate(mixed[0], scale_factor=2, mode="bilinear")], dim=1)
            y = self.scale_mixers[i](y)
            if measure:
                self.mixed_norms[i].measure(y)
            mixed.insert(0, self.mixed_norms[i](y))
        return mixed
