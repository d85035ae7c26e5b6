"""Drags on models whose right answer is known: where the blob must arrive, why a drag stops, what stays as it is."""

import json
import math

import pytest
import torch
from tiny_models import make_model

from blob_models import blob_model, blob_place, blob_scene
from spatialgan.editing.drag import DragOptions, drag_steps, optimization
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError

PIXEL = 1 / 64
START, TARGET = (0.4, 0.5), (0.56, 0.42)  # not alike in x and y, so that a swap shows
MODES = ("hybrid", "joint", "pixels", "latent")


@pytest.fixture(scope="module")
def blob():
    return blob_model()


def near(point, other, distance=PIXEL):
    return math.dist(point, other) <= distance


@pytest.mark.parametrize("mode", MODES)
def test_the_blob_arrives_within_a_pixel(blob, mode):
    scene = blob_scene(blob, START)
    result = scene.drag([(START, TARGET)], mode=mode)
    assert result.stop_reason == "reached"
    assert near(result.handles[0], TARGET) and result.distance <= PIXEL
    assert near(blob_place(result.scene), TARGET, 1.5 * PIXEL)  # the tracker's pixel and the truth
    assert result.steps == len(result.trace) - 1 == result.trace[-1].index


@pytest.mark.parametrize(("most", "looked_at"), [(256, 32), (16, 16)])
def test_no_block_is_computed_beyond_the_one_that_is_looked_at(blob, monkeypatch, most, looked_at):
    monkeypatch.setattr(optimization, "MAX_FEATURE_RESOLUTION", most)
    blob.generator.calls.clear()
    steps = drag_steps(blob_scene(blob, START), [(START, TARGET)], mode="latent", max_steps=2)
    assert len(list(steps)) == 3
    assert set(blob.generator.calls) == {looked_at}


def test_to_the_right_only(blob):
    end = blob_place(blob_scene(blob, (0.4, 0.3)).drag([((0.4, 0.3), (0.6, 0.3))], mode="latent").scene)
    assert near(end, (0.6, 0.3), 1.5 * PIXEL)


def test_hybrid_needs_the_coarse_move_alone_where_the_layout_is_exact(blob):
    hybrid = blob_scene(blob, START).drag([(START, TARGET)])
    assert hybrid.steps == 1
    assert blob_scene(blob, START).drag([(START, TARGET)], mode="joint").steps > 3


