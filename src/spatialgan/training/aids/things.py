"""Where the things of multi-object pictures are, and how large, without labels [ours]. For ``training/aids/codes.py``.

The first thing is the subject, what all pictures of a set have in common (``training/aids/subject.py``): of bedrooms,
the bed. The others are discs, of any of several sizes, in which a picture differs more from what is usual at that place
than it does around them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from spatialgan.coords import pixel_centers_xy
from spatialgan.training.aids.subject import subjects_of

RADII = (0.06, 0.08, 0.10, 0.13, 0.17, 0.22)  # of discs, in image widths
RING = 1.7  # around a disc is what is nearer to its middle than RING radii
SIZE_POWER = 0.75  # the contrast of a disc counts times its radius to this power: larger things have less
GAP = 0.08  # between a thing and the next one's middle, in image widths
SUBJECT_REACH = 0.45  # what is further from a subject's strongest place is not of it, in image widths
OVERLAP = 1e6  # more than any contrast: a thing's middle lies in or near an earlier one only where there is no room
INSIDE_POWER = 0.5  # the contrast of a disc counts times this power of its share in the picture: means over few places
# vary more, and half of all discs were at edges


@dataclass(frozen=True)
class Things:
    """Of N pictures, K each, in falling order of how surely they are things."""

    centers_xy: Tensor
    """(N, K, 2) in 0..1 of the picture."""
    radii: Tensor
    """(N, K) of discs as large as the things, in picture widths."""

    def mirrored(self) -> "Things":
        x, y = self.centers_xy.unbind(dim=-1)
        return Things(torch.stack([1 - x, y], dim=-1), self.radii)


def things_of(subject_maps: Tensor, unusual: Tensor, count: int) -> Things:
    """The subject, and what is unusual besides.

    Args:
        subject_maps: (N, h, w), see :func:`spatialgan.training.aids.subject.subject_maps`.
        unusual: (N, s, s), 0 or more: how much each place differs from what is usual there.
        count: of things a picture. Where there is no room for all, middles lie as far outside of others as they can.
    """
    first = main_things(subject_maps)
    centers, radii = [first.centers_xy], [first.radii]
    contrasts = disc_contrasts(unusual)  # (N, R, s s)
    grid = pixel_centers_xy(*unusual.shape[1:], device=unusual.device).reshape(-1, 2)
    sizes = torch.tensor(RADII, device=unusual.device, dtype=torch.float32)
    overlap = unusual.new_zeros(len(unusual), len(grid))
    for _ in range(count - 1):
        reach = radii[-1] + GAP  # (N, 1)
        distances = (grid[None] - centers[-1]).norm(dim=-1)  # (N, s s)
        overlap = torch.maximum(overlap, (1 - distances / reach).clamp_min(0))
        best = (contrasts - OVERLAP * overlap[:, None]).flatten(1).argmax(dim=1)
        centers.append(grid[best % len(grid)][:, None])
        radii.append(sizes[best // len(grid)][:, None])
    return Things(torch.cat(centers, dim=1), torch.cat(radii, dim=1))


def main_things(maps: Tensor) -> Things:
    """The strongest subject in each map (N, h, w): pictures of several may have more than one. Where a map is empty:
    the middle."""
    grid = pixel_centers_xy(*maps.shape[1:], device=maps.device)  # (h, w, 2)
    strongest = grid.flatten(0, 1)[maps.flatten(1).argmax(dim=1)]  # (N, 2)
    near = (grid[None] - strongest[:, None, None]).norm(dim=-1) < SUBJECT_REACH
    found = subjects_of(maps * near)
    return Things(found.centers_xy[:, None], found.sizes[:, None] / torch.pi**0.5)


def disc_contrasts(unusual: Tensor) -> Tensor:
    """How much more unusual discs are than what is around them: ``(N, s, s)`` to ``(N, R, s s)``, for each radius and
    each middle. Means are over what is inside the picture; s is 16 or more."""
    grid = pixel_centers_xy(*unusual.shape[1:], device=unusual.device).reshape(-1, 2)
    distances = torch.cdist(grid, grid)
    values = unusual.flatten(1).sqrt()  # edges are far more unusual than what they enclose
    values = values / values.mean(dim=1, keepdim=True).clamp_min(1e-6)
    found = []
    for radius in RADII:
        inside = (distances < max(radius, 0.5 / unusual.shape[-1])).to(values)
        around = (distances < RING * radius).to(values) - inside
        area = inside.sum(dim=0)  # (s s,)
        contrast = values @ (inside / area) - values @ (around / around.sum(dim=0).clamp_min(1))
        found.append(contrast * radius**SIZE_POWER * (area / area.amax()) ** INSIDE_POWER)
    return torch.stack(found, dim=1)
