"""Edits of objects that have styles of their own: models with ``encoding=multi``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spatialgan.editing.edits.edit import Edit
from spatialgan.editing.edits.fields import BACKGROUND, INDEX, NUMBER, OBJECT, POSITIVE, SEED, value

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Restyle(Edit):
    """Give an object, or the background, another style."""

    name = "restyle"
    label = "Restyle"
    option = "restyle"
    forms = ("I:SEED",)
    note = "background:SEED"
    example = "2:7"
    help = "Multi-object models: give it a new style; I may be 'background'."

    object: int | str = value(OBJECT)
    seed: int = value(SEED)

    def changes(self, scene: "Scene") -> dict[str, Any]:
        from spatialgan.seeds import object_style_of

        scene.require_styles(self.name, "use with_new_styles (--new-styles)")
        if isinstance(self.object, str):
            index = scene.num_objects
        else:
            index = self.object
            scene.place(index, None, or_=f"or {BACKGROUND!r}")
        z, w_offset = scene.z.clone(), scene.w_offset
        z[index] = object_style_of(scene.model.config.model, self.seed)
        if w_offset is not None:  # it was the old style's
            w_offset = w_offset.clone()
            w_offset[:, index] = 0
        return {"z": z, "w_offset": w_offset}


@dataclass(frozen=True, kw_only=True)
class Duplicate(Edit):
    """Put a second one of an object beside it, of the same style and shape; it becomes the last object."""

    name = "duplicate"
    label = "Duplicate"
    option = "duplicate"
    forms = ("I:DX,DY",)
    example = "0:0.3,0"
    help = "Multi-object models: add a copy, at this distance."

    object: int = value(INDEX)
    dx: float = value(NUMBER, "To the right.")
    dy: float = value(NUMBER, "Down.")

    def changes(self, scene: "Scene") -> dict[str, Any]:
        from spatialgan.editing.added_objects import with_object

        scene.require_styles(self.name, "use move for what is there")
        i = self.object
        scene.place(i, None)
        copy = scene.require_layout()[i : i + 1].moved((self.dx, self.dy))
        return with_object(scene, copy, scene.z[i], scene.w_offset_or_zeros[:, i])


@dataclass(frozen=True, kw_only=True)
class Add(Edit):
    """Add a round object; it becomes the last object."""

    name = "add"
    label = "Add object"
    option = "add"
    forms = ("X,Y,STD:SEED",)
    example = "0.5,0.7,0.1:7"
    help = "Multi-object models: add an object; STD is its standard deviation, in image widths."

    x: float = value(NUMBER, "From the left.")
    y: float = value(NUMBER, "From above.")
    std: float = value(POSITIVE, "Its standard deviation, in image widths.")
    seed: int = value(SEED, "Of its style.")

    def changes(self, scene: "Scene") -> dict[str, Any]:
        from spatialgan.editing.added_objects import round_object, with_object
        from spatialgan.seeds import object_style_of

        scene.require_styles(self.name, "use with_new_layout (--new-layout) to rearrange what is there")
        scene.require_layout().gaussians(0)  # raises where the heatmaps are pixels, which no object can be added to
        style = object_style_of(scene.model.config.model, self.seed)
        return with_object(scene, round_object(self.x, self.y, self.std), style)
