"""Photographs in the studio: the work within a session, over HTTP, and in the page."""

import io
import json
import time

import numpy as np
import pytest
from browsing import settle, shown
from fastapi.testclient import TestClient
from PIL import Image

from spatialgan.editing.inversion import InvertOptions
from spatialgan.errors import SpatialGANError
from spatialgan.studio import fitting
from spatialgan.studio.fitting import Fitting
from spatialgan.studio.server import make_app
from spatialgan.studio.session import Busy, Change, Session
from spatialgan.studio.wire import read_frame, state_of


@pytest.fixture(autouse=True)
def little_work(monkeypatch):
    monkeypatch.setattr(fitting, "OPTIONS", InvertOptions(candidates=32, starts=1, steps=6))
    monkeypatch.setattr(fitting, "TUNE_STEPS", 2)


def orange(kind: str = "JPEG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (60, 40), (255, 140, 0)).save(data, kind)
    return data.getvalue()


@pytest.fixture
def session(models, sources) -> Session:
    session = Session(models)
    session.start(sources["single"], 3)
    return session


def finish(fit: Fitting) -> list[dict]:
    seen = [fit.status()]
    while fit.stop_reason is None:
        fit.advance()
        seen.append(fit.status())
    return seen


@pytest.mark.parametrize("tune", [False, True])
def test_it_becomes_the_next_entry_and_a_start(session, sources, tune):
    fit = Fitting(session, sources["multi"], orange(), "cat.jpg", tune=tune)
    with pytest.raises(Busy, match="the fit of a photograph is under way; stop it first"):
        session.undo()
    seen = finish(fit)
    assert fit.stop_reason == "done" and session.work is None
    assert [e.label for e in session.history] == ["Seed 3", "Photograph"] and session.history[1].is_start
    assert session.scene.edits[0]["photo"] == "cat.jpg"
    assert (session.scene.model.tuning is not None) == tune
    shares = [s["share"] for s in seen]
    assert shares == sorted(shares) and shares[-1] == 1 and 0 < shares[0] < 0.2
    assert [s["likeness"] is None for s in seen] == [True] * (len(seen) - 1) + [False]
    assert ("tuning" in {s["stage"] for s in seen}) == tune


def test_it_can_be_edited_saved_and_opened_again(session, sources):
    finish(Fitting(session, sources["single"], orange(), "cat.jpg", tune=True))
    data = session.scene.to_json()
    session.open(json.loads(json.dumps(data)))
    assert (session.scene.tensor - session.original.tensor).abs().max() == 0
    again = Session(session.models)
    again.open(data)
    assert (again.scene.tensor - session.scene.tensor).abs().max() == 0


def test_the_history_says_which_steps_can_be_blended(session, sources):
    """A photograph's generator is a copy with weights of its own, under its model's name."""
    session.start(sources["single"], 4)
    finish(Fitting(session, sources["single"], orange(), "cat.jpg", tune=True))
    session.edit(Change(({"edit": "with_new_styles", "seed": 4},)))
    session.finish_drag(session.scene.drag([((0.25, 0.5), (0.75, 0.5))], mode="pixels", max_steps=1).scene)
    steps = state_of(session)["history"]
    groups = [step["group"] for step in steps]
    assert groups == [0, 0, 1, 1, 2] and len({step["model"] for step in steps}) == 1
    for other in range(1, 5):
        change = Change(between=(steps[0]["id"], steps[other]["id"]), at=0.5)
        if groups[other] == groups[0]:
            session.after(change)
        else:
            with pytest.raises(SpatialGANError):
                session.after(change)


def test_stopped_it_is_the_best_so_far(session, sources):
    fit = Fitting(session, sources["single"], orange(), "cat.jpg", tune=True)
    fit.stop()
    assert fit.stop_reason == "stopped" and len(session.history) == 2 and session.work is None
    fit.stop()
    fit.advance()
    assert len(session.history) == 2


def test_what_is_no_photograph_leaves_everything_as_it_was(session, sources):
    for data, model, sentence in (
        (b"no picture", sources["single"], "note.txt: is not an image"),
        (orange(), "nonsense", "there is no model 'nonsense'"),
    ):
        with pytest.raises(SpatialGANError, match=sentence):
            Fitting(session, model, data, "note.txt")
    assert session.work is None and len(session.history) == 1


def test_a_failure_frees_the_session(session, sources, monkeypatch):
    fit = Fitting(session, sources["single"], orange(), "cat.jpg")
    monkeypatch.setattr(fit.session, "add_photo", lambda *a: (_ for _ in ()).throw(SpatialGANError("too full")))
    with pytest.raises(SpatialGANError, match="too full"):
        finish(fit)
    assert fit.stop_reason == "failed" and session.work is None
    session.undo()


# ------------------------------------------------------------- over HTTP


@pytest.fixture(scope="module")
def client(models):
    with TestClient(make_app(models), base_url="http://127.0.0.1:7860") as client:
        yield client


@pytest.fixture
def home(client, sources) -> str:
    home = f"/api/v1/sessions/{client.post('/api/v1/sessions').json()['session']}"
    client.post(f"{home}/picture", json={"model": sources["single"], "seed": 3})
    return home


def wait(client, home) -> dict:
    for _ in range(600):
        status = client.get(f"{home}/photo").json()
        if status["stop_reason"]:
            return status
        time.sleep(0.05)
    raise AssertionError("the fit has no end")


def test_a_photograph_is_watched_and_compared_with(client, home, sources, monkeypatch):
    monkeypatch.setattr("spatialgan.studio.live.TELL_S", 0)
    with client.websocket_connect(f"{home}/live", headers={"host": "127.0.0.1:7860"}) as live:
        live.receive_bytes()
        begun = client.put(f"{home}/photo", params={"model": sources["single"], "name": "a.jpg"}, content=orange())
        assert begun.status_code == 202 and begun.json()["stage"] == "search"
        header, texts, planes = {}, [], {}
        while not texts or texts[-1]["kind"] != "photo_end":
            message = live.receive()
            if message.get("text"):
                texts.append(json.loads(message["text"]))
            else:
                header, planes = read_frame(message["bytes"])
    assert {t["kind"] for t in texts} == {"photo", "photo_end"}
    assert texts[-1]["stop_reason"] == "done" and texts[-1]["likeness"]["psnr_db"] > 0
    assert header["state"]["history"][-1]["label"] == "Photograph"
    assert abs(planes["original"].reshape(-1, 3).mean(axis=0) - [255, 140, 0]).max() < 3
    assert wait(client, home)["share"] == 1


def test_it_is_stopped_by_request_and_bad_requests_get_a_sentence(client, home, sources):
    assert client.get(f"{home}/photo").status_code == 400
    assert client.delete(f"{home}/photo").status_code == 200  # nothing is under way
    bad = client.put(f"{home}/photo", params={"model": sources["single"], "name": "b.txt"}, content=b"text")
    assert bad.status_code == 400 and "b.txt: is not an image" in bad.json()["error"]
    assert client.put(f"{home}/photo", content=orange()).status_code == 422
    client.put(f"{home}/photo", params={"model": sources["single"]}, content=orange("PNG"))
    stopped = client.delete(f"{home}/photo").json()
    assert [s["label"] for s in stopped["history"]] == ["Seed 3", "Photograph"]
    assert wait(client, home)["stop_reason"] in ("stopped", "done")


# ------------------------------------------------------------- in the page


def test_the_page_opens_a_photograph_and_compares_with_it(visit):
    page = visit()
    settle(page, 0)
    page.set_input_files("#file", {"name": "cat.png", "mimeType": "image/png", "buffer": orange("PNG")})
    after = settle(page, 1)
    assert after["history"][-1]["label"] == "Photograph" and after["start_position"] == 1
    page.wait_for_selector("#fitting", state="hidden")
    page.wait_for_selector("#notices >> text=The drawn picture is")
    page.click("#compare")
    photo = shown(page, "before").reshape(-1, 3).mean(axis=0)
    assert np.abs(photo - [255, 140, 0]).max() < 6


def test_its_progress_is_shown_and_stopped(visit, monkeypatch):
    monkeypatch.setattr(fitting, "OPTIONS", InvertOptions(candidates=32, starts=1, steps=30_000))
    page = visit()
    settle(page, 0)
    page.set_input_files("#file", {"name": "cat.jpg", "mimeType": "image/jpeg", "buffer": orange()})
    page.wait_for_selector("#fitting:not([hidden]) >> text=Where things are, and what they look like")
    assert 0 < page.eval_on_selector("#fit-share", "p => p.value") < 1
    page.click("#fit-stop")
    assert settle(page, 1)["history"][-1]["label"] == "Photograph"
    page.wait_for_selector("#fitting", state="hidden")
    page.wait_for_selector("#notices >> text=Stopped early: so far the drawn picture is")


def test_files_of_other_kinds_are_refused_in_a_sentence(visit):
    page = visit()
    settle(page, 0)
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"})
    page.wait_for_selector("#notices >> text=a.txt is neither a scene nor a photograph")
    page.set_input_files("#file", {"name": "b.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    page.wait_for_selector("#notices >> text=b.jpg cannot be read as a picture")
