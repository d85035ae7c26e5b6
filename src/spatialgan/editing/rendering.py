"""From scenes to the generator's inputs, and to pictures: forward passes for one scene or for many."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from spatialgan.devices import is_faster_in_bfloat16
from spatialgan.editing.edits import Edit
from spatialgan.editing.pictures import to_image
from spatialgan.errors import SpatialGANError
from spatialgan.inputs import Inputs
from spatialgan.layout import Layout
from spatialgan.seeds import noise_of

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

RENDER_BATCH = 16  # pictures per forward pass of render_scenes


def render_scenes(scenes: Sequence["Scene"], *, batch: int = RENDER_BATCH) -> list[Image.Image]:
    """The images of many scenes of one model, ``batch`` at a time; a scene that occurs twice is drawn once.

    Convolutions round differently in another batch size: a value may be 1 off from ``scene.image``, which is what files
    of single pictures are made of.
    """
    pictures = _drawn(scenes, batch)
    images = {key: to_image(picture) for key, picture in pictures.items()}  # repeated ones stay one image
    return [images[id(scene)] for scene in scenes]


def edit_many(scenes: Sequence["Scene"], edits: Sequence[Edit], *, batch: int = RENDER_BATCH) -> list["Scene"]:
    """Every scene after all of the edits, drawn already: ``batch`` pictures in one pass of the generator.

    Scenes of different numbers of objects, or of different truncations, take a pass each kind. Pictures drawn together
    may differ from ``scene.apply(edit).tensor`` in their last bits, as those of :func:`render_scenes`.

    Args:
        scenes: of one model.
        edits: of :mod:`spatialgan.editing.edits`, in their order.
        batch: the largest batch.

    Raises:
        SpatialGANError: a scene has something against an edit; the sentence names it by its place. Nothing is drawn.
    """
    edited = []
    for i, scene in enumerate(scenes):
        try:
            for edit in edits:
                scene = edit.apply(scene)
        except SpatialGANError as e:
            raise SpatialGANError(f"scene {i}: {e}") from None
        edited.append(replace(scene))  # where there are no edits: not to write into the caller's
    pictures = _drawn(edited, batch)
    for scene in edited:
        scene.__dict__["tensor"] = pictures[id(scene)]  # where cached_property keeps it
    return edited


def _drawn(scenes: Sequence["Scene"], batch: int) -> dict[int, Tensor]:
    """Pictures ``(C, R, R)`` by the id of their scene."""
    if batch < 1:
        raise SpatialGANError(f"batch is {batch}; use 1 or more")
    if any(scene.model is not scenes[0].model for scene in scenes):
        raise SpatialGANError("scenes that are drawn together are of one model; take those of each model by themselves")
    groups: dict[Any, list[Scene]] = {}
    for scene in {id(scene): scene for scene in scenes}.values():
        groups.setdefault(_shape_key(scene), []).append(scene)
    pictures: dict[int, Tensor] = {}
    for members in groups.values():
        for start in range(0, len(members), batch):
            chunk = members[start : start + batch]
            pictures |= zip(map(id, chunk), render_batch(chunk), strict=True)
    return pictures


def _shape_key(scene: "Scene") -> Any:
    """Scenes of one model with the same key can share a batch."""
    return scene.z.shape, scene.layout.has_centers, scene.layout.shape, scene.truncation


def inputs_of(scenes: Sequence["Scene"], device: torch.device | str, *, max_resolution: int | None = None) -> Inputs:
    """The generator's inputs of a batch, with noise for layers of at most ``max_resolution``.

    Raises SpatialGANError where scenes cannot share one.
    """
    config, seeds = scenes[0].model.config.model, [s.noise_seed for s in scenes]
    if len({_shape_key(scene) for scene in scenes}) > 1:
        raise SpatialGANError("scenes that differ in objects, kinds of heatmaps or truncation cannot share a batch")
    w_offset = None
    if any(s.w_offset is not None for s in scenes):
        w_offset = torch.stack([s.w_offset_or_zeros for s in scenes]).to(device)
    return Inputs(
        z=torch.stack([s.z for s in scenes]).to(device),  # (B, S, z_dim)
        layout=Layout.stack([s.layout for s in scenes]).to(device),
        noise=tuple(n.to(device) for n in noise_of(config, seeds, max_resolution=max_resolution)),
        truncation=scenes[0].truncation,
        w_offset=w_offset,
    )


def render_batch(scenes: Sequence["Scene"]) -> Tensor:
    """``(B, C, R, R)`` on the CPU, of scenes that can share a batch."""
    model = scenes[0].model
    return model.draw(inputs_of(scenes, model.device)).image.float().cpu()


@torch.no_grad()
def render_draft(scene: "Scene", resolution: int) -> Tensor:
    """``(C, r, r)`` on the CPU: the sum of ToRGBs up to the block of that resolution, the picture that small.

    In bfloat16 where the processor is faster with it: a draft is seen for a moment.
    """
    inputs, generator = inputs_of([scene], scene.model.device, max_resolution=resolution), scene.model.generator
    ws, kind = inputs.ws(generator), inputs.z.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=is_faster_in_bfloat16(kind)):
        image = generator.synthesize(ws, inputs.layout, inputs.noise, stop_resolution=resolution).image
    return image[0].float().cpu()
