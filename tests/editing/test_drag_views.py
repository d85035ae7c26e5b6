"""Frames, traces and the figure of a drag."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from spatialgan.editing.drag.views import (
    SMOOTH_FRAMES,
    _with_way_between,
    drag_frames,
    heatmap_figure,
    save_trace,
    with_handles,
)
from spatialgan.editing.pictures import enlarge
from spatialgan.errors import SpatialGANError
from spatialgan.levels import Raster


@pytest.fixture(scope="module")
def dragged(single):
    return single.sample(1).drag([((0.25, 0.5), (0.75, 0.5))], mode="joint", max_steps=3)


@pytest.fixture(scope="module")
def result(dragged):
    return _kept(dragged, 3)


def _kept(result, index):
    """The drag as if that step had come nearest."""
    step = result.trace[index]
    return replace(result, scene=step.scene, handles=step.handles, distance=step.distance)


def test_marks_lie_on_handle_and_target():
    marked = np.asarray(with_handles(Image.new("L", (100, 100)), ((0.2, 0.7),), ((0.8, 0.3),)))
    red, blue = ((marked[..., a].astype(int) - marked[..., b] > 100) for a, b in ((0, 2), (2, 0)))
    for mask, (x, y) in ((red, (20, 70)), (blue, (80, 30))):
        rows, columns = np.nonzero(mask)
        assert abs(columns.mean() - x) <= 1 and abs(rows.mean() - y) <= 1


def test_frames_show_every_step_and_hold_both_ends(result):
    frames = drag_frames(result, scale=2, hold=4)
    between = math.ceil(SMOOTH_FRAMES / 3)
    assert len(frames) == 3 + 3 * between + 4
    for i in range(1, 4):
        step = with_handles(enlarge(result.trace[i].scene.image, 2), result.trace[i].handles, result.targets)
        assert np.array_equal(np.asarray(frames[3 + i * between]), np.asarray(step))
    assert {frame.size for frame in frames} == {(64, 64)} and {frame.mode for frame in frames} == {"RGB"}


def test_frames_end_with_the_kept_step(dragged):
    frames = drag_frames(_kept(dragged, 2), scale=2, hold=4)
    between = SMOOTH_FRAMES // 2
    step = with_handles(enlarge(dragged.trace[2].image, 2), dragged.trace[2].handles, dragged.targets)
    assert len(frames) == 4 + 2 * between + 3
    assert all(np.array_equal(np.asarray(f), np.asarray(step)) for f in frames[-4:])
    assert not np.array_equal(np.asarray(frames[-5]), np.asarray(step))
    start = drag_frames(_kept(dragged, 0), scale=2, hold=4)  # nothing came nearer
    # Drawn in a batch, a value may be 1 off.
    assert len(start) == 8 and np.ptp([np.asarray(f).astype(int) for f in start], axis=0).max() <= 1
    assert heatmap_figure(_kept(dragged, 0)).width == 258 - 2
    assert heatmap_figure(_kept(dragged, 1)).width == 2 * 258 - 2
    assert _kept(dragged, 1).kept_step == 1


def test_frames_between_few_steps_go_from_one_to_the_next(multi):
    scene = multi.sample(1)
    x, y = scene.layout.level_centers(0)[0].tolist()  # a handle on an object
    result = scene.drag([((x, y), (1 - x, 1 - y))], mode="hybrid", max_steps=1)
    shown = _with_way_between(result.trace)
    count = math.ceil(SMOOTH_FRAMES / (len(result.trace) - 1))
    assert len(shown) == count * (len(result.trace) - 1) + 1 > 4 * len(result.trace)
    (first, start), (scene, handles), (last, end) = shown[0], shown[1], shown[count]
    x, between, y = (s.layout.level_centers(0)[:, 0] for s in (first, scene, last))
    assert (y - x).abs().max() > 0.1
    torch.testing.assert_close(between - x, (y - x) / count, atol=1e-4, rtol=0)
    assert handles[0][0] == pytest.approx(start[0][0] + (end[0][0] - start[0][0]) / count)


def test_many_steps_have_nothing_between(result):
    trace = (*result.trace,) * 6  # 23 ways
    assert [scene for scene, _ in _with_way_between(trace)] == [step.scene for step in trace]


def test_pixels_change_little_by_little(multi):
    trace = multi.sample(1).drag([((0.25, 0.5), (0.75, 0.5))], mode="pixels", max_steps=2).trace
    shown = [scene for scene, _ in _with_way_between(trace)]
    assert all(isinstance(scene.layout.levels[0], Raster) for scene in shown) and len(shown) == 21
    assert shown[0] is trace[0].scene and shown[-1] is trace[-1].scene
    a, half, b = (shown[i].layout.levels[0].values for i in (10, 15, 20))
    torch.testing.assert_close(half, a.lerp(b, 0.5))


def test_the_trace_tells_every_step(result, tmp_path):
    data = json.loads(save_trace(result, tmp_path / "t.json").read_text())
    assert data["mode"] == "joint" and data["stop_reason"] == "max_steps" and data["steps"] == 3
    assert data["starts"] == [[0.25, 0.5]] and data["targets"] == [[0.75, 0.5]]
    assert [s["index"] for s in data["trace"]] == [0, 1, 2, 3]
    assert set(data["trace"][0]) == {"index", "handles", "distance", "mismatches", "loss", "seconds"}
    seconds = [s["seconds"] for s in data["trace"]]
    assert seconds == sorted(seconds) and data["kept_step"] == 3


def test_the_figure_has_a_row_for_the_picture_and_one_a_level(result, multi, plain):
    assert heatmap_figure(result, columns=3).size == (3 * 258 - 2, 4 * 258 - 2)
    assert heatmap_figure(result, columns=9).size == (4 * 258 - 2, 4 * 258 - 2)  # no more than there were steps
    pixels = _kept(multi.sample(1).drag([((0.25, 0.5), (0.75, 0.5))], mode="pixels", max_steps=1), 1)
    assert heatmap_figure(pixels).size == (2 * 258 - 2, 2 * 258 - 2)
    with pytest.raises(SpatialGANError, match="no heatmaps to show"):
        heatmap_figure(plain.sample(1).drag([((0.25, 0.5), (0.75, 0.5))], mode="latent", max_steps=1))
