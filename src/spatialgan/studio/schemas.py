"""What requests of the HTTP API bring, and what answers hold. Schemas of edits are made from ``editing/edits``."""

from dataclasses import MISSING, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from spatialgan.editing import edits
from spatialgan.editing.drag import Mode
from spatialgan.editing.edits.fields import NUMBER, SEED, Kind
from spatialgan.errors import SpatialGANError
from spatialgan.studio.dragging import MAX_HANDLES, MAX_STEPS
from spatialgan.studio.session import MAX_EDITS, Change

MAX_ALTERNATIVES = 16


def annotation(kind: Kind, description: str | None = None, *, nullable: bool = False) -> Any:
    """What pydantic takes for a field of an edit. Strict, since a number within quotes is most likely a mistake."""
    values: list[Any] = []
    if kind.number is not None:
        limits: dict[str, Any] = {**kind.bounds, **({"allow_inf_nan": False} if kind.number is float else {})}
        values.append(Annotated[kind.number, Field(strict=True, **limits)])
    if kind.words:
        values.append(Literal[kind.words])
    one = Union[tuple(values)]  # noqa: UP007
    if kind.length is not None:
        least, most = kind.length
        one = Annotated[list[one], Field(min_length=least, max_length=most)]
    return Annotated[one | None if nullable else one, Field(description=description or None)]


if TYPE_CHECKING:
    Number = float
    Seed = int
else:
    Number, Seed = annotation(NUMBER), annotation(SEED)
Truncation = Annotated[
    float,
    Field(
        strict=True, ge=0, le=2, allow_inf_nan=False, description="0 is the model's mean picture, 1 leaves it as it is."
    ),
]
Point = tuple[Number, Number]
EntryId = Annotated[int, Field(strict=True, ge=0)]


class Body(BaseModel):
    """What a request brings: nothing but the fields that there are."""

    model_config = ConfigDict(extra="forbid")


# ------------------------------------------------------------- edits


class EditBody(Body):
    """An edit; what there is to say beyond its fields, its class says."""

    kind: ClassVar[type[edits.Edit]]

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        try:
            self.kind.from_json(self.model_dump(exclude_unset=True))
        except SpatialGANError as e:
            raise PydanticCustomError("edit", "{sentence}", {"sentence": str(e)}) from None
        return self


def body_of(kind: type[edits.Edit]) -> type[EditBody]:
    """The schema of a class of edits."""
    values: dict[str, Any] = {"edit": (Literal[kind.name], ...)}
    for f in fields(kind):
        nullable = f.default is None
        values[f.name] = (
            annotation(f.metadata["kind"], f.metadata["description"], nullable=nullable),
            ... if f.default is MISSING else f.default,
        )
    body = create_model(kind.__name__, __base__=EditBody, __doc__=kind.__doc__, **values)
    body.kind = kind
    return body


def _known(record: Any) -> Any:
    """Pydantic's own sentence would be about tags."""
    names = [kind.name for kind in edits.EDITS]
    if isinstance(record, dict) and record.get("edit") not in names:
        raise PydanticCustomError("edit", "there is no such edit; use one of {names}", {"names": ", ".join(names)})
    return record


Edit = Annotated[
    Union[tuple(map(body_of, edits.EDITS))],  # noqa: UP007
    Field(discriminator="edit"),
    BeforeValidator(_known),
]
EditList = Annotated[list[Edit], Field(max_length=MAX_EDITS)]


def change_of(bodies: list[Any], truncation: float | None) -> Change:
    """Edits as the session takes them."""
    return Change(tuple(body.model_dump(exclude_unset=True) for body in bodies), truncation)


# ------------------------------------------------------------- other requests


class Start(Body):
    """A random picture."""

    model: Annotated[str, Field(max_length=1000)]
    seed: Seed = 0
    layout_seed: Seed | None = None
    truncation: Truncation = 1.0


class Alternative(Body):
    """Edits in their order, as scene files record them."""

    edits: EditList = Field(default=[])
    truncation: Truncation | None = None
    between: tuple[EntryId, EntryId] | None = Field(
        default=None, description="Start between two entries of the history, by their ids, and not from the picture."
    )
    at: Annotated[float, Field(strict=True, ge=0, le=1, description="Where between them.")] = 0.0

    def change(self) -> Change:
        return replace(change_of(self.edits, self.truncation), between=self.between, at=self.at)


class Edits(Alternative):
    """Edits that are to be made."""

    revision: Annotated[int, Field(strict=True)] | None = Field(
        default=None,
        description=("Of the picture that they are meant for; the answer is 409 where it has changed since."),
    )
    label: Annotated[str, Field(max_length=40)] | None = Field(default=None, description="For the history.")


class Kept(Body):
    """A step of a history: its scene, as ``scenes/{entry}.json`` gives it, and what the state says of it."""

    scene: dict[str, Any]
    label: Annotated[str, Field(max_length=40)]
    is_start: Annotated[bool, Field(strict=True)] = False


