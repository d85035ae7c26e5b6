"""Drags within a session, without a server."""

from types import SimpleNamespace

import pytest

from spatialgan.errors import SpatialGANError
from spatialgan.studio import dragging
from spatialgan.studio.dragging import MAX_HANDLES, MAX_STEPS, Dragging
from spatialgan.studio.session import Busy, Session

HANDLES = [((0.4, 0.5), (0.6, 0.5))]


@pytest.fixture
def session(models, sources) -> Session:
    session = Session(models)
    session.start(sources["multi"], 3)
    return session


@pytest.fixture
def steps(monkeypatch) -> dict:
    """A drag of four steps; ``best`` says which of them is the result."""
    settings = {"best": 3}

    def drag_steps(scene, handles, **options):
        trace = []
        for i in range(5):
            now = scene if i == 0 else scene.move(0, dx=0.01 * i)
            trace.append(SimpleNamespace(index=i, scene=now, handles=(), distance=0.1, seconds=0.0))
            yield trace[-1]
        return SimpleNamespace(scene=trace[settings["best"]].scene, stop_reason="no_progress", trace=trace)

    monkeypatch.setattr(dragging, "drag_steps", drag_steps)
    return settings


def finish(drag: Dragging) -> None:
    while drag.advance() is not None:
        pass


def test_the_best_step_becomes_the_entry(session, steps):
    drag = Dragging(session, HANDLES)
    finish(drag)
    assert session.history[-1].label == "Drag" and session.scene.edits[-1]["dx"] == 0.03
    assert drag.status()["step"] == 3 and drag.stop_reason == "no_progress" and not session.dragging
    assert drag.status()["num_steps"] == 4


def test_a_drag_that_brings_nothing_leaves_no_entry(session, steps):
    steps["best"] = 0
    finish(Dragging(session, HANDLES))
    assert len(session.history) == 1 and not session.dragging


@pytest.mark.parametrize(("made", "entries"), [(0, 1), (1, 1), (3, 2)])
def test_stopping_keeps_the_step_that_is_shown(session, steps, made, entries):
    drag = Dragging(session, HANDLES)
    for _ in range(made):
        drag.advance()
    drag.stop()
    drag.stop()
    assert len(session.history) == entries and drag.stop_reason == "stopped" and not session.dragging
    if entries == 2:
        assert session.scene.edits[-1]["dx"] == 0.02


def test_one_drag_at_a_time(session, steps):
    Dragging(session, HANDLES)
    with pytest.raises(Busy):
        Dragging(session, HANDLES)


@pytest.mark.parametrize(
    ("handles", "max_steps", "message"),
    [
        (HANDLES * (MAX_HANDLES + 1), 10, "are too many"),
        (HANDLES, 0, "max_steps is 0"),
        (HANDLES, MAX_STEPS + 1, f"use 1 to {MAX_STEPS}"),
    ],
)
def test_limits(session, handles, max_steps, message):
    with pytest.raises(SpatialGANError, match=message):
        Dragging(session, handles, max_steps=max_steps)
    assert not session.dragging


def test_a_drag_that_fails_leaves_the_picture_alone(session, monkeypatch):
    def drag_steps(scene, handles, **options):
        yield SimpleNamespace(index=0, scene=scene)
        raise ZeroDivisionError

    monkeypatch.setattr(dragging, "drag_steps", drag_steps)
    drag = Dragging(session, HANDLES)
    drag.advance()
    with pytest.raises(ZeroDivisionError):
        drag.advance()
    assert drag.stop_reason == "failed" and not session.dragging and len(session.history) == 1


def test_real_drags(session):
    with pytest.raises(SpatialGANError, match="outside the image"):
        Dragging(session, [((0.4, 0.5), (1.5, 0.5))]).advance()
    assert not session.dragging
    drag = Dragging(session, HANDLES, max_steps=2)
    finish(drag)
    assert drag.stop_reason is not None and not session.dragging
