"""Frames, traces and the figure of a drag."""

import json

import numpy as np
import pytest
from PIL import Image

from spatialgan.editing.drag.views import drag_frames, heatmap_figure, save_trace, with_handles
from spatialgan.errors import SpatialGANError


@pytest.fixture(scope="module")
def result(single):
    return single.sample(1).drag([((0.25, 0.5), (0.75, 0.5))], mode="joint", max_steps=3)


def test_marks_lie_on_handle_and_target():
    marked = np.asarray(with_handles(Image.new("L", (100, 100)), ((0.2, 0.7),), ((0.8, 0.3),)))
    red, blue = ((marked[..., a].astype(int) - marked[..., b] > 100) for a, b in ((0, 2), (2, 0)))
    for mask, (x, y) in ((red, (20, 70)), (blue, (80, 30))):
        rows, columns = np.nonzero(mask)
        assert abs(columns.mean() - x) <= 1 and abs(rows.mean() - y) <= 1


def test_frames_show_every_step_and_hold_both_ends(result):
    frames = drag_frames(result, scale=2, hold=4)
    assert len(frames) == 4 + 3 + 4
    assert {frame.size for frame in frames} == {(64, 64)} and {frame.mode for frame in frames} == {"RGB"}


def test_the_trace_tells_every_step(result, tmp_path):
    data = json.loads(save_trace(result, tmp_path / "t.json").read_text())
    assert data["mode"] == "joint" and data["stop_reason"] == "max_steps" and data["steps"] == 3
    assert data["starts"] == [[0.25, 0.5]] and data["targets"] == [[0.75, 0.5]]
    assert [s["index"] for s in data["trace"]] == [0, 1, 2, 3]
    assert set(data["trace"][0]) == {"index", "handles", "distance", "mismatches", "loss", "seconds"}
    seconds = [s["seconds"] for s in data["trace"]]
    assert seconds == sorted(seconds) and data["kept_step"] <= 3


def test_the_figure_has_a_row_for_the_picture_and_one_a_level(result, multi, plain):
    assert heatmap_figure(result, columns=3).size == (3 * 258 - 2, 4 * 258 - 2)
    assert heatmap_figure(result, columns=9).size == (4 * 258 - 2, 4 * 258 - 2)  # no more than there were steps
    pixels = multi.sample(1).drag([((0.25, 0.5), (0.75, 0.5))], mode="pixels", max_steps=1)
    assert heatmap_figure(pixels).size == (2 * 258 - 2, 2 * 258 - 2)
    with pytest.raises(SpatialGANError, match="no heatmaps to show"):
        heatmap_figure(plain.sample(1).drag([((0.25, 0.5), (0.75, 0.5))], mode="latent", max_steps=1))
