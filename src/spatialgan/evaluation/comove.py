"""The Co-move ratio (Table I): how far an object goes along when its sub-heatmap is moved.

The paper's protocol: the object of a sub-heatmap is the segmented instance that contains its centre c. The centre
moves by v, while z and noise stay. In the new picture, the instance nearest in feature space is taken for the same
object; its centre, the mean of its pixels, has moved by m. The ratio is ``(m . v/|v|) / |v|``: 1 follows exactly, 0 not
at all.

Two controls stand beside it. The first projects the same m on a direction at right angles to v, and has to come out
near 0. The second, chance, matches the object in another sample's picture, where it cannot be: what a model
would get that redraws everything. That is above 0, for v has to stay inside the image and so leans towards its middle,
and whatever is taken for an object from near the edge lies that way too. A ratio says something where it is well above.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.config import ModelConfig
from spatialgan.coords import centroid_xy, to_pixels
from spatialgan.data.images import to_uint8
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.features import rgb
from spatialgan.evaluation.response import MAX_DISTANCE, move_inside, moved_whole
from spatialgan.evaluation.samples import draw_inputs
from spatialgan.evaluation.segmentation import Instance, Segmenter
from spatialgan.evaluation.summary import Summary, summarize
from spatialgan.layout import Layout
from spatialgan.model import SpatialGAN
from spatialgan.streams import random_stream

BATCH_SIZE = 16  # pairs
SHORTEST, LONGEST = 0.1, 0.3  # |v|, in image widths
PLACE_MARGIN = 1 / 32  # what lies this near to an object counts as its place, in image widths
NAN = math.nan


@dataclass(frozen=True, eq=False)
class Pairs:
    """A batch of pictures before and after one centre of each was moved."""

    before: Tensor
    """uint8 (B, 3, H, W)."""
    after: Tensor
    """uint8 (B, 3, H, W)."""
    centers: Tensor
    """(B, 2) in 0..1: where the moved centre was."""
    moves: Tensor
    """(B, 2), v in image widths."""
    unrelated: Tensor
    """(B, 2) unit vectors, for the control: at right angles to the moves. Directions that are drawn freely lean with or
    against 500 moves by chance, and so take a share of the ratio."""


@dataclass(frozen=True)
class Sample:
    """What one pair gives; NaN where it could not be measured."""

    ratio: float = NAN
    control: float = NAN
    chance: float = NAN
    locality: float = NAN
    identity: float = NAN
    chance_identity: float = NAN
    has_object: bool = False
    """Whether an instance contained the centre."""
    has_match: bool = False
    """Whether the new picture had an instance at all."""
    label: str = ""
    """The object's class; empty where there is none."""
    same_label: bool = False
    """Whether the match is of the object's own class."""


