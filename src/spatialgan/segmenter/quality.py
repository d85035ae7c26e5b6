"""How good a segmenter is, against exact masks: mIoU, average precision, and whether its features find objects again.

Objects are root instances without wall, floor and ceiling. Those smaller than the segmenter's smallest are neither
counted as missed nor, where they are found, as wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from spatialgan.data.images import to_float, to_uint8
from spatialgan.data.instances import STRUCTURE, AnnotatedImage, ObjectDataset
from spatialgan.errors import SpatialGANError
from spatialgan.segmenter.augmentation import blurred, degrade, warp
from spatialgan.segmenter.panoptic import MIN_AREA, NONE
from spatialgan.segmenter.segmentation import BATCH, Instance, Look, PanopticSegmenter
from spatialgan.segmenter.training import ALIASES
from spatialgan.streams import random_stream

MATCH_IOU = 0.5


@dataclass(frozen=True)
class SegmenterQuality:
    num_images: int
    num_objects: int
    """Of at least :data:`MIN_AREA`."""
    mean_iou: float
    """Over the classes that occur, surroundings too."""
    iou: dict[str, float]
    """By class, over the pixels of all pictures together."""
    mean_ap: float
    """Over the classes of objects that occur."""
    ap: dict[str, float]
    """By class: average precision, a hit being an overlap (IoU) of at least 0.5; area under the whole curve."""
    counts: dict[str, int]
    """Objects of each class."""
    recall: float
    """Objects that some instance of whatever class overlaps by at least 0.5, in 0..1."""
    precision: float
    """Instances that overlap some object of whatever class by at least 0.5, in 0..1."""
    found_again: float
    """Objects whose nearest feature among all objects of the same picture, taken anew from another crop, mirrored or
    not, in other colours and quality, is their own; in 0..1."""
    found_again_by_chance: float
    """The same for a guess."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Verdict:
    """One instance that a segmenter reported."""

    label: str
    score: float
    hit: bool
    """Whether it has an object of its own, of its class; what overlaps a small object only is not listed."""


def measure_segmenter(
    segmenter: PanopticSegmenter,
    dataset: ObjectDataset,
    *,
    blur_px: float = 0.0,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> SegmenterQuality:
    """Judge a segmenter on a set of equally large pictures.

    Args:
        segmenter: whose classes are the set's.
        dataset: of one resolution.
        blur_px: standard deviation of a Gaussian blur before, in pixels of the pictures; 0 for none.
        seed: of the changes before objects are found again.
        on_progress: called with (done, total) pictures.
    """
    names = segmenter.classes.names
    confusion = torch.zeros(len(names), len(names), dtype=torch.int64)
    judged: list[Verdict] = []
    counts = dict.fromkeys(segmenter.classes.objects, 0)
    near, right = [0, 0], [0, 0]  # objects that were found, instances that are right; of how many
    again: list[Tensor] = []
    for start in range(0, dataset.num_images, BATCH):
        items = [dataset[i] for i in range(start, min(start + BATCH, dataset.num_images))]
        images = torch.stack([item.image for item in items])
        if blur_px > 0:
            images = to_uint8(blurred(to_float(images), blur_px))
        look = segmenter.look(images)
        truth = torch.stack([_class_map(item, names) for item in items])
        confusion += torch.bincount(
            truth.flatten() * len(names) + look.semantic().flatten(), minlength=len(names) ** 2
        ).reshape(confusion.shape)
        for item, instances in zip(items, look.instances(), strict=True):
            masks, labels = _objects(item)
            large = masks.float().mean(dim=(1, 2)) >= MIN_AREA
            for label, is_large in zip(labels, large.tolist(), strict=True):
                counts[label] += is_large
            judged += judge(instances, masks, labels, large)
            overlap = overlaps(instances, masks)
            near = [near[0] + int((overlap[:, large] >= MATCH_IOU).any(dim=0).sum()), near[1] + int(large.sum())]
            right = [right[0] + int((overlap >= MATCH_IOU).any(dim=1).sum()), right[1] + len(instances)]
        again += _found_again(segmenter, look, images, items, random_stream(seed, f"found again {start}"))
        if on_progress is not None:
            on_progress(start + len(items), dataset.num_images)
    iou = {
        n: float(confusion[i, i]) / int(confusion[i].sum() + confusion[:, i].sum() - confusion[i, i])
        for i, n in enumerate(names)
        if confusion[i].sum() > 0
    }
    ap = {n: average_precision([j for j in judged if j.label == n], count) for n, count in counts.items() if count}
    found = torch.cat(again) if again else torch.zeros(0, 2)
    return SegmenterQuality(
        num_images=dataset.num_images,
        num_objects=near[1],
        mean_iou=_mean(iou.values()),
        iou=iou,
        mean_ap=_mean(ap.values()),
        ap=ap,
        counts={n: c for n, c in counts.items() if c},
        recall=near[0] / max(near[1], 1),
        precision=right[0] / max(right[1], 1),
        found_again=_mean(found[:, 0].tolist()),
        found_again_by_chance=_mean(found[:, 1].tolist()),
    )


def judge(instances: Sequence[Instance], masks: Tensor, labels: Sequence[str], large: Tensor) -> list[Verdict]:
    """Match the instances of one picture, the surest first, each to the object of its class that it overlaps most.

    Args:
        instances: sorted by score.
        masks: ``(n, H, W)`` bool, of the objects.
        labels: of the objects.
        large: ``(n,)`` bool; what matches a small object is left out of the result.
    """
    overlap = overlaps(instances, masks)
    free = torch.ones(len(masks), dtype=torch.bool)
    judged = []
    for row, instance in zip(overlap, instances, strict=True):
        same = torch.tensor([label == instance.label for label in labels], dtype=torch.bool)
        candidates = torch.where(same & free & (row >= MATCH_IOU))[0]
        if len(candidates) == 0:
            judged.append(Verdict(instance.label, instance.score, hit=False))
            continue
        best = candidates[row[candidates].argmax()]
        free[best] = False
        if large[best]:
            judged.append(Verdict(instance.label, instance.score, hit=True))
    return judged


def overlaps(instances: Sequence[Instance], masks: Tensor) -> Tensor:
    """IoU of each instance with each mask ``(n, H, W)``: ``(instances, n)``."""
    if not instances or len(masks) == 0:
        return torch.zeros(len(instances), len(masks))
    a = torch.stack([i.mask for i in instances]).flatten(1).float()
    b = masks.flatten(1).float()
    both = a @ b.T
    return both / (a.sum(dim=1)[:, None] + b.sum(dim=1) - both).clamp_min(1)


def average_precision(judged: Sequence[Verdict], num_objects: int) -> float:
    """Area under the curve of precision, made monotonic, over recall; 1 is perfect."""
    hits = torch.tensor([j.hit for j in sorted(judged, key=lambda j: -j.score)], dtype=torch.float64)
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1, dtype=torch.float64)
    best_from_here = precision.flip(0).cummax(0).values.flip(0) if len(hits) else precision
    return float((best_from_here * hits).sum()) / num_objects


