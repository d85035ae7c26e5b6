"""Where the discriminator looks: at what the heatmaps mark, and in real pictures at the objects?

Alignment (Eq. 4, 5) rests on D attending to objects: only then does attention in the heatmap mean an object there.
Pictures with exact masks tell whether it does. The **focus** on a region is the region's mean under attention, relative
to its plain mean: 1 where attention does not care for the region, 2 where there is twice as much of it there as in the
whole picture, 0 where there is none. Objects have usual places, and so has attention; so each picture's attention is
laid over the next picture's region, too: what its own has beyond that is the picture's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spatialgan.attention import attention_maps
from spatialgan.config import LEVEL_RESOLUTIONS
from spatialgan.data.images import to_float
from spatialgan.data.objects import STRUCTURE, ObjectDataset
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.samples import draw_inputs
from spatialgan.evaluation.summary import Summary, summarize
from spatialgan.layout import resize_maps
from spatialgan.model import SpatialGAN

LEVELS = tuple(range(len(LEVEL_RESOLUTIONS)))
OBJECTS = "objects"
"""Of real pictures: all objects together; beside them, each class by its name."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Focus:
    """On one kind of region, on one level."""

    own: Summary
    """Attention on the picture's own region."""
    next: Summary
    """The same attention on the next picture's region."""


