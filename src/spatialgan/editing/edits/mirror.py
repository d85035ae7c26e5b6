"""Mirroring."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spatialgan.editing.edits.edit import Action, Edit

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Mirror(Edit):
    """Swap left and right: centres are reflected, angles negated, heatmaps given by pixels flipped.

    The picture follows its layout, but is no exact mirror image: G's constant input, the noise and whatever of a style
    has a side (the light from the left, say) stay what they are.
    """

    name = "mirror"
    label = "Mirror"
    option = "mirror"
    help = "Swap left and right, as far as the layout decides."
    actions = (Action("Mirror", "Swap left and right, as far as the layout decides", {}),)

    def changes(self, scene: "Scene") -> dict[str, Any]:
        return {"layout": scene.require_layout().mirrored()}
