"""A session: one person's picture, with its history. No web framework, no threads; the worker's thread calls it."""

from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from torch import Tensor

from spatialgan.editing.arguments import MAX_SEED, finite
from spatialgan.editing.edits import edit_from_json
from spatialgan.editing.edits.fields import share
from spatialgan.editing.interpolation import animate, scene_between
from spatialgan.editing.pictures import to_png
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.studio.model_list import Models

MAX_OBJECTS = 24  # of a picture: every one costs time, and a page must not be able to ask for a million
MAX_EDITS = 64  # of one change
MAX_FRAMES = 240  # of an animation
THUMBNAIL_PX = 96
DRAG = "a drag"  # what may be under way


class Busy(SpatialGANError):
    """Something must end first."""


class Outdated(SpatialGANError):
    """A change of a picture that is no longer the current one."""


@dataclass(frozen=True)
class Change:
    """What is to become of the current picture: edits in their order, and another truncation; or of two pictures of the
    history, one in between."""

    edits: tuple[dict[str, Any], ...] = ()
    truncation: float | None = None
    between: tuple[int, int] | None = None
    """Entries of the history, by their ids, in place of the current picture."""
    at: float = 0.0
    """Where between them, 0 to 1."""

    def apply(self, scene: Scene) -> Scene:
        """The scene after it; raises SpatialGANError where the scene has something against it."""
        if len(self.edits) > MAX_EDITS:
            raise SpatialGANError(f"{len(self.edits)} edits at once are too many; use at most {MAX_EDITS}")
        for record in self.edits:
            scene = edit_from_json(record).apply(scene)
        if self.truncation is not None:
            truncation = finite(self.truncation, "truncation")
            if not 0 <= truncation <= 2:
                raise SpatialGANError(f"truncation is {truncation:g}; use 0 (the mean picture) to 2, 1 for none")
            scene = replace(scene, truncation=truncation)
        return _checked(scene)


@dataclass(frozen=True)
class Entry:
    """A step of the history."""

    id: int
    """Unique in its session."""
    scene: Scene
    """Without its pixels, so that a history may be long."""
    label: str
    thumbnail: bytes
    """PNG."""
    is_start: bool
    """Whether a new picture begins here: what comes after is compared with it."""
    photo: Tensor | None = None
    """uint8 (C, R, R): the photograph that the scene draws, which is what later pictures are compared with."""


