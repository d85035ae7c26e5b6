"""The command that draws a scene: ``spatialgan edit`` with the words of its edits."""

import shlex

import torch

from spatialgan.editing.edits import edit_from_json
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError

MAX_EDITS = 500  # of a command: longer ones nobody reads, and some systems do not run them


def command_line(scene: Scene, model: str, *, scene_file: str, out: str = "out.png") -> str:
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


def _words_from_seeds(scene: Scene) -> list[str] | None:
    if scene.seed is None or scene.layout_seed is None or len(scene.edits) > MAX_EDITS:
        return None
    try:
        again = Scene.sample(scene.model, scene.seed, layout_seed=scene.layout_seed, truncation=scene.truncation)
        for record in scene.edits:
            again = edit_from_json(record).apply(again)
    except SpatialGANError:  # a scene file may record what it likes
        return None
    if not same_picture(scene, again):
        return None
    edits = [edit_from_json(record).words for record in again.edits]  # as they were done: a file's may have any shape
    words = ["--seed", str(scene.seed)]
    if scene.layout_seed != scene.seed:
        words += ["--layout-seed", str(scene.layout_seed)]
    if scene.truncation != 1:
        words += ["--truncation", repr(scene.truncation)]
    return [*words, *(word for edit in edits for word in edit)]


def same_picture(a: Scene, b: Scene) -> bool:
    """Whether two scenes of one model are made of the same numbers, to the last bit."""
    if (a.noise_seed, a.truncation) != (b.noise_seed, b.truncation):
        return False
    one, other = _tensors(a), _tensors(b)
    return len(one) == len(other) and all(torch.equal(x, y) for x, y in zip(one, other, strict=True))


def _tensors(scene: Scene) -> list[torch.Tensor]:
    return [scene.z, scene.w_offset_or_zeros, *scene.layout.tensors]