def test_a_plain_model_drags_by_latent_alone():
    plain = blob_model(kind="plain")
    result = blob_scene(plain).drag([((0.5, 0.5), (0.6, 0.55))], mode="latent")
    assert result.stop_reason == "reached" and near(blob_place(result.scene), (0.6, 0.55), 1.5 * PIXEL)
    for mode in ("hybrid", "joint", "pixels"):
        with pytest.raises(SpatialGANError, match=r"encoding=none.*use the mode latent"):
            blob_scene(plain).drag([((0.5, 0.5), (0.6, 0.55))], mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_each_object_goes_its_own_way(mode):
    multi = blob_model(kind="multi")
    scene = blob_scene(multi, (0.25, 0.5), (0.75, 0.5))
    handles = [((0.25, 0.5), (0.32, 0.4)), ((0.75, 0.5), (0.66, 0.56))]
    result = scene.drag(handles, mode=mode)
    assert result.stop_reason == "reached"
    for i, (_, target) in enumerate(handles):
        assert near(blob_place(result.scene, i), target, 2 * PIXEL)


@pytest.mark.parametrize("mode", MODES)
def test_an_object_that_nobody_drags_stays(mode):
    multi = blob_model(kind="multi")
    result = blob_scene(multi, (0.2, 0.25), (0.75, 0.75)).drag([((0.2, 0.25), (0.3, 0.3))], mode=mode)
    assert result.stop_reason == "reached"
    assert near(blob_place(result.scene, 1), (0.75, 0.75), 0.25 * PIXEL)
    if mode == "latent":
        assert result.scene.w_offset[:, 1:].abs().max() < 0.05 * result.scene.w_offset[:, 0].abs().max()


# ------------------------------------------------------------- why it stops


def test_handle_on_its_target_has_arrived(blob):
    result = blob_scene(blob, START).drag([(START, START)])
    assert (result.stop_reason, result.steps, result.distance) == ("reached", 0, 0.0)
    assert torch.equal(result.scene.tensor, blob_scene(blob, START).tensor)


def test_two_handles_on_one_spot_are_one(blob):
    once = blob_scene(blob, START).drag([(START, TARGET)], mode="latent")
    twice = blob_scene(blob, START).drag([(START, TARGET)] * 2, mode="latent")
    assert twice.stop_reason == "reached" and twice.handles[0] == twice.handles[1]
    assert near(blob_place(twice.scene), blob_place(once.scene), PIXEL)


@pytest.mark.parametrize("steps", [0, 3])
def test_max_steps(blob, steps):
    result = blob_scene(blob, START).drag([(START, TARGET)], mode="latent", max_steps=steps)
    assert (result.stop_reason, result.steps) == ("max_steps", steps)


def test_the_callback_stops_it_and_sees_every_step(blob):
    seen = []

    def stop_at_two(step):
        seen.append(step)
        return step.index < 2

    result = blob_scene(blob, START).drag([(START, TARGET)], mode="latent", callback=stop_at_two)
    assert (result.stop_reason, result.steps) == ("stopped", 2)
    assert seen == list(result.trace)


def test_a_callback_without_an_answer_does_not_stop_it(blob):
    assert blob_scene(blob, START).drag([(START, TARGET)], callback=lambda step: None).stop_reason == "reached"


def test_the_generator_can_be_left_between_steps(blob):
    steps = drag_steps(blob_scene(blob, START), [(START, TARGET)], mode="latent")
    assert [next(steps).index for _ in range(3)] == [0, 1, 2]
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_lost_track(blob, monkeypatch):
    """After some steps the generator draws nothing: what was dragged is nowhere."""
    generator, draw = blob.generator, type(blob.generator).draw
    count = 0

    def fickle(self, places, size):
        nonlocal count
        count += 1
        return draw(self, places, size) * (count < 4)

    monkeypatch.setattr(type(generator), "draw", fickle)
    result = blob_scene(blob, START).drag([(START, TARGET)], mode="latent")
    assert (result.stop_reason, result.steps) == ("lost_track", 3)
    assert result.trace[3].mismatches[0] > DragOptions().lost_mismatch > result.trace[2].mismatches[0]
    assert result.scene is result.trace[2].scene


@pytest.mark.parametrize("mode", ["latent", "hybrid"])
def test_features_that_are_no_longer_finite_are_lost(blob, monkeypatch, mode):
    draw, count = type(blob.generator).draw, 0

    def breaks(self, places, size):
        nonlocal count
        count += 1
        return draw(self, places, size) * (1 if count < 2 else math.nan)

    monkeypatch.setattr(type(blob.generator), "draw", breaks)
    result = blob_scene(blob, START).drag([(START, (0.9, 0.9))], mode=mode)
    assert result.stop_reason == "lost_track" and result.scene is result.trace[0].scene


def test_a_scene_without_finite_features_is_refused(blob, monkeypatch):
    draw = type(blob.generator).draw
    monkeypatch.setattr(type(blob.generator), "draw", lambda self, places, size: math.nan * draw(self, places, size))
    with pytest.raises(SpatialGANError, match="are not finite"):
        blob_scene(blob, START).drag([(START, TARGET)], mode="latent")


def test_handles_start_where_they_are_in_a_picture_of_one_colour(blob, monkeypatch):
    """Every place there looks like every other; the tracker would take the first one."""
    draw = type(blob.generator).draw
    monkeypatch.setattr(type(blob.generator), "draw", lambda self, places, size: 0 * draw(self, places, size))
    result = blob_scene(blob, START).drag([(START, START)], mode="latent")
    assert (result.stop_reason, result.steps) == ("reached", 0) and near(result.handles[0], START, 1e-6)


def test_no_progress_keeps_the_best_scene(blob, monkeypatch):
    """The generator's picture jumps back after some steps and no longer follows."""
    places = type(blob.generator).places

    def stuck(self, ws, layout):
        p = places(self, ws, layout)
        far = (p - torch.tensor(START)).norm() > 0.05
        return 0 * p + torch.tensor(START) if far else p

    monkeypatch.setattr(type(blob.generator), "places", stuck)
    result = blob_scene(blob, START).drag([(START, TARGET)], mode="latent", options=DragOptions(patience=5))
    assert result.stop_reason == "no_progress"
    distances = [step.distance for step in result.trace]
    best = distances.index(min(distances))
    assert 0 < best < result.steps and result.steps - best == 5
    assert result.distance == min(distances) and result.scene is result.trace[best].scene
    assert result.scene.edits[-1]["step"] == best


def test_a_coarse_move_that_makes_it_worse_is_taken_back(blob, monkeypatch):
    """The picture goes the other way than the heatmap."""
    places = type(blob.generator).places
    monkeypatch.setattr(
        type(blob.generator),
        "places",
        lambda self, ws, layout: torch.tensor(START) - (places(self, ws, layout) - torch.tensor(START)),
    )
    start = blob_scene(blob, START)
    result = start.drag([(START, TARGET)], mode="hybrid", options=DragOptions(centers_learning_rate=1e-9))
    assert result.trace[1].distance > result.trace[0].distance
    assert torch.allclose(result.trace[2].scene.layout.centers, start.layout.centers)
    assert result.trace[2].handles == result.trace[0].handles
    assert result.stop_reason == "reached"


# ------------------------------------------------------------- the mask


def test_the_mask_keeps_what_is_not_painted():
    model = make_model(layout="multi", encoding="multi")
    mask = torch.zeros(32, 32)
    mask[:, :16] = 1
    handles = [((0.25, 0.5), (0.4, 0.5))]
    options = DragOptions(w_learning_rate=0.1)

    def change_outside(mask):
        """Over some pictures: of random weights, some change little by themselves."""
        total = 0.0
        for seed in (1, 2, 3, 4):
            scene = model.sample(seed)
            last = scene.drag(handles, mask=mask, mode="latent", max_steps=8, options=options).trace[-1]
            total += float((last.scene.tensor - scene.tensor)[:, :, 16:].abs().mean())
        return total

    assert change_outside(mask) < 0.6 * change_outside(None)


def test_a_wholly_painted_mask_is_none(blob):
    scene = blob_scene(blob, START)
    whole = scene.drag([(START, TARGET)], mode="latent", mask=torch.ones(64, 64))
    none = scene.drag([(START, TARGET)], mode="latent")
    assert torch.equal(whole.scene.w_offset, none.scene.w_offset)


# ------------------------------------------------------------- what stays, and what is kept


@pytest.mark.parametrize("mode", MODES)
def test_the_input_stays_and_the_result_is_a_scene(single, mode, tmp_path):
    scene = single.sample(3).move(0, dx=0.1)
    before = json.dumps(scene.to_json())
    result = scene.drag([((0.4, 0.5), (0.6, 0.5))], mode=mode, max_steps=4)
    assert json.dumps(scene.to_json()) == before
    moved = result.trace[-1].scene
    assert not torch.equal(moved.tensor, scene.tensor)
    assert [e["edit"] for e in moved.edits] == ["move", "drag"]
    record = dict(moved.edits[-1])
    assert record.pop("handles") == [[pytest.approx([0.4, 0.5]), pytest.approx([0.6, 0.5])]]
    assert record == {"edit": "drag", "mode": mode, "step": result.steps}
    moved.save(tmp_path / "f.scene.json")
    assert torch.equal(Scene.load(single, tmp_path / "f.scene.json").tensor, moved.tensor)
    again = moved.drag([((0.5, 0.5), (0.6, 0.5))], mode="latent", max_steps=2).trace[-1].scene
    assert not torch.equal(again.w_offset, moved.w_offset)


def test_the_first_step_is_the_picture_as_it_was(single):
    scene = single.sample(3)
    for mode in MODES:
        first = next(drag_steps(scene, [((0.4, 0.5), (0.6, 0.5))], mode=mode))
        assert first.handles[0] == pytest.approx((0.4, 0.5)) and first.distance == pytest.approx(0.2)
        # Heatmaps as pixels are the same but for rounding.
        assert (first.scene.tensor - scene.tensor).abs().max() <= (1e-4 if mode == "pixels" else 0)


@pytest.mark.parametrize("mode", MODES)
def test_the_same_drag_twice_is_the_same(multi, mode):
    drags = [multi.sample(5).drag([((0.4, 0.5), (0.6, 0.5))], mode=mode, max_steps=3) for _ in range(2)]
    assert json.dumps(drags[0].scene.to_json()) == json.dumps(drags[1].scene.to_json())
    assert [s.handles for s in drags[0].trace] == [s.handles for s in drags[1].trace]


def test_a_drag_under_no_grad_and_inference_mode(single):
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            result = single.sample(3).drag([((0.4, 0.5), (0.6, 0.5))], mode="joint", max_steps=2)
        assert result.trace[-1].scene.w_offset.abs().max() > 0
        assert not torch.equal(result.trace[-1].scene.layout.centers, single.sample(3).layout.centers)


def test_no_picture_is_drawn_until_it_is_asked_for(blob):
    blob.generator.calls.clear()
    result = blob_scene(blob, START).drag([(START, TARGET)], mode="latent", max_steps=3)
    assert blob.generator.calls == [32] * 4  # one pass a step, half the picture's size
    assert result.trace[2].image.size == (64, 64)
    assert blob.generator.calls == [32] * 4 + [None]


def test_seconds_leave_the_callback_out(blob, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("spatialgan.editing.drag.optimization.time.perf_counter", lambda: next(clock))
    result = blob_scene(blob, START).drag(
        [(START, TARGET)], mode="latent", max_steps=2, callback=lambda step: [next(clock) for _ in range(100)] and None
    )
    assert [step.seconds for step in result.trace] == [1, 3, 5]


def test_handles_at_the_edges(single):
    for handle in (((0.0, 0.0), (0.1, 0.1)), ((1.0, 1.0), (0.9, 1.0)), ((0.5, 1.0), (0.5, 0.0))):
        result = single.sample(1).drag([handle], max_steps=3)
        assert all(math.isfinite(v) for step in result.trace for v in (*step.handles[0], step.loss, step.distance))


def test_one_style_for_all_objects(one_style):
    result = one_style.sample(2).drag([((0.4, 0.5), (0.6, 0.5))], max_steps=3)
    assert result.trace[-1].scene.w_offset.shape == (one_style.config.model.num_ws, 1, 32)


@pytest.mark.parametrize("mode", ["pixels", "latent"])
def test_heatmaps_without_centres(mode):
    noise = make_model(sampling="noise", name="noise")
    noise.sample(1).drag([((0.4, 0.5), (0.6, 0.5))], mode=mode, max_steps=2)
    with pytest.raises(SpatialGANError, match="pixels without centres"):
        noise.sample(1).drag([((0.4, 0.5), (0.6, 0.5))])


@pytest.mark.parametrize("config", [{"encoding": "flatten"}, {"encoding": "concat", "processing": "fine"}])
@pytest.mark.parametrize("mode", MODES)
def test_other_encodings(config, mode):
    result = make_model(**config).sample(1).drag([((0.4, 0.5), (0.6, 0.5))], mode=mode, max_steps=3)
    assert result.trace[-1].scene.w_offset.abs().max() > 0
