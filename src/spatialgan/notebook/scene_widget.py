"""A scene that is edited by hand in a notebook: what the page asks, and what it is shown.

The page (``static/widget.js``) sends messages with a ``kind``: ``preview`` shows what ``edits`` would do, as large as
the machine can follow a hand or, with ``full``, whole; ``commit`` does them; ``restyle`` draws new styles, of one
object where ``place`` names it; ``undo`` and ``redo`` go through the history. Each is answered under its ``serial``,
with the picture as PNG and all else that is shown.
"""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from torch import Tensor

from spatialgan.editing.edits import Edit, Restyle, WithNewStyles, edit_from_json
from spatialgan.editing.pictures import to_image, to_png
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.studio.pace import Pace
from spatialgan.studio.wire import handles_of

STATIC = Path(__file__).parent / "static"
KINDS = ("preview", "commit", "restyle", "undo", "redo")
MAX_SEED = 10**6  # of new styles: short enough to be read and typed


class SceneWidget(anywidget.AnyWidget):
    """The picture with its handles, in a notebook."""

    _esm = STATIC / "widget.js"
    _css = STATIC / "widget.css"

    scene = traitlets.Instance(Scene)
    """As it has been edited. What is assigned becomes the history's next entry."""
    _picture = traitlets.Bytes().tag(sync=True)
    _shown = traitlets.Dict().tag(sync=True)

    def __init__(self, scene: Scene):
        self._history = [scene]
        self._position = 0
        self._pace = Pace(scene.model.config.model)
        self._latest: tuple[Any, Scene] | None = None  # the edits that were previewed last, and what came of them
        self._answering = False
        super().__init__(scene=scene)  # which shows it
        self.on_msg(self._receive)

    def undo(self) -> None:
        """One edit back; nothing at the first scene."""
        self._go(max(0, self._position - 1))

    def redo(self) -> None:
        """One edit on; nothing at the last scene."""
        self._go(min(len(self._history) - 1, self._position + 1))

    @traitlets.observe("scene")
    def _scene_changed(self, change: Any) -> None:
        scene = change["new"]
        if scene is not self._history[self._position]:  # neither its first, nor one that undo has gone to
            self._leave()
            self._history[self._position + 1 :] = [scene]
            self._position += 1
            if scene.model is not self._history[self._position - 1].model:
                self._pace = Pace(scene.model.config.model)
        if not self._answering:
            self._show(scene, scene.tensor)

    def _go(self, position: int) -> None:
        if position != self._position:
            self._leave()
            self._position = position
            self.scene = self._history[position]

    def _leave(self) -> None:
        """Forget the pixels of the current entry, so that a history may be long, and what was previewed of it."""
        self._history[self._position] = replace(self._history[self._position])
        self._latest = None

    def _receive(self, _: object, message: Any, buffers: object) -> None:
        serial, self._answering = message.get("serial"), True
        try:
            self._answer(message, serial)
        except SpatialGANError as e:
            self._show(self.scene, self.scene.tensor, serial, error=str(e))
        except Exception:  # the page waits for an answer
            self._show(self.scene, self.scene.tensor, serial, error="something went wrong; the notebook's log has it")
            raise
        finally:
            self._answering = False

    def _answer(self, message: dict[str, Any], serial: Any) -> None:
        kind = message.get("kind")
        if kind == "preview":
            scene = self._after(message.get("edits"))
            self._show(scene, scene.tensor if message.get("full") else self._pace.draw(scene), serial)
            return
        if kind == "commit":
            scene = self._after(message.get("edits"))
            _ = scene.tensor  # what cannot be drawn does not enter the history
            self.scene = scene
        elif kind == "restyle":
            self.scene = self._new_styles(message.get("place")).apply(self.scene)
        elif kind == "undo":
            self.undo()
        elif kind == "redo":
            self.redo()
        else:
            raise SpatialGANError(f"a message is an object with a kind: {', '.join(KINDS)}")
        self._show(self.scene, self.scene.tensor, serial)

    def _after(self, edits: Any) -> Scene:
        """The scene after edits, as JSON values; raises SpatialGANError."""
        if not isinstance(edits, list):
            raise SpatialGANError("edits must be a list of edits")
        if self._latest is None or self._latest[0] != edits:
            scene = self.scene
            for record in edits:
                scene = edit_from_json(record).apply(scene)
            self._latest = edits, scene
        return self._latest[1]

    def _new_styles(self, place: Any) -> Edit:
        seed = random.randrange(MAX_SEED)
        if self.scene.model.config.model.encoding == "multi" and isinstance(place, dict) and "object" in place:
            return Restyle(object=place["object"], seed=seed)
        return WithNewStyles(seed=seed)

    def _show(self, scene: Scene, picture: Tensor, serial: Any = None, *, error: str | None = None) -> None:
        """Show a scene on the page: a picture ``(C, r, r)`` of it, which may be smaller than its own."""
        model, resolution = scene.model, scene.model.config.model.resolution
        with self.hold_sync():  # as one message
            self._picture = to_png(to_image(picture), quick=True)
            self._shown = {
                "serial": serial,
                "handles": [h for h in handles_of(scene) if h["acts"] and not h["gone"]],
                "title": f"{model.name}, seed {scene.seed}",
                "resolution": resolution,
                "full": picture.shape[-1] == resolution,
                "undo": self._position > 0,
                "redo": self._position < len(self._history) - 1,
                "error": error,
            }
