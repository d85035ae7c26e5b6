"""Drag: pull points of a picture to where they should be (Section 3.4 of the paper, after DragGAN).

What callers need is imported here; the rest is in outcome.py (options, steps, results), checks.py (what callers hand
in), points.py (features at points: motion supervision and tracking), variables.py (what is optimised), adam.py,
modes.py (the four modes), optimization.py (the drag itself) and views.py (frames, traces, the figure of heatmaps).
"""

from spatialgan.editing.drag.optimization import drag, drag_steps
from spatialgan.editing.drag.outcome import (
    MAX_STEPS,
    PUBLISHED,
    DragOptions,
    DragResult,
    DragStep,
    Handle,
    Mode,
    Point,
    StopReason,
)

__all__ = [
    "MAX_STEPS",
    "PUBLISHED",
    "DragOptions",
    "DragResult",
    "DragStep",
    "Handle",
    "Mode",
    "Point",
    "StopReason",
    "drag",
    "drag_steps",
]
