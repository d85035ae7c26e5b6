"""What can be laid over a picture besides its heatmaps: where D looks, and what G's features are like."""

from typing import Literal

from torch import Tensor

from spatialgan.editing.scene import Scene
from spatialgan.heatmaps import min_max_normalize

Overlay = Literal["none", "attention", "features"]


def possible(overlay: Overlay, scene: Scene) -> Overlay:
    """``overlay``, or none where the scene's model came without the discriminator that it needs."""
    return "none" if overlay == "attention" and scene.model.discriminator is None else overlay


def overlay_maps(scene: Scene, overlay: Overlay) -> dict[int, Tensor]:
    """Maps ``(H, W)`` in 0..1, on the CPU: D's attention by level, or G's mean features by resolution.

    Raises:
        SpatialGANError: attention, where the model came without its discriminator.
    """
    if overlay == "attention":
        return dict(enumerate(scene.attention()))
    if overlay == "features":
        return mean_features(scene)
    return {}


def mean_features(scene: Scene) -> dict[int, Tensor]:
    """The mean over channels of the features that leave each of G's blocks, min-max normalised (Fig. 14)."""
    return {r: min_max_normalize(f.mean(dim=0)) for r, f in scene.features().items()}
