"""Figures on paper: one style for all, PNG and PDF, by Matplotlib."""

from math import dist
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from spatialgan.editing.pictures import enlarge
from spatialgan.errors import SpatialGANError
from spatialgan.figures.content import Chart, Figure, Grid, Picture
from spatialgan.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

WIDTH = 7.0  # inches, of a page with two columns; all lengths here are inches
MARGIN, GAP, LINE = 0.06, 0.03, 0.19
ROW_NAMES = 0.22  # room for the names of rows, which stand upright
PART_GAP = 0.14
TITLE_LETTER = 0.075  # no letter of a title takes more, on average
CHART_HEIGHT, CHART_LEFT, CHART_BOTTOM, LEGEND = 1.9, 0.66, 0.42, 1.45
LARGEST_CELL = 1.66  # four fill the width
DPI = 150
SHORTEST_ARROW = 0.06  # picture widths: others would be heads alone
MAP_PX = 256  # width of maps that are shown pixel by pixel, roughly
STYLE: Any = {  # Matplotlib's own types know each name
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with Matplotlib
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # letters stay letters
}
COLOURS = ("#20639b", "#d1495b", "#3f8f5f", "#b07d2b", "#6d597a")
INK, MARK = "#20303a", "#ffd23f"


def require_matplotlib() -> None:
    """Raise SpatialGANError where it is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise SpatialGANError("figures need Matplotlib: pip install 'spatialgan[figures]'") from None


def save_figure(figure: Figure, folder: Path) -> list[Path]:
    """Write ``NAME.png`` and ``NAME.pdf`` into a folder; the same figure gives the same files."""
    require_matplotlib()
    from matplotlib import rc_context

    with rc_context(STYLE):  # pyright: ignore[reportArgumentType]  its type lists all names
        canvas = draw(figure)
        paths = [folder / f"{figure.name}{ending}" for ending in (".png", ".pdf")]
        for path, metadata in zip(paths, ({"Software": None}, {"CreationDate": None, "Producer": None}), strict=True):
            kind = path.suffix[1:]
            write_atomically(
                path, lambda p, kind=kind, data=metadata: canvas.savefig(p, format=kind, dpi=DPI, metadata=data)
            )
    return paths


def draw(figure: Figure) -> "Canvas":
    """All parts on one canvas, from top to bottom."""
    from matplotlib.figure import Figure as Canvas

    heights = [_grid_height(part) if isinstance(part, Grid) else CHART_HEIGHT + LINE for part in figure.parts]
    height = sum(heights) + PART_GAP * (len(heights) - 1) + 2 * MARGIN
    width = max(_grid_width(part) if isinstance(part, Grid) else WIDTH for part in figure.parts)
    canvas = Canvas(figsize=(width, height))
    top = height - MARGIN
    for part, own in zip(figure.parts, heights, strict=True):
        if part.title:
            _text(canvas, MARGIN, top, part.title, ha="left", va="top", weight="bold")
        below = top - (LINE if part.title else 0)
        if isinstance(part, Grid):
            _draw_grid(canvas, part, below)
        else:
            room = WIDTH - CHART_LEFT - MARGIN - (LEGEND if len(part.lines) > 1 else 0)
            box = (CHART_LEFT, top - own + CHART_BOTTOM, room, own - CHART_BOTTOM - LINE - GAP)
            _draw_chart(_axes(canvas, box), part)
        top -= own + PART_GAP
    return canvas


def _cell(grid: Grid) -> float:
    """Width of a picture."""
    columns = len(grid.rows[0])
    room = WIDTH - 2 * MARGIN - (ROW_NAMES if grid.row_names else 0) - GAP * (columns - 1)
    return min(LARGEST_CELL, room / columns)


def _grid_width(grid: Grid) -> float:
    columns = len(grid.rows[0])
    pictures = (ROW_NAMES if grid.row_names else 0) + columns * (_cell(grid) + GAP) - GAP
    return 2 * MARGIN + max(pictures, TITLE_LETTER * len(grid.title))


def _grid_height(grid: Grid) -> float:
    names = (LINE if grid.title else 0) + (LINE if grid.column_names else 0)
    return names + len(grid.rows) * (_cell(grid) + GAP) - GAP


def _draw_grid(canvas: "Canvas", grid: Grid, top: float) -> None:
    cell, left = _cell(grid), MARGIN + (ROW_NAMES if grid.row_names else 0)
    for column, name in enumerate(grid.column_names):
        _text(canvas, left + column * (cell + GAP) + cell / 2, top - LINE + 0.04, name, ha="center", va="bottom")
    top -= LINE if grid.column_names else 0
    for row, pictures in enumerate(grid.rows):
        bottom = top - (row + 1) * cell - row * GAP
        if grid.row_names:
            place = MARGIN + ROW_NAMES / 2, bottom + cell / 2
            _text(canvas, *place, grid.row_names[row], ha="center", va="center", rotation=90)
        for column, picture in enumerate(pictures):
            if picture is not None:
                _draw_picture(_axes(canvas, (left + column * (cell + GAP), bottom, cell, cell)), picture)


def _axes(canvas: "Canvas", box: tuple[float, float, float, float]) -> "Axes":
    """Axes of x, y from below, width and height."""
    (width, height), (x, y, w, h) = canvas.get_size_inches(), box
    return canvas.add_axes((x / width, y / height, w / width, h / height))


def _text(canvas: "Canvas", x: float, y: float, text: str, **style: Any) -> None:
    width, height = canvas.get_size_inches()
    canvas.text(x / width, y / height, text, color=INK, **style)


def _draw_picture(axes: "Axes", picture: Picture) -> None:
    image = picture.image.convert("RGB")
    side = round(MAP_PX / image.width) * image.width  # whole times as large, for readers that blur small images
    image = enlarge(image, None) if picture.smooth else image.resize((side, side), Image.Resampling.NEAREST)
    axes.imshow(np.asarray(image), extent=(0, 1, 1, 0), interpolation="none")
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(1, 0))
    for x, y in picture.rings:
        axes.plot(x, y, "o", ms=6, mfc="none", mec="black", mew=2.0)
        axes.plot(x, y, "o", ms=6, mfc="none", mec=MARK, mew=1.0)
    for start, end in picture.arrows:
        if dist(start, end) < SHORTEST_ARROW:
            continue
        for colour, width in (("black", 2.2), (MARK, 1.1)):
            style = {"arrowstyle": "->", "color": colour, "lw": width, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8}
            axes.annotate("", xy=end, xytext=start, arrowprops=style)


def _draw_chart(axes: "Axes", chart: Chart) -> None:
    for i, line in enumerate(chart.lines):
        colour = "#78909c" if line.dashed else COLOURS[i % len(COLOURS)]
        values = [float("nan") if v is None else v for v in line.y]
        mark = "" if line.dashed else "o"
        axes.plot(line.x, values, "--" if line.dashed else "-", marker=mark, ms=3, color=colour, label=line.name)
        if line.low:
            low, high = ([float("nan") if v is None else v for v in side] for side in (line.low, line.high))
            axes.fill_between(line.x, low, high, color=colour, alpha=0.15, lw=0)
    axes.set_xlabel(chart.x_name)
    axes.set_ylabel(chart.y_name)
    axes.grid(axis="y", lw=0.4, color="#dddddd")
    if len(chart.lines) > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
