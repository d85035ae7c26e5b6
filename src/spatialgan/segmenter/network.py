"""A compact panoptic network: EfficientNet-Lite0, a feature pyramid up to half the input's size, and three heads.

The heads are those of Panoptic-DeepLab (Cheng et al., CVPR 2020): the class of each pixel, a heatmap of the objects'
centres, and the way from each pixel to the centre of its object. Here the heatmap has one channel for each class.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from spatialgan.vision.efficientnet_lite import EfficientNetLite

INPUT_SIZE = 128
STRIDE = 2  # of the heads
BACKBONE_STRIDES = (2, 4, 8, 16, 32)  # of the backbone's maps that the pyramid takes
WIDTHS = (32, 64, 96, 128, 128)  # of the pyramid at those sizes
GROUPS = 8  # of its group normalisation
RARE = -4.0  # first bias of the centres: sigmoid(-4) is about their share of the pixels


@dataclass(frozen=True)
class Classes:
    """What a segmenter tells apart."""

    objects: tuple[str, ...]
    """Classes of things that come as instances."""
    surroundings: tuple[str, ...]
    """Classes of all other pixels: walls, floors, ceilings, and ``none`` for what has no class."""

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of the semantic channels."""
        return self.objects + self.surroundings


@dataclass(frozen=True, eq=False)
class Heads:
    """What the network says about B pictures, at H = W = input size / 2, for N classes of objects."""

    semantic: Tensor
    """(B, N + surroundings, H, W), logits."""
    centers: Tensor
    """(B, N, H, W), logits."""
    offsets: Tensor
    """(B, 2, H, W): from a pixel to the centre of its object, x then y, in widths of the picture."""
    maps: tuple[Tensor, ...]
    """Inner features: of the backbone at 1/2 to 1/32 of the input, then of the pyramid from 1/32 to 1/2."""


class SegmenterNetwork(nn.Module):
    def __init__(self, classes: Classes, backbone: EfficientNetLite | None = None):
        """``backbone``: of :data:`BACKBONE_STRIDES`; None for one without trained weights."""
        super().__init__()
        self.backbone = backbone or EfficientNetLite("lite0", strides=BACKBONE_STRIDES)
        channels = self.backbone.feature_channels
        self.laterals = nn.ModuleList(nn.Conv2d(c, w, 1) for c, w in zip(channels, WIDTHS, strict=True))
        self.descents = nn.ModuleList(nn.Conv2d(WIDTHS[i + 1], WIDTHS[i], 1) for i in range(len(WIDTHS) - 1))
        self.blocks = nn.ModuleList(_block(w) for w in WIDTHS)
        self.semantic = nn.Conv2d(WIDTHS[0], len(classes.names), 1)
        self.instance = _block(WIDTHS[0])
        self.centers = nn.Conv2d(WIDTHS[0], len(classes.objects), 1)
        self.offsets = nn.Conv2d(WIDTHS[0], 2, 1)
        nn.init.constant_(self.centers.get_parameter("bias"), RARE)
        nn.init.normal_(self.centers.weight, std=0.01)

    def forward(self, images: Tensor) -> Heads:
        """Pictures ``(B, 3, R, R)`` in -1..1, R a multiple of 32."""
        return self.heads(self.backbone(images))

    def heads(self, maps: tuple[Tensor, ...]) -> Heads:
        """From the backbone's maps, those of the whole network."""
        pyramid = []
        for i in reversed(range(len(maps))):
            y = self.laterals[i](maps[i])
            if pyramid:
                y = y + F.interpolate(self.descents[i](pyramid[-1]), scale_factor=2, mode="nearest")
            pyramid.append(self.blocks[i](y))
        instance = self.instance(pyramid[-1])
        return Heads(
            self.semantic(pyramid[-1]).float(),
            self.centers(instance).float(),
            self.offsets(instance).float(),
            (*maps, *pyramid),
        )


def _block(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.GroupNorm(GROUPS, channels), nn.ReLU()
    )
