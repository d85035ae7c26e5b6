"""Carried things [ours]: real pictures in which a thing was cut out and put down elsewhere, its heatmap with it.

In a real picture a thing stands where it stands, and what a heatmap draws may hang on its place more than on its code.
So for ``training/reconstruction.py`` some things are carried, with soft edges, to the places and sizes that layouts are
drawn from, and G is to draw them there from the same code. What was behind a thing nobody knows: the place that it left
is filled from around it, and counts for less. No label is used.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.config import ModelConfig
from spatialgan.coords import pixel_centers_xy, to_grid
from spatialgan.layout import render_gaussians, resize_maps
from spatialgan.sampling import sample_layout
from spatialgan.training.reconstruction import Known

SCALE_MAX = 1.5  # a carried thing grows or shrinks by at most this factor: larger ones would be blurred
SOLID = 2.0  # a thing is its squared heatmap times this, clipped to 1: solid within 0.8 of its std, half at 1.2
LEFT = 6.0  # the same for the place that it left, within 1.3 and at 1.6 of its std: nothing of it is to stay behind
SUBJECT_REACH = 1.5  # the same, times this, for the first thing, the subject: beds are no discs, and what lies outside
# of a disc as large stays behind
FILL_CERTAINTY = 0.5  # how much of a difference from what a hole was filled with is left to be compared


def carry_things(known: Known, config: ModelConfig, share: float, random: torch.Generator) -> tuple[Known, Tensor]:
    """Carry each thing with probability ``share``; those of one picture in their order, the last one on top.

    Whatever ``object_spacing`` says, things may come to lie on those that stay: who edits puts them there, too.

    Args:
        known: B pictures of K things, (B, 3, R, R).
        config: of a multi-object model: new places and sizes are drawn as its layouts are.
        share: 0..1.
        random: drawn from alike whatever ``share`` is above 0.

    Returns:
        the new pictures with what G is to draw them from, and what of them is known: (B, 1, R, R), FILL_CERTAINTY where
        a thing was and nothing else lies now, 0 where a thing reaches that lay half outside the picture, 1 elsewhere.
    """
    original, b, size = known.images, len(known.images), known.images.shape[-1]
    images = original
    goals = sample_layout(config, b, random)
    chosen = torch.rand(known.stds.shape, generator=random, device=images.device) < share  # (B, K)
    chosen &= _inside(known.centers_xy)  # through a window (data.shift), some things cannot be seen
    centers = torch.where(chosen[..., None], goals.level_centers(0), known.centers_xy)
    scales = (goals.stds[..., 0] / known.stds).clamp(1 / SCALE_MAX, SCALE_MAX)
    stds = torch.where(chosen, known.stds * scales, known.stds)
    scales = stds / known.stds

    reach = torch.ones_like(stds)
    reach[:, 0] = SUBJECT_REACH
    gone = _solid(known.centers_xy, known.stds * reach, size, LEFT) * chosen[..., None, None]
    # What stays where it is stays whole, however near a hole comes.
    stays = _solid(known.centers_xy, known.stds, size, SOLID) * (~chosen)[..., None, None]
    hole = (gone.amax(dim=1, keepdim=True) - stays.amax(dim=1, keepdim=True)).clamp_min(0)
    images = torch.lerp(images, filled(images, 1 - hole), hole)
    known_share = 1 - (1 - FILL_CERTAINTY) * hole
    covers = _solid(centers, stds * reach, size, SOLID) * chosen[..., None, None]  # (B, K, R, R)
    grid = pixel_centers_xy(size, size, device=images.device)  # (R, R, 2)
    for k in range(stds.shape[1]):
        offsets = (grid - centers[:, None, None, k]) / scales[:, k, None, None, None]
        before = known.centers_xy[:, None, None, k] + offsets
        seen, cover = _inside(before)[:, None].float(), covers[:, k, None]
        # Clamped as padding_mode="border" would, which MPS lacks before torch 2.13.
        nearest = before.clamp(0.5 / size, 1 - 0.5 / size)
        thing = F.grid_sample(original, to_grid(nearest), align_corners=False)
        images = torch.lerp(images, thing, cover * seen)
        known_share = torch.lerp(known_share, seen, cover)
    return replace(known, images=images, centers_xy=centers, stds=stds), known_share


def _inside(xy: Tensor) -> Tensor:
    """Whether points (..., 2) are in the picture."""
    return ((xy > 0) & (xy < 1)).all(dim=-1)


def _solid(centers_xy: Tensor, stds: Tensor, size: int, strength: float) -> Tensor:
    """Where things of (B, K, 2) and (B, K) are: (B, K, size, size) in 0..1."""
    maps = render_gaussians(centers_xy, stds[..., None].expand(-1, -1, 2), torch.zeros_like(stds), size)
    return (strength * maps.square()).clamp_max(1)


def filled(images: Tensor, known: Tensor) -> Tensor:
    """Pictures (B, C, R, R) that are all made of what is ``known`` (B, 1, R, R) in 0..1: each place takes the mean over
    the smallest neighbourhood in which something is known, coarse to fine (pull-push; Gortler et al., 1996)."""
    sizes = [images.shape[-1]]
    while sizes[-1] > 1:
        sizes.append(sizes[-1] // 2)
    solid = known.square()  # a pixel that is half of a thing says little about what is around the thing
    result = None
    for size in reversed(sizes):
        total, share = resize_maps(images * solid, size), resize_maps(solid, size)
        mean = total / share.clamp_min(1e-8)
        if result is None:
            result = mean
        else:
            coarse = F.interpolate(result, size=(size, size), mode="bilinear", align_corners=False)
            result = torch.lerp(coarse, mean, share.clamp_max(1))
    return result
