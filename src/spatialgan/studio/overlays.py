"""What can be laid over a picture besides its heatmaps: where D looks, and what G's features are like."""

from typing import Literal

import torch
from torch import Tensor

from spatialgan.editing.scene import Scene
from spatialgan.heatmaps import min_max_normalize
from spatialgan.seeds import noise_of

Overlay = Literal["none", "attention", "features"]


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


@torch.no_grad()
def mean_features(scene: Scene) -> dict[int, Tensor]:
    """The mean over channels of the features that leave each of G's blocks, min-max normalised (Fig. 14)."""
    model, device = scene.model, scene.model.device
    noise = tuple(layer.to(device) for layer in noise_of(model.config.model, [scene.noise_seed]))
    layout = scene.layout[None].to(device)
    ws = model.generator.ws(scene.z[None].to(device), layout, truncation=scene.truncation)
    if scene.w_offset is not None:
        ws = ws + scene.w_offset[None].to(device)
    features = model.generator.synthesize(ws, layout, noise).features
    return {r: min_max_normalize(f.float().mean(dim=1))[0].cpu() for r, f in features.items()}
