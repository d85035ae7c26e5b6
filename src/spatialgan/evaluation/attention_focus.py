"""Where the discriminator looks: at what the heatmaps mark, and in real pictures at the objects?

Alignment (Eq. 4, 5) rests on D attending to objects: only then does attention in the heatmap mean an object there.
Pictures with exact masks tell whether it does. The **focus** on a region is the region's mean under attention, relative
to its plain mean: 1 where attention does not care for the region, 2 where there is twice as much of it there as in the
whole picture, 0 where there is none. How large it can become depends on the region: attention that equals a wide one
has a focus little above 1; so that is measured, too. Objects have usual places, and so has attention; so each picture's
attention is laid over the next picture's region, too: what its own has beyond that is the picture's own. (Of a class of
objects, the next picture is the next one with an object of the class.)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.config import LEVEL_RESOLUTIONS, AttentionForm, AttentionSign
from spatialgan.data.images import to_float
from spatialgan.data.instances import STRUCTURE, ObjectDataset
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.generated import draw_inputs
from spatialgan.evaluation.picture_features import Progress, require_same_pictures
from spatialgan.evaluation.summary import Summary, summarize

LEVELS = tuple(range(len(LEVEL_RESOLUTIONS)))
Look = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Focus:
    """On one kind of region, on one level; of the pictures that have such a region."""

    own: Summary
    """Attention on the picture's own region."""
    next: Summary
    """The same attention on the next picture's region, the first's after the last's."""
    beyond: Summary
    """``own`` less ``next``, picture by picture."""
    equal: Summary
    """What ``own`` would be if attention were equal to the region."""
    empty: float
    """Share of pictures whose attention is zero everywhere, which has no focus and hands no gradient on."""


