"""Objects as scenes with ``encoding=multi`` hold them: one more of them, behind the others, before the background."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.layout import Layout
from spatialgan.levels import Gaussians

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

MAX_OBJECTS = 64  # memory and time grow with each


def round_object(x: float, y: float, std: float) -> Layout:
    """A layout of one circle at ``(x, y)`` in 0..1."""
    center, stds = (torch.tensor([pair], dtype=torch.float32) for pair in ((x, y), (std, std)))
    return Layout((Gaussians(center, stds, torch.zeros_like(center[:, 0])),), hierarchical=False)


def with_object(scene: "Scene", new: Layout, style: Tensor, offset: Tensor | None = None) -> dict[str, Any]:
    """Layout, z and w_offset of a scene with one more object.

    Args:
        scene: of a model with ``encoding=multi``.
        new: of one object.
        style: its z (z_dim,).
        offset: its own w_offset (num_ws, w_dim); None for none.
    """
    require_few_objects(scene.model.config.model, scene.num_objects + 1)
    # The leading dimension of one picture's layout is its objects.
    layout = Layout.cat([scene.require_layout(), new])
    changes = {"layout": layout, "z": torch.cat([scene.z[:-1], style[None], scene.z[-1:]])}
    if scene.w_offset is not None:
        w = scene.w_offset
        own = torch.zeros_like(w[:, 0]) if offset is None else offset
        changes["w_offset"] = torch.cat([w[:, :-1], own[:, None], w[:, -1:]], dim=1)
    return changes


def require_few_objects(config: ModelConfig, count: int) -> None:
    """Raise SpatialGANError where a scene would have more objects than a picture is drawn of."""
    most = max(MAX_OBJECTS, config.num_objects)
    if count > most:
        raise SpatialGANError(f"a scene of {count} objects is too large; use at most {most}")
