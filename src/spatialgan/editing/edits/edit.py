"""What all edits have in common."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from spatialgan.editing.arguments import shown
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

ABBREVIATIONS = {"I": "object"}  # of fields, in forms


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A change of a scene, as a value: its fields are its numbers, of :mod:`spatialgan.editing.edits.fields`.

    A class for each edit says all there is to say of it. Commands, scene files, requests and the page are made of that.
    Numbers are checked when an edit is made, which raises SpatialGANError naming the field.
    """

    name: ClassVar[str]
    """In scene files and requests."""
    label: ClassVar[str]
    """In histories, before what it was done to."""
    option: ClassVar[str]
    """Of ``spatialgan edit``, without its dashes."""
    forms: ClassVar[tuple[str, ...]] = ()
    """Of the option's word: fields' names in capitals, with commas and colons between them. The last has all fields;
    where there is none, the option takes no word."""
    note: ClassVar[str] = ""
    """What else the word may be, for people."""
    example: ClassVar[str] = ""
    """Of the word."""
    help: ClassVar[str]
    """Of the option."""
    actions: ClassVar[tuple["Action", ...]] = ()
    """Buttons of the studio's page."""

    def __post_init__(self) -> None:
        for f in fields(self):
            given = getattr(self, f.name)
            if given is not None or f.default is not None:
                object.__setattr__(self, f.name, f.metadata["kind"].check(given, f.name))

    # ------------------------------------------------------------- what each edit is

    def changes(self, scene: "Scene") -> dict[str, Any]:
        """The scene's fields that become others: ``layout``, ``z``, ``w_offset``.

        Raises SpatialGANError where the scene has something against it.
        """
        raise NotImplementedError

    def fitted(self, scene: "Scene") -> Self:
        """The same edit in the scene's own terms, as it is recorded."""
        return self

    # ------------------------------------------------------------- what follows from it

    def apply(self, scene: "Scene") -> "Scene":
        """The scene after it; raises SpatialGANError where the scene has something against it."""
        edit = self.fitted(scene)
        return replace(scene, **edit.changes(scene), edits=(*scene.edits, edit.to_json()))

    @property
    def title(self) -> str:
        """What people read in a history."""
        return f"{self.label} {place_name(self.to_json())}".strip()

    def to_json(self) -> dict[str, Any]:
        """As scene files record it."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"edit": self.name, **{n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_json`, with or without ``edit``; fields that have a default may be left out."""
        given = {key: value for key, value in values.items() if key != "edit"}
        needed = [f.name for f in fields(cls) if f.default is MISSING]
        names = [f.name for f in fields(cls)]
        if not set(needed) <= set(given) <= set(names):
            raise SpatialGANError(
                f"{cls.name} takes {', '.join(names) or 'nothing'}; "
                f"it was given {', '.join(map(str, given))[:120] or 'nothing'}"
            )
        return cls(**given)

    @classmethod
    def form(cls) -> str:
        """The option's word, for people."""
        return " or ".join((*cls.forms, cls.note) if cls.note else cls.forms)

    @classmethod
    def read(cls, text: str) -> Self:
        """From the option's word; raises ValueError where it has no such form, and SpatialGANError naming a field."""
        if not cls.forms and not text:
            return cls()
        for form in cls.forms:
            if re.sub("[^:,]", "", form) == re.sub("[^:,]", "", text):
                values = {}
                for token, word in zip(re.split("[:,]", form), re.split("[:,]", text), strict=True):
                    values |= cls.read_word(token, word)
                return cls(**values)
        raise ValueError(f"{text} has another form")

    @property
    def word(self) -> str:
        """The inverse of :meth:`read`."""
        return re.sub("[A-Z]+", lambda token: self.write_word(token.group()), self.forms[-1] if self.forms else "")

    @classmethod
    def read_word(cls, token: str, word: str) -> dict[str, Any]:
        """The fields that stand for a token of a form."""
        name = ABBREVIATIONS.get(token, token.lower())
        return {name: cls.__dataclass_fields__[name].metadata["kind"].read(word)}

    def write_word(self, token: str) -> str:
        """The inverse of :meth:`read_word`."""
        value = getattr(self, ABBREVIATIONS.get(token, token.lower()))
        return value if isinstance(value, str) else repr(value)

    @property
    def words(self) -> list[str]:
        """As words of ``spatialgan edit``."""
        text = self.word
        # A word of its own that begins with a minus sign would be read as an option.
        return [f"--{self.option}={text}"] if text.startswith("-") else [f"--{self.option}", *([text] if text else [])]


@dataclass(frozen=True)
class Action:
    """A button for the whole picture."""

    label: str
    tip: str
    values: Mapping[str, Any]
    """Fields of the edit."""
    objects: bool = False
    """Whether the page adds the field ``objects``: the numbers of all that there are. Else a layout is all it needs."""


def place_name(place: Mapping[str, Any]) -> str:
    """``level 1.0``, ``object 2``, ``objects 0, 1`` or ``background``, as the command line counts; or else nothing."""
    if "objects" in place:
        return f"objects {', '.join(map(str, place['objects']))}"
    if "object" in place:
        return "background" if place["object"] == "background" else f"object {place['object']}"
    if "level" not in place:
        return ""
    point = place.get("point")
    return f"level {place['level']}" + ("" if point is None else f".{point}")


def edit_from(record: Any, edits: tuple[type[Edit], ...]) -> Edit:
    """One of ``edits`` from its JSON value; raises SpatialGANError where it is none."""
    name = record.get("edit") if isinstance(record, Mapping) else record
    found = [edit for edit in edits if isinstance(record, Mapping) and isinstance(name, str) and edit.name == name]
    if not found:
        raise SpatialGANError(f"there is no edit {shown(name)}; use {', '.join(edit.name for edit in edits)}")
    return found[0].from_json(record)
