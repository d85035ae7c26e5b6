"""The scenes in between two scenes."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import MIN_STD
from spatialgan.layout import Layout

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

Space = Literal["z", "w"]


def way_group(scene: "Scene") -> Hashable:
    """Equal for scenes with a way between them: those of one model whose levels are of one sort each."""
    return scene.model, tuple(None if l.has_centers else l.shape for l in scene.layout.levels)


def interpolate(scene_a: "Scene", scene_b: "Scene", frames: int, *, space: Space = "z") -> list["Scene"]:
    """``frames`` scenes from ``scene_a`` to ``scene_b``, both included, of one model.

    Centres and angles move linearly, standard deviations evenly in their logarithm (linearly where something appears or
    vanishes). In ``z``, styles that differ turn along the great circle, and what drags did to them moves linearly; in
    ``w``, all of it moves linearly there, at the truncation of each end. Objects that only one scene has grow from
    nothing. The noise stays ``scene_a``'s: edits of one scene end exactly at ``scene_b``, scenes of different seeds
    near it. Raises SpatialGANError where their :func:`way_group` differs.
    """
    if frames < 2:
        raise SpatialGANError(f"frames is {frames}; use 2 or more")
    return [scene_between(scene_a, scene_b, i / (frames - 1), space=space) for i in range(frames)]


def scene_between(scene_a: "Scene", scene_b: "Scene", t: float, *, space: Space = "z") -> "Scene":
    """The scene at ``t`` in 0..1 on the way of :func:`interpolate`, both ends as they are but for the noise."""
    if scene_a.model is not scene_b.model:
        raise SpatialGANError("interpolate goes between scenes of one model")
    if t in (0, 1):
        return replace(scene_b, noise_seed=scene_a.noise_seed) if t else scene_a
    a, b = _with_same_objects(scene_a, scene_b), _with_same_objects(scene_b, scene_a)
    return (_between_in_w if space == "w" else _between)(a, b, t)


def walk(scenes: Sequence["Scene"], frames: int, *, loop: bool = False, space: Space = "w") -> list["Scene"]:
    """From scene to scene, each a new frame and the last of ``frames`` from the one before; with ``loop`` back to the
    first, which is not there twice. The noise is the first scene's all the way."""
    if len(scenes) < 2:
        raise SpatialGANError("an interpolation goes between two pictures or more; give another seed or scene")
    ends = [replace(scene, noise_seed=scenes[0].noise_seed) for scene in scenes]
    found = [ends[0]]
    for a, b in pairwise([*ends, *ends[: int(loop)]]):
        found += interpolate(a, b, frames + 1, space=space)[1:]
    return found[:-1] if loop else found


def animate(scenes: Sequence["Scene"], frames_per_edit: int = 12, *, hold: int = 6) -> list["Scene"]:
    """From the first scene through each of the others, and back again; both ends stand still for ``hold`` frames.

    Where heatmaps have become pixels there is no way, but a jump.
    """
    if not scenes:
        raise SpatialGANError("an animation needs at least one scene")
    there = [scenes[0]]
    for a, b in pairwise(scenes):
        there += interpolate(a, b, frames_per_edit + 1)[1:] if way_group(a) == way_group(b) else [b]
    return [there[0]] * hold + there[1:-1] + [there[-1]] * hold + there[-2:0:-1]


def _with_same_objects(scene: "Scene", other: "Scene") -> "Scene":
    """``scene`` with those objects of ``other`` that it lacks, as nothing: they are the last ones."""
    n, m = scene.z.shape[0], other.z.shape[0]
    if n >= m:
        return scene
    more = other.layout.gaussians(0).map(lambda t: t[n - 1 :])
    nothing = Layout((replace(more, stds=torch.full_like(more.stds, MIN_STD)),), hierarchical=False)
    # The background stays last.
    z = torch.cat([scene.z[:-1], other.z[n - 1 : -1], scene.z[-1:]])
    w, w_other = scene.w_offset_or_zeros, other.w_offset_or_zeros
    w_offset = torch.cat([w[:, :-1], w_other[:, n - 1 : -1], w[:, -1:]], dim=1)
    # The leading dimension of one picture's layout is its objects.
    return replace(scene, layout=Layout.cat([scene.layout, nothing]), z=z, w_offset=w_offset)


def _between(a: "Scene", b: "Scene", t: float) -> "Scene":
    """The scene at ``t`` in 0..1 between two scenes with as many styles each."""
    layout = a.layout.between(b.layout, t)
    z = torch.stack([slerp(x, y, t) for x, y in zip(a.z, b.z, strict=True)])
    truncation = a.truncation + t * (b.truncation - a.truncation)
    w_offset = None
    if a.w_offset is not None or b.w_offset is not None:
        w_offset = a.w_offset_or_zeros.lerp(b.w_offset_or_zeros, t)
    return replace(a, layout=layout, z=z, truncation=truncation, w_offset=w_offset, edits=())


def _between_in_w(a: "Scene", b: "Scene", t: float) -> "Scene":
    """The same in w: a's codes, and an offset from there."""
    start = replace(a, layout=a.layout.between(b.layout, t), w_offset=None, edits=())
    ws = (a.ws() + a.w_offset_or_zeros).lerp(b.ws() + b.w_offset_or_zeros, t)
    return replace(start, w_offset=ws - start.ws())


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """From ``a`` (D,) to ``b`` (D,) along the great circle between their directions; lengths change linearly."""
    if torch.equal(a, b):
        return a  # exactly, so that an edit of the layout leaves the style alone
    length_a, length_b = a.norm(), b.norm()
    cos = (a @ b / (length_a * length_b)).clamp(-1, 1)
    angle = cos.acos()
    if angle.sin() < 1e-4:  # the same or opposite directions: no circle is the one
        return a.lerp(b, t)
    direction = (((1 - t) * angle).sin() * a / length_a + (t * angle).sin() * b / length_b) / angle.sin()
    return direction * length_a.lerp(length_b, t)
