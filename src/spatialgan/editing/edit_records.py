"""Edits as JSON values, as scenes record them: doing them again, and writing them as words of the command line."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from spatialgan.editing.arguments import shown
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

# Each edit with the numbers that it needs. Where it applies stands beside them: "level" and "point", or "object".
NUMBERS = {
    "move": ("dx", "dy"),
    "move_to": ("x", "y"),
    "resize": ("factor",),
    "stretch": ("sx", "sy"),
    "rotate": ("degrees",),
    "remove": ("amount",),
    "restyle": ("seed",),
    "duplicate": ("dx", "dy"),
    "add": ("x", "y", "std", "seed"),
    "with_new_layout": ("seed",),
    "with_new_styles": ("seed",),
}
MAX_EDITS = 500  # of a command: longer ones nobody reads, and some systems do not run them
PLACELESS = ("add", "with_new_layout", "with_new_styles")
OBJECTS_ONLY = ("restyle", "duplicate")


def apply_edit(scene: "Scene", record: Any) -> "Scene":
    """The scene after an edit such as ``{"edit": "move", "level": 0, "dx": 0.2, "dy": 0}``.

    The fields are those of :attr:`Scene.edits`: "level" and "point" (may be left out) in single-object models, "object"
    in multi-object ones, and the numbers of :data:`NUMBERS`. Drags are recorded too, but a record cannot repeat them.

    Raises:
        SpatialGANError: no such edit, a field too many or too few, or what the scene has against it.
    """
    name = record.get("edit") if isinstance(record, Mapping) else record
    if not isinstance(record, Mapping) or not isinstance(name, str) or name not in NUMBERS:
        raise SpatialGANError(f"there is no edit {shown(name)}; use {', '.join(NUMBERS)}")
    rest = {key: value for key, value in record.items() if key != "edit"}
    where = _place(name, rest)
    if set(rest) != set(NUMBERS[name]):
        raise SpatialGANError(
            f"{name} takes {', '.join((*where, *NUMBERS[name]))}; it was given {', '.join(map(str, record))[:120]}"
        )
    if name in PLACELESS:
        return getattr(scene, name)(**rest)
    first = where.pop("object") if "object" in where else where.pop("level")
    return getattr(scene, name)(first, **where, **rest)


def _place(name: str, rest: dict[str, Any]) -> dict[str, Any]:
    """Takes the fields that say where out of ``rest``."""
    if name in PLACELESS:
        return {}
    if "object" in rest:
        return {"object": rest.pop("object")}
    if name in OBJECTS_ONLY or "level" not in rest:
        raise SpatialGANError(
            f"{name} needs to know where: give {'an object' if name in OBJECTS_ONLY else 'a level, or an object'}"
        )
    return {"level": rest.pop("level"), "point": rest.pop("point", None)}


def edit_words(record: Mapping[str, Any]) -> list[str] | None:
    """An edit as options of ``spatialgan edit``; None for those that it does not have."""
    name = record.get("edit")
    if name == "with_new_layout" or name == "with_new_styles":
        return [f"--{name.removeprefix('with_').replace('_', '-')}", repr(record["seed"])]
    if name not in NUMBERS or name == "move_to":
        return None
    numbers = {key: repr(record[key]) for key in NUMBERS[name]}
    if name == "add":
        text = f"{numbers['x']},{numbers['y']},{numbers['std']}:{numbers['seed']}"
    else:
        text = f"{_place_word(record)}:{','.join(numbers.values())}"
    # A word of its own that begins with a minus sign would be read as an option.
    return [f"--{name}={text}"] if text.startswith("-") else [f"--{name}", text]


def _place_word(record: Mapping[str, Any]) -> str:
    if "object" in record:
        return str(record["object"])
    point = record.get("point")
    return str(record["level"]) if point is None else f"{record['level']}.{point}"


def command_line(scene: "Scene", model: str, *, scene_file: str, out: str = "out.png") -> str:
    """A ``spatialgan edit`` command that draws this very scene.

    It starts from the scene's seeds where repeating the recorded edits gives the same scene, and from ``scene_file``
    where it does not: after a drag, say.

    Args:
        scene: what to draw.
        model: its name or path, as the user would type it.
        scene_file: the name under which the user has saved, or would have to save, the scene.
        out: the picture's name.
    """
    words = _words_from_seeds(scene)
    if words is None:
        words = ["--scene", scene_file]
    return shlex.join(["spatialgan", "edit", "--model", model, *words, "--out", out])


def _words_from_seeds(scene: "Scene") -> list[str] | None:
    if scene.seed is None or scene.layout_seed is None or len(scene.edits) > MAX_EDITS:
        return None
    try:
        again = scene.model.sample(scene.seed, layout_seed=scene.layout_seed, truncation=scene.truncation)
        for record in scene.edits:
            again = apply_edit(again, record)
    except SpatialGANError:  # a scene file may record what it likes
        return None
    if not same_picture(scene, again):
        return None
    edits = [edit_words(record) for record in again.edits]  # as they were done: a file's own may have any shape
    if None in edits:
        return None
    words = ["--seed", str(scene.seed)]
    if scene.layout_seed != scene.seed:
        words += ["--layout-seed", str(scene.layout_seed)]
    if scene.truncation != 1:
        words += ["--truncation", repr(scene.truncation)]
    return [*words, *(word for edit in edits for word in edit)]


def same_picture(a: "Scene", b: "Scene") -> bool:
    """Whether two scenes of one model are made of the same numbers, to the last bit."""
    if (a.noise_seed, a.truncation) != (b.noise_seed, b.truncation):
        return False
    one, other = _tensors(a), _tensors(b)
    return len(one) == len(other) and all(torch.equal(x, y) for x, y in zip(one, other, strict=True))


def _tensors(scene: "Scene") -> list[torch.Tensor]:
    tensors = [scene.z, scene.w_offset_or_zeros]
    if scene.layout is not None:
        scene.layout.map(lambda t: tensors.append(t) or t)
    return tensors
