"""Changing the size and the shape of things."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spatialgan.editing.edits.fields import NUMBER, POSITIVE, SHARE, value
from spatialgan.editing.edits.placed import Placed

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Resize(Placed):
    """Make larger or smaller: multiply the standard deviations."""

    name = "resize"
    label = "Resize"
    option = "resize"
    forms = ("I:FACTOR",)
    example = "0:1.5"
    help = "Multiply the size."

    factor: float = value(POSITIVE)

    def changes(self, scene: "Scene") -> dict[str, Any]:
        return {"layout": scene.require_layout().resized(self.factor, **self.where)}


@dataclass(frozen=True, kw_only=True)
class Stretch(Placed):
    """Make wider and higher, along the ellipse's own axes: right and down, until it is rotated."""

    name = "stretch"
    label = "Stretch"
    option = "stretch"
    forms = ("I:SX,SY",)
    example = "0:1.5,0.8"
    help = "Multiply width and height."

    sx: float = value(POSITIVE, "Of the width.")
    sy: float = value(POSITIVE, "Of the height.")

    def changes(self, scene: "Scene") -> dict[str, Any]:
        return {"layout": scene.require_layout().resized((self.sx, self.sy), **self.where)}


@dataclass(frozen=True, kw_only=True)
class Rotate(Placed):
    """Turn clockwise around the centre; a circle looks the same afterwards."""

    name = "rotate"
    label = "Turn"
    option = "rotate"
    forms = ("I:DEGREES",)
    example = "0:30"
    help = "Turn clockwise."

    degrees: float = value(NUMBER)

    def changes(self, scene: "Scene") -> dict[str, Any]:
        return {"layout": scene.require_layout().rotated(math.radians(self.degrees), **self.where)}


@dataclass(frozen=True, kw_only=True)
class Remove(Placed):
    """Shrink until nothing is left, or by a part. What is removed keeps its number."""

    name = "remove"
    label = "Remove"
    option = "remove"
    forms = ("I", "I:AMOUNT")
    example = "1 or --remove 1:0.5"
    help = "Remove; with I:AMOUNT (0 to 1) in part."

    amount: float = value(SHARE, "1 takes all of it.", default=1.0)

    def changes(self, scene: "Scene") -> dict[str, Any]:
        return {"layout": scene.require_layout().resized(1 - self.amount, **self.where)}
