"""Places [ours]: what G draws is to be seen where its heatmaps are, by a head that learned from real pictures where
things are.

D's verdict does not say whether a thing is at its heatmap, so that in adversarial training G forgets it: in one case of
five nothing was there any more. Of real pictures the places of things are known, found without labels
(``training/aids/codes.py``). From the frozen ImageNet features that the projected discriminator reads, a small head
learns in D's step to tell them; in G's step it looks at generated pictures, and what it finds there is compared with
the heatmaps that they were drawn from. It is Eq. 4's idea, with a map that is learned in place of D's attention.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spatialgan.heatmaps import resize_maps
from spatialgan.layout import Layout
from spatialgan.networks.discriminators.projected import FEATURE_SIZES, MIXED_CHANNELS
from spatialgan.networks.layers import SLOPE
from spatialgan.training.diffaugment import Augmentation, shift_images, visible_pixels

SIZE = 16  # of the map, in pixels
HIDDEN = 64  # channels of the head
SHARPNESS = 4  # heatmaps to this power, which halves their width: they reach far beyond their things


class PlaceHead(nn.Module):
    """Where things are, by the projected discriminator's features of 16 pixels and coarser."""

    def __init__(self) -> None:
        super().__init__()
        channels = sum(c for c, size in zip(MIXED_CHANNELS, FEATURE_SIZES, strict=True) if size <= SIZE)
        self.first = nn.Conv2d(channels, HIDDEN, 3, padding=1)
        self.second = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1)
        self.last = nn.Conv2d(HIDDEN, 1, 1)

    def forward(self, scales: tuple[Tensor, ...]) -> Tensor:
        """``scales`` of :class:`DiscriminatorOutput` => logits (B, SIZE, SIZE), float32."""
        maps = [m for m in scales if m.shape[-1] <= SIZE]
        x = torch.cat([F.interpolate(m, size=(SIZE, SIZE), mode="bilinear") for m in maps], dim=1)
        for conv in (self.first, self.second):
            x = F.leaky_relu(conv(x), SLOPE)
        return self.last(x)[:, 0].float()


def place_loss(logits: Tensor, layout: Layout, a: Augmentation, resolution: int) -> Tensor:
    """How far what a head sees, ``logits`` (B, SIZE, SIZE), is from where a layout's things are.

    Binary cross entropy with :func:`place_map`, less the entropy of that: a scalar of at least 0. What pictures do not
    show, where they were augmented, does not count.
    """
    wanted = place_map(layout, a, resolution)
    entropy = -torch.xlogy(wanted, wanted) - torch.xlogy(1 - wanted, 1 - wanted)
    loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none") - entropy
    visible = visible_pixels(a, len(logits), resolution)
    if visible is None:
        return loss.mean()
    visible = resize_maps(visible, SIZE)
    return (loss * visible).sum() / visible.sum().clamp_min(1)


def place_map(layout: Layout, a: Augmentation, resolution: int) -> Tensor:
    """At each place the largest of level 0's heatmaps, narrowed, (B, SIZE, SIZE) in 0..1; moved as the pictures of
    ``resolution`` pixels are that it is for."""
    heatmaps = layout.heatmaps(0, SIZE if a.shift_px is None else resolution)  # (B, K, s, s)
    nearest = (heatmaps**SHARPNESS).amax(dim=1, keepdim=True)
    return resize_maps(nearest if a.shift_px is None else shift_images(nearest, a.shift_px), SIZE)[:, 0]
