"""What the fields of edits hold: how each is checked, read from the command line, and bounded in requests."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spatialgan.editing.arguments import LARGEST, MAX_SEED, finite, positive, seed_number, shown, whole
from spatialgan.errors import SpatialGANError


@dataclass(frozen=True)
class Kind:
    """What a field may hold. ``check`` guards every edit, wherever it comes from; requests are bounded beforehand."""

    check: Callable[[Any, str], Any]
    """(value, the field's name) to the value as the edit keeps it; raises SpatialGANError naming the field."""
    read: Callable[[str], Any]
    """From a word of the command line; raises ValueError."""
    number: type[int] | type[float] | None = None
    """Its numbers in JSON, if it has any."""
    bounds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Of those numbers in requests: ``ge``, ``gt``, ``le``. Whatever is within them passes ``check``."""
    words: tuple[str, ...] = ()
    """Its texts in JSON."""
    length: tuple[int, int] | None = None
    """Least and most of a list of them; None where it is no list."""


def share(value: Any, name: str) -> float:
    """``value`` as a float in 0..1; raises SpatialGANError for anything else."""
    number = finite(value, name)
    if not 0 <= number <= 1:
        raise SpatialGANError(f"{name} is {number:g}; use 0 (all stays) to 1 (all goes)")
    return number


def _object(value: Any, name: str) -> int | str:
    if isinstance(value, str):
        if value == BACKGROUND:
            return value
        raise SpatialGANError(f"{name} is {shown(value)}; use an object's number, or {BACKGROUND!r}")
    return whole(value, name)


def _read_object(word: str) -> int | str:
    return word if word == BACKGROUND else int(word)


BACKGROUND = "background"
NUMBER = Kind(finite, float, float, {"ge": -LARGEST, "le": LARGEST})
POSITIVE = Kind(positive, float, float, {"gt": 0, "le": LARGEST})
SHARE = Kind(share, float, float, {"ge": 0, "le": 1})
SEED = Kind(seed_number, int, int, {"ge": 0, "le": MAX_SEED})
INDEX = Kind(whole, int, int, {"ge": 0, "le": 10_000})  # which of them there are, the scene knows
OBJECT = Kind(_object, _read_object, int, INDEX.bounds, words=(BACKGROUND,))


def value(kind: Kind, description: str = "", *, default: Any = dataclasses.MISSING) -> Any:
    """A field of an edit. ``description`` is for the HTTP API's documentation; a default of None may be null there."""
    return field(default=default, metadata={"kind": kind, "description": description})
