"""Segmenters: which objects are in a picture, where, and what they look like, told by somebody who had no part in
training the generator.

An object is a root instance: a bed with its pillows is one. Walls, floors and ceilings are none.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Instance:
    """One object in one picture."""

    mask: Tensor
    """(H, W) bool, at the picture's own size, on the CPU."""
    label: str
    """Its class, such as ``bed``."""
    score: float
    """How sure the segmenter is, in 0..1."""
    feature: Tensor
    """(F,) float32 on the CPU, of length 1: what the object looks like. Compare by cosine (the dot product); by L2
    distance the order is the same."""


class Segmenter(Protocol):
    name: str
    """The network and what it was trained on."""
    weights_hash: str
    """SHA-256 of its weights, in hex."""

    def __call__(self, images: Tensor) -> list[list[Instance]]:
        """uint8 pictures ``(B, 3, H, W)`` => the objects of each, the surest first. Masks may overlap."""
        ...

    def features(self, images: Tensor, masks: list[Tensor]) -> list[Tensor]:
        """What given regions look like, such as ground-truth masks.

        Args:
            images: uint8 ``(B, 3, H, W)``.
            masks: of each picture, ``(n_b, H, W)`` bool; none of the regions is empty.

        Returns:
            Of each picture, ``(n_b, F)`` float32, comparable with :attr:`Instance.feature`.
        """
        ...