def _objects(item: AnnotatedImage) -> tuple[Tensor, list[str]]:
    """Masks ``(n, H, W)`` and classes of the objects, without the surroundings."""
    objects = [o for o in item.objects if o.label not in (*STRUCTURE, NONE)]
    return item.masks(objects), [ALIASES.get(o.label, o.label) for o in objects]


def _class_map(item: AnnotatedImage, names: Sequence[str]) -> Tensor:
    """``(H, W)`` int64, index of the class."""
    classes = torch.full(item.instances.shape, names.index(NONE))
    for o in item.objects:
        label = ALIASES.get(o.label, o.label)
        if label not in names:
            raise SpatialGANError(
                f"{item.name} holds a {label}, which this segmenter does not know; it knows {', '.join(names)}"
            )
        classes[item.instances == o.id] = names.index(label)
    return classes


def _found_again(
    segmenter: PanopticSegmenter, look: Look, images: Tensor, items: Sequence[AnnotatedImage], stream: torch.Generator
) -> list[Tensor]:
    """Of each picture with several objects: ``(n, 2)``, whether each was found again, and its chance."""
    size = images.shape[-1]
    warped, ids = warp(to_float(images), torch.stack([item.instances for item in items]), size, stream)
    changed = to_uint8(degrade(warped, stream))
    befores, afters = {}, {}  # masks, by picture
    for b, item in enumerate(items):
        objects = [o for o in item.objects if o.label not in (*STRUCTURE, NONE)]
        before = item.masks(objects)
        after = ids[b] == torch.tensor([o.id for o in objects])[:, None, None]
        seen = (before.float().mean(dim=(1, 2)) >= MIN_AREA) & (after.float().mean(dim=(1, 2)) >= MIN_AREA)
        if int(seen.sum()) > 1:
            befores[b], afters[b] = before[seen], after[seen]
    old, new = look.features(befores), segmenter.features(changed[list(afters)], list(afters.values()))
    found = []
    for a, b in zip(old, new, strict=True):
        nearest = (a @ b.T).argmax(dim=1)
        found.append(torch.stack([(nearest == torch.arange(len(a))).float(), torch.full((len(a),), 1 / len(a))], dim=1))
    return found


def _mean(values: Any) -> float:
    values = list(values)
    return sum(values) / max(len(values), 1)
