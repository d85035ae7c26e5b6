"""The response of a single-object model: how far its subject follows when the layout is moved.

The level-0 centre moves by v, with the levels below it, while z and noise stay. A subject that moves by m responds with
``(m . v / |v|) / |v|``: 1 follows exactly, 0 not at all. Three things are asked where the subject is: a detector and a
matcher, which had no part in training, and the centroid of the discriminator's attention on each level. A detector
knows one kind of subject, and sees it in good pictures alone; the matcher looks for what is drawn at the heatmap's
centre, whatever it is. The control projects the same movements m on a direction that has nothing to do with v; it comes
out near 0, or the measure is broken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.config import LEVEL_RESOLUTIONS
from spatialgan.coords import centroid_xy
from spatialgan.data.images import to_uint8
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.generated import draw_inputs
from spatialgan.evaluation.summary import Summary, summarize
from spatialgan.layout import Layout
from spatialgan.streams import random_stream
from spatialgan.vision.detector import CatFaceDetector, Detector
from spatialgan.vision.features import rgb
from spatialgan.vision.matching import EfficientNetMatcher, Matcher

ATTENTION_SIZE = LEVEL_RESOLUTIONS[-1]  # attention maps of all levels are compared at 16x16
MAX_DISTANCE = 0.5  # from any point of the image, some direction has this much room


@dataclass(frozen=True)
class Measure:
    """One way of asking where the subject is."""

    response: Summary
    """Of (m . v/|v|) / |v|, over the seeds where both pictures had an answer."""
    control: Summary
    """The same movements on unrelated directions: about 0."""


@dataclass(frozen=True)
class Response:
    num_seeds: int
    first_seed: int
    distance: float
    """|v|, in image widths."""
    detector: str
    """Its name."""
    matcher: str
    """Its name."""
    measures: dict[str, Measure]
    """By name: detector; matcher; attention_0, attention_1, attention_2 where the model carries its discriminator."""
    pixels_changed: Summary
    """Mean absolute difference of the two pictures, in 0..1: context, not a measure of steering."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        measures = {
            n: {"response": m.response.to_json(), "control": m.control.to_json()} for n, m in self.measures.items()
        }
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**plain, "measures": measures, "pixels_changed": self.pixels_changed.to_json()}


@dataclass(frozen=True)
class Pairs:
    """A batch of pictures before and after their layout was moved."""

    before: Tensor
    """(B, C, R, R), about -1..1."""
    after: Tensor
    """(B, C, R, R)."""
    moves: Tensor
    """(B, 2) float32, v in image widths."""
    centers: Tensor
    """(B, 2) float32, the level-0 centres before."""
    unrelated: Tensor
    """(B, 2) float64 unit vectors, for the control."""


