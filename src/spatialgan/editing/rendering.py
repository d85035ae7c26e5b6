"""From scenes to pictures: forward passes for one scene or for many."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from spatialgan.editing.export import to_image
from spatialgan.errors import SpatialGANError
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
    if any(scene.model is not scenes[0].model for scene in scenes):
        raise SpatialGANError("render_scenes draws scenes of one model; call it once for each model")
    groups: dict[Any, list[Scene]] = {}
    for scene in {id(scene): scene for scene in scenes}.values():
        groups.setdefault(_shape_key(scene), []).append(scene)
    images: dict[int, Image.Image] = {}
    for members in groups.values():
        for start in range(0, len(members), batch):
            chunk = members[start : start + batch]
            images |= zip(map(id, chunk), map(to_image, render_batch(chunk)), strict=True)
    return [images[id(scene)] for scene in scenes]


def _shape_key(scene: "Scene") -> Any:
    """Scenes with the same key can share a batch."""
    return scene.z.shape, scene.layout.has_centers, scene.layout.shape, scene.truncation


def render_batch(scenes: Sequence["Scene"]) -> Tensor:
    """``(B, C, R, R)`` on the CPU, of scenes with one :func:`_shape_key`."""
    model, device = scenes[0].model, scenes[0].model.device
    noise = tuple(layer.to(device) for layer in noise_of(model.config.model, [s.noise_seed for s in scenes]))
    layout = Layout.stack([s.layout for s in scenes]).to(device)
    z = torch.stack([s.z for s in scenes]).to(device)  # (B, S, z_dim)
    w_offset = None
    if any(s.w_offset is not None for s in scenes):
        w_offset = torch.stack([s.w_offset_or_zeros for s in scenes]).to(device)
    return model.generate(z, layout, noise, truncation=scenes[0].truncation, w_offset=w_offset).float().cpu()