@dataclass(frozen=True)
class CoMove:
    num_samples: int
    ratio: Summary
    """(m . v/|v|) / |v|, over the samples with an object and a match."""
    control: Summary
    """The same movements across v, to a random side: about 0."""
    chance: Summary
    """The ratio with the object matched in another sample's picture: what noise gets."""
    locality: Summary
    """Mean absolute change outside the object's old and new place, over the mean inside: lower is better."""
    identity: Summary
    """Cosine of the features of the object before and of its match after."""
    chance_identity: Summary
    """The same cosine for matches in another sample's picture."""
    no_object: float
    """Share of samples where no instance contained the centre."""
    no_match: float
    """Share of samples with an object whose new picture had no instance at all."""
    label_changed: float
    """Share of samples whose match is of another class than the object. They count in the ratio: the paper's do."""
    by_class: dict[str, Summary]
    """The ratio of the objects of each class, as segmented before the move, the most frequent class first."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["by_class"] = {label: summary.to_json() for label, summary in self.by_class.items()}
        return {name: v.to_json() if isinstance(v, Summary) else v for name, v in values.items()}


def measure_comove(model: SpatialGAN, segmenter: Segmenter, *, num_samples: int = 500, shortest: float = SHORTEST,
                   longest: float = LONGEST, object_spacing: float | None = None, first_seed: int = 0,
                   on_progress: Callable[[int, int], None] | None = None) -> CoMove:
    """The Co-move ratio of a model, over pictures of its own; the same seeds give the same result.

    One sub-heatmap a picture is moved, drawn at random: all are drawn alike, and the samples of different pictures are
    independent, as the intervals take them to be. Of single-object layouts it is the level-0 centre, which carries the
    others along.

    Args:
        model: with a layout of Gaussians.
        segmenter: finds the objects.
        num_samples: pairs of pictures, of seeds first_seed, first_seed + 1, ...
        shortest: least |v|, in image widths.
        longest: greatest |v|. The length is uniform in between; the direction is uniform, and redrawn until the moved
            centre stays inside the image.
        object_spacing: of multi-object layouts, as in ModelConfig; None: the model's own, 0: the paper's.
        on_progress: called with (done, total).

    Raises:
        SpatialGANError: the model has no centres to move, an argument is out of range, or there is an object_spacing
            for single-object layouts.
    """
    require_handles(model)
    require_lengths(num_samples, shortest, longest)
    seeds = range(first_seed, first_seed + num_samples)
    config = model.config.model
    if object_spacing is not None:
        if config.layout != "multi":
            raise SpatialGANError(f"{model.name} has layouts of one object, which no spacing changes: leave out "
                                  "object_spacing")
        config = replace(config, object_spacing=object_spacing)
    batches = (draw_pairs(model, config, seeds[start : start + BATCH_SIZE], shortest, longest)
               for start in range(0, num_samples, BATCH_SIZE))
    samples = []
    for sample in measure_pairs(batches, segmenter):
        samples.append(sample)
        if on_progress is not None:
            on_progress(len(samples), num_samples)
    return summarize_samples(samples)


def require_handles(model: SpatialGAN) -> None:
    """Raise SpatialGANError where a model has no centre that could be moved."""
    config = model.config.model
    if config.encoding == "none":
        raise SpatialGANError(f"{model.name} has no heatmap (encoding=none) and so no handle to move: its Co-move "
                              "ratio is N/A, like StyleGAN2's in the paper")
    if config.layout == "single" and config.sampling == "noise":
        raise SpatialGANError(f"the layouts of {model.name} are rasters without centres to move (sampling=noise); "
                              "measure a model with sampling=hierarchical or independent")


def require_lengths(num_samples: int, shortest: float, longest: float) -> None:
    """Raise SpatialGANError where there is nothing to measure, or no room for moves of these lengths."""
    if num_samples < 1 or not 0 < shortest <= longest <= MAX_DISTANCE:
        raise SpatialGANError(f"{num_samples=}, {shortest=}, {longest=}: use 1 sample or more, and lengths above 0 and "
                              f"at most {MAX_DISTANCE} image widths, the shortest first")


def draw_pairs(model: SpatialGAN, config: ModelConfig, seeds: Sequence[int], shortest: float,
               longest: float) -> Pairs:
    """Pictures of the seeds, in layouts as ``config`` says, and the same with one centre of each moved."""
    inputs = draw_inputs(config, seeds, model.device)
    centers = inputs.layout.level_centers(0).cpu()  # (B, K, 2)
    starts, moves, layouts = [], [], []
    for b, seed in enumerate(seeds):
        stream = random_stream(seed, "comove move")
        point = int(torch.randint(centers.shape[1], (), generator=stream))
        length = shortest + (longest - shortest) * torch.rand((), generator=stream).item()
        starts.append(centers[b, point])
        moves.append(move_inside(centers[b, point], length, stream))
        layouts.append(_moved(inputs.layout[b], point, moves[-1]))
    before = model.generate(inputs.z, inputs.layout, inputs.noise)
    after = model.generate(inputs.z, Layout.stack(layouts), inputs.noise)
    shown = [rgb(to_uint8(images).cpu()) for images in (before, after)]
    v = torch.stack(moves).double()
    return Pairs(*shown, torch.stack(starts), v, across(v, [random_stream(seed, "comove control") for seed in seeds]))


def across(moves: Tensor, streams: Sequence[torch.Generator]) -> Tensor:
    """Unit vectors (B, 2) at right angles to ``moves`` (B, 2), to either side as the streams say."""
    sides = torch.stack([torch.randint(2, (), generator=stream) for stream in streams]) * 2 - 1
    x, y = (moves / moves.norm(dim=1, keepdim=True)).unbind(dim=1)
    return torch.stack([-y, x], dim=1) * sides[:, None]


def _moved(layout: Layout, point: int, dxy: Tensor) -> Layout:
    """One picture's layout with an object, or the whole of a single-object layout, moved by ``dxy`` (2,)."""
    return layout.moved(dxy, point=point) if len(layout.levels) == 1 else moved_whole(layout, dxy)


# ---------------------------------------------------------------- from pictures to numbers