def measure_response(
    model: SpatialGAN,
    *,
    num_seeds: int = 500,
    distance: float = 0.15,
    first_seed: int = 0,
    detector: Detector | None = None,
    matcher: Matcher | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Response:
    """The response of a model, over pictures of its own; the same seeds give the same result.

    Attention is summed up by the centroid of the whole map, so what it keeps in the background pulls its response
    towards 0; the detector has no such bias.

    Args:
        model: with a single-object layout of Gaussians. In a layout without hierarchy (Table IV) all levels move by v.
        num_seeds: pairs of pictures, of seeds first_seed, first_seed + 1, ...
        distance: |v| in image widths; the direction is redrawn until the moved centre stays inside the image.
        detector: None for OpenCV's cat faces.
        matcher: None for blocks of EfficientNet's features.
        on_progress: called with (done, total).

    Raises:
        SpatialGANError: the model has no such layout, an argument is out of range, or what detects or matches by
            default is not installed.
    """
    require_movable(model)
    if num_seeds < 1 or not 0 < distance <= MAX_DISTANCE:
        raise SpatialGANError(
            f"{num_seeds=}, {distance=}: use 1 seed or more, and a distance above 0 and at most "
            f"{MAX_DISTANCE} image widths"
        )
    detector = detector or CatFaceDetector()
    matcher = matcher or EfficientNetMatcher(model.device)
    pieces: dict[str, list[Tensor]] = {}
    changed: list[Tensor] = []
    # Where D compares pictures within groups, as a residual one does, batches of one group give them the usual company.
    batch = model.config.model.minibatch_std_group
    for start in range(0, num_seeds, batch):
        count = min(batch, num_seeds - start)
        pairs = draw_pairs(model, range(first_seed + start, first_seed + start + count), distance)
        for name, shift in subject_shifts(model, pairs, detector, matcher):
            along = (shift * pairs.moves.double()).sum(dim=1) / distance**2  # (m . v/|v|) / |v|
            control = (shift * pairs.unrelated).sum(dim=1) / distance
            pieces.setdefault(name, []).append(torch.stack([along, control]))  # (2, B)
        changed.append((pairs.after - pairs.before).abs().mean(dim=(1, 2, 3)).cpu().double() / 2)  # of -1..1
        if on_progress is not None:
            on_progress(start + count, num_seeds)
    measures = {
        name: Measure(*(summarize(values) for values in torch.cat(parts, dim=1))) for name, parts in pieces.items()
    }
    changes = summarize(torch.cat(changed))
    return Response(num_seeds, first_seed, distance, detector.name, matcher.name, measures, changes)


def draw_pairs(model: SpatialGAN, seeds: range, distance: float) -> Pairs:
    """Pictures of the seeds, and the same with their layout moved by ``distance`` in a random direction."""
    inputs = draw_inputs(model.config.model, seeds, model.device)
    centers = inputs.layout.level_centers(0)[:, 0].cpu()  # (B, 2)
    streams = [random_stream(seed, "response move") for seed in seeds]
    moves = torch.stack([move_inside(c, distance, stream) for c, stream in zip(centers, streams, strict=True)])
    unrelated = torch.stack([direction(random_stream(seed, "response control")) for seed in seeds])
    before = model.generate(inputs.z, inputs.layout, inputs.noise)
    after = model.generate(inputs.z, moved_whole(inputs.layout, moves.to(model.device)), inputs.noise)
    return Pairs(before.clamp(-1, 1), after.clamp(-1, 1), moves, centers, unrelated)


def moved_whole(layout: Layout, dxy: Tensor) -> Layout:
    """The layout with its level-0 centre moved by ``dxy`` ``(B, 2)``, and with it all others."""
    if layout.hierarchical:
        return layout.moved(dxy)  # the offsets of the other levels come along
    for level in range(len(layout.levels)):
        layout = layout.moved(dxy, level=level)
    return layout


def subject_shifts(
    model: SpatialGAN, pairs: Pairs, detector: Detector, matcher: Matcher
) -> Iterator[tuple[str, Tensor]]:
    """How far the subject moved, by each measure: ``(B, 2)`` float64, NaN where either picture had no answer."""
    places = [
        torch.tensor([_detect(detector, image) for image in hwc_uint8(images)], dtype=torch.float64)
        for images in (pairs.before, pairs.after)
    ]  # two of (B, 2)
    yield "detector", places[1] - places[0]
    examples = zip(pairs.before, pairs.after, pairs.centers[:, None], strict=True)
    yield "matcher", torch.cat([matcher(*example) - example[-1] for example in examples]).double()
    if model.discriminator is None:
        return
    maps = [model.attention(images, ATTENTION_SIZE).cpu().double() for images in (pairs.before, pairs.after)]
    shift = centroid_xy(maps[1]) - centroid_xy(maps[0])  # (B, 3, 2)
    for level in range(shift.shape[1]):
        yield f"attention_{level}", shift[:, level]


def hwc_uint8(images: Tensor) -> np.ndarray:
    """Pictures ``(B, C, R, R)``, -1..1 => uint8 ``(B, R, R, 3)``, grey repeated."""
    return rgb(to_uint8(images)).permute(0, 2, 3, 1).cpu().contiguous().numpy()


def _detect(detector: Detector, image: np.ndarray) -> tuple[float, float]:
    place = detector(image)
    return (float("nan"), float("nan")) if place is None else place


def direction(generator: torch.Generator) -> Tensor:
    """A unit vector ``(2,)`` float64, all directions alike."""
    angle = 2 * torch.pi * torch.rand((), generator=generator, dtype=torch.float64)
    return torch.stack([angle.cos(), angle.sin()])


def move_inside(center: Tensor, distance: float, generator: torch.Generator) -> Tensor:
    """A vector ``(2,)`` of the given length in a random direction that keeps ``center`` (2,) inside the image."""
    while True:  # ends: at least a quarter of all directions have room, see MAX_DISTANCE
        move = (distance * direction(generator)).to(center.dtype)
        moved = center + move
        if bool(((moved >= 0) & (moved <= 1)).all()):
            return move


def require_movable(model: SpatialGAN) -> None:
    """Raise SpatialGANError where a model has no single-object layout of Gaussians that could be moved."""
    config = model.config.model
    problem = None
    if config.encoding == "none":
        problem = "it has no heatmap (encoding=none)"
    elif config.layout != "single":
        problem = "it has several objects (layout=multi), and this is for single-object models"
    elif config.sampling == "noise":
        problem = "its layouts are rasters without centres (sampling=noise)"
    if problem is not None:
        raise SpatialGANError(f"the layout of {model.name} cannot be moved as a whole: {problem}")
