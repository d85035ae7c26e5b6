"""What goes into a drag and what comes out of it."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from PIL import Image

from spatialgan.editing.arguments import finite, positive, whole
from spatialgan.errors import SpatialGANError

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
    """The numbers of a drag. Lengths that end in ``_px`` are pixels of the picture, all others image widths."""

    w_learning_rate: float | None = None
    """Of the style codes; None: 0.025 standard deviations of the model's w [ours], since models differ in it."""
    centers_learning_rate: float = 0.01
    """Of the heatmaps' centres."""
    pixels_learning_rate: float = 0.003
    """Of the heatmaps' pixels, in 0..1."""
    adam_per_element: bool = False
    """Whether every element has a second moment of its own, as Adam has, or all share one [ours]."""
    num_layers: int = 6
    """Layers whose w changes, from the coarsest on."""
    with_noise: bool = False
    """Whether features are those of the picture with its noise inputs. Noise stays in its place whatever moves, so
    features without it follow the content better [ours]."""
    disc_radius_px: float | None = None
    """r1: radius of the discs that are pulled; None: 3 / 512 of the picture, at least 3."""
    window_radius_px: float | None = None
    """r2: how far the tracker looks around; None: 12 / 512 of the picture, at least 6."""
    track_disc: bool = True
    """Whether the tracker compares whole discs [ours], or the features of their middles alone."""
    mask_weight: float = 20.0
    """lambda: what a change outside the mask costs."""
    coarse_radius: float = 0.35
    """Eq. 6: centres this near to a handle make the coarse move [ours]. Less moves fewer neighbours, and fewer
    handles arrive."""
    coarse_factor: float = 1.0
    """k of Eq. 6: 1 moves them all the way that the handle has to go."""
    lost_mismatch: float = 0.75
    """A handle is lost when its mismatch, see :attr:`DragStep.mismatches`, is above this [ours]."""
    patience: int = 30
    """Steps without a smaller distance after which a drag makes no progress [ours]."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if value is None and f.default is None:
                continue
            if f.name.endswith("learning_rate") or f.name.endswith("_px") or f.name == "lost_mismatch":
                positive(value, f.name)
            elif f.name in ("num_layers", "patience"):
                if whole(value, f.name) < 1:
                    raise SpatialGANError(f"{f.name} is {value}; use 1 or more")
            elif finite(value, f.name) < 0:
                raise SpatialGANError(f"{f.name} is {value}; use 0 or more")


# The numbers of the DragGAN publication, with floors for small pictures; the mode is latent.
PUBLISHED = DragOptions(w_learning_rate=0.002, adam_per_element=True, with_noise=True, track_disc=False)


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
    """The best state of a drag: of those whose handles are still found, the one whose farthest handle is nearest to its
    target."""

    scene: "Scene"
    handles: tuple[Point, ...]
    """Where the dragged points are in :attr:`scene`."""
    distance: float
    """How far the farthest of them is from its target, in image widths."""
    steps: int
    """Steps taken; the best state may be an earlier one, :attr:`kept_step`."""
    seconds: float
    """That the drag took, without what its callback did."""
    stop_reason: StopReason
    """``reached``: every handle is at its target. ``max_steps``: the limit. ``stopped``: by the callback.
    ``lost_track``: a handle's feature is nowhere near any more. ``no_progress``: many steps brought nothing."""
    starts: tuple[Point, ...]
    targets: tuple[Point, ...]
    trace: tuple[DragStep, ...]
    """Every step, the start included."""

    @property
    def kept_step(self) -> int:
        """The step whose state :attr:`scene` is; none after it came nearer with its handles still found."""
        return self.scene.edits[-1]["step"]
