"""Where the content at a point of one picture is in another, told by a network that had no part in making them."""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.coords import from_pixels, pixel_centers_xy, sample_at
from spatialgan.data.images import to_float, to_uint8
from spatialgan.devices import move_to
from spatialgan.heatmaps import resize_maps
from spatialgan.vision.efficientnet_lite import load_imagenet
from spatialgan.vision.features import resize_antialiased, rgb


class Matcher(Protocol):
    name: str

    def __call__(self, first: Tensor, last: Tensor, points_xy: Tensor) -> Tensor:
        """Where the content at ``points_xy`` (N, 2) of ``first`` is in ``last``, both ``(C, R, R)`` about -1..1.

        Returns:
            (N, 2) in 0..1; NaN where it cannot tell.
        """
        ...


class EfficientNetMatcher:
    """Block matching in features of EfficientNet-Lite2, over the whole picture, wherever the content was expected.

    The features of both pictures at 1/8 and 1/16 of four times their size, centred and of unit length, are compared by
    the mean cosine of blocks of 9x9 pixels. It cannot tell where another place, more than :attr:`rival_px` away from
    the best, is nearly as good.

    Raises:
        SpatialGANError: the weights' package is not installed; the message names the extra that brings it.
    """

    name = "EfficientNet-Lite2 (ImageNet), blocks of 9x9 pixels at stages 2 and 4"
    stages = (1, 2)  # of the network's four maps
    block_radius_px = 4
    rival_px = 4.0
    # Of cosine. Between unrelated pictures of cats 90 % of the margins were below 0.08, so more than one in ten
    # of them gets an answer; a higher bound would silence true matches.
    least_margin = 0.06
    least_size = 256  # pictures are enlarged to four times their size, at least to this

    def __init__(self, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self._network = move_to(load_imagenet("lite2"), self.device)

    @torch.no_grad()
    def __call__(self, first: Tensor, last: Tensor, points_xy: Tensor) -> Tensor:
        """See :class:`Matcher`."""
        before, after = self.features(first), self.features(last)
        places = [self._best(block_scores(before, after, p, self.block_radius_px)) for p in points_xy.to(self.device)]
        return torch.stack(places).cpu()

    def features(self, image: Tensor) -> Tensor:
        """``(C, R, R)`` about -1..1 => ``(1, F, R, R)``; the features of each place have length 1."""
        size = image.shape[-1]
        x = resize_antialiased(rgb(to_uint8(image[None])).to(self.device), max(self.least_size, 4 * size))
        maps = self._network(to_float(x).contiguous(memory_format=torch.channels_last))
        # Without its mean over the picture a feature tells places apart, rather than pictures.
        centred = [m - m.mean(dim=(2, 3), keepdim=True) for m in (resize_maps(maps[s], size) for s in self.stages)]
        return torch.cat([F.normalize(m, dim=1) for m in centred], dim=1) / len(centred) ** 0.5

    def _best(self, scores: Tensor) -> Tensor:
        """The best place ``(2,)`` of ``(R, R)`` scores, or NaN."""
        size = scores.shape[-1]
        row, column = divmod(int(scores.argmax()), size)
        grid = pixel_centers_xy(size, size, device=scores.device)
        rivals = scores[(grid - grid[row, column]).norm(dim=-1) > self.rival_px / size]
        if bool(scores[row, column] - rivals.max() < self.least_margin):
            return torch.full((2,), torch.nan, device=scores.device)
        place = torch.tensor([column + peak_offset(scores[row], column), row + peak_offset(scores[:, column], row)])
        return from_pixels(place.to(scores.device), size, size)


def block_scores(before: Tensor, after: Tensor, point_xy: Tensor, radius_px: int) -> Tensor:
    """How alike the block round a point of ``before`` and the blocks of ``after`` are: ``(R, R)`` mean cosines.

    Parts of either block outside its picture do not count; where less than half is left, the score is -1.

    Args:
        before: (1, F, R, R), features of length 1.
        after: (1, F, R, R).
        point_xy: (2,) in 0..1.
        radius_px: blocks are ``2 radius_px + 1`` wide.
    """
    size = before.shape[-1]
    width = 2 * radius_px + 1
    offsets = (pixel_centers_xy(width, width, device=before.device) - 0.5) * (width / size)
    points = point_xy + offsets  # (width, width, 2)
    valid = ((points >= 0) & (points <= 1)).all(dim=-1).to(before)[None, None]  # (1, 1, width, width)
    block = sample_at(before, points[None]) * valid
    counts = F.conv2d(torch.ones_like(after[:, :1]), valid, padding=radius_px)
    scores = F.conv2d(after, block, padding=radius_px) / counts.clamp_min(1)
    return torch.where(counts >= width**2 / 2, scores, -1.0)[0, 0]


def peak_offset(values: Tensor, index: int) -> float:
    """Where between its neighbours the maximum at ``index`` of ``(N,)`` lies, -1/2..1/2, by a parabola."""
    if not 0 < index < len(values) - 1:
        return 0.0
    low, middle, high = values[index - 1 : index + 2].tolist()
    curvature = low + high - 2 * middle
    return max(-0.5, min(0.5, 0.5 * (low - high) / curvature)) if curvature < 0 else 0.0
