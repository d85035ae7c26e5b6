"""Lining objects up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from spatialgan.editing.arguments import shown, whole
from spatialgan.editing.edits.edit import Action, Edit
from spatialgan.editing.edits.fields import INDEX, NUMBER, Kind, value
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

AXES = ("horizontal", "vertical")
MOST = 64  # objects of one edit


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


OBJECTS = Kind(_objects, lambda word: [int(i) for i in word.split(",")], int, INDEX.bounds, length=(2, MOST))
AXIS = Kind(_axis, _read_axis, words=AXES)


@dataclass(frozen=True, kw_only=True)
class Align(Edit):
    """Put several objects on one line: horizontal or vertical, where they are on average, or at a place of its own."""

    name = "align"
    label = "Align"
    option = "align"
    forms = ("I,J,..:AXIS", "I,J,..:AXIS,AT")
    example = "0,2:horizontal or --align 0,1,2:vertical,0.5"
    help = "Multi-object models: put objects on one line, horizontal or vertical."
    actions = (
        Action("In a row", "All objects at one height", {"axis": "horizontal"}, objects=True),
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
        places = layout.level_centers(0)[:, across]  # (K,)
        at = float(places[list(self.objects)].mean()) if self.at is None else self.at
        for i in self.objects:
            step = [0.0, 0.0]
            step[across] = at - float(places[i])
            layout = layout.moved((step[0], step[1]), point=i)
        return {"layout": layout}

    @classmethod
    def read(cls, text: str) -> Self:
        objects, _, line = text.partition(":")
        axis, comma, at = line.partition(",")
        return cls(objects=OBJECTS.read(objects), axis=AXIS.read(axis), at=NUMBER.read(at) if comma else None)

    @property
    def word(self) -> str:
        line = self.axis if self.at is None else f"{self.axis},{self.at!r}"
        return f"{','.join(map(str, self.objects))}:{line}"
