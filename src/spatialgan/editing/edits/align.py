"""Lining objects up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Self

from spatialgan.editing.arguments import shown, whole
from spatialgan.editing.edits.edit import Action, Edit, place_name
from spatialgan.editing.edits.fields import INDEX, NUMBER, Kind, value
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

AXES = ("horizontal", "vertical")
MOST = 64  # objects of one edit
APART = 1.25  # least distance of neighbours on the line, in sums of their standard deviations along it
MARGIN = 0.1  # of the line at either end, in picture widths: what is moved apart is not moved out


def _objects(given: Any, name: str) -> tuple[int, ...]:
    """Numbers of two objects or more, each once."""
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise SpatialGANError(f"{name} is {shown(given)}; use a list of numbers, as in [0, 1]")
    objects = tuple(whole(i, f"one of {name}") for i in given)
    if not 2 <= len(objects) <= MOST or len(set(objects)) < len(objects):
        raise SpatialGANError(f"{name} is {shown(list(objects))}; use 2 to {MOST} objects, each once")
    return objects


def _axis(given: Any, name: str) -> str:
    if not isinstance(given, str) or given not in AXES:
        raise SpatialGANError(f"{name} is {shown(given)}; use {' or '.join(AXES)}")
    return given


def _read_axis(word: str) -> str:
    if word not in AXES:
        raise ValueError(f"{word} is no axis")
    return word


def apart(places: Sequence[float], stds: Sequence[float]) -> list[float]:
    """Places on a line, moved as little as leaves neighbours :data:`APART` from one another, in the same order.

    The least sum of squares: without the gaps between them places may not decrease (isotonic regression, by pooling
    adjacent violators). Nothing leaves the picture for it; where that has too little room, gaps shrink alike.
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    start, end = min(MARGIN, min(places)), max(1 - MARGIN, max(places))
    gaps = [APART * (stds[i] + stds[j]) for i, j in pairwise(order)]
    shrink = min(1.0, (end - start) / sum(gaps))
    offsets = list(accumulate((shrink * gap for gap in gaps), initial=0.0))
    pools: list[tuple[float, int]] = []  # means of neighbouring places without their gaps, and how many each is of
    for i, offset in zip(order, offsets, strict=True):
        mean, count = places[i] - offset, 1
        while pools and pools[-1][0] > mean:
            before, n = pools.pop()
            mean, count = (before * n + mean * count) / (n + count), n + count
        pools.append((mean, count))
    line = [min(max(mean, start), end - offsets[-1]) for mean, count in pools for _ in range(count)]
    found = {i: place + offset for i, place, offset in zip(order, line, offsets, strict=True)}
    return [found[i] for i in range(len(places))]


OBJECTS = Kind(_objects, lambda word: [int(i) for i in word.split(",")], int, INDEX.bounds, length=(2, MOST))
AXIS = Kind(_axis, _read_axis, words=AXES)


@dataclass(frozen=True, kw_only=True)
class Align(Edit):
    """Put several objects on one line: horizontal or vertical, where they are on average, or at a place of its own.

    Where they would lie on one another they are moved apart along it.
    """

    name = "align"
    label = "Align"
    option = "align"
    forms = ("I,J,..:AXIS", "I,J,..:AXIS,AT")
    example = "0,2:horizontal or --align 0,1,2:vertical,0.5"
    help = "Multi-object models: put objects in a row (horizontal) or a column (vertical); AXIS,AT says where."
    actions = (
        Action("In a row", "All objects at one height, side by side", {"axis": "horizontal"}, objects=True),
        Action("In a column", "All objects one above the other", {"axis": "vertical"}, objects=True),
    )

    objects: Sequence[int] = value(OBJECTS, "Two or more, each once.")
    axis: str = value(AXIS, "Of the line.")
    at: float | None = value(NUMBER, "Where the line is, from above or from the left; null: at the mean.", default=None)

    def changes(self, scene: "Scene") -> dict[str, Any]:
        layout = scene.require_layout()
        if scene.model.config.model.layout != "multi":
            raise SpatialGANError(
                f"{self.name} needs a model of several objects; {scene.model.name} draws one; use move"
            )
        for i in self.objects:
            scene.place(i, None)
        across = 1 if self.axis == "horizontal" else 0  # the coordinate that they will share
        chosen, g = list(self.objects), layout.gaussians(0)
        places = g.centers_xy[chosen].tolist()
        ellipses = zip(g.stds[chosen].tolist(), g.angles[chosen].tolist(), strict=True)
        turn = across * math.pi / 2 - math.pi / 2  # the line as it lies in the ellipses' frames, but for their angles
        stds = [math.hypot(sx * math.cos(a + turn), sy * math.sin(a + turn)) for (sx, sy), a in ellipses]
        at = sum(place[across] for place in places) / len(places) if self.at is None else self.at
        # Put there rather than moved: rounding errors would be the order of a line across this one.
        centers = g.centers_xy.clone()
        centers[chosen, across] = at
        centers[chosen, 1 - across] = centers.new_tensor(apart([place[1 - across] for place in places], stds))
        return {"layout": replace(layout, levels=(replace(g, centers_xy=centers),))}

    @classmethod
    def read(cls, text: str) -> Self:
        objects, _, line = text.partition(":")
        axis, comma, at = line.partition(",")
        return cls(objects=OBJECTS.read(objects), axis=AXIS.read(axis), at=NUMBER.read(at) if comma else None)

    @property
    def title(self) -> str:
        return f"{'Row' if self.axis == 'horizontal' else 'Column'} of {place_name(self.to_json())}"

    @property
    def word(self) -> str:
        line = self.axis if self.at is None else f"{self.axis},{self.at!r}"
        return f"{','.join(map(str, self.objects))}:{line}"
