"""The Co-move ratio (Table I): how far an object follows when its sub-heatmap is moved.

The object of a sub-heatmap is the segmented instance that contains its centre c. The centre moves by v, while z and
noise stay. In the new picture, the instance nearest in feature space is taken for the same object; its centre, the mean
of its pixels, has moved by m. The ratio is ``(m . v/|v|) / |v|``: 1 follows exactly, 0 not at all.

Two controls stand beside it. The first projects the same m on a direction at right angles to v, and has to come out
near 0. The second, chance, matches the object in another sample's picture, where it cannot be: what a model
would get that redraws everything. A ratio says something where it is well above.

The paper moves once, *single-sided*: v has to keep c inside the image, and so leans towards its middle; whatever is
taken for an object from near the edge lies that way too, and chance is above 0. The *antithetic* ratio [ours] is the
mean of the ratios of two moves, v and -v, both inside: ``((m+ - m-) . v/|v|) / 2|v|``. What does not go along with the
moves is in both pictures alike, cancels, and chance is 0. Each is measured on moves of its own, from the same centre.

That centres stay inside does not keep objects whole. Of one that an edge cuts off only a part is seen, whose centre
goes only about half as far across that edge. So the ratio also stands by itself for the objects that are *in frame*
[ours]: as segmented before the move, no edge cuts them off, nor would one after v and -v.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.api import SpatialGAN
from spatialgan.coords import centroid_xy, from_pixels, to_pixels
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.comove_moves import (
    LONGEST,
    SHORTEST,
    Trials,
    draw_trials,
    require_handles,
    require_lengths,
)
from spatialgan.evaluation.summary import Summary, summarize_groups
from spatialgan.segmenter.segmentation import Instance, Segmenter

BATCH_SIZE = 8  # samples, of four pictures
PLACE_MARGIN = 1 / 32  # what lies this near to an object counts as its place, in image widths
SIGNS = (1, -1)  # of the moves of one sample: v, then -v
NAN = math.nan


@dataclass(frozen=True)
class Sample:
    """What one protocol gives for one centre, a mean over its moves; NaN where it could not be measured."""

    ratio: float = NAN
    control: float = NAN
    chance: float = NAN
    locality: float = NAN
    identity: float = NAN
    chance_identity: float = NAN
    has_room: bool = True
    """Whether there was a move that stays inside the image."""
    has_object: bool = False
    """Whether there was, and an instance contained the centre."""
    has_match: bool = False
    """Whether all new pictures had an instance at all."""
    label: str = ""
    """The object's class; empty where there is none."""
    same_label: bool = False
    """Whether all matches are of the object's own class."""
    in_frame: bool = False
    """Whether no edge cuts the object off, nor would if it went along with the moves."""


@dataclass(frozen=True)
class Column:
    """What one protocol gives."""

    num_samples: int
    ratio: Summary
    """(m . v/|v|) / |v|, over the samples with an object and a match."""
    control: Summary
    """The same movements across v, to a random side: about 0."""
    chance: Summary
    """The ratio with the object matched in another sample's pictures: what noise gets."""
    locality: Summary
    """Mean absolute change outside the object's old and new place, over the mean inside: lower is better."""
    identity: Summary
    """Cosine of the features of the object before and of its match after."""
    chance_identity: Summary
    """The same cosine for matches in another sample's pictures."""
    ratio_in_frame: Summary
    """The ratio of the objects that no edge cuts off; their share is of all samples."""
    chance_in_frame: Summary
    """Chance for the same objects."""
    no_room: float
    """Share of samples whose centre was too near to a corner to be moved: none, single-sided."""
    no_object: float
    """Share of samples with room where no instance contained the centre."""
    no_match: float
    """Share of samples with an object where a new picture had no instance at all."""
    label_changed: float
    """Share of samples with a match of another class than the object. They count in the ratio: the paper's do."""
    by_class: dict[str, Summary]
    """The ratio of the objects of each class, as segmented before the move, the most frequent class first."""
    chance_by_class: dict[str, Summary]
    """Chance for the same objects."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""

        def plain(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: plain(v) for key, v in value.items()}
            return value.to_json() if isinstance(value, Summary) else value

        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True)
class CoMove:
    single: Column
    """The paper's protocol."""
    antithetic: Column
    """Ours, with v and -v."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: the paper's column as in results from before there was another, ours in ``antithetic``."""
        return {**self.single.to_json(), "antithetic": self.antithetic.to_json()}