def measure_pairs(batches: Iterable[Pairs], segmenter: Segmenter) -> Iterator[Sample]:
    """One sample for each pair, in order. Chance takes the picture of the sample before, so the first has none."""
    others: list[Instance] = []
    for pairs in batches:
        b = len(pairs.before)
        found = segmenter(torch.cat([pairs.before, pairs.after]))
        change = (pairs.after.float() - pairs.before.float()).abs().mean(dim=1)  # (B, H, W)
        for i in range(b):
            before, after = found[i], found[b + i]
            yield _measure(before, after, others, change[i], pairs.centers[i], pairs.moves[i].double(),
                           pairs.unrelated[i].double())
            others = after


def _measure(before: list[Instance], after: list[Instance], others: list[Instance], change: Tensor, center: Tensor,
             move: Tensor, unrelated: Tensor) -> Sample:
    """One pair: instances of its two pictures and of another, the change ``(H, W)``, c, v, the control's direction."""
    subject = object_at(before, center)
    if subject is None:
        return Sample()
    length = move.norm()
    chance = chance_identity = NAN
    if (stranger := nearest(subject, others)) is not None:
        chance = (_shift(subject, stranger) @ move / length**2).item()
        chance_identity = _cosine(subject, stranger)
    match = nearest(subject, after)
    if match is None:
        return Sample(chance=chance, chance_identity=chance_identity, has_object=True, label=subject.label)
    shift = _shift(subject, match)
    return Sample(ratio=(shift @ move / length**2).item(), control=(shift @ unrelated / length).item(), chance=chance,
                  locality=locality(change, subject.mask, match.mask), identity=_cosine(subject, match),
                  chance_identity=chance_identity, has_object=True, has_match=True, label=subject.label,
                  same_label=subject.label == match.label)


def object_at(instances: Sequence[Instance], center: Tensor) -> Instance | None:
    """The instance that contains ``center`` (2,) in 0..1, or None.

    Where several do, it is the smallest: of two things that overlap, the smaller is mostly the one in front.
    """
    inside = [i for i in instances if i.mask[pixel_of(center, i.mask)]]
    return min(inside, key=lambda i: int(i.mask.sum()), default=None)


def pixel_of(center: Tensor, mask: Tensor) -> tuple[int, int]:
    """Row and column of the pixel of ``mask`` (H, W) in which ``center`` (2,) lies."""
    height, width = mask.shape
    x, y = to_pixels(center, height, width).round().long().tolist()
    return min(max(y, 0), height - 1), min(max(x, 0), width - 1)


def nearest(subject: Instance, instances: Sequence[Instance]) -> Instance | None:
    """The instance with the smallest Euclidean distance of features, or None where there are no instances."""
    if not instances:
        return None
    distances = (torch.stack([i.feature for i in instances]) - subject.feature).norm(dim=1)  # (n,)
    return instances[int(distances.argmin())]


def locality(change: Tensor, old: Tensor, new: Tensor) -> float:
    """Mean change outside the object's places, over the mean inside; not finite where either cannot be had.

    Args:
        change: (H, W), 0 or more.
        old: (H, W) bool, the object before.
        new: (H, W) bool, its match after. Both places are a little larger, by :data:`PLACE_MARGIN`.
    """
    place = dilated(old | new, max(1, round(PLACE_MARGIN * old.shape[1])))
    return (change[~place].mean() / change[place].mean()).item()


def dilated(mask: Tensor, margin_px: int) -> Tensor:
    """A mask ``(H, W)`` with all pixels that are at most ``margin_px`` rows and columns away from it."""
    return F.max_pool2d(mask[None].float(), 2 * margin_px + 1, stride=1, padding=margin_px)[0] > 0


def _shift(a: Instance, b: Instance) -> Tensor:
    """From the mean of a's pixels to that of b's, ``(2,)`` float64 in image widths."""
    return centroid_xy(b.mask.double()) - centroid_xy(a.mask.double())


def _cosine(a: Instance, b: Instance) -> float:
    return F.cosine_similarity(a.feature.double(), b.feature.double(), dim=0).item()


def summarize_samples(samples: Sequence[Sample]) -> CoMove:
    """Means with intervals, and how often there was nothing to measure."""
    n = len(samples)
    names = ("ratio", "control", "chance", "locality", "identity", "chance_identity")
    summaries = {name: summarize(torch.tensor([getattr(s, name) for s in samples], dtype=torch.float64))
                 for name in names}
    classes = Counter(s.label for s in samples if s.has_match)
    by_class = {label: summarize(torch.tensor([s.ratio for s in samples if s.label == label], dtype=torch.float64))
                for label, _ in classes.most_common()}
    return CoMove(num_samples=n, **summaries, no_object=sum(not s.has_object for s in samples) / n,
                  no_match=sum(s.has_object and not s.has_match for s in samples) / n,
                  label_changed=sum(s.has_match and not s.same_label for s in samples) / n, by_class=by_class)