class Alternatives(Body):
    """Changes to look at without making them."""

    changes: Annotated[list[Alternative], Field(max_length=MAX_ALTERNATIVES)]


class Drag(Body):
    """Points to pull, and where to, in image widths."""

    handles: Annotated[list[tuple[Point, Point]], Field(min_length=1, max_length=MAX_HANDLES)]
    mask: str | None = Field(default=None, description="Base64 of a PNG of the picture's size: white may change.")
    mode: Mode = "hybrid"
    max_steps: Annotated[int, Field(strict=True, ge=1, le=MAX_STEPS)] = 100


# ------------------------------------------------------------- answers


class Error(BaseModel):
    """What went wrong, and what would be right."""

    error: Annotated[str, Field(description="One sentence.")]


class ModelInfo(BaseModel):
    """A model that this studio offers."""

    name: str
    kind: Literal["single", "multi"]
    resolution: int
    num_layers: Annotated[int, Field(description="That styles can be mixed by: 0 is the coarsest.")]
    editable: Annotated[bool, Field(description="Whether there is anything to move.")]
    object_styles: Annotated[bool, Field(description="Whether every object has a style of its own.")]
    object_coordinates: Annotated[bool, Field(description="Whether round objects look another way when turned.")]
    attention: bool


class Action(BaseModel):
    """An edit that a button makes."""

    label: str
    tip: str
    edit: dict[str, Any]
    objects: Annotated[
        bool, Field(description="Whether the edit wants the field objects too: the numbers of those that there are.")
    ]


class StudioInfo(BaseModel):
    """What this studio offers."""

    version: str
    mp4: bool
    models: list[ModelInfo]
    actions: Annotated[list[Action], Field(description="What can be done with the whole of a picture.")]


class Begun(BaseModel):
    """A session's address, and how long it lasts."""

    session: str
    idle_s: Annotated[float, Field(description="It ends after this many seconds without a request or an open page.")]
    ends: Annotated[datetime, Field(description="When that is, if no request follows.")]


class Place(BaseModel):
    """Where an edit applies: put these fields into the edit."""

    level: int | None = None
    point: int | None = None
    object: int | None = None


class Handle(BaseModel):
    """Something that can be moved; lengths in image widths."""

    place: Place
    name: str
    x: float
    y: float
    std_x: float
    std_y: float
    degrees: float
    gone: bool
    acts: Annotated[bool, Field(description="Whether moving it changes the picture, as far as the model's card says.")]
    reach: Annotated[
        float | None, Field(description="How far it may be moved before pictures fall apart; null where nobody knows.")
    ]


class Step(BaseModel):
    """A step of the history."""

    id: int
    label: str
    is_start: bool
    model: str
    group: Annotated[int, Field(description="Steps of one number can be blended.")]


class State(BaseModel):
    """The current picture in numbers, and the history."""

    revision: int
    model: ModelInfo
    seed: int | None
    layout_seed: int | None
    truncation: float
    handles: list[Handle]
    history: list[Step]
    position: int
    start_position: int
    dragging: bool
    ends: Annotated[datetime, Field(description="When the session ends, if no request follows.")]


class DragStatus(BaseModel):
    """How far a drag is."""

    step: int
    num_steps: int
    points: list[list[float]] = []
    distance: float | None = None
    seconds: float | None = None
    stop_reason: str | None


class Likeness(BaseModel):
    """How like its photograph a picture is."""

    psnr_db: float
    perceptual: Annotated[float, Field(description="Distance in ImageNet features; 0 for the same picture.")]
    share: Annotated[float, Field(description="That distance as a share of a random picture's.")]
    words: str


class PhotoStatus(BaseModel):
    """How far the work on a photograph is."""

    stage: Literal["search", "one code", "a code a layer", "tuning"]
    share: Annotated[float, Field(description="Of the work, in 0..1, roughly.")]
    stop_reason: Literal["done", "stopped", "failed"] | None
    likeness: Likeness | None


class Command(BaseModel):
    """A command line."""

    command: str
    scene_file: Annotated[str | None, Field(description="What must be saved for it, and under which name.")]


class Health(BaseModel):
    """Whether the studio works."""

    status: Literal["ok"]
    version: str


# ------------------------------------------------------------- how operations describe their answers

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": text}
    for status, text in {
        400: "The picture, the model or the file has something against it.",
        401: "The token is missing or wrong.",
        403: "The name or the page that the request comes from is not let in.",
        404: "There is no such session, or nothing at this address.",
        409: "Something is under way, or the picture has changed since.",
        413: "The request is too large.",
        422: "A field is missing, unknown, or not what it should be.",
        429: "Too many requests; Retry-After says how long to wait.",
        500: "A fault of the studio's own.",
        503: "The studio is full or closing.",
    }.items()
}


def binary(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of an operation that answers with a file of one of these media types."""
    schema = {"type": "string", "format": "binary"}
    return {200: {"description": "The file.", "content": {kind: {"schema": schema} for kind in kinds}}}
