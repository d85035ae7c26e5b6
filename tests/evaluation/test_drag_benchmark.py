"""The drag benchmark, on models whose right answer is known and on tiny ones."""

import math

import pytest
import torch
from fakes import tiny_model

from blob_models import blob_model, blob_place, blob_scene
from spatialgan.editing.drag import DragOptions
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation import drag_benchmark as bench
from spatialgan.evaluation.drag_benchmark import METHODS, Method, Run, Task
from spatialgan.evaluation.drag_table import drag_table
from spatialgan.vision.matching import EfficientNetMatcher

QUICK = [Method(m.name, m.mode, DragOptions(), min(m.max_steps, 2), m.only_first_step) for m in METHODS]


class Truth:
    """A matcher that says what it is told."""

    name = "truth"

    def __init__(self, place):
        self.place = place

    def __call__(self, first, last, points_xy):
        return torch.tensor([self.place]).expand(len(points_xy), 2)


@pytest.mark.parametrize("mode", ["hybrid", "joint", "pixels", "latent"])
def test_the_matcher_confirms_that_the_blob_has_arrived(mode):
    scene = blob_scene(blob_model(), (0.4, 0.5))
    task = Task(scene, (0.4, 0.5), (0.58, 0.44), math.hypot(0.18, 0.06))
    run, result = bench.run_task(task, Method(mode, mode), EfficientNetMatcher())
    assert run.stop_reason == "reached" and run.tracked <= 1 / 64
    assert math.dist(blob_place(result.scene), task.target) <= 1.5 / 64
    assert run.matched <= 2 / 64 and run.matched_without_noise <= 2 / 64
    assert run.outside < 0.1


@pytest.mark.usefixtures("double_by_default")
def test_a_drag_is_judged_whatever_the_default_dtype():
    task = Task(blob_scene(blob_model(), (0.4, 0.5)), (0.4, 0.5), (0.58, 0.44), math.hypot(0.18, 0.06))
    run, _ = bench.run_task(task, Method("hybrid", "hybrid"), EfficientNetMatcher())
    assert run.matched <= 2 / 64


def test_all_methods_in_one_table():
    rows = bench.run_benchmark(tiny_model(), Truth((0.5, 0.5)), num_scenes=1, methods=QUICK)
    assert [(r.method, r.distance) for r in rows] == [(m.name, d) for d in bench.DISTANCES for m in METHODS]
    assert all(sum(r.stop_reasons.values()) == r.steps.count == 1 for r in rows)
    assert all(r.steps.median <= 2 for r in rows) and rows[5].steps.median <= 1
    assert not any(r.plain for r in rows)


def test_several_objects_and_plain_models():
    multi = bench.run_benchmark(
        tiny_model(layout="multi", encoding="multi"), Truth((0.5, 0.5)), num_scenes=1, distances=[0.1], methods=QUICK
    )
    assert len(multi) == len(METHODS)
    plain = bench.run_benchmark(
        tiny_model(encoding="none"), Truth((0.5, 0.5)), num_scenes=1, distances=[0.1], methods=QUICK
    )
    assert [r.method for r in plain] == ["DragGAN, tuned", "DragGAN as published, adapted"]
    assert all(r.plain and r.to_json()["plain"] for r in plain)


def test_the_baselines_go_on_to_their_last_step():
    """An early stop would count against them, and hybrid drags have none to fear."""
    for method in METHODS[:2]:
        assert method.options.patience > method.max_steps and method.options.lost_mismatch > 100
    tuned, published = (m.options for m in METHODS[:2])
    assert tuned.w_learning_rate is None and published.w_learning_rate == 0.002  # scaled to w; DragGAN's own


def test_distances_and_success_are_those_of_the_matcher():
    scene = blob_scene(blob_model(), (0.4, 0.5))
    task = Task(scene, (0.4, 0.5), (0.5, 0.5), 0.1)
    method = Method("latent", "latent", max_steps=0)
    runs = [bench.run_task(task, method, Truth(place))[0] for place in ((0.52, 0.5), (0.6, 0.5), (math.nan, math.nan))]
    assert [r.matched for r in runs[:2]] == pytest.approx([0.02, 0.1]) and math.isnan(runs[2].matched)
    row = bench.make_row(tiny_model(), "latent", 0.1, runs)
    assert row.success.mean == pytest.approx(1 / 3)
    assert (row.matched.count, row.matched.share) == (2, pytest.approx(2 / 3))
    assert row.outside.mean == 0 and row.to_json()["stop_reasons"] == {"max_steps": 3}


def test_the_coarse_move_counts_for_better_or_worse():
    scene = blob_scene(blob_model(), (0.4, 0.5))
    method = Method("coarse", "hybrid", max_steps=1, only_first_step=True)
    run, result = bench.run_task(Task(scene, (0.4, 0.5), (0.6, 0.5), 0.2), method, Truth((0.6, 0.5)))
    assert run.steps == 1 and run.tracked == result.trace[-1].distance


def test_without_a_centre_near_the_handle_there_is_no_coarse_move():
    scene = blob_scene(blob_model(), (0.1, 0.1))
    method = Method("coarse", "hybrid", max_steps=1, only_first_step=True)
    run, result = bench.run_task(Task(scene, (0.9, 0.9), (0.8, 0.9), 0.1), method, Truth((0.5, 0.5)))
    assert run.steps == 0 and len(result.trace) == 1 and run.outside == 0


def test_tasks_are_drawn_inside_and_the_same_each_time():
    model = tiny_model()
    for seed in range(4):
        a, b = (bench.draw_task(model, seed, 60 / 256) for _ in range(2))
        assert (a.start, a.target) == (b.start, b.target)
        assert math.dist(a.start, a.target) == pytest.approx(60 / 256, abs=1e-6)
        assert all(0.1 <= v <= 0.9 for v in (*a.start, *a.target))
        assert bench.draw_task(model, seed, 30 / 256).start == a.start


def test_handles_lie_where_there_is_something_to_see():
    picture = torch.zeros(3, 32, 32)
    picture[:, 10:14, 20:24] = 1
    found = bench.texture(picture)
    assert found[12, 25] > 0 and found[2, 2] == 0 and found.shape == (32, 32)
    scene = blob_scene(blob_model(), (0.3, 0.6))
    places = [bench.content_handle(scene, torch.Generator().manual_seed(i)) for i in range(10)]
    assert sum(math.dist(p, (0.3, 0.6)) < 0.3 for p in places) >= 8


def test_the_moved_region():
    region = bench.moved_region(Task(None, (0.3, 0.5), (0.7, 0.5), 0.4), 64)
    assert region[32, 32] and region[32, 10] and not region[5, 32] and not region[32, 2]


def test_a_distance_too_long_is_refused():
    with pytest.raises(SpatialGANError, match=r"at most 0\.5"):
        bench.run_benchmark(tiny_model(), Truth((0, 0)), num_scenes=1, distances=[0.8])


def test_runs_without_an_answer_make_a_row():
    run = Run(1.0, 1.0, 3, "no_progress", 0.1, math.nan, math.nan, 0.0)
    row = bench.make_row(tiny_model(), "hybrid", 0.1, [run])
    (line,) = drag_table([{"model": {"name": "tiny"}, "values": {"rows": [row.to_json()]}}])[2:]
    assert line.startswith("| hybrid | 26/256 |") and "| 0 % | 0 % | 100 % |" in line
