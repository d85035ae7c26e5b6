"""While a hand moves, pictures are as small as they must be; the full one follows when it rests."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from spatialgan.studio import pace
from spatialgan.studio.model_list import Models
from spatialgan.studio.server import make_app
from spatialgan.studio.wire import read_frame

_spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parents[1] / "editing/tiny_models.py")
tiny_models = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny_models)
HERE = "http://127.0.0.1:7860"


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    return str(tiny_models.make_model(resolution=128).save(tmp_path_factory.mktemp("models") / "large"))


@pytest.fixture
def client(source):
    with TestClient(make_app(Models([source], device="cpu")), base_url=HERE) as client:
        yield client


@pytest.fixture
def home(client, source) -> str:
    home = f"/api/v1/sessions/{client.post('/api/v1/sessions').json()['session']}"
    assert client.post(f"{home}/picture", json={"model": source, "seed": 3}).status_code == 200
    return home


@pytest.fixture
def slow(monkeypatch):
    """No machine keeps up."""
    monkeypatch.setattr(pace, "FRAMES_PER_SECOND", 1e12)


def connect(client, home):
    return client.websocket_connect(f"{home}/live", headers={"host": "127.0.0.1:7860"})


def preview(serial: int) -> dict:
    edits = [{"edit": "move", "level": 0, "dx": 0.02 * serial, "dy": 0.0}]
    return {"kind": "preview", "serial": serial, "revision": 1, "edits": edits}


def next_preview(live) -> tuple[int, np.ndarray]:
    while True:
        header, planes = read_frame(live.receive_bytes())
        if header["kind"] == "preview":
            return header["serial"], planes["picture"]


def test_the_small_picture_comes_first_and_the_full_one_when_the_hand_rests(client, home, slow):
    with connect(client, home) as live:
        live.send_json(preview(1))
        (first, small), (second, full) = next_preview(live), next_preview(live)
    assert (first, second) == (1, 1) and small.shape == (64, 64, 3) and full.shape == (128, 128, 3)
    edited = client.post(f"{home}/edits", json={"edits": preview(1)["edits"]})
    assert edited.status_code == 200
    _, planes = read_frame(client.get(f"{home}/frame").content)
    assert np.array_equal(planes["picture"], full)


def test_of_a_moving_hand_only_the_last_place_is_drawn_in_full(client, home, slow):
    with connect(client, home) as live:
        for serial in range(1, 6):
            live.send_json(preview(serial))
        seen = [next_preview(live)]
        while seen[-1][1].shape[0] < 128:
            seen.append(next_preview(live))
    assert seen[-1][0] == 5 and all(picture.shape[0] == 64 for _, picture in seen[:-1])


def test_where_the_machine_keeps_up_there_is_one_picture_of_each_place(client, home, monkeypatch):
    monkeypatch.setattr(pace, "FRAMES_PER_SECOND", 1e-9)
    with connect(client, home) as live:
        live.send_json(preview(1))
        assert next_preview(live)[1].shape[0] == 64  # nothing is known yet
        assert next_preview(live)[1].shape[0] == 128
        for serial in (2, 3):
            live.send_json(preview(serial))
            number, picture = next_preview(live)
            assert number == serial and picture.shape[0] == 128
