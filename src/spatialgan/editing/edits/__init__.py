"""Edits: a class for each, and all of them in one list. What else there is of an edit is made from its class: its
option of the command line, its record in scene files, its schema in the HTTP API, its label, its button.

A new edit is a file here with its class, a line of the list below, and a test. No class imports torch before it is
applied: the command line reads their names and forms.
"""

from typing import Any

from spatialgan.editing.edits.align import Align
from spatialgan.editing.edits.edit import Action, Edit, edit_from, place_name
from spatialgan.editing.edits.mirror import Mirror
from spatialgan.editing.edits.mix import MixStyles
from spatialgan.editing.edits.move import Move, MoveTo
from spatialgan.editing.edits.objects import Add, Duplicate, Restyle
from spatialgan.editing.edits.placed import Placed
from spatialgan.editing.edits.resize import Remove, Resize, Rotate, Stretch
from spatialgan.editing.edits.whole import WithNewLayout, WithNewStyles

EDITS: tuple[type[Edit], ...] = (
    Move,
    MoveTo,
    Resize,
    Stretch,
    Rotate,
    Remove,
    Restyle,
    Duplicate,
    Add,
    WithNewLayout,
    WithNewStyles,
    MixStyles,
    Mirror,
    Align,
)

__all__ = [
    "EDITS",
    "Action",
    "Add",
    "Align",
    "Duplicate",
    "Edit",
    "Mirror",
    "MixStyles",
    "Move",
    "MoveTo",
    "Placed",
    "Remove",
    "Resize",
    "Restyle",
    "Rotate",
    "Stretch",
    "WithNewLayout",
    "WithNewStyles",
    "edit_from_json",
    "place_name",
]


def edit_from_json(record: Any) -> Edit:
    """The edit that a record such as ``{"edit": "move", "level": 0, "dx": 0.2, "dy": 0}`` stands for.

    Drags are recorded in scenes too, but a record cannot repeat them.

    Raises:
        SpatialGANError: no such edit, a field too many or too few, or one that is not what it should be.
    """
    return edit_from(record, EDITS)
