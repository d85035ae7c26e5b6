"""Moving things."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spatialgan.editing.edits.fields import NUMBER, value
from spatialgan.editing.edits.placed import Placed

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Move(Placed):
    """Move by a distance in image widths, to the right and down.

    Level 0 of a hierarchical layout carries the others along.
    """

    name = "move"
    label = "Move"
    option = "move"
    forms = ("I:DX,DY",)
    example = "0:0.2,-0.1"
    help = "Move by a distance, in image widths."

    dx: float = value(NUMBER, "To the right.")
    dy: float = value(NUMBER, "Down.")

    def changes(self, scene: "Scene") -> dict[str, Any]:
        return {"layout": scene.require_layout().moved((self.dx, self.dy), **self.where)}


@dataclass(frozen=True, kw_only=True)
class MoveTo(Placed):
    """Move to a place, in image widths from the left and from above: a centre, or the middle of a level's centres."""

    name = "move_to"
    label = "Move"
    option = "move-to"
    forms = ("I:X,Y",)
    example = "0:0.5,0.7"
    help = "Move to a place, from 0,0 at the upper left to 1,1."

    x: float = value(NUMBER, "From the left.")
    y: float = value(NUMBER, "From above.")

    def changes(self, scene: "Scene") -> dict[str, Any]:
        layout, where = scene.require_layout(), self.where
        centers = layout.level_centers(where["level"])  # (K, 2)
        now = centers.mean(dim=0) if where["point"] is None else centers[where["point"]]
        return {"layout": layout.moved(now.new_tensor((self.x, self.y)) - now, **where)}
