"""What leaves a session: its state, its handles and frames of bytes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spatialgan.config import ModelConfig
from spatialgan.studio.model_list import Offer
from spatialgan.studio.overlays import mean_features
from spatialgan.studio.session import Change, Session
from spatialgan.studio.wire import frame, handles_of, planes_of, read_frame, state_of


@pytest.fixture
def started(models, sources):
    def start(kind: str) -> Session:
        session = Session(models)
        session.start(sources[kind], 3)
        return session

    return start


def test_state_is_json(started, sources):
    session = started("single")
    session.edit(Change(({"edit": "move", "level": 2, "point": 1, "dx": 0.1, "dy": 0.0},)))
    state = json.loads(json.dumps(state_of(session), allow_nan=False))
    assert state["model"] == {
        "name": sources["single"],
        "kind": "single",
        "resolution": 32,
        "num_layers": 8,
        "editable": True,
        "object_styles": False,
        "object_coordinates": False,
        "attention": True,
    }
    assert [e["label"] for e in state["history"]] == ["Seed 3", "Move level 2.1"]
    assert all(e["model"] == sources["single"] for e in state["history"])
    assert (state["position"], state["start_position"], state["seed"]) == (1, 0, 3)


def test_the_page_is_told_whether_round_objects_can_be_turned():
    plain = ModelConfig(layout="multi", encoding="multi")
    for config, turns in ((plain, False), (replace(plain, coordinates_max_resolution=8), True)):
        assert Offer("m", Path(), "0", config, has_attention=False).to_json()["object_coordinates"] is turns


def test_handles_of_levels(started):
    scene = started("single").scene
    handles = handles_of(scene)
    assert [h["name"] for h in handles] == ["level 0", "level 1.0", "level 1.1", *(f"level 2.{i}" for i in range(4))]
    assert [[h["x"], h["y"]] for h in handles] == scene.layout.centers.tolist()
    assert [[h["std_x"], h["std_y"]] for h in handles] == scene.layout.stds.tolist()


def test_handles_of_objects(started):
    scene = started("multi").scene.remove(1).rotate(2, 30)
    handles = handles_of(scene)
    assert [h["place"] for h in handles] == [{"object": 0}, {"object": 1}, {"object": 2}]
    assert [h["gone"] for h in handles] == [False, True, False]
    assert handles[2]["degrees"] == pytest.approx(30)


def test_handles_act_as_far_as_the_models_card_says(started, monkeypatch):
    scene = started("single").scene
    assert all(h["acts"] and h["reach"] is None for h in handles_of(scene))
    said = [{"level": 0, "point": 0, "effect": 30.0, "reach": 0.3, "acts": True}]
    said += [{"level": 2, "point": 3, "effect": 0.4, "reach": None, "acts": False}]
    monkeypatch.setitem(scene.model.card, "handles", said)
    first, *others, last = handles_of(scene)
    assert (first["acts"], first["reach"]) == (True, 0.3) and (last["acts"], last["reach"]) == (False, None)
    assert all(h["acts"] and h["reach"] is None for h in others)


@pytest.mark.parametrize("said", [3, None, [3], [{"level": 0}], [{"level": "x", "point": 0, "acts": 1, "reach": 1}]])
def test_what_a_card_says_that_cannot_be_understood_hides_nothing(started, monkeypatch, said):
    scene = started("single").scene
    monkeypatch.setitem(scene.model.card, "handles", said)
    assert all(h["acts"] and h["reach"] is None for h in handles_of(scene))


def test_a_picture_without_layout_has_no_handles(started):
    assert handles_of(started("plain").scene) == []


def test_frames_round_trip(rng):
    planes = {"a": np.arange(24, dtype=np.uint8).reshape(2, 4, 3), "b/1": np.full((1, 2, 1), 7, np.uint8)}
    header, read = read_frame(frame({"kind": "x", "name": "é"}, planes))
    assert header == {"kind": "x", "name": "é"}
    assert all(np.array_equal(read[n], p) for n, p in planes.items()) and list(read) == list(planes)


def test_planes_are_the_picture_and_its_maps(started):
    scene = started("single").scene
    planes = planes_of(scene, "attention")
    assert np.array_equal(planes["picture"], np.asarray(scene.image))
    assert list(planes) == [
        "picture",
        "heatmap/0",
        "heatmap/1",
        "heatmap/2",
        "attention/0",
        "attention/1",
        "attention/2",
    ]
    assert planes["heatmap/0"].max() > 250
    assert [n for n in planes_of(scene, "features") if n.startswith("f")] == [f"features/{r}" for r in (4, 8, 16, 32)]


def test_mean_features_are_those_that_the_picture_is_made_of(started):
    scene = started("multi").scene
    moved = scene.move(0, dx=0.3)
    assert all(m.shape == (r, r) and m.min() >= 0 and m.max() <= 1 for r, m in mean_features(scene).items())
    assert not np.allclose(mean_features(scene)[32], mean_features(moved)[32])
