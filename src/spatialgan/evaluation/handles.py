"""What each handle of a model does: how much the picture changes when it is moved, and how far it may go.

A handle is a centre of a level, or an object. Those that change nothing are not worth a place in the studio; and beyond
some distance pictures fall apart. The latter is judged by the discriminator, which knows best what falls apart: a moved
picture is sound where its logit is no lower than that of all but the worst twentieth of pictures that nobody moved.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.generated import draw_inputs
from spatialgan.evaluation.overfitting import mean_logits
from spatialgan.evaluation.response import move_inside
from spatialgan.layout import Layout
from spatialgan.streams import random_stream

DISTANCES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)  # of moves, in image widths
EFFECT_DISTANCE = 0.1  # at which effects are compared
ACTS = 2.0  # of 255: a smaller mean change is hardly seen
WORST, ENOUGH = 0.05, 0.8  # share of unmoved pictures that are not sound; share that has to be, of moved ones
BATCH_SIZE = 16


@dataclass(frozen=True)
class Handle:
    level: int
    point: int
    """Centre of the level, or the object's number."""
    effect: float
    """Mean change of a pixel, of 255, when it moves by EFFECT_DISTANCE."""
    sound: dict[str, float] | None
    """Share of sound pictures by distance; None where the model has no discriminator."""
    reach: float | None
    """Greatest of DISTANCES up to which at least ENOUGH are sound: 0 where none is; None as above."""

    @property
    def acts(self) -> bool:
        return self.effect >= ACTS

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as in a model's card."""
        return {**asdict(self), "acts": self.acts}


def measure_handles(
    model: SpatialGAN,
    *,
    num_seeds: int = 100,
    first_seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Handle]:
    """All handles of a model's layouts, level by level. A handle of level 0 takes those below it along, as in scenes.

    Args:
        model: with layouts of Gaussians.
        num_seeds: pictures that each handle is moved in, in a random direction, by every distance.
        first_seed: of the pictures.
        on_progress: called with (done, total) of pictures and handles.

    Raises:
        SpatialGANError: the model has no handles.
    """
    config = model.config.model
    layout = draw_inputs(config, [first_seed]).layout
    if not layout.has_centers:
        raise SpatialGANError(f"{model.name} has no heatmap centres to move")
    names = [(level, point) for level, count in enumerate(layout.counts) for point in range(count)]
    effects, logits, unmoved = [], [], []
    for start in range(0, num_seeds, BATCH_SIZE):
        seeds = range(first_seed + start, first_seed + min(start + BATCH_SIZE, num_seeds))
        inputs = draw_inputs(config, seeds, model.device)
        before = model.generate(inputs.z, inputs.layout, inputs.noise).clamp(-1, 1)
        unmoved.append(_logits(model, before))
        effect, moved = [], []
        for done, (level, point) in enumerate(names):
            by_distance = []
            for distance in DISTANCES:
                dxy = _moves(inputs.layout, seeds, level, point, distance).to(model.device)
                there = inputs.layout.moved(dxy, level=level, point=point)
                after = model.generate(inputs.z, there, inputs.noise).clamp(-1, 1)
                by_distance.append(_logits(model, after))
                if distance == EFFECT_DISTANCE:
                    effect.append((after - before).abs().mean(dim=(1, 2, 3)).cpu() * 127.5)
            moved.append(torch.stack(by_distance))
            if on_progress is not None:
                on_progress(start * len(names) + (done + 1) * len(seeds), num_seeds * len(names))
        effects.append(torch.stack(effect))  # (handles, B)
        logits.append(torch.stack(moved))  # (handles, distances, B)
    effect = torch.cat(effects, dim=1).mean(dim=1)
    least = torch.cat(unmoved).quantile(WORST)
    sound = (torch.cat(logits, dim=2) >= least).float().mean(dim=2)  # (handles, distances)
    judged = model.discriminator is not None
    return [
        Handle(
            level,
            point,
            effect[i].item(),
            {f"{d:g}": share.item() for d, share in zip(DISTANCES, sound[i], strict=True)} if judged else None,
            reach(sound[i]) if judged else None,
        )
        for i, (level, point) in enumerate(names)
    ]


def reach(sound: Tensor) -> float:
    """The distance up to which shares (len(DISTANCES),) are enough, without a gap."""
    enough = (sound >= ENOUGH).long().cumprod(dim=0)
    return max([0.0, *(d for d, e in zip(DISTANCES, enough, strict=True) if e)])


def _logits(model: SpatialGAN, images: Tensor) -> Tensor:
    """(B,); zeros where there is no discriminator."""
    if model.discriminator is None:
        return torch.zeros(len(images))
    return mean_logits(model.discriminator, images, model.config.model.minibatch_std_group).cpu()


def _moves(layout: Layout, seeds: range, level: int, point: int, distance: float) -> Tensor:
    """(B, 2): a random direction for each picture, in which the centre stays inside it."""
    centers = layout.level_centers(level)[:, point].cpu().clamp(0, 1)
    streams = [random_stream(seed, f"handle move {level}.{point}") for seed in seeds]
    return torch.stack([move_inside(c, distance, stream) for c, stream in zip(centers, streams, strict=True)])
