"""The generator: StyleGAN2's skip architecture with spatial encoding layers before its convolutions."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spatialgan.config import LEVEL_NUM_CENTERS, LEVEL_RESOLUTIONS, ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import resize_maps
from spatialgan.layout import Layout
from spatialgan.networks.encoding import STEM_CHANNELS, HeatmapStem, Mixture, SELConcat, SELNorm, style_shares
from spatialgan.networks.layers import (
    SLOPE,
    SQRT2,
    KernelLayer,
    Linear,
    Modules,
    Scale,
    modulated_conv,
    normalize_second_moment,
)
from spatialgan.networks.object_coordinates import Place, object_coordinates
from spatialgan.networks.resample import upsample2


@dataclass(frozen=True)
class GeneratorOutput:
    image: Tensor
    """(B, C, R, R), about -1..1."""
    features: dict[int, Tensor]
    """Features that leave each block, (B, C, r, r), by resolution r."""


def level_of(resolution: int, num_levels: int) -> int:
    """The layout level that a block reads: 0, 1, 2 at 4, 8, 16 and above; always 0 in multi-object layouts."""
    return min(resolution.bit_length() - 3, num_levels - 1)


def sample_z(config: ModelConfig, batch: int, generator: torch.Generator) -> Tensor:
    """Latent codes ``(B, S, z_dim)``: one a picture, or one an object and the background's last."""
    return torch.randn(
        batch, config.num_styles, config.z_dim, generator=generator, device=generator.device, dtype=torch.float32
    )


def sample_noise(
    config: ModelConfig, batch: int, generator: torch.Generator, *, max_resolution: int | None = None
) -> tuple[Tensor, ...]:
    """Noise inputs, one ``(B, 1, r, r)`` a layer, coarse to fine; a generator without ``noise_inputs`` ignores them.

    Those of layers above ``max_resolution`` are left out; the others are the same without them.
    """
    return tuple(
        torch.randn(batch, 1, r, r, generator=generator, device=generator.device, dtype=torch.float32)
        for r in noise_sizes(config)
        if max_resolution is None or r <= max_resolution
    )


def noise_sizes(config: ModelConfig) -> list[int]:
    """Width and height of each layer's noise, coarse to fine."""
    return [4] + [r for r in config.block_resolutions[1:] for _ in range(2)]


class ConstantNoise(nn.Module):
    """The noise of all pictures, as buffers ``0``, ``1``, ...: one ``(1, 1, r, r)`` a layer, coarse to fine."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        for i, r in enumerate(noise_sizes(config)):
            self.register_buffer(str(i), torch.randn(1, 1, r, r))

    def forward(self) -> tuple[Tensor, ...]:
        return tuple(self.buffers())


class HeatmapInput:
    """The heatmaps of one forward pass, rendered once for each size that the layers ask for."""

    def __init__(self, config: ModelConfig, layout: Layout, stem: HeatmapStem | None = None):
        self.config, self.layout, self.stem = config, layout, stem
        self._maps: dict[tuple[int, int], Tensor] = {}
        self._stem_maps: Tensor | None = None
        self._coordinates: Tensor | None = None
        self._mixtures: dict[tuple[int, bool], Mixture] = {}

    def maps(self, block_resolution: int, size: int) -> Tensor:
        """``(B, K, size, size)``, or of image size for fine processing, for a layer of the given block; with a stem,
        what comes out of it, ``(B, STEM_CHANNELS, R, R)``, for any."""
        if self.stem is not None:
            if self._stem_maps is None:
                levels = range(len(self.layout.levels))
                maps = torch.cat([self.layout.heatmaps(i, self.config.resolution) for i in levels], dim=1)
                stem_maps: Tensor = self.stem(maps)
                self._stem_maps = stem_maps
            return self._stem_maps
        level = level_of(block_resolution, len(self.layout.levels))
        if self.config.processing == "fine":
            size = self.config.resolution
        if (level, size) not in self._maps:
            self._maps[level, size] = self.layout.heatmaps(level, size)
        return self._maps[level, size]

    def mixture(self, block_resolution: int, size: int, *, coordinates: bool) -> Mixture | None:
        """What a layer's pixels mix their styles from; None where pictures have one style."""
        if self.config.encoding != "multi":
            return None
        if (size, coordinates) not in self._mixtures:
            # Fine processing makes the shares at image size; resizing keeps their sum at 1.
            maps = resize_maps(style_shares(self.maps(block_resolution, size)), size)
            if coordinates:
                if self._coordinates is None:
                    self._coordinates = object_coordinates(self.layout)
                maps = torch.cat([maps, resize_maps(self._coordinates, size)], dim=1)
            self._mixtures[size, coordinates] = Mixture.of(maps)
        return self._mixtures[size, coordinates]

    def flat(self) -> Tensor:
        """All levels as one vector a picture (the ``flatten`` ablation of Table V): ``(B, sum of K size^2)``."""
        sizes = flat_sizes(self.config)
        return torch.cat([self.layout.heatmaps(i, s).flatten(1) for i, (_, s) in enumerate(sizes)], dim=1)


