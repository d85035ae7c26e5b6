"""How large pictures may be that follow a hand: measured as they are drawn.

The sum of ToRGBs up to a block is the picture at that block's resolution, for a fraction of the work (StyleGAN2's skip
architecture). While something moves, the studio draws the largest of them that keeps :data:`FRAMES_PER_SECOND`; the
full one follows when the hand rests.
"""

import time

from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.editing.rendering import render_draft
from spatialgan.editing.scene import Scene

FRAMES_PER_SECOND = 30
GENERATOR_SHARE = 0.75  # of a frame's time; the rest is for encoding, sending and painting
SMALLEST_PX = 64  # nothing smaller is shown; models of this size are always drawn in full
GROWTH = 3.0  # of the time from one size to the next, until it has been measured
HEADROOM = 0.8  # of the time for a frame, that a larger size must keep to, lest pictures change size to and fro
WEIGHT = 0.3  # of the latest measurement, in how busy the machine is


class Pace:
    """How long pictures of one model take. Belongs to the worker's thread."""

    def __init__(self, config: ModelConfig):
        self._sizes = [r for r in config.block_resolutions if r >= SMALLEST_PX] or [config.resolution]
        self._size = self._sizes[0]
        self._least_s: dict[int, float] = {}  # the least time of each size: that of a machine that does nothing else
        self._busy = 1.0  # how many times as long it takes at present

    def next_size(self) -> int:
        """Width in pixels of the next picture that follows a hand; it grows step by step, from call to call."""
        budget_s = GENERATOR_SHARE / FRAMES_PER_SECOND
        fitting = [r for r in self._sizes if self._expected_s(r) <= budget_s * (HEADROOM if r > self._size else 1)]
        self._size = min(max(fitting, default=self._sizes[0]), 2 * self._size)
        return self._size

    def draw(self, scene: Scene) -> Tensor:
        """``(C, r, r)``: as much of a scene's picture as follows a hand; in full where it is drawn already."""
        if scene.is_drawn:
            return scene.tensor
        size, begun = self.next_size(), time.perf_counter()
        picture = scene.tensor if size == scene.model.config.model.resolution else render_draft(scene, size)
        self.note(size, time.perf_counter() - begun)
        return picture

    def note(self, size: int, seconds: float) -> None:
        """A picture of this size has taken so long."""
        self._least_s[size] = min(self._least_s.get(size, seconds / self._busy), seconds)
        self._busy += WEIGHT * (seconds / self._least_s[size] - self._busy)

    def _expected_s(self, size: int) -> float:
        smaller = [r for r in self._least_s if r <= size]
        if not smaller:
            return float("inf")  # nothing is known yet, and the smallest is drawn in any case
        nearest = max(smaller)
        return self._busy * self._least_s[nearest] * GROWTH ** (size // nearest).bit_length() / GROWTH
