"""How different two pictures look: the distance of their ImageNet features, as in LPIPS (Zhang et al., "The
Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018), but of EfficientNet-Lite0's and with
equal weights.

Values are not those of LPIPS: 0 for equal pictures, about 1 for unrelated ones.
"""

import torch
from torch import Tensor

from spatialgan.devices import move_to
from spatialgan.heatmaps import resize_maps
from spatialgan.vision.efficientnet_lite import EfficientNetLite, load_imagenet

STRIDES = (2, 4, 8, 16)  # of the features that are compared
MAX_PX = 256  # larger pictures are compared at this size, as StyleGAN2's own projection does
MIN_PX = 64  # smaller ones are enlarged, or the coarse features would see their edges alone
EPS = 1e-6


def comparison_network(device: torch.device) -> EfficientNetLite:
    """Frozen; raises SpatialGANError where the ImageNet weights are not installed."""
    return move_to(load_imagenet("lite0", strides=STRIDES), device)


def unit_features(network: EfficientNetLite, images: Tensor) -> list[Tensor]:
    """Features of pictures (B, C, R, R) in about -1..1, a unit vector at each place: (B, F, h, h) for each stride."""
    size = min(max(images.shape[-1], MIN_PX), MAX_PX)
    images = resize_maps(images, size).expand(-1, 3, -1, -1)
    maps = network(images.contiguous(memory_format=torch.channels_last))
    return [m.float() / (m.float().square().sum(dim=1, keepdim=True) + EPS).sqrt() for m in maps]


def feature_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Mean over strides and places of the squared distance of :func:`unit_features`: (B,), 0..2."""
    distances = [(x - y).square().sum(dim=1).mean(dim=(1, 2)) for x, y in zip(a, b, strict=True)]
    return torch.stack(distances).mean(dim=0)


def perceptual_distance(network: EfficientNetLite, a: Tensor, b: Tensor) -> Tensor:
    """How different pictures (B, C, R, R) in about -1..1 look, one by one: (B,)."""
    return feature_distance(unit_features(network, a), unit_features(network, b))
