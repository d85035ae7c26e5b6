"""The widget's part in Python: what is shown, what edits do, and what comes back. Without a browser."""

import io
import itertools
import sys
from typing import Any

import numpy as np
import pytest
from notebooks import tiny_models
from PIL import Image

from spatialgan import SpatialGANError
from spatialgan.notebook import widget
from spatialgan.notebook.scene_widget import SceneWidget
from spatialgan.studio.pace import Pace

SERIALS = itertools.count()
RIGHT = [{"edit": "move", "level": 0, "point": None, "dx": 0.1, "dy": 0.0}]


def picture(shown: SceneWidget) -> Image.Image:
    """What the page has been sent; a picture that stays the same is not sent again."""
    sent = next(state["_picture"] for state in reversed(shown.comm.sent) if "_picture" in state)
    return Image.open(io.BytesIO(sent))


def ask(shown: SceneWidget, kind: str, **more: Any) -> dict[str, Any]:
    """What is answered, in one message."""
    serial = f"a.{next(SERIALS)}"
    (state,) = shown.comm.ask({"kind": kind, "serial": serial, **more})
    assert state["_shown"]["serial"] == serial
    return state


def test_it_opens_with_the_picture_its_handles_and_what_the_page_needs(single):
    scene = single.sample(3)
    shown = widget(scene)
    (state,) = shown.comm.sent
    assert "render" in state["_esm"] and ".sg-stage" in state["_css"] and "scene" not in state
    assert picture(shown).tobytes() == scene.image.tobytes()
    assert [h["name"] for h in state["_shown"]["handles"]][:2] == ["level 0", "level 1.0"]
    assert len(state["_shown"]["handles"]) == 7
    assert {k: state["_shown"][k] for k in ("title", "full", "undo", "redo", "error")} == {
        "title": "tiny, seed 3", "full": True, "undo": False, "redo": False, "error": None,
    }  # fmt: skip
    assert shown.scene is scene and "application/vnd.jupyter.widget-view+json" in shown._repr_mimebundle_()[0]


def test_a_preview_is_shown_and_changes_nothing(single):
    shown = widget(single.sample(3))
    before, told = shown.scene, []
    shown.observe(told.append, "scene")
    state = ask(shown, "preview", edits=RIGHT)
    assert picture(shown).tobytes() == before.move(0, dx=0.1).image.tobytes()
    assert state["_shown"]["handles"][0]["x"] == pytest.approx(float(before.layout.centers[0, 0]) + 0.1)
    assert shown.scene is before and told == [] and not state["_shown"]["undo"]


def test_a_commit_is_an_edit_that_observers_hear_of_once(single):
    shown = widget(single.sample(3))
    before, told = shown.scene, []
    shown.observe(lambda change: told.append(change["new"]), "scene")
    ask(shown, "preview", edits=RIGHT, full=True)
    state = ask(shown, "commit", edits=RIGHT)
    assert told == [shown.scene] and shown.scene.edits == before.move(0, dx=0.1).edits
    assert picture(shown).tobytes() == shown.scene.image.tobytes() and state["_shown"]["undo"]
    assert before.edits == ()


def test_the_same_edits_again_are_made_again(single):
    shown = widget(single.sample(3))
    for _ in range(2):
        ask(shown, "preview", edits=RIGHT)
        ask(shown, "commit", edits=RIGHT)
    assert len(shown.scene.edits) == 2


def test_undo_redo_and_what_a_new_edit_makes_of_them(single):
    shown = widget(single.sample(3))
    first = shown.scene
    for _ in range(3):
        ask(shown, "commit", edits=RIGHT)
    assert [
        len(ask(shown, kind)["_shown"]["handles"]) and len(shown.scene.edits) for kind in ("undo", "undo", "redo")
    ] == [2, 1, 2]
    state = ask(shown, "commit", edits=[{"edit": "mirror"}])
    assert [e["edit"] for e in shown.scene.edits] == ["move", "move", "mirror"] and not state["_shown"]["redo"]
    for _ in range(5):
        state = ask(shown, "undo")
    assert shown.scene.edits == () and not state["_shown"]["undo"]
    assert picture(shown).tobytes() == first.image.tobytes()
    shown.redo()
    assert len(shown.scene.edits) == 1 and shown.comm.sent[-1]["_shown"]["serial"] is None


