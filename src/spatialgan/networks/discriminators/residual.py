"""StyleGAN2's discriminator (Karras et al., 2020)."""

import torch
from torch import Tensor, nn

from spatialgan.config import LEVEL_RESOLUTIONS, ModelConfig
from spatialgan.networks.discriminators.base import Discriminator, DiscriminatorOutput
from spatialgan.networks.layers import SLOPE, SQRT2, Conv, Linear, Modules
from spatialgan.networks.resample import downsample2


class ResidualBlock(nn.Module):
    """Two convolutions and a skip, ``(B, C(r), r, r) -> (B, C(r/2), r/2, r/2)``."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv0 = Conv(in_channels, in_channels, 3, activate=True)
        self.conv1 = Conv(in_channels, out_channels, 3, activate=True, down=True)
        self.skip = Conv(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # A leaky ReLU keeps the factor of its input: 1/sqrt(2) keeps the variance of the sum.
        return self.skip(downsample2(x), gain=1 / SQRT2) + self.conv1(self.conv0(x), gain=1 / SQRT2)


def minibatch_std(x: Tensor, group: int) -> Tensor:
    """``x`` (B, C, H, W) with one more channel: the mean standard deviation within each group of pictures.

    A batch that the group does not divide, as happens after training, has the largest groups that do.
    """
    b, c, h, w = x.shape
    g = next(g for g in range(min(group, b), 0, -1) if b % g == 0)
    y = x.float().reshape(g, b // g, c, h, w)
    y = (y.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))  # (B / g,)
    y = y.repeat(g)[:, None, None, None].expand(b, 1, h, w)
    return torch.cat([x, y.to(x.dtype)], dim=1)


def in_whole_groups(images: Tensor, group: int) -> Tensor:
    """``images`` (B, ...) and the first of them again, until ``group`` divides their number: D judges pictures by
    their company, and after training each is to have as much of it as before."""
    return images[torch.arange(-(-len(images) // group) * group, device=images.device) % len(images)]


class ResidualDiscriminator(Discriminator):
    """StyleGAN2's discriminator; its features leave the blocks b8, b16, b32."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.group = config.minibatch_std_group
        resolutions = tuple(reversed(config.block_resolutions))  # R, ..., 8, 4
        c4 = config.channels(4)
        self.from_rgb = Conv(config.image_channels, config.channels(config.resolution), 1, activate=True)
        self.blocks = Modules(ResidualBlock(config.channels(r), config.channels(r // 2)) for r in resolutions[:-1])
        self.conv = Conv(c4 + 1, c4, 3, activate=True)
        self.fc = Linear(c4 * 16, c4)
        self.out = Linear(c4, 1)

    def forward(self, images: Tensor) -> DiscriminatorOutput:
        """``images`` (B, C, R, R), -1..1."""
        x = self.from_rgb(images.contiguous(memory_format=torch.channels_last))
        features: dict[int, Tensor] = {}
        for block in self.blocks:
            x = block(x)
            if x.shape[-1] in LEVEL_RESOLUTIONS:
                features[x.shape[-1]] = x
        y = self.conv(minibatch_std(x, self.group)).flatten(1)  # (B, 16 C)
        y = nn.functional.leaky_relu(self.fc(y), SLOPE) * SQRT2
        return DiscriminatorOutput(self.out(y).float(), features)
