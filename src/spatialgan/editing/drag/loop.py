"""The drag itself: a generator that yields every step, and a function that runs it to its end."""

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

from spatialgan.editing.drag.records import MAX_STEPS, DragOptions, DragResult, DragStep, Handle, Mode

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene


def drag_steps(scene: "Scene", handles: Sequence[Handle], *, mask: Any = None, mode: Mode = "hybrid",
               max_steps: int = MAX_STEPS, options: DragOptions | None = None) -> Generator[DragStep, None, DragResult]:
    """Drag points of a picture to their targets, one step at a time.

    Yields the start, then every step as it is made; the generator's return value is the result. Closing it, or no
    longer asking it for steps, ends the drag. The scene that comes in stays as it is.

    Args:
        scene: where to start.
        handles: at least one pair of (where a point is, where it should be), as ``((x, y), (x, y))`` in 0..1.
        mask: what may change: the painted pixels, as a picture or an array of the picture's size, painted where it is
            at least half of white; None lets everything change. It weighs on the optimisation, and is no cut-out.
        mode: ``hybrid``: the coarse move of Eq. 6, then ``joint``; ``joint``: style codes and heatmap centres, in
            turns; ``pixels``: style codes and heatmap pixels; ``latent``: style codes alone, as DragGAN does. Models
            without heatmaps (``encoding=none``) have ``latent`` only.
        max_steps: the most steps.
        options: learning rates, radii and the like.

    Raises:
        SpatialGANError: a handle outside the image, a mask of another size or without paint, a mode that the model
            does not have, a number out of range.
    """
    raise NotImplementedError
    yield


def drag(scene: "Scene", handles: Sequence[Handle], *, mask: Any = None, mode: Mode = "hybrid",
         max_steps: int = MAX_STEPS, callback: Callable[[DragStep], bool | None] | None = None,
         options: DragOptions | None = None) -> DragResult:
    """Drag to the end; arguments as in :func:`drag_steps`.

    Args:
        callback: called with every step, the start included; returning False stops the drag there.
    """
    raise NotImplementedError
