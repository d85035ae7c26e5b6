"""Edits of the whole picture."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spatialgan.editing.edits.edit import Edit
from spatialgan.editing.edits.fields import SEED, value

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene


@dataclass(frozen=True, kw_only=True)
class WithNewLayout(Edit):
    """The same styles in another layout of as many objects, that of a new picture's ``layout_seed``."""

    name = "with_new_layout"
    label = "New layout"
    option = "new-layout"
    forms = ("SEED",)
    example = "7"
    help = "A new layout, with the same styles."

    seed: int = value(SEED)

    def changes(self, scene: "Scene") -> dict[str, Any]:
        from spatialgan.seeds import layout_of

        scene.require_layout()
        return {"layout": layout_of(scene.config, self.seed)}


@dataclass(frozen=True, kw_only=True)
class WithNewStyles(Edit):
    """Other styles in the same layout, with the same noise: those of another picture's seed."""

    name = "with_new_styles"
    label = "New styles"
    option = "new-styles"
    forms = ("SEED",)
    example = "7"
    help = "New styles, with the same layout."

    seed: int = value(SEED)

    def changes(self, scene: "Scene") -> dict[str, Any]:
        from spatialgan.seeds import style_of

        return {"z": style_of(scene.config, self.seed), "w_offset": None}