@dataclass(frozen=True)
class AttentionFocus:
    """Where a model's discriminator looks."""

    form: AttentionForm
    """Of attention, see :func:`spatialgan.attention.gradcam`."""
    sign: AttentionSign
    num_generated: int
    first_seed: int
    heatmaps: tuple[Focus, ...]
    """By level: attention of generated pictures, on the complete heatmaps that they were drawn with."""
    num_real: int
    """0 where there were no pictures with masks."""
    objects: tuple[Focus, ...] | None
    """By level, of real pictures: on all objects together, without wall, floor and ceiling; None without pictures."""
    by_class: dict[str, tuple[Focus, ...]]
    """By level, on the objects of each class, those in most pictures first."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""

        def levels(focuses: Sequence[Focus]) -> dict[str, Any]:
            return {
                f"level{i}": {part: s.to_json() if isinstance(s, Summary) else s for part, s in vars(f).items()}
                for i, f in enumerate(focuses)
            }

        return {
            "form": self.form,
            "sign": self.sign,
            "num_generated": self.num_generated,
            "first_seed": self.first_seed,
            "heatmaps": levels(self.heatmaps),
            "num_real": self.num_real,
            "objects": None if self.objects is None else levels(self.objects),
            "by_class": {name: levels(f) for name, f in self.by_class.items()},
        }


class Running:
    """The focus of one picture after the other."""

    def __init__(self) -> None:
        self.own: list[Tensor] = []  # (3,) of the levels, as the next two
        self.next: list[Tensor] = []
        self.equal: list[Tensor] = []
        self.empty: list[Tensor] = []
        self.first_region = self.last_attention = torch.empty(0)

    def add(self, attention: Tensor, region: Tensor) -> None:
        """Attention (3, R, R) and region, (3, R, R) or (R, R), of the next picture; left out where there is none."""
        if not region.any():
            return
        region = region.expand_as(attention)
        if self.own:
            self.next.append(focus(self.last_attention, region))
        else:
            self.first_region = region
        self.own.append(focus(attention, region))
        self.equal.append(focus(region, region))
        self.empty.append((attention.amax(dim=(-2, -1)) == 0).double())
        self.last_attention = attention

    def result(self) -> tuple[Focus, ...]:
        """By level. A single picture has no next one."""
        unknown = torch.full((len(LEVELS),), float("nan"), dtype=torch.float64)
        last = focus(self.last_attention, self.first_region) if len(self.own) > 1 else unknown
        own, following, equal, empty = (
            torch.stack(rows or [unknown]) for rows in (self.own, [*self.next, last], self.equal, self.empty)
        )
        return tuple(
            Focus(
                *(summarize(values[:, level]) for values in (own, following, own - following, equal)),
                empty=float(empty[:, level].mean()),
            )
            for level in LEVELS
        )


def measure_focus(
    model: SpatialGAN,
    *,
    num_samples: int = 500,
    first_seed: int = 0,
    dataset: ObjectDataset | None = None,
    form: AttentionForm | None = None,
    sign: AttentionSign | None = None,
    on_progress: Progress | None = None,
) -> AttentionFocus:
    """The focus of a model's discriminator; the same seeds give the same result.

    Pictures are the average generator's, not augmented. A picture whose attention is zero on a level has no focus
    there.

    Args:
        model: with heatmaps, and with its discriminator.
        num_samples: pictures of seeds first_seed, first_seed + 1, ... to generate, and at most as many real ones.
        dataset: real pictures with instance masks, of the model's size. None for generated pictures alone.
        form: of attention, see :func:`spatialgan.attention.gradcam`; None: what the model was trained with.
        sign: see :func:`spatialgan.attention.attention_maps`; None: what the model was trained with.
        on_progress: called with ("generated" or "real", done, total).

    Raises:
        SpatialGANError: the model has no heatmaps or no discriminator, or pictures are of another size.
    """
    config = model.config.model
    if config.encoding == "none":
        raise SpatialGANError(f"{model.name} has no heatmap (encoding=none) that attention could be compared with")
    if num_samples < 1:
        raise SpatialGANError(f"num_samples is {num_samples}; use 1 or more")
    if dataset is not None:
        require_same_pictures(model, dataset)
    form, sign = form or model.config.loss.attention, sign or model.config.loss.attention_sign

    def look(images: Tensor) -> Tensor:
        return model.attention(images.to(model.device), form=form, sign=sign).cpu()

    heatmaps = Running()
    for i, (attention, region) in enumerate(_generated(model, range(first_seed, first_seed + num_samples), look), 1):
        heatmaps.add(attention, region)
        if on_progress is not None:
            on_progress("generated", i, num_samples)
    objects, by_class = Running(), dict[str, Running]()
    num_real = 0 if dataset is None else min(num_samples, dataset.num_images)
    for i, (attention, regions) in enumerate(() if dataset is None else _real(model, dataset, num_real, look), 1):
        objects.add(attention, sum(regions.values(), torch.zeros(attention.shape[-2:])).clamp_max(1))
        for label, region in regions.items():
            if region.any():  # of a cropped picture, an object may lie outside
                by_class.setdefault(label, Running()).add(attention, region)
        if on_progress is not None:
            on_progress("real", i, num_real)
    classes = sorted(
        ((label, running.result()) for label, running in by_class.items()),
        key=lambda item: (-item[1][0].own.count, item[0]),
    )
    return AttentionFocus(
        form,
        sign,
        num_samples,
        first_seed,
        heatmaps.result(),
        num_real,
        objects.result() if num_real else None,
        dict(classes),
    )


def focus(attention: Tensor, region: Tensor) -> Tensor:
    """``sum C R / (sum C  mean R)`` of attention C and region R, both ``(..., h, w)`` and at least 0: ``(...)``.

    NaN where either is zero everywhere.
    """
    attention, region = attention.double(), region.double()
    return (attention * region).sum(dim=(-2, -1)) / (attention.sum(dim=(-2, -1)) * region.mean(dim=(-2, -1)))


def _generated(model: SpatialGAN, seeds: range, look: Look) -> Iterator[tuple[Tensor, Tensor]]:
    """Of each seed's picture attention and complete heatmaps, both (3, R, R)."""
    config, size = model.config.model, model.config.model.resolution
    for start in range(0, len(seeds), config.minibatch_std_group):
        # D compares pictures within groups: the last one is whole, too, and what is too many is not looked at.
        inputs = draw_inputs(config, range(seeds[start], seeds[start] + config.minibatch_std_group), model.device)
        attention = look(model.generate(inputs.z, inputs.layout, inputs.noise))
        last = len(inputs.layout.levels) - 1  # multi-object layouts have one level for all
        regions = torch.stack([inputs.layout.level_map(min(level, last), size) for level in LEVELS], dim=1).cpu()
        yield from zip(attention, regions[: len(seeds) - start], strict=False)


def _real(
    model: SpatialGAN, dataset: ObjectDataset, count: int, look: Look
) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    """Of each picture attention (3, R, R), and by class where its objects are, (R, R) of 0 and 1."""
    config = model.config.model
    for start in range(0, count, config.minibatch_std_group):
        items = [dataset[i % dataset.num_images] for i in range(start, start + config.minibatch_std_group)]
        attention = look(to_float(torch.stack([item.image for item in items])))
        for maps, item in zip(attention, items[: count - start], strict=False):
            labels = {o.label for o in item.objects} - {*STRUCTURE}
            yield (
                maps,
                {
                    label: item.masks([o for o in item.objects if o.label == label]).any(dim=0).float()
                    for label in labels
                },
            )