@dataclass(frozen=True)
class AttentionFocus:
    num_generated: int
    first_seed: int
    heatmaps: tuple[Focus, ...]
    """By level: attention of generated pictures, on the complete heatmaps that they were drawn with."""
    num_real: int
    """0 where there were no pictures with masks."""
    regions: dict[str, tuple[Focus, ...]]
    """By level, of real pictures, on :data:`OBJECTS` and on each class, the most frequent first."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        def levels(focuses: Sequence[Focus]) -> dict[str, Any]:
            return {f"level{i}": {"own": f.own.to_json(), "next": f.next.to_json()} for i, f in enumerate(focuses)}

        return {"num_generated": self.num_generated, "first_seed": self.first_seed, "heatmaps": levels(self.heatmaps),
                "num_real": self.num_real, "regions": {name: levels(f) for name, f in self.regions.items()}}


def measure_focus(model: SpatialGAN, *, num_samples: int = 500, first_seed: int = 0,
                  dataset: ObjectDataset | None = None, on_progress: Progress | None = None) -> AttentionFocus:
    """The focus of a model's discriminator; the same seeds give the same result.

    Attention is that of training, by ``loss.align_empty``; a picture whose attention is zero on a level does not count.

    Args:
        model: with heatmaps, and with its discriminator.
        num_samples: pictures of seeds first_seed, first_seed + 1, ... to generate, and at most so many real ones; 2 or
            more.
        dataset: real pictures with instance masks, of the model's size; None for generated pictures alone.
        on_progress: called with ("generated" or "real", done, total).

    Raises:
        SpatialGANError: the model has no heatmaps or no discriminator, there are fewer than two pictures, or pictures
            are of another size.
    """
    config = model.config.model
    if config.encoding == "none":
        raise SpatialGANError(f"{model.name} has no heatmap (encoding=none) that attention could be compared with")
    if model.discriminator is None:
        raise SpatialGANError(f"attention is the discriminator's, and {model.name} came without it")
    if num_samples < 2:
        raise SpatialGANError(f"num_samples is {num_samples}; use 2 or more: each picture is compared with the next")
    if dataset is not None and (dataset.resolution != config.resolution or dataset.channels != config.image_channels):
        raise SpatialGANError(f"the data set is opened at {dataset.resolution} pixels with {dataset.channels} channels,"
                              f" the model reads {config.resolution} and {config.image_channels}")
    if dataset is not None and dataset.num_images < 2:
        raise SpatialGANError("there is one picture with masks; use 2 or more: each is compared with the next")
    heatmaps = _generated(model, range(first_seed, first_seed + num_samples), on_progress)
    num_real = 0 if dataset is None else min(num_samples, dataset.num_images)
    regions = {} if dataset is None else _real(model, dataset, num_real, on_progress)
    return AttentionFocus(num_samples, first_seed, heatmaps, num_real, regions)


def focus(attention: Tensor, region: Tensor) -> Tensor:
    """``sum C R / (sum C  mean R)`` of attention C and region R, both ``(N, h, w)`` and at least 0: ``(N,)``.

    NaN where either is zero everywhere.
    """
    attention, region = attention.double(), region.double()
    return (attention * region).sum(dim=(1, 2)) / (attention.sum(dim=(1, 2)) * region.mean(dim=(1, 2)))


def _generated(model: SpatialGAN, seeds: range, on_progress: Progress | None) -> tuple[Focus, ...]:
    """On heatmaps, by level."""
    config, size = model.config.model, model.config.model.resolution
    attention, heatmaps = [], []
    for start in range(0, len(seeds), config.minibatch_std_group):
        inputs = draw_inputs(config, seeds[start : start + config.minibatch_std_group], model.device)
        images = model.generate(inputs.z, inputs.layout, inputs.noise)
        attention.append(_attention(model, images))
        # Multi-object layouts have one level for all.
        last = len(inputs.layout.levels) - 1
        heatmaps.append(torch.stack([inputs.layout.level_map(min(level, last), size).cpu() for level in LEVELS], dim=1))
        if on_progress is not None:
            on_progress("generated", min(start + config.minibatch_std_group, len(seeds)), len(seeds))
    maps, regions = torch.cat(attention), torch.cat(heatmaps)  # both (N, 3, R, R)
    return tuple(_focus(maps[:, level], regions[:, level]) for level in LEVELS)


def _real(model: SpatialGAN, dataset: ObjectDataset, count: int, on_progress: Progress | None
          ) -> dict[str, tuple[Focus, ...]]:
    """On objects and on each class of them, by level."""
    size, group = model.config.model.resolution, model.config.model.minibatch_std_group
    attention, masks = [], []
    for start in range(0, count, group):
        items = [dataset[i] for i in range(start, min(start + group, count))]
        attention.append(_attention(model, to_float(torch.stack([item.image for item in items])).to(model.device)))
        for item in items:
            objects = [o for o in item.objects if o.label not in STRUCTURE]
            by_class = {label: item.masks([o for o in objects if o.label == label]).any(dim=0)
                        for label in {o.label for o in objects}}
            masks.append({OBJECTS: item.masks(objects).any(dim=0), **by_class})
        if on_progress is not None:
            on_progress("real", min(start + group, count), count)
    maps = torch.cat(attention)  # (N, 3, R, R)
    counts: dict[str, int] = {OBJECTS: len(masks) + 1}
    for m in masks:
        for label in m.keys() - {OBJECTS}:
            counts[label] = counts.get(label, 0) + 1
    nothing = torch.zeros(size, size, dtype=torch.bool)
    result = {}
    for name in sorted(counts, key=lambda n: (-counts[n], n)):
        region = torch.stack([m.get(name, nothing) for m in masks])
        result[name] = tuple(_focus(maps[:, level], region) for level in LEVELS)
    return result


def _attention(model: SpatialGAN, images: Tensor) -> Tensor:
    """D's, as in training, of (B, C, R, R): (B, 3, R, R) on the CPU."""
    with torch.enable_grad():
        output = model.discriminator(images.detach().clone().requires_grad_())
        maps = attention_maps(output, levels=LEVELS, empty=model.config.loss.align_empty, keep_graph=False)
    return torch.stack([resize_maps(maps[level].detach(), images.shape[-1]).cpu() for level in LEVELS], dim=1)


def _focus(attention: Tensor, region: Tensor) -> Focus:
    return Focus(summarize(focus(attention, region)), summarize(focus(attention, region.roll(-1, dims=0))))