def flat_sizes(config: ModelConfig) -> list[tuple[int, int]]:
    """(centres, map size) of each level for the ``flatten`` encoding."""
    if config.layout == "multi":
        return [(config.num_objects, LEVEL_RESOLUTIONS[-1])]
    return list(zip(LEVEL_NUM_CENTERS, LEVEL_RESOLUTIONS, strict=True))


class Mapping(nn.Module):
    """z -> w: normalisation, then fully connected layers with a hundredth of the learning rate."""

    w_mean: Tensor
    """(w_dim,), a running mean, for truncation; without what all objects have besides."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        extra = sum(k * s * s for k, s in flat_sizes(config)) if config.encoding == "flatten" else 0
        widths = [config.z_dim + extra] + [config.w_dim] * config.mapping_layers
        self.layers = Modules(Linear(i, o, lr_multiplier=0.01) for i, o in pairwise(widths))
        learned = config.styles == "learned"
        self.apart = nn.Parameter(torch.zeros(())) if learned else None
        self.object = nn.Parameter(torch.zeros(config.w_dim)) if learned else None
        self.num_styles = config.num_styles
        self.register_buffer("w_mean", torch.zeros(config.w_dim))

    def forward(self, z: Tensor, flat_heatmaps: Tensor | None = None) -> Tensor:
        """``(B, S, z_dim) -> (B, S, w_dim)``; ``flat_heatmaps`` (B, N) only for the ``flatten`` encoding."""
        x = normalize_second_moment(z.float())
        if flat_heatmaps is not None:
            x = torch.cat([x, normalize_second_moment(flat_heatmaps)[:, None].expand(-1, x.shape[1], -1)], dim=-1)
        # It is cheap, and eight layers of bfloat16 roundings would train another w than users get.
        with torch.autocast(x.device.type, enabled=False):
            for layer in self.layers:
                x = F.leaky_relu(layer(x), SLOPE) * SQRT2
        if self.apart is None or self.object is None:
            return x
        background = x[:, -1:]
        return torch.cat([background.lerp(x[:, :-1], self.apart) + self.object, background], dim=1)

    @torch.no_grad()
    def follow_mean(self, w: Tensor, share: float) -> None:
        """Take w (B, S, D), with weight ``share``, into the running mean that truncation uses."""
        self.w_mean.lerp_((w - self.means() + self.w_mean).mean(dim=(0, 1)), share)

    def means(self) -> Tensor:
        """What truncation goes towards, for each style: (S, w_dim), or (1, w_dim) where it is the same for all."""
        mean = self.w_mean[None]
        if self.object is None:
            return mean
        return torch.cat([(mean + self.object).expand(self.num_styles - 1, -1), mean])


def layer_scale(layer: "StyledConv | ToRGB", x: Tensor, w: Tensor, heatmaps: HeatmapInput) -> Scale:
    """A layer's style for x (B, C, h, w): of w (B, S, D), and of object coordinates where the layer has them."""
    scales = layer.affine(w)  # (B, S, C)
    place = layer.place
    mixture = heatmaps.mixture(layer.block_resolution, x.shape[-1], coordinates=place is not None)
    if mixture is None:
        return Scale.of(scales[:, 0, :, None, None])
    if place is not None:
        scales = torch.cat([scales, place().to(scales.dtype).expand(w.shape[0], -1, -1)], dim=1)
    return mixture.scale(scales)


