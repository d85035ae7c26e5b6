"""What a figure consists of, before it is drawn: pictures in grids, charts, and the numbers behind them."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from PIL import Image

Point: TypeAlias = tuple[float, float]
"""(x, y) in 0..1, x to the right, y down."""


@dataclass(frozen=True)
class Picture:
    image: Image.Image
    rings: tuple[Point, ...] = ()
    """Places to mark."""
    arrows: tuple[tuple[Point, Point], ...] = ()
    """From where to where something moved."""
    smooth: bool = True
    """Enlarged smoothly; maps of a few pixels show those instead."""


@dataclass(frozen=True)
class Grid:
    """Pictures of one size in rows."""

    title: str
    rows: tuple[tuple[Picture | None, ...], ...]
    """All of one length; None leaves a place empty."""
    row_names: tuple[str, ...] = ()
    column_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    """Of a band round the line; empty for none."""
    high: tuple[float | None, ...] = ()
    dashed: bool = False
    """For what the other lines are to be compared with."""


@dataclass(frozen=True)
class Chart:
    title: str
    x_name: str
    y_name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Figure:
    name: str
    """As in ``figure-3``."""
    parts: tuple[Grid | Chart, ...]
    """From top to bottom."""
    values: dict[str, Any] = field(default_factory=dict)
    """The numbers behind it, as JSON values."""
    num_samples: int = 0
    """Pictures that the numbers are of."""
