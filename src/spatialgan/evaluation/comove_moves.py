"""The pictures that the Co-move ratio is measured on: before and after one centre of each was moved.

Two protocols move the same centre c. The paper's moves it by a random v that keeps c + v inside the image: on average
such moves lean inwards, the more the further out c lies. The antithetic one [ours] moves it by v and, in another
picture, by -v, and both ends are inside: there is no lean.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.config import ModelConfig
from spatialgan.data.images import to_uint8
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.generated import draw_inputs
from spatialgan.evaluation.response import MAX_DISTANCE, move_inside, moved_whole
from spatialgan.layout import Layout
from spatialgan.streams import random_stream
from spatialgan.vision.features import rgb

SHORTEST, LONGEST = 0.1, 0.3  # |v|, in image widths


@dataclass(frozen=True, eq=False)
class Moves:
    """The moves of a batch by one protocol, and what they led to."""

    after: tuple[Tensor, ...]
    """uint8 (B, 3, H, W) each: the pictures with c moved by v; where there are two, the second's by -v."""
    v: Tensor
    """(B, 2) float64, in image widths; NaN where the protocol had no room for a move."""
    unrelated: Tensor
    """(B, 2) unit vectors, for the control: at right angles to v. Directions that are drawn freely lean with or against
    500 moves by chance, and so take a share of the ratio."""


@dataclass(frozen=True, eq=False)
class Trials:
    """A batch of pictures, and what came of moving one centre of each, by one protocol or several."""

    before: Tensor
    """uint8 (B, 3, H, W)."""
    centers: Tensor
    """(B, 2) in 0..1: where the moved centre was."""
    protocols: tuple[Moves, ...]


def draw_trials(
    model: SpatialGAN, config: ModelConfig, seeds: Sequence[int], shortest: float, longest: float
) -> Trials:
    """Pictures of the seeds, in layouts as ``config`` says, and the moves of both protocols: the paper's, then ours.

    The centre is drawn at random, and both protocols move the same one, by vectors drawn independently: those of the
    paper's that could be made both ways, too, would not be like the paper's.
    """
    inputs = draw_inputs(config, seeds, model.device)
    centers = inputs.layout.level_centers(0).cpu()  # (B, K, 2)
    points, single, both = [], [], []
    for b, seed in enumerate(seeds):
        stream = random_stream(seed, "comove move")
        points.append(int(torch.randint(centers.shape[1], (), generator=stream)))
        length = shortest + (longest - shortest) * torch.rand((), generator=stream).item()
        center = centers[b, points[b]]
        single.append(move_inside(center, length, stream))
        both.append(move_both_ways(center, shortest, longest, random_stream(seed, "comove both ways")))

    def pictures(dxy: Tensor) -> Tensor:
        layouts = [_moved(inputs.layout[b], point, dxy[b]) for b, point in enumerate(points)]
        return _shown(model.generate(inputs.z, Layout.stack(layouts), inputs.noise))

    def unrelated(v: Tensor, purpose: str) -> Tensor:
        return across(v, [random_stream(seed, purpose) for seed in seeds])

    before = _shown(model.generate(inputs.z, inputs.layout, inputs.noise))
    v, w = torch.stack(single), torch.stack(both)  # (B, 2)
    papers = Moves((pictures(v),), v.double(), unrelated(v.double(), "comove control"))
    stay = w.nan_to_num()  # where there is no room
    ours = Moves((pictures(stay), pictures(-stay)), w.double(), unrelated(w.double(), "comove control both ways"))
    return Trials(before, torch.stack([centers[b, point] for b, point in enumerate(points)]), (papers, ours))


def _shown(images: Tensor) -> Tensor:
    """Pictures of a model ``(B, C, R, R)``, about -1..1 => uint8 ``(B, 3, R, R)`` on the CPU."""
    return rgb(to_uint8(images).cpu())


def _moved(layout: Layout, point: int, dxy: Tensor) -> Layout:
    """One picture's layout with an object, or the whole of a single-object layout, moved by ``dxy`` (2,)."""
    return layout.moved(dxy, point=point) if layout.kind == "multi" else moved_whole(layout, dxy)


def move_both_ways(center: Tensor, shortest: float, longest: float, generator: torch.Generator) -> Tensor:
    """A random v ``(2,)`` such that ``center`` (2,) stays inside the image when moved by v, and by -v.

    The length is uniform from ``shortest`` to ``longest``, or to the greatest that has room: near a corner, moves are
    shorter. The direction is uniform among those that have room for the length: near an edge, along it. NaN where not
    even ``shortest`` has room, as it is nearer than that to a corner: still shorter moves would tell of nothing but the
    pixels by which a mask changes.
    """
    room = torch.minimum(center, 1 - center)  # (2,): to the nearer edge, in x and in y
    reach = room.norm().item()
    if bool((room < 0).any()) or reach < shortest:
        return torch.full_like(center, math.nan)
    amounts = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    signs = torch.randint(2, (2,), generator=generator) * 2 - 1
    length = shortest + (min(longest, reach) - shortest) * amounts[0]
    # All four quarters of directions have the same room; in each it is between two angles.
    least, most = (f(min(1.0, r / length)) for f, r in zip((math.acos, math.asin), room.tolist(), strict=True))
    angle = least + (most - least) * amounts[1]
    size = center.new_tensor([length * math.cos(angle), length * math.sin(angle)])
    return torch.minimum(size, room) * signs  # at most a rounding error less


def across(v: Tensor, streams: Sequence[torch.Generator]) -> Tensor:
    """Unit vectors (B, 2) at right angles to ``v`` (B, 2), to either side as the streams say."""
    sides = torch.stack([torch.randint(2, (), generator=stream) for stream in streams]) * 2 - 1
    x, y = (v / v.norm(dim=1, keepdim=True)).unbind(dim=1)
    return torch.stack([-y, x], dim=1) * sides[:, None]


def require_handles(model: SpatialGAN) -> None:
    """Raise SpatialGANError where a model has no centre that could be moved."""
    config = model.config.model
    if config.encoding == "none":
        raise SpatialGANError(
            f"{model.name} has no heatmap (encoding=none) and so no handle to move: its Co-move "
            "ratio is N/A, like StyleGAN2's in the paper"
        )
    if config.layout == "single" and config.sampling == "noise":
        raise SpatialGANError(
            f"the layouts of {model.name} are rasters without centres to move (sampling=noise); "
            "measure a model with sampling=hierarchical or independent"
        )


def require_lengths(num_samples: int, shortest: float, longest: float) -> None:
    """Raise SpatialGANError where there is nothing to measure, or no room for moves of these lengths."""
    if num_samples < 1 or not 0 < shortest <= longest <= MAX_DISTANCE:
        raise SpatialGANError(
            f"{num_samples=}, {shortest=}, {longest=}: use 1 sample or more, and lengths above 0 and "
            f"at most {MAX_DISTANCE} image widths, the shortest first"
        )