class StyledConv(KernelLayer):
    """One layer: spatial encoding, modulated 3x3 convolution, noise, bias, leaky ReLU."""

    def __init__(self, config: ModelConfig, in_channels: int, out_channels: int, block_resolution: int, *, up: bool):
        super().__init__()
        self.block_resolution, self.up = block_resolution, up
        self.sel = make_sel(config, in_channels, block_resolution)
        self.affine = Linear(config.w_dim, in_channels, bias_init=1.0)
        self.place = make_place(config, in_channels, block_resolution)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.weight_gain = 1 / (in_channels * 9) ** 0.5
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None, heatmaps: HeatmapInput) -> Tensor:
        """``x`` (B, C, h, w); ``w`` (B, S, D); ``noise`` (B, 1, r, r)."""
        if self.sel is not None:
            x = self.sel(x, heatmaps.maps(self.block_resolution, x.shape[-1]))
        scale = layer_scale(self, x, w, heatmaps)
        kernel = self.kernel.of(self.weight, self.weight_gain, training=self.training, demodulate=True, up=self.up)
        y = modulated_conv(x, kernel, scale, up=self.up, gain=SQRT2)
        # The activation's gain is in all three terms, so that no pass over y is spent on it.
        bias = (self.bias * SQRT2)[:, None, None]
        if noise is not None:
            y = y + (noise * (self.noise_strength * SQRT2)).to(y.dtype)
        return F.leaky_relu_(y + bias.to(y.dtype), SLOPE)


class ToRGB(KernelLayer):
    """Features to picture channels: a modulated 1x1 convolution without demodulation."""

    def __init__(self, config: ModelConfig, in_channels: int, block_resolution: int):
        super().__init__()
        self.block_resolution = block_resolution
        self.sel = make_sel(config, in_channels, block_resolution)
        self.affine = Linear(config.w_dim, in_channels, bias_init=1.0)
        self.place = make_place(config, in_channels, block_resolution)
        self.weight = nn.Parameter(torch.randn(config.image_channels, in_channels, 1, 1))
        self.weight_gain = 1 / in_channels**0.5
        self.bias = nn.Parameter(torch.zeros(config.image_channels))

    def forward(self, x: Tensor, w: Tensor, heatmaps: HeatmapInput) -> Tensor:
        if self.sel is not None:
            x = self.sel(x, heatmaps.maps(self.block_resolution, x.shape[-1]))
        scale = layer_scale(self, x, w, heatmaps)
        y = modulated_conv(x, self.kernel.of(self.weight, self.weight_gain, training=self.training), scale)
        return y.float() + self.bias[:, None, None]


