"""Figures as files."""

import builtins
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from spatialgan.errors import SpatialGANError
from spatialgan.figures import drawing
from spatialgan.figures.content import Chart, Figure, Grid, Line, Picture
from spatialgan.figures.drawing import DPI, draw, save_figure

RED, BLUE = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))


def grid(columns: int = 2, **names: tuple[str, ...]) -> Grid:
    return Grid("A title", tuple((Picture(RED), *[Picture(BLUE)] * (columns - 1)) for _ in range(2)), **names)


CHART = Chart("A chart", "x", "y", (Line("a", (0, 1), (0.5, None)), Line("b", (0, 1), (0, 1), (0, 0), (1, 1))))


def test_png_and_pdf_are_written_and_the_same_again(tmp_path: Path) -> None:
    figure = Figure("figure-1", (grid(row_names=("a", "b"), column_names=("c", "d")), CHART))
    first = [p.read_bytes() for p in save_figure(figure, tmp_path)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figure-1.pdf", "figure-1.png"]
    assert first[1].startswith(b"%PDF") and b"/FontFile2" in first[1]  # letters, not outlines
    assert [p.read_bytes() for p in save_figure(figure, tmp_path)] == first


def test_pictures_stand_where_they_belong(tmp_path: Path) -> None:
    png, _ = save_figure(Figure("f", (grid(),)), tmp_path)
    array = np.asarray(Image.open(png).convert("RGB")).astype(int)
    red = (array[..., 0] > 240) & (array[..., 2] < 20)
    blue = (array[..., 2] > 240) & (array[..., 0] < 20)
    side = round(drawing.LARGEST_CELL * DPI)
    assert red.sum() == pytest.approx(2 * side**2, rel=0.02) and blue.sum() == pytest.approx(2 * side**2, rel=0.02)
    assert np.nonzero(red)[1].max() < np.nonzero(blue)[1].min()
    assert array.shape[1] < 2.2 * side  # the page is as wide as what is on it


def test_maps_keep_their_pixels(tmp_path: Path) -> None:
    board = Image.fromarray((np.indices((4, 4)).sum(axis=0) % 2 * 255).astype(np.uint8))
    png, _ = save_figure(Figure("f", (Grid("", ((Picture(board, smooth=False),),)),)), tmp_path)
    array = np.asarray(Image.open(png).convert("L")).astype(int)
    assert ((array > 20) & (array < 235)).mean() < 0.06  # sharp edges


def test_marks_are_drawn(tmp_path: Path) -> None:
    def picture(**marks) -> int:
        png, _ = save_figure(Figure("f", (Grid("", ((Picture(RED, **marks),),)),)), tmp_path)
        array = np.asarray(Image.open(png).convert("RGB")).astype(int)
        return int((array[..., 1] > 150)[20:-20, 20:-20].sum())

    plain = picture()
    assert picture(rings=((0.5, 0.5),)) > plain and picture(arrows=(((0.2, 0.2), (0.7, 0.7)),)) > plain
    assert picture(arrows=(((0.5, 0.5), (0.51, 0.5)),)) == plain  # an arrow too short to be one


def test_a_place_may_be_empty_and_columns_many() -> None:
    wide = Grid("", ((*[Picture(RED)] * 11, None),))
    assert draw(Figure("f", (wide,))).get_size_inches()[0] == pytest.approx(drawing.WIDTH)


def test_a_title_is_not_cut_off() -> None:
    with rc_context(drawing.STYLE):
        canvas = draw(Figure("f", (Grid("Moved, and the others with it " * 2, ((Picture(RED),),)),)))
        (text,) = canvas.texts
        assert text.get_window_extent(FigureCanvasAgg(canvas).get_renderer()).x1 <= canvas.bbox.x1


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *args, **words):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *args, **words)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SpatialGANError, match=r"spatialgan\[figures\]"):
        save_figure(Figure("f", (grid(),)), tmp_path)


def test_the_name_of_an_axis_has_room_beside_its_longest_numbers() -> None:
    chart = Chart("Correlation", "x", "correlation", (Line("a", (0, 1), (-0.3, 1)), Line("b", (0, 1), (0, 1))))
    with rc_context(drawing.STYLE):
        canvas = draw(Figure("f", (chart,)))
        renderer = FigureCanvasAgg(canvas).get_renderer()
        axes = canvas.axes[0]
        axes.draw(renderer)
        assert axes.yaxis.label.get_window_extent(renderer).x0 >= 0
