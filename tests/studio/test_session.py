"""Sessions: history, previews, models and scenes, without any server."""

import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from spatialgan.editing.interpolation import scene_between
from spatialgan.editing.scene_file import scene_to_json
from spatialgan.errors import SpatialGANError
from spatialgan.studio.model_list import Models
from spatialgan.studio.session import MAX_FRAMES, MAX_OBJECTS, Busy, Change, Outdated, Session


@pytest.fixture
def session(models, sources):
    session = Session(models)
    session.start(sources["single"], 3)
    return session


@pytest.fixture
def objects(models, sources):
    session = Session(models)
    session.start(sources["multi"], 3)
    return session


def move(dx: float = 0.1, level: int = 0, point: int | None = None) -> Change:
    return Change(({"edit": "move", "level": level, "point": point, "dx": dx, "dy": 0.0},))


def labels(session: Session) -> list[str]:
    return [entry.label for entry in session.history]


def test_a_session_begins_empty(models):
    with pytest.raises(SpatialGANError, match="no picture yet"):
        _ = Session(models).scene


def test_an_edit_becomes_an_entry(session):
    before = session.scene
    session.edit(move())
    assert labels(session) == ["Seed 3", "Move level 0"] and session.position == 1
    expected = before.move(0, dx=0.1)
    assert torch.equal(session.scene.layout.centers, expected.layout.centers)
    assert torch.equal(session.scene.tensor, expected.tensor)
    assert session.original is not before and torch.equal(session.original.tensor, before.tensor)


def test_undo_has_no_end(session):
    pictures = [session.scene.tensor]
    for i in range(20):
        session.edit(move(0.01 * (i + 1)))
        pictures.append(session.scene.tensor)
    for picture in reversed(pictures[:-1]):
        session.undo()
        assert torch.equal(session.scene.tensor, picture)
    revision = session.revision
    session.undo()
    assert session.position == 0 and session.revision == revision
    for picture in pictures[1:]:
        session.redo()
        assert torch.equal(session.scene.tensor, picture)
    session.redo()
    assert session.position == 20


def test_an_edit_after_an_undo_replaces_what_followed(session):
    session.edit(move(0.1))
    session.edit(move(0.2))
    session.go(1)
    session.edit(Change(({"edit": "resize", "level": 1, "point": 0, "factor": 1.5},)))
    assert labels(session) == ["Seed 3", "Move level 0", "Resize level 1.0"]
    assert len({entry.id for entry in session.history}) == 3


def test_history_holds_no_pixels(session):
    session.edit(move())
    assert all("tensor" not in vars(entry.scene) and "image" not in vars(entry.scene) for entry in session.history)


def test_a_preview_changes_nothing_and_is_not_drawn_twice(session):
    before, revision = session.scene, session.revision
    preview = session.preview(move(), revision)
    assert session.scene is before and session.revision == revision and len(session.history) == 1
    session.edit(move(), revision)
    assert session.scene is preview


def test_a_preview_of_another_picture_is_refused(session):
    revision = session.revision
    session.edit(move())
    with pytest.raises(Outdated):
        session.preview(move(), revision)
    with pytest.raises(Outdated):
        session.edit(move(), revision)
    assert len(session.history) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Change(({"edit": "explode"},)), "there is no edit 'explode'"),
        (Change(("move",)), "there is no edit 'move'"),
        (
            Change(({"edit": "move", "level": 0, "dx": 1},)),
            "move takes level, point, object, dx, dy; it was given level, dx",
        ),
        (Change(({"edit": "move", "dx": 1, "dy": 1},)), "needs to know where"),
        (move(level=7), "there is no level 7"),
        (move(float("nan")), "dx is nan"),
        (Change(({"edit": "restyle", "object": 0, "seed": 1},)), "needs a model with encoding=multi"),
        (Change(({"edit": "with_new_styles", "seed": "x"},)), "seed is 'x'"),
        (Change(truncation=float("inf")), "truncation is inf"),
        (Change(truncation=-1), "use 0"),
        (Change(tuple({"edit": "with_new_styles", "seed": i} for i in range(65))), "at most 64"),
    ],
)
def test_bad_edits_leave_everything_as_it_is(session, change, message):
    revision = session.revision
    with pytest.raises(SpatialGANError, match=message):
        session.edit(change)
    assert session.revision == revision and len(session.history) == 1


def test_objects_are_not_without_end(objects):
    add = {"edit": "add", "x": 0.5, "y": 0.5, "std": 0.1, "seed": 1}
    objects.edit(Change((add,) * (MAX_OBJECTS - 3)))
    with pytest.raises(SpatialGANError, match=f"at most {MAX_OBJECTS}"):
        objects.edit(Change((add,)))


def test_objects_edit(objects):
    objects.edit(Change(({"edit": "remove", "object": 1, "amount": 1.0},)))
    objects.edit(Change(({"edit": "restyle", "object": "background", "seed": 4},)))
    objects.edit(Change(({"edit": "duplicate", "object": 0, "dx": 0.1, "dy": 0.0},)))
    assert labels(objects)[1:] == ["Remove object 1", "Restyle background", "Duplicate object 0"]
    assert objects.scene.num_objects == 4


