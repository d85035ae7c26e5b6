"""Instances <=> the three maps that the segmenter's network is trained on and answers with.

Shapes: h, w of the maps; H, W of the picture; N classes of objects; n instances.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.coords import centroid_xy, pixel_centers_xy, to_pixels

CENTER_STD_PX = 1.5  # of a centre's bump in the heatmap
PEAK_WINDOW_PX = 5  # one centre in a square of this side
MIN_PEAK = 0.2
MIN_AREA = 0.003  # share of the picture; smaller instances can hardly be told from noise at 64 pixels
MAX_GAP = 1 / 8  # of the picture's width: parts that are further apart than that are instances of their own
MIN_SCORE = 0.05  # what is less sure is mostly the torn edge of something else
NONE = "none"  # class of pixels with no object at all
UNKNOWN = -1  # semantic class of pixels that do not count


@dataclass(frozen=True, eq=False)
class Targets:
    """What the heads should say about one picture."""

    semantic: Tensor
    """(h, w) int64: index of the class, :data:`UNKNOWN` for pixels that do not count."""
    centers: Tensor
    """(N, h, w): a bump of height 1 at each centre."""
    offsets: Tensor
    """(2, h, w): from a pixel to its object's centre, in widths of the picture; 0 outside objects."""


@dataclass(frozen=True, eq=False)
class Region:
    """One instance as the heads have it."""

    mask: Tensor
    """(H, W) bool."""
    label: int
    """Index of its class."""
    score: float
    """Mean probability of the class in the mask, times the height of the centre's peak."""


def make_targets(instances: Tensor, labels: Tensor, num_objects: int) -> Targets:
    """The maps of one picture.

    Args:
        instances: int64 ``(h, w)``, an id at each pixel.
        labels: int64 ``(ids,)``, the index of each id's class; below ``num_objects`` it is an object.
        num_objects: N.
    """
    h, w = instances.shape
    centers, offsets = torch.zeros(num_objects, h, w), torch.zeros(2, h, w)
    grid = pixel_centers_xy(h, w)  # (h, w, 2)
    index = to_pixels(grid, h, w)  # (h, w, 2)
    for i in instances.unique().tolist():
        label = int(labels[i])
        if not 0 <= label < num_objects:
            continue
        mask = instances == i
        center = centroid_xy(mask.float())
        offsets[:, mask] = (center - grid[mask]).T
        if float(mask.float().mean()) >= MIN_AREA:
            peak = to_pixels(center, h, w).round()  # on a pixel, so that one pixel has the value 1
            bump = (-(index - peak).square().sum(dim=-1) / (2 * CENTER_STD_PX**2)).exp()
            centers[label] = torch.maximum(centers[label], bump)
    return Targets(labels[instances], centers, offsets)


def find_regions(
    semantic: Tensor,
    centers: Tensor,
    offsets: Tensor,
    size: tuple[int, int],
    *,
    min_area: float = MIN_AREA,
    min_score: float = MIN_SCORE,
) -> list[Region]:
    """The instances of one picture, the surest first.

    Each pixel of an object's class goes to the centre of that class that its offset comes nearest to; a class without
    any peak is one instance. What is then in parts that lie apart is as many instances: something narrow in front of an
    object parts it a little, and where parts are further apart, centres were missed.

    Args:
        semantic: ``(N + surroundings, h, w)``, logits.
        centers: ``(N, h, w)``, logits.
        offsets: ``(2, h, w)``, in widths of the picture.
        size: (H, W) of the picture, which the masks have.
        min_area: share of the picture below which an instance is left out.
        min_score: likewise of the score.
    """
    heat = centers.sigmoid()
    probability = _enlarged(semantic, size).softmax(dim=0)
    classes = probability.argmax(dim=0)  # (H, W)
    places = pixel_centers_xy(*size, device=offsets.device) + _enlarged(offsets, size).permute(1, 2, 0)  # (H, W, 2)
    regions = []
    for label in classes.unique().tolist():
        if label >= len(heat):
            continue
        inside = classes == label
        peaks, heights = find_peaks(heat[label])
        if len(peaks) == 0:
            peaks, heights = peaks.new_zeros(1, 2), heat[label].max()[None]
        nearest = torch.cdist(places[inside], peaks).argmin(dim=1)
        for k in nearest.unique().tolist():
            whole = torch.zeros_like(inside)
            whole[inside] = nearest == k
            for mask in parts_apart(whole, MAX_GAP):
                score = float(probability[label][mask].mean() * heights[k])
                if float(mask.float().mean()) >= min_area and score >= min_score:
                    regions.append(Region(mask, label, score))
    return sorted(regions, key=lambda r: -r.score)


def find_peaks(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Local maxima of ``(h, w)``, at least :data:`MIN_PEAK` high: ``(k, 2)`` x, y in 0..1, and heights ``(k,)``."""
    highest = F.max_pool2d(heat[None], PEAK_WINDOW_PX, stride=1, padding=PEAK_WINDOW_PX // 2)[0]
    rows, columns = torch.where((heat == highest) & (heat >= MIN_PEAK))
    return pixel_centers_xy(*heat.shape, device=heat.device)[rows, columns], heat[rows, columns]


def parts_apart(mask: Tensor, gap: float) -> list[Tensor]:
    """The parts of ``mask`` (H, W) bool that no chain of steps of at most ``gap`` picture widths connects."""
    reach = max(1, round(gap * mask.shape[1]))  # in rows and in columns
    # Each pixel takes the highest number that it can hear of, until all of a part have the part's highest.
    numbers = torch.arange(1, mask.numel() + 1, device=mask.device, dtype=torch.float32).reshape(mask.shape) * mask
    while True:  # a square's maximum is that of its rows' maxima, which takes far fewer comparisons
        rows = F.max_pool2d(numbers[None], (1, 2 * reach + 1), stride=1, padding=(0, reach))
        heard = F.max_pool2d(rows, (2 * reach + 1, 1), stride=1, padding=(reach, 0))[0] * mask
        if torch.equal(heard, numbers):
            return [numbers == number for number in numbers[mask].unique()]
        numbers = heard


def _enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """``(C, h, w)`` => ``(C, H, W)``; as they are where the size is the same."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]