def test_the_history_keeps_no_pixels_but_the_current_ones(single):
    shown = widget(single.sample(3))
    for _ in range(3):
        ask(shown, "commit", edits=RIGHT)
    assert [scene.is_drawn for scene in shown._history] == [False, False, False, True]


def test_a_scene_that_is_assigned_is_shown_and_can_be_undone(single, multi):
    shown = widget(single.sample(3))
    shown.scene = multi.sample(5)
    state = shown.comm.sent[-1]
    assert state["_shown"]["title"] == "rooms, seed 5" and state["_shown"]["undo"]
    assert picture(shown).tobytes() == shown.scene.image.tobytes()
    ask(shown, "commit", edits=[{"edit": "remove", "object": 1, "amount": 1}])
    assert [h["place"] for h in shown._shown["handles"]] == [{"object": 0}, {"object": 2}]
    shown.undo()
    shown.undo()
    assert shown.scene.model is single
    with pytest.raises(Exception, match="scene"):
        shown.scene = "cats"


@pytest.mark.parametrize(
    ("place", "edit"), [({"object": 1}, "restyle"), (None, "with_new_styles"), ({"level": 0}, "with_new_styles")]
)
def test_new_styles_are_the_chosen_objects_or_all(place, edit, multi):
    shown = widget(multi.sample(3))
    before = shown.scene
    ask(shown, "restyle", place=place)
    assert shown.scene.edits[-1]["edit"] == edit
    changed = (shown.scene.z != before.z).any(dim=1).tolist()
    assert changed == ([False, True, False, False] if edit == "restyle" else [True] * 4)


def test_one_style_for_all_is_all_that_can_be_new(single):
    shown = widget(single.sample(3))
    ask(shown, "restyle", place={"level": 1, "point": 0})
    assert shown.scene.edits[-1]["edit"] == "with_new_styles"


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"kind": "commit", "edits": [{"edit": "move", "level": 7, "dx": 0.1, "dy": 0.0}]}, "there is no level 7"),
        ({"kind": "preview", "edits": [{"edit": "fly"}]}, "fly"),
        ({"kind": "preview", "edits": None}, "edits must be a list of edits"),
        ({"kind": "commit"}, "edits must be a list of edits"),
        ({"kind": "dance"}, "a message is an object with a kind: preview, commit"),
        ({}, "a message is an object with a kind"),
    ],
)
def test_what_cannot_be_done_is_told_and_the_scene_stays(message, sentence, single):
    shown = widget(single.sample(3))
    before = shown.scene
    (state,) = shown.comm.ask({"serial": "b.4", **message})
    assert sentence in state["_shown"]["error"] and state["_shown"]["serial"] == "b.4"
    assert shown.scene is before and not state["_shown"]["undo"]
    assert ask(shown, "commit", edits=RIGHT)["_shown"]["error"] is None


def test_a_fault_of_ours_is_answered_too(single, monkeypatch, capsys):
    shown = widget(single.sample(3))
    monkeypatch.setattr("spatialgan.notebook.scene_widget.edit_from_json", lambda record: 1 / 0)
    assert "something went wrong" in ask(shown, "commit", edits=RIGHT)["_shown"]["error"]
    monkeypatch.undo()


def test_while_something_moves_pictures_are_as_large_as_follows_a_hand(monkeypatch):
    model = tiny_models.make_model(resolution=128)
    shown = widget(model.sample(3))
    state = ask(shown, "preview", edits=RIGHT)
    assert picture(shown).size == (64, 64) and not state["_shown"]["full"] and state["_shown"]["resolution"] == 128
    state = ask(shown, "preview", edits=RIGHT, full=True)
    assert picture(shown).size == (128, 128) and state["_shown"]["full"]
    monkeypatch.setattr(Pace, "next_size", lambda pace: 128)
    ask(shown, "preview", edits=[{**RIGHT[0], "dx": 0.2}])
    assert picture(shown).size == (128, 128)


def test_a_plain_model_has_no_handles_and_other_styles():
    shown = widget(tiny_models.make_model(encoding="none").sample(1))
    assert shown._shown["handles"] == []
    before = np.asarray(shown.scene.image)
    ask(shown, "restyle", place=None)
    assert (np.asarray(shown.scene.image) != before).any()


def test_without_anywidget_a_sentence_says_what_to_install(single, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(SpatialGANError, match=r"run: pip install 'spatialgan\[notebook\]'$"):
        widget(single.sample(1))
