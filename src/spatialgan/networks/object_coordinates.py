"""Object coordinates [ours]: each pixel knows where in its object it lies.

SEL_multi (Eq. 3) says whose style a pixel has. But a round heatmap has neither left nor right, so the only way to tell
a bed's head from its foot is by where in the picture they are, and what is told by that does not come along when the
heatmap moves. Here each object has a frame: its heatmap's centre, axes and standard deviations. Waves over a pixel's
coordinates in these frames (Fourier features; Tancik et al., 2020) are mixed by the same shares as the styles, and
added to the layer's style: ``scale(u) = sum_i a_i(u) (A w_i + P waves(u in frame i))``. The background's frame is the
picture. What is drawn so moves, grows and turns with its heatmap.
"""

import math

import torch
from torch import Tensor, nn

from spatialgan.coords import pixel_centers_xy
from spatialgan.layout import Layout
from spatialgan.networks.encoding import style_shares

FREQUENCIES = (1, 2, 4)  # of the waves, in eighths of a turn a standard deviation
NUM_WAVES = 4 * len(FREQUENCIES)  # sines and cosines along two axes
NUM_CHANNELS = 2 * NUM_WAVES  # objects' and the background's
PICTURE_STD = 0.25  # of the background's frame, which lies in the middle; in picture widths
FAR = 1e4  # standard deviations: no wave is told apart there
SIZE = 32  # pixels across, at which coordinates are made; layers of another size get them resized


class Place(nn.Module):
    """What a layer makes of object coordinates, the same for all styles: P above."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(NUM_CHANNELS, channels))

    def forward(self) -> Tensor:
        """(NUM_CHANNELS, channels)."""
        return self.weight * NUM_CHANNELS**-0.5


def object_coordinates(layout: Layout) -> Tensor:
    """What all pixels of multi-object layouts know of their places: ``(B, NUM_CHANNELS, SIZE, SIZE)`` in -1..1.

    Raises SpatialGANError where the layout is a raster without frames.
    """
    shares = style_shares(layout.heatmaps(0, SIZE))[:, :, None]  # (B, K + 1, 1, SIZE, SIZE)
    objects = waves(layout.own_coordinates(0, SIZE))  # (B, K, NUM_WAVES, SIZE, SIZE)
    frame = (pixel_centers_xy(SIZE, SIZE, device=objects.device).movedim(-1, 0) - 0.5) / PICTURE_STD
    return torch.cat([(shares[:, :-1] * objects).sum(dim=1), shares[:, -1] * waves(frame)], dim=1)


def waves(coordinates: Tensor) -> Tensor:
    """Sines, then cosines, of coordinates ``(..., 2, h, w)`` in standard deviations: ``(..., NUM_WAVES, h, w)``."""
    coordinates = coordinates.clamp(-FAR, FAR)  # an object may be anywhere, and the sine of infinity is no number
    angles = torch.cat([coordinates * (f * math.pi / 4) for f in FREQUENCIES], dim=-3)
    return torch.cat([angles.sin(), angles.cos()], dim=-3)
