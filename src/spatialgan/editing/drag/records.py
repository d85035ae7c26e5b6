"""What goes into a drag and what comes out of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PIL import Image

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

Point = tuple[float, float]
"""(x, y) in 0..1, x to the right, y down."""
Handle = tuple[Point, Point]
"""Where a point of the picture is, and where it should be."""
Mode = Literal["hybrid", "joint", "pixels", "latent"]
StopReason = Literal["reached", "max_steps", "stopped", "lost_track", "no_progress"]

MAX_STEPS = 200  # of a drag whose caller names no limit


@dataclass(frozen=True)
class DragOptions:
    """The numbers of a drag. Lengths end in ``_px`` where they are pixels of the picture; others are image widths."""

    w_learning_rate: float = 0.002
    """Of the style codes."""
    centers_learning_rate: float = 0.005
    """Of the heatmaps' centres, in image widths."""
    pixels_learning_rate: float = 0.01
    """Of the heatmaps' pixels (mode ``pixels``)."""
    num_layers: int = 6
    """Layers whose w is optimised, from the coarsest on."""
    mask_weight: float = 20.0
    """lambda: what a change outside the mask costs."""
    coarse_radius: float = 0.2
    """Eq. 6: centres this near to a handle make the coarse move."""
    coarse_factor: float = 1.0
    """k of Eq. 6: 1 moves them all the way that the handle has to go."""


@dataclass(frozen=True)
class DragStep:
    """The state after ``index`` steps; 0 is the picture as it was."""

    index: int
    scene: "Scene"
    """A scene of its own; its picture is drawn when it is asked for."""
    handles: tuple[Point, ...]
    """Where the dragged points are now, in the order in which they were given."""
    distance: float
    """How far the farthest of them is from its target, in image widths."""
    mismatches: tuple[float, ...]
    """How far the feature at each handle is from the one that it set out with, as a share of how much features differ
    within the first picture: 0 is the same feature, near 1 any other place would do as well."""
    loss: float
    """Motion supervision and mask together, at this state."""
    seconds: float
    """Since the drag began, without what its caller did between the steps."""

    @property
    def image(self) -> Image.Image:
        """The picture, drawn on first use."""
        return self.scene.image


@dataclass(frozen=True)
class DragResult:
    """The best state of a drag: the one whose farthest handle is nearest to its target."""

    scene: "Scene"
    handles: tuple[Point, ...]
    """Where the dragged points are in :attr:`scene`."""
    distance: float
    """How far the farthest of them is from its target, in image widths."""
    steps: int
    """Steps taken; the best state may be an earlier one, ``scene.edits[-1]["step"]``."""
    seconds: float
    """That the drag took, without what its callback did."""
    stop_reason: StopReason
    """``reached``: every handle is at its target. ``max_steps``: the limit. ``stopped``: by the callback.
    ``lost_track``: a handle's feature is nowhere near any more. ``no_progress``: many steps brought nothing."""
    starts: tuple[Point, ...]
    targets: tuple[Point, ...]
    trace: tuple[DragStep, ...]
    """Every step, the start included."""