def test_truncation_is_an_entry_of_its_own(session):
    session.edit(Change(truncation=0.5))
    assert session.scene.truncation == 0.5 and labels(session)[-1] == "Truncation"


def test_a_new_picture_is_an_entry_that_can_be_undone(session, sources):
    session.edit(move())
    session.start(sources["multi"], 5)
    assert session.start_position == 2
    assert torch.equal(session.original.tensor, session.scene.tensor)
    session.undo()
    assert session.start_position == 0 and session.models.name_of(session.scene.model) == sources["single"]


def test_only_models_named_at_the_start(session, sources, tmp_path):
    other = tmp_path / "other.safetensors"
    other.write_bytes(Path(sources["single"]).read_bytes())
    for name in (str(other), "cats-64", "../../etc/passwd"):
        with pytest.raises(SpatialGANError, match="there is no model"):
            session.start(name, 0)


def test_a_studio_without_models_named_offers_the_bundled_ones():
    assert "cats-64" in Models().offers


def test_models_that_are_none_are_told_at_once(tmp_path):
    with pytest.raises(SpatialGANError, match="there is no model"):
        Models([str(tmp_path / "nothing")])


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_seeds_have_a_range(session, sources, seed):
    with pytest.raises(SpatialGANError, match="use a whole number from 0"):
        session.start(sources["single"], seed)


def test_a_saved_scene_opens_to_the_identical_picture(session, models):
    session.edit(move())
    data = json.loads(json.dumps(scene_to_json(session.scene)))
    other = Session(models)
    other.open(data)
    assert torch.equal(other.scene.tensor, session.scene.tensor) and labels(other) == ["Opened"]


@pytest.mark.parametrize("data", [None, [], {"model": 3}, {"model": {"name": "x", "weights_sha256": "00"}}])
def test_what_is_no_scene_of_ours_is_refused(session, data):
    with pytest.raises(SpatialGANError):
        session.open(data)
    assert len(session.history) == 1


def test_while_a_drag_is_under_way_nothing_else_happens(session, sources):
    session.work = "a drag"
    for f in (lambda: session.edit(move()), session.undo, lambda: session.start(sources["single"], 1)):
        with pytest.raises(Busy):
            f()
    session.finish_drag(session.scene.move(0, dx=0.1))
    assert labels(session) == ["Seed 3", "Drag"] and not session.dragging


def test_thumbnails_are_small_pngs(session):
    image = Image.open(io.BytesIO(session.entry(session.history[0].id).thumbnail))
    assert image.size == (32, 32) and image.format == "PNG"
    with pytest.raises(SpatialGANError, match="no entry 99"):
        session.entry(99)


def test_animations_go_there_and_back_and_end(session):
    assert session.animation() == [session.history[0].scene]
    for _ in range(40):
        session.edit(move(0.01))
    scenes = session.animation()
    assert scenes[0] is session.history[0].scene
    assert any(torch.equal(s.layout.centers, session.scene.layout.centers) for s in scenes)
    assert len(scenes) <= MAX_FRAMES


def test_heatmaps_that_became_pixels_have_an_animation(session):
    start = session.scene
    session.finish_drag(start.drag([((0.25, 0.5), (0.75, 0.5))], mode="pixels", max_steps=1).scene)
    pixels = session.scene
    frames = session.animation()
    assert {f.layout.has_centers for f in frames} == {True, False} and len(frames) > 2
    session.edit(Change(({"edit": "with_new_styles", "seed": 4},)))
    assert len(session.animation()) > len(frames)  # a jump, and then a way
    with pytest.raises(SpatialGANError, match="no way between"):
        scene_between(start, pixels, 0.5)


def test_a_plain_model_has_pictures_and_no_handles(models, sources):
    session = Session(models)
    session.start(sources["plain"], 1)
    session.edit(Change(({"edit": "with_new_styles", "seed": 4},)))
    with pytest.raises(SpatialGANError, match="reads no layout"):
        session.edit(move())


def test_between_two_pictures_of_the_history(session, sources):
    start = session.scene
    session.start(sources["single"], 8)
    ids = tuple(entry.id for entry in session.history)
    change = Change(between=ids, at=0.25)
    session.edit(change)
    assert labels(session)[-1] == "Blend" and session.position == 2
    expected = scene_between(start, session.history[1].scene, 0.25, space="w")
    assert torch.equal(session.scene.tensor, expected.tensor)
    session.edit(Change(between=ids, at=1.0))  # from the same two again, wherever the picture is
    assert torch.equal(session.scene.z, session.history[1].scene.z)


@pytest.mark.parametrize(
    ("ids", "at", "sentence"),
    [
        ((0, 99), 0.5, "no entry 99"),
        ((0, "x"), 0.5, "no entry x"),
        ((0, 0), 1.5, "at is 1.5"),
        ((0, 1), 0.5, "one model"),
    ],
)
def test_between_what_is_not_there(session, sources, ids, at, sentence):
    session.start(sources["multi"], 8)
    with pytest.raises(SpatialGANError, match=sentence):
        session.edit(Change(between=ids, at=at))
    assert session.position == 1
