"""Edits of something in the picture."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypedDict

from spatialgan.editing.edits.edit import Edit
from spatialgan.editing.edits.fields import INDEX, value
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene


class Where(TypedDict):
    """A place as layouts know it."""

    level: int
    point: int | None
    """None for all of the level's."""


@dataclass(frozen=True, kw_only=True)
class Placed(Edit):
    """An edit of something in the picture: a level in models of one object, an object in the others."""

    level: int | None = value(INDEX, "In models of one object; or else give an object.", default=None)
    point: int | None = value(INDEX, "One centre of the level; null for all of them.", default=None)
    object: int | None = value(INDEX, "In models of several objects; or else give a level.", default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.level is None and self.object is None:
            raise SpatialGANError(f"{self.name} needs to know where: give a level, or an object")
        if self.level is not None and self.object is not None:
            raise SpatialGANError("give either a level or an object")
        if self.object is not None and self.point is not None:
            raise SpatialGANError("a point is a centre of a level in single-object models; here, name the object alone")

    def fitted(self, scene: "Scene") -> Self:
        index = self.level if self.object is None else self.object
        assert index is not None  # one of them was given
        return replace(self, **scene.place(index, self.point))

    @property
    def where(self) -> Where:
        """As layouts know it, once it is fitted: objects are the points of the only level."""
        if self.level is None:
            return {"level": 0, "point": self.object}
        return {"level": self.level, "point": self.point}

    def to_json(self) -> dict[str, Any]:
        others = ("object",) if self.object is None else ("level", "point")
        return {key: value for key, value in super().to_json().items() if key not in others}

    @classmethod
    def read_word(cls, token: str, word: str) -> dict[str, Any]:
        if token != "I":
            return super().read_word(token, word)
        level, dot, point = word.partition(".")  # an object or a level, or a level and one of its centres
        return {"level": int(level), "point": int(point) if dot else None}

    def write_word(self, token: str) -> str:
        if token != "I":
            return super().write_word(token)
        if self.object is not None:
            return str(self.object)
        return str(self.level) if self.point is None else f"{self.level}.{self.point}"