class Session:
    """Models, a history of immutable scenes, and a preview of what is being done to the current one."""

    def __init__(self, models: Models):
        self.models = models
        self.history: list[Entry] = []
        self.position = -1
        self.revision = 0
        """Counts whatever replaces the current scene; a change names the revision that it was made for."""
        self.work: str | None = None
        """What is under way and must end before anything else begins; None for nothing."""
        self._ids = count()
        self._shown: Scene | None = None  # the current scene, with its pixels
        self._original: tuple[int, Scene] | None = None  # entry, and its scene with pixels
        self._preview: tuple[int | None, Change, Scene] | None = None

    # ------------------------------------------------------------- what there is

    @property
    def dragging(self) -> bool:
        """Whether a drag is under way."""
        return self.work == DRAG

    @property
    def scene(self) -> Scene:
        """The current scene; raises SpatialGANError before there is one."""
        return self._require_picture()

    @property
    def start_position(self) -> int:
        """Where in the history the current picture began; raises SpatialGANError before there is one."""
        self._require_picture()
        return max(i for i in range(self.position + 1) if self.history[i].is_start)

    @property
    def original(self) -> Scene:
        """The scene that the current picture began with."""
        entry = self.history[self.start_position]
        if self._original is None or self._original[0] != entry.id:
            self._original = entry.id, replace(entry.scene)
        return self._original[1]

    # ------------------------------------------------------------- new pictures

    def start(self, model: str, seed: int, *, layout_seed: int | None = None, truncation: float = 1.0) -> None:
        """A random picture of a model, as the history's next entry."""
        self.require_idle()
        for name, value in (("seed", seed), ("layout_seed", layout_seed)):
            if value is not None and not 0 <= value <= MAX_SEED:
                raise SpatialGANError(f"{name} is {value}; use a whole number from 0 to {MAX_SEED}")
        scene = self.models.load(model).sample(seed, layout_seed=layout_seed)
        self._append(Change(truncation=truncation).apply(scene), f"Seed {seed}", is_start=True)

    def open(self, data: Any, *, label: str = "Opened", is_start: bool = True) -> None:
        """A saved scene, from its JSON value, as the history's next entry; the first entry is a start in any case."""
        self.require_idle()
        scene = _checked(Scene.from_json(self.models.for_scene(data), data))
        self._append(scene, label, is_start=is_start or not self.history)

    # ------------------------------------------------------------- edits

    def preview(self, change: Change, revision: int | None) -> Scene:
        """The current scene after ``change``, and nothing else happens."""
        self._require(revision)
        if self._preview is None or self._preview[:2] != (revision, change):
            self._preview = revision, change, self.after(change)
        return self._preview[2]

    def after(self, change: Change, scene: Scene | None = None) -> Scene:
        """What ``change`` makes of a scene, None: the current one; raises SpatialGANError where something is against
        it."""
        scene = self.scene if scene is None else scene
        if change.between is None:
            return change.apply(scene)
        a, b = (self.entry(i).scene for i in change.between)
        return change.apply(scene_between(replace(a), replace(b), share(change.at, "at"), space="w"))

    def edit(self, change: Change, revision: int | None = None, label: str | None = None) -> None:
        """Make ``change``, as the history's next entry.

        Args:
            change: what to do.
            revision: of the scene that it was made for; None for whichever is the current one.
            label: for the history; None makes one.

        Raises:
            SpatialGANError: the scene has something against it.
            Outdated: there has been another change since.
            Busy: something is under way.
        """
        self.require_idle()
        scene = self.preview(change, self.revision if revision is None else revision)  # drawn already, as a rule
        self._append(scene, label or label_of(change))

    def undo(self) -> None:
        """One entry back; nothing at the first."""
        self.go(max(0, self.position - 1))

    def redo(self) -> None:
        """One entry on; nothing at the last."""
        self.go(min(len(self.history) - 1, self.position + 1))

    def go(self, position: int) -> None:
        """To an entry of the history."""
        self._require_picture()
        self.require_idle()
        if not 0 <= position < len(self.history):
            raise SpatialGANError(f"the history has entries 0 to {len(self.history) - 1}, and no {position}")
        if position != self.position:
            self.position = position
            self._show(replace(self.history[position].scene))

    def finish_drag(self, scene: Scene) -> None:
        """Make the outcome of a drag the history's next entry."""
        self.work = None
        self._append(scene, "Drag")

    def add_photo(self, scene: Scene, photo: Tensor) -> None:
        """A photograph as a scene, as the history's next entry; ``photo`` is uint8 (C, R, R)."""
        self._append(scene, "Photograph", is_start=True, photo=photo)

    # ------------------------------------------------------------- what comes of it

    def animation(self) -> list[Scene]:
        """From the original through every edit to the current scene and back; at most :data:`MAX_FRAMES` frames."""
        steps = [entry.scene for entry in self.history[self.start_position : self.position + 1]]
        if len(steps) == 1:
            return steps
        edits = len(steps) - 1
        if edits > 24:
            chosen = [round(i * edits / 24) for i in range(25)]
            steps = [steps[i] for i in chosen]
        return animate(steps, frames_per_edit=max(4, min(12, (MAX_FRAMES - 12) // (2 * (len(steps) - 1)))))

    def entry(self, entry_id: int) -> Entry:
        """An entry by its id; raises SpatialGANError where there is none."""
        for entry in self.history:
            if entry.id == entry_id:
                return entry
        raise SpatialGANError(f"the history has no entry {entry_id}")

    # ------------------------------------------------------------- helpers

    def _append(self, scene: Scene, label: str, *, is_start: bool = False, photo: Tensor | None = None) -> None:
        thumbnail = to_png(scene.image, max_px=THUMBNAIL_PX)  # draws it: what cannot be drawn does not enter
        del self.history[self.position + 1 :]
        self.history.append(Entry(next(self._ids), replace(scene), label, thumbnail, is_start, photo))
        self.position += 1
        self._show(scene)

    def _show(self, scene: Scene) -> None:
        self._shown, self._preview = scene, None
        self.revision += 1

    def _require_picture(self) -> Scene:
        if self._shown is None:
            raise SpatialGANError("this session has no picture yet; start one with a model and a seed")
        return self._shown

    def _require(self, revision: int | None) -> None:
        if revision != self.revision:
            raise Outdated("the picture has changed since; try again")

    def require_idle(self) -> None:
        """Raise Busy where something is under way."""
        if self.work is not None:
            raise Busy(f"{self.work} is under way; stop it first")


def _checked(scene: Scene) -> Scene:
    """Raises SpatialGANError where a scene is too large for a studio."""
    n = max(scene.layout.counts, default=0)
    if n > MAX_OBJECTS:
        raise SpatialGANError(f"a picture with {n} objects is too much for the studio; use at most {MAX_OBJECTS}")
    return scene


def label_of(change: Change) -> str:
    """What people read in the history."""
    if change.edits:
        return edit_from_json(change.edits[-1]).title
    return "Truncation" if change.between is None else "Blend"