def measure_comove(
    model: SpatialGAN,
    segmenter: Segmenter,
    *,
    num_samples: int = 500,
    shortest: float = SHORTEST,
    longest: float = LONGEST,
    object_spacing: float | None = None,
    first_seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> CoMove:
    """The Co-move ratio of a model, over pictures of its own; the same seeds give the same result.

    Arguments and errors are those of :func:`measure_samples`.
    """
    samples = measure_samples(
        model,
        segmenter,
        num_samples=num_samples,
        shortest=shortest,
        longest=longest,
        object_spacing=object_spacing,
        first_seed=first_seed,
        on_progress=on_progress,
    )
    return summarize_both([samples])


def measure_samples(
    model: SpatialGAN,
    segmenter: Segmenter,
    *,
    num_samples: int,
    shortest: float = SHORTEST,
    longest: float = LONGEST,
    object_spacing: float | None = None,
    first_seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[tuple[Sample, ...]]:
    """The paper's sample and the antithetic one of each seed.

    One sub-heatmap a picture is moved, drawn at random: all are drawn alike, and the samples of different pictures are
    independent, as the intervals take them to be. Of single-object layouts it is the level-0 centre, which carries the
    others along.

    Args:
        model: with a layout of Gaussians.
        segmenter: finds the objects.
        num_samples: pictures with a centre to move, of seeds first_seed, first_seed + 1, ...
        shortest: least |v|, in image widths.
        longest: greatest |v|. The length is uniform in between; the direction is uniform, and redrawn until the moved
            centre stays inside the image. Of antithetic moves, see :func:`move_both_ways`.
        object_spacing: of multi-object layouts, as in ModelConfig; None: the model's own, 0: the paper's.
        first_seed: see above.
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
            raise SpatialGANError(
                f"{model.name} has layouts of one object, which no spacing changes: leave out object_spacing"
            )
        config = replace(config, object_spacing=object_spacing)
    batches = (
        draw_trials(model, config, seeds[start : start + BATCH_SIZE], shortest, longest)
        for start in range(0, num_samples, BATCH_SIZE)
    )
    samples = []
    for sample in measure_trials(batches, segmenter):
        samples.append(sample)
        if on_progress is not None:
            on_progress(len(samples), num_samples)
    return samples


# ---------------------------------------------------------------- from pictures to numbers


def measure_trials(batches: Iterable[Trials], segmenter: Segmenter) -> Iterator[tuple[Sample, ...]]:
    """For each trial, in order, one sample a protocol.

    Chance takes the pictures of the sample before, of the same protocol; the first has none. Where there was no room
    for a move, nothing moved, and that sample's pictures are not taken.
    """
    others: dict[int, list[list[Instance]]] = {}  # by protocol
    for trials in batches:
        pictures = [trials.before, *(images for moves in trials.protocols for images in moves.after)]  # (B, 3, H, W)
        b = len(trials.before)
        found = segmenter(torch.cat(pictures))
        for i in range(b):
            instances = iter([found[k * b + i] for k in range(len(pictures))])
            before, samples = next(instances), []
            for p, moves in enumerate(trials.protocols):
                after = [next(instances) for _ in moves.after]
                changes = [(images[i].float() - trials.before[i].float()).abs().mean(dim=0) for images in moves.after]
                samples.append(
                    _measure(
                        before,
                        after,
                        others.get(p, []),
                        changes,
                        trials.centers[i],
                        moves.v[i].double(),
                        moves.unrelated[i].double(),
                    )
                )
                if samples[p].has_room:
                    others[p] = after
            yield tuple(samples)


def _measure(
    before: list[Instance],
    after: list[list[Instance]],
    others: list[list[Instance]],
    changes: list[Tensor],
    center: Tensor,
    v: Tensor,
    unrelated: Tensor,
) -> Sample:
    """One protocol's sample: instances of the picture before, of those after and of another sample's, each one's change
    ``(H, W)``, c, v, the control's direction."""
    if not v.isfinite().all():
        return Sample(has_room=False)
    subject = object_at(before, center)
    if subject is None:
        return Sample()
    matches, strangers = _nearest_each(subject, after), _nearest_each(subject, others)
    length = v.norm()
    by_chance = Sample(
        chance=(_along(subject, strangers, v) / length**2).item(),
        has_object=True,
        chance_identity=_mean_cosine(subject, strangers),
        label=subject.label,
        in_frame=stays_in_frame(subject.mask, torch.stack([sign * v for sign in SIGNS[: len(after)]])),
    )
    if not matches:
        return by_chance
    localities = [locality(change, subject.mask, m.mask) for change, m in zip(changes, matches, strict=True)]
    return replace(
        by_chance,
        ratio=(_along(subject, matches, v) / length**2).item(),
        control=(_along(subject, matches, unrelated) / length).item(),
        locality=sum(localities) / len(localities),
        identity=_mean_cosine(subject, matches),
        has_match=True,
        same_label=all(m.label == subject.label for m in matches),
    )


def _nearest_each(subject: Instance, pictures: list[list[Instance]]) -> list[Instance]:
    """The nearest instance of each picture; none at all where a picture has none."""
    matches = [m for m in (nearest(subject, instances) for instances in pictures) if m is not None]
    return matches if len(matches) == len(pictures) else []


def _along(subject: Instance, matches: list[Instance], axis: Tensor) -> Tensor:
    """How far the matches lie from the object along ``axis`` (2,), of the second against it; the mean, NaN of none."""
    shifts = [sign * (_shift(subject, match) @ axis) for sign, match in zip(SIGNS, matches, strict=False)]
    return torch.stack(shifts).mean() if shifts else axis.new_tensor(NAN)


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


def stays_in_frame(mask: Tensor, moves: Tensor) -> bool:
    """Whether an object, its ``mask`` (H, W) not empty, is clear of the picture's outermost pixels, as it is and after
    each of ``moves`` (M, 2), in image widths."""
    corners = torch.stack(mask.nonzero().flip(1).aminmax(dim=0)).to(moves.dtype)  # (2, 2): first and last x, y
    places = from_pixels(corners, *mask.shape)[:, None] + torch.cat([moves.new_zeros(1, 2), moves])  # (2, 1 + M, 2)
    margin = from_pixels(moves.new_full((2,), 0.5), *mask.shape)  # between the outermost pixels and the next
    return bool((places > margin).all() and (places < 1 - margin).all())


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


def _mean_cosine(subject: Instance, matches: list[Instance]) -> float:
    """Of the features of the object and of its matches; NaN where there are none."""
    return sum(_cosine(subject, match) for match in matches) / len(matches) if matches else NAN


def summarize_both(groups: Sequence[Sequence[tuple[Sample, ...]]]) -> CoMove:
    """Both columns, of the samples of one training, or of several groups as in :func:`summarize_samples`."""
    single, antithetic = ([[sample[p] for sample in group] for group in groups] for p in range(2))
    return CoMove(summarize_samples(single), summarize_samples(antithetic))


def summarize_samples(groups: Sequence[Sequence[Sample]]) -> Column:
    """Means with intervals, and how often there was nothing to measure.

    Args:
        groups: the samples of each training of a recipe; of one, intervals are over its samples, of several over
            trainings as well, see :func:`summarize_groups`.
    """

    def summary(name: str, label: str | None = None, *, in_frame: bool = False) -> Summary:
        values = [
            [getattr(s, name) if s.in_frame or not in_frame else NAN for s in group if label in (None, s.label)]
            for group in groups
        ]
        return summarize_groups([torch.tensor(v, dtype=torch.float64) for v in values])

    samples = [s for group in groups for s in group]
    n = len(samples)
    names = ("ratio", "control", "chance", "locality", "identity", "chance_identity")
    classes = [label for label, _ in Counter(s.label for s in samples if s.has_match).most_common()]
    return Column(
        num_samples=n,
        **{name: summary(name) for name in names},
        **{f"{name}_in_frame": summary(name, in_frame=True) for name in ("ratio", "chance")},
        no_room=sum(not s.has_room for s in samples) / n,
        no_object=sum(s.has_room and not s.has_object for s in samples) / n,
        no_match=sum(s.has_object and not s.has_match for s in samples) / n,
        label_changed=sum(s.has_match and not s.same_label for s in samples) / n,
        by_class={label: summary("ratio", label) for label in classes},
        chance_by_class={label: summary("chance", label) for label in classes},
    )
