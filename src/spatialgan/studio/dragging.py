"""A drag within a session, one step at each call, so that others get their turn between the steps."""

import base64
import binascii
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image, UnidentifiedImageError

from spatialgan.editing.drag import drag_steps
from spatialgan.editing.drag.checks import painted_picture
from spatialgan.errors import SpatialGANError
from spatialgan.studio.session import DRAG, Session

if TYPE_CHECKING:
    from spatialgan.editing.drag import DragStep, Handle, Mode

MAX_STEPS = 500
MAX_HANDLES = 16


class Dragging:
    """Begins when it is made, and ends as the history's next entry."""

    def __init__(
        self,
        session: Session,
        handles: Sequence["Handle"],
        *,
        mask: Image.Image | None = None,
        mode: "Mode" = "hybrid",
        max_steps: int = 100,
    ):
        """Arguments as those of :func:`spatialgan.editing.drag.drag_steps`, which starts at the first ``advance``."""
        session.require_idle()
        if len(handles) > MAX_HANDLES:
            raise SpatialGANError(f"{len(handles)} handles are too many; use at most {MAX_HANDLES}")
        if not 1 <= max_steps <= MAX_STEPS:
            raise SpatialGANError(f"max_steps is {max_steps}; use 1 to {MAX_STEPS}")
        self.session = session
        self.latest: DragStep | None = None
        self.num_steps = 0
        """Steps made; the state that is kept in the end may be an earlier one."""
        self.stop_reason: str | None = None
        """Why it ended; None while it is under way."""
        self._steps = drag_steps(session.scene, handles, mask=mask, mode=mode, max_steps=max_steps)
        session.work = DRAG

    def advance(self) -> "DragStep | None":
        """Make a step; None where it has ended, and its outcome has become the current picture."""
        try:
            self.latest = next(self._steps)
        except StopIteration as end:
            best = next(step for step in end.value.trace if step.scene is end.value.scene)
            self.num_steps = end.value.trace[-1].index
            self._end(best, end.value.stop_reason)
            return None
        except BaseException:
            self.session.work = None  # the picture stays what it was
            self.stop_reason = "failed"
            raise
        self.num_steps = self.latest.index
        return self.latest

    def stop(self) -> None:
        """End it with the step that was shown last."""
        if self.stop_reason is None:
            self._steps.close()
            self._end(self.latest, "stopped")

    def status(self) -> dict[str, Any]:
        """How far it is, as JSON values."""
        step = self.latest
        if step is None:
            return {"step": 0, "num_steps": 0, "stop_reason": self.stop_reason}
        return {
            "step": step.index,
            "num_steps": self.num_steps,
            "points": [list(p) for p in step.handles],
            "distance": step.distance,
            "seconds": step.seconds,
            "stop_reason": self.stop_reason,
        }

    def _end(self, step: "DragStep | None", reason: str) -> None:
        self.latest, self.stop_reason = step, reason
        if step is not None and step.index > 0:
            self.session.finish_drag(step.scene)
        else:  # nothing has become of it
            self.session.work = None


def read_mask(text: str | None, resolution: int) -> Image.Image | None:
    """A mask from the base64 of a PNG; raises SpatialGANError where it is not of the picture's size."""
    if text is None:
        return None
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("PNG",))
        return painted_picture(image, resolution)
    except (binascii.Error, UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise SpatialGANError("the mask is not readable; send the base64 of a PNG") from None