class Block(nn.Module):
    """All layers of one resolution."""

    def __init__(self, config: ModelConfig, resolution: int):
        super().__init__()
        channels = config.channels(resolution)
        self.resolution = resolution
        if resolution == 4:
            self.const = nn.Parameter(torch.randn(channels, 4, 4))
            self.conv0 = None
        else:
            self.conv0 = StyledConv(config, config.channels(resolution // 2), channels, resolution, up=True)
        self.conv1 = StyledConv(config, channels, channels, resolution, up=False)
        self.to_rgb = ToRGB(config, channels, resolution)


def make_stem(config: ModelConfig) -> HeatmapStem | None:
    """What all layers' encoders read in place of heatmaps, where the configuration has it."""
    if config.processing != "release" or config.encoding != "norm":
        return None
    num_maps = config.num_objects if config.layout == "multi" else sum(LEVEL_NUM_CENTERS)
    return HeatmapStem(num_maps, kernel=config.heatmap_kernel, dilation=config.heatmap_dilation)


def make_sel(config: ModelConfig, channels: int, block_resolution: int) -> nn.Module | None:
    """The spatial encoding layer in front of a layer, where the configuration has one there."""
    if config.encoding not in ("concat", "norm") or block_resolution > config.encoded_max_resolution:
        return None
    level = level_of(block_resolution, len(LEVEL_NUM_CENTERS))
    num_maps = config.num_objects if config.layout == "multi" else LEVEL_NUM_CENTERS[level]
    if config.processing == "release":
        num_maps = STEM_CHANNELS
    encoder = {"kernel": config.heatmap_kernel, "dilation": config.heatmap_dilation}
    if config.encoding == "concat":
        return SELConcat(channels, num_maps, fine=config.processing == "fine", **encoder)
    return SELNorm(channels, num_maps, residual_kernel=config.sel_residual_kernel, **encoder)


def make_place(config: ModelConfig, channels: int, block_resolution: int) -> Place | None:
    """What a layer makes of object coordinates, where the configuration gives it some."""
    return None if block_resolution > config.coordinates_max_resolution else Place(channels)


class Generator(nn.Module):
    """(z, layout, noise) -> image."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.mapping = Mapping(config)
        self.stem = make_stem(config)
        self.blocks = Modules(Block(config, r) for r in config.block_resolutions)
        self.noise = ConstantNoise(config) if config.noise == "constant" and config.noise_inputs else None

    def forward(self, z: Tensor, layout: Layout, noise: tuple[Tensor, ...] | None) -> GeneratorOutput:
        """Pictures from latent codes.

        Args:
            z: (B, S, z_dim), see :func:`sample_z`.
            layout: for a batch of B; empty only with ``encoding=none``.
            noise: see :func:`sample_noise`; None for no noise.
        """
        return self.synthesize(self.ws(z, layout), layout, noise)

    def ws(self, z: Tensor, layout: Layout, *, truncation: float = 1.0) -> Tensor:
        """w for every layer, ``(B, num_ws, S, w_dim)``; ``truncation`` 1 is none, 0 the mean picture."""
        flat = HeatmapInput(self.config, layout).flat() if self.config.encoding == "flatten" else None
        w = self.mapping(z, flat)
        if truncation != 1.0:
            w = self.mapping.means().lerp(w.float(), truncation)
        return w[:, None].expand(-1, self.config.num_ws, -1, -1)

    def synthesize(
        self, ws: Tensor, layout: Layout, noise: tuple[Tensor, ...] | None, *, stop_resolution: int | None = None
    ) -> GeneratorOutput:
        """Pictures from w.

        Args:
            ws: (B, num_ws, S, w_dim), layer by layer, coarse to fine.
            layout: for a batch of B; empty only with ``encoding=none``.
            noise: see :func:`sample_noise`; None for no noise. A model with constant noise takes its own in its place.
            stop_resolution: of a block, after which nothing is computed: pictures are the sum of ToRGBs up to there, of
                that width. None: the last.
        """
        heatmaps = HeatmapInput(self.config, layout, self.stem)
        image: Tensor | None = None
        features: dict[int, Tensor] = {}
        for block, x, w in self._blocks(ws, heatmaps, noise):
            features[block.resolution] = x
            rgb = block.to_rgb(x, w, heatmaps)
            image = rgb if image is None else upsample2(image) + rgb
            if block.resolution == stop_resolution:
                break
        assert image is not None  # there is a block of 4x4
        return GeneratorOutput(image, features)

    def features(
        self, ws: Tensor, layout: Layout, noise: tuple[Tensor, ...] | None, *, stop_resolution: int
    ) -> dict[int, Tensor]:
        """Those of :meth:`synthesize` up to the block of ``stop_resolution``; nothing else is computed."""
        found: dict[int, Tensor] = {}
        for block, x, _ in self._blocks(ws, HeatmapInput(self.config, layout, self.stem), noise):
            found[block.resolution] = x
            if block.resolution == stop_resolution:
                break
        return found

    def _blocks(
        self, ws: Tensor, heatmaps: HeatmapInput, noise: tuple[Tensor, ...] | None
    ) -> Iterator[tuple[Block, Tensor, Tensor]]:
        """Each block, the features (B, C, r, r) that leave it, and the w (B, S, w_dim) of its ToRGB; each is computed
        when it is asked for."""
        config = self.config
        if not config.noise_inputs:
            noise = None
        elif noise is not None and self.noise is not None:
            noise = self.noise()
        if config.encoding != "none" and heatmaps.layout.kind == "none":
            raise SpatialGANError(f"a model with encoding={config.encoding} needs a layout")
        x = self.blocks[0].const[None].expand(ws.shape[0], -1, -1, -1).contiguous(memory_format=torch.channels_last)
        layer = 0
        for block in self.blocks:
            for conv in (block.conv0, block.conv1):
                if conv is None:
                    continue
                x = conv(x, ws[:, layer], None if noise is None else noise[layer], heatmaps)
                layer += 1
            # ToRGB shares its w with the first layer of the next block, as in StyleGAN2.
            yield block, x, ws[:, layer]
