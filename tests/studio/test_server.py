"""The server: the HTTP API, the WebSocket, who is let in, and what goes wrong."""

import base64
import io
import json
import shutil
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from spatialgan.config import ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.studio import dragging
from spatialgan.studio.access import Access
from spatialgan.studio.guard import MAX_BODY_BYTES, allowed_host
from spatialgan.studio.model_list import Models
from spatialgan.studio.server import address, drawing_threads, listen, make_app
from spatialgan.studio.wire import read_frame

HERE = "http://127.0.0.1:7860"
MOVE = {"edit": "move", "level": 0, "dx": 0.2, "dy": 0.0}


@pytest.fixture(scope="module")
def client(models):
    with TestClient(make_app(models), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def visit(client, sources):
    """A session with a picture: its address."""

    def begin(kind: str = "single", seed: int = 3) -> str:
        home = f"/api/v1/sessions/{client.post('/api/v1/sessions').json()['session']}"
        done = client.post(f"{home}/picture", json={"model": sources[kind], "seed": seed})
        assert done.status_code == 200, done.text
        return home

    return begin


@pytest.fixture
def fake_drag(monkeypatch):
    """A drag that moves level 0 step by step; ``speed`` is the seconds of a step."""
    settings = SimpleNamespace(pause_s=0.0, calls=[])

    def drag_steps(scene, handles, *, mask, mode, max_steps):
        settings.calls.append((handles, mask, mode, max_steps))
        trace = []
        for i in range(max_steps + 1):
            time.sleep(settings.pause_s)
            now = scene if i == 0 else scene.move(0, dx=0.01 * i)
            trace.append(SimpleNamespace(index=i, scene=now, handles=((0.1, 0.2),), distance=1.0, seconds=0.1 * i))
            yield trace[-1]
        return SimpleNamespace(scene=now, stop_reason="max_steps", trace=trace)

    monkeypatch.setattr(dragging, "drag_steps", drag_steps)
    return settings


def test_the_page_is_served(client):
    page = client.get("/")
    assert page.status_code == 200 and "text/html" in page.headers["content-type"]
    assert "default-src 'self'" in page.headers["content-security-policy"]


def test_what_there_is(client, sources):
    info = client.get("/api/v1/studio").json()
    assert [m["name"] for m in info["models"]] == list(sources.values())
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert "/api/v1/sessions/{session}/edits" in paths


def test_edit_undo_redo(client, visit):
    home = visit()
    first = client.get(home).json()["handles"][0]["x"]
    moved = client.post(f"{home}/edits", json={"edits": [MOVE]}).json()
    assert moved["handles"][0]["x"] == pytest.approx(first + 0.2) and moved["position"] == 1
    assert client.post(f"{home}/undo").json()["handles"][0]["x"] == first
    assert client.post(f"{home}/redo").json()["handles"][0]["x"] == moved["handles"][0]["x"]
    assert client.post(f"{home}/history/0").json()["position"] == 0
    png = client.get(f"{home}/thumbnails/{moved['history'][1]['id']}.png")
    assert Image.open(io.BytesIO(png.content)).size == (32, 32)


def test_the_picture_and_its_frame_agree(client, visit):
    home = visit("multi")
    image = Image.open(io.BytesIO(client.get(f"{home}/picture.png").content))
    header, planes = read_frame(client.get(f"{home}/frame", params={"overlay": "features"}).content)
    assert np.array_equal(np.asarray(image), planes["picture"]) and len(header["handles"]) == 3
    assert "features/32" in planes
    large = client.get(f"{home}/picture.png", params={"scale": 4})
    assert Image.open(io.BytesIO(large.content)).size == (128, 128)
    assert '-128px.png"' in large.headers["content-disposition"]  # beside the small one, in one folder
    assert client.get(f"{home}/picture.png", params={"scale": 1000}).status_code == 400


def test_a_scene_file_opens_to_the_identical_picture(client, visit):
    home = visit()
    client.post(f"{home}/edits", json={"edits": [MOVE], "truncation": 0.7})
    saved, picture = client.get(f"{home}/scene.json"), client.get(f"{home}/picture.png").content
    assert 'filename="single-seed3.scene.json"' in saved.headers["content-disposition"]
    other = visit("multi", 9)
    opened = client.put(f"{other}/scene.json", content=saved.content)
    assert opened.status_code == 200 and opened.json()["history"][-1]["label"] == "Opened"
    assert client.get(f"{other}/picture.png").content == picture


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b'{"format_version": 1}', b"[" * 100_000])
def test_what_is_no_scene_is_told_in_a_sentence(client, visit, body):
    answer = client.put(f"{visit()}/scene.json", content=body)
    assert answer.status_code == 400 and len(answer.json()["error"]) > 20


def test_animations(client, visit):
    home = visit()
    client.post(f"{home}/edits", json={"edits": [MOVE]})
    gif = Image.open(io.BytesIO(client.get(f"{home}/animation.gif").content))
    assert gif.format == "GIF" and gif.n_frames > 10
    mp4 = client.get(f"{home}/animation.mp4").content
    assert mp4[4:8] == b"ftyp"


def test_an_animation_tells_how_far_it_is(client, visit, monkeypatch):
    monkeypatch.setattr("spatialgan.studio.api.RENDER_CHUNK", 2)
    home = visit()
    client.post(f"{home}/edits", json={"edits": [MOVE]})
    with connect(client, home) as live:
        client.get(f"{home}/animation.gif")
        shares = [frames(live, "animation")[0]["share"]]
        while shares[-1] < 1:
            shares.append(frames(live, "animation")[0]["share"])
    assert len(shares) > 2 and shares == sorted(shares) and shares[0] > 0


def test_alternatives_leave_the_picture_alone(client, visit):
    home = visit("multi")
    before = client.get(home).json()["revision"]
    changes = [{"edits": [{"edit": "restyle", "object": 0, "seed": s}]} for s in range(3)]
    urls = client.post(f"{home}/alternatives", json={"changes": changes}).json()
    assert len(set(urls)) == 3 and client.get(home).json()["revision"] == before
    client.post(f"{home}/edits", json=changes[1])
    png = base64.b64decode(urls[1].split(",")[1])
    assert np.array_equal(
        np.asarray(Image.open(io.BytesIO(png))),
        np.asarray(Image.open(io.BytesIO(client.get(f"{home}/picture.png").content))),
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "edits", {"edits": [{"edit": "explode"}]}, 422),
        ("POST", "edits", {"edits": [MOVE], "revision": 0}, 409),
        ("POST", "edits", {"edits": [MOVE], "surprise": 1}, 422),
        ("POST", "edits", {"edits": "x"}, 422),
        ("POST", "edits", {"edits": [{**MOVE, "dx": 1e300}]}, 422),
        ("POST", "picture", {"model": "/etc/passwd", "seed": 1}, 400),
        ("POST", "picture", {"model": "x", "seed": -1}, 422),
        ("POST", "history/99", None, 400),
        ("POST", "alternatives", {"changes": [{}] * 17}, 422),
        ("POST", "alternatives", {"changes": [{"revision": 1}]}, 422),  # which would be ignored: nothing is changed
        ("POST", "drag", {"handles": []}, 422),
        ("GET", "drag", None, 400),
        ("GET", "thumbnails/77.png", None, 400),
        ("GET", "animation.exe", None, 422),
        ("GET", "nothing", None, 404),
    ],
)
def test_mistakes_get_a_sentence(client, visit, method, path, body, status):
    home = visit()
    answer = client.request(method, f"{home}/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"} and "Traceback" not in answer.text
    assert client.get(home).json()["position"] == 0


def test_a_session_that_does_not_exist(client):
    answer = client.get("/api/v1/sessions/none")
    assert answer.status_code == 404 and "reload the page" in answer.json()["error"]


def test_a_crash_touches_no_other_session(client, visit, monkeypatch):
    home, other = visit(), visit()
    broken = client.app.state.studio.sessions.get(home.rsplit("/", 1)[1]).session
    monkeypatch.setattr(broken, "undo", lambda: 1 / 0)
    answer = client.post(f"{home}/undo")
    assert answer.status_code == 500 and "ZeroDivision" not in answer.text and "error" in answer.json()
    assert client.post(f"{other}/edits", json={"edits": [MOVE]}).status_code == 200
    assert client.post(f"{home}/edits", json={"edits": [MOVE]}).status_code == 200


# ------------------------------------------------------------- live


def connect(client, home: str, **headers: str):
    """The client's own Host for a WebSocket is another than for HTTP."""
    return client.websocket_connect(f"{home}/live", headers={"host": "127.0.0.1:7860"} | headers)


def frames(live, kind: str):
    """The next frame of a kind."""
    for _ in range(500):
        message = live.receive()
        if message.get("bytes"):
            header, planes = read_frame(message["bytes"])
            if header["kind"] == kind:
                return header, planes
        elif json.loads(message["text"])["kind"] == kind:
            return json.loads(message["text"]), None
    raise AssertionError(f"no {kind}")


def test_a_page_is_shown_the_picture_and_what_scripts_do_to_it(client, visit):
    home = visit()
    with connect(client, home) as live:
        header, planes = frames(live, "current")
        assert header["state"]["revision"] == 1 and np.array_equal(planes["picture"], planes["original"])
        client.post(f"{home}/edits", json={"edits": [MOVE]})
        header, planes = frames(live, "current")
        assert header["state"]["position"] == 1 and not np.array_equal(planes["picture"], planes["original"])


def test_previews_come_with_their_number_and_the_last_one_is_shown(client, visit):
    home = visit()
    with connect(client, home) as live:
        frames(live, "current")
        for i in range(30):
            live.send_json({"kind": "preview", "serial": i, "revision": 1, "edits": [{**MOVE, "dx": 0.01 * i}]})
        serials = []
        while not serials or serials[-1] < 29:
            header, planes = frames(live, "preview")
            serials.append(header["serial"])
            assert set(header["timing"]) == {"queue_ms", "generator_ms", "cpu_ms", "encode_ms"}
        assert serials == sorted(serials)
    client.post(f"{home}/edits", json={"edits": [{**MOVE, "dx": 0.01 * 29}], "revision": 1})
    image = Image.open(io.BytesIO(client.get(f"{home}/picture.png").content))
    assert np.array_equal(np.asarray(image), planes["picture"])


def test_overlays(client, visit):
    with connect(client, visit()) as live:
        frames(live, "current")
        live.send_json({"kind": "overlay", "overlay": "attention"})
        assert "attention/2" in frames(live, "current")[1]
    with connect(client, visit("plain")) as live:
        frames(live, "current")
        live.send_json({"kind": "overlay", "overlay": "attention"})
        assert "attention is the discriminator's" in frames(live, "error")[0]["error"]
        live.send_json({"kind": "hello"})
        assert frames(live, "current")


def test_an_overlay_that_another_model_lacks_is_not_shown_with_it(client, visit, sources):
    """Else each change was made, answered as an error, and made again by whoever tried again."""
    home = visit()
    with connect(client, home) as live:
        frames(live, "current")
        live.send_json({"kind": "overlay", "overlay": "attention"})
        assert "attention/2" in frames(live, "current")[1]
        answer = client.post(f"{home}/picture", json={"model": sources["plain"], "seed": 1})
        assert answer.status_code == 200 and len(answer.json()["history"]) == 2
        header, planes = frames(live, "current")
        assert "picture" in planes and "attention/2" not in planes
        new_styles = {"edits": [{"edit": "with_new_styles", "seed": 4}], "revision": header["state"]["revision"]}
        live.send_json({"kind": "preview", "serial": 1, **new_styles})
        assert "picture" in frames(live, "preview")[1]
        client.post(f"{home}/undo")
        assert "attention/2" in frames(live, "current")[1]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        '{"kind": "x"}',
        '{"kind": "preview", "edits": 3}',
        '{"kind": "preview", "revision": 1, "edits": [{"edit": "explode"}]}',
        '{"kind": "overlay", "overlay": "secret"}',
    ],
)
def test_bad_messages_are_answered_and_the_page_stays_connected(client, visit, message):
    with connect(client, visit()) as live:
        frames(live, "current")
        live.send_text(message)
        assert len(frames(live, "error")[0]["error"]) > 20
        live.send_json({"kind": "hello"})
        assert frames(live, "current")


def test_live_needs_a_session(client):
    with connect(client, "/api/v1/sessions/none") as live, pytest.raises(WebSocketDisconnect) as closed:
        live.receive_text()
    assert closed.value.code == 4404


# ------------------------------------------------------------- drag


def wait_for_drag(client, home) -> dict:
    for _ in range(500):
        status = client.get(f"{home}/drag").json()
        if status["stop_reason"] is not None:
            return status
        time.sleep(0.01)
    raise AssertionError("the drag has no end")


def test_a_drag_is_watched_and_becomes_an_entry(client, visit, fake_drag):
    home = visit()
    mask = io.BytesIO()
    Image.new("L", (32, 32), 255).save(mask, "PNG")
    body = {
        "handles": [[[0.4, 0.5], [0.6, 0.5]]],
        "mode": "joint",
        "max_steps": 5,
        "mask": base64.b64encode(mask.getvalue()).decode(),
    }
    with connect(client, home) as live:
        frames(live, "current")
        assert client.post(f"{home}/drag", json=body).status_code == 202
        header, _ = frames(live, "drag")
        assert {"step", "distance", "seconds", "points"} <= set(header)
        assert frames(live, "drag_end")[0]["stop_reason"] == "max_steps"
        assert frames(live, "current")[0]["state"]["history"][-1]["label"] == "Drag"
    ((handles, given, mode, steps),) = fake_drag.calls
    assert handles == [((0.4, 0.5), (0.6, 0.5))] and (mode, steps) == ("joint", 5) and given.size == (32, 32)
    assert wait_for_drag(client, home)["step"] == 5
    assert client.post(f"{home}/undo").json()["position"] == 0


def test_a_drag_is_stopped_where_it_is_and_lets_others_work(client, visit, fake_drag):
    fake_drag.pause_s = 0.02
    home, other = visit(), visit()
    client.post(f"{home}/drag", json={"handles": [[[0.4, 0.5], [0.6, 0.5]]], "max_steps": 400})
    assert client.post(f"{home}/undo").status_code == 409
    assert client.post(f"{home}/drag", json={"handles": [[[0.4, 0.5], [0.6, 0.5]]]}).status_code == 409
    assert client.post(f"{other}/edits", json={"edits": [MOVE]}).status_code == 200
    time.sleep(0.2)
    state = client.delete(f"{home}/drag").json()
    assert state["history"][-1]["label"] == "Drag" and not state["dragging"]
    assert 0 < wait_for_drag(client, home)["step"] < 100


def test_a_real_drag(client, visit):
    home = visit("multi")
    answer = client.post(f"{home}/drag", json={"handles": [[[0.4, 0.5], [0.6, 0.5]]], "max_steps": 3})
    assert answer.status_code == 202, answer.text
    assert wait_for_drag(client, home)["stop_reason"] in ("max_steps", "reached", "lost_track", "no_progress")
    outside = client.post(f"{home}/drag", json={"handles": [[[0.4, 0.5], [1.6, 0.5]]], "max_steps": 3})
    assert outside.status_code == 400 and "outside the image" in outside.json()["error"]
    assert not client.get(home).json()["dragging"]


@pytest.mark.parametrize(
    ("mask", "message"),
    [("x", "not readable"), (base64.b64encode(b"abc").decode(), "not readable"), ("small", "has 8x8 pixels")],
)
def test_masks_are_checked(client, visit, fake_drag, mask, message):
    if mask == "small":
        data = io.BytesIO()
        Image.new("L", (8, 8)).save(data, "PNG")
        mask = base64.b64encode(data.getvalue()).decode()
    home = visit()
    answer = client.post(f"{home}/drag", json={"handles": [[[0.4, 0.5], [0.6, 0.5]]], "mask": mask})
    assert answer.status_code == 400 and message in answer.json()["error"]
    assert not client.get(home).json()["dragging"]


# ------------------------------------------------------------- who is let in


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:7860"},
        {"host": ""},
        {"host": "127.0.0.1.evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8000"},
    ],
)
def test_strangers_stay_outside(client, visit, headers):
    home = visit()
    for path in ("/", "/api/v1/studio", home):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 403 and "studio" in answer.json()["error"]
    with pytest.raises(WebSocketDisconnect), connect(client, home, **headers):
        pass


@pytest.mark.parametrize(
    ("asked", "host", "answer"),
    [
        ("localhost:7860", "127.0.0.1", True),
        ("[::1]:7860", "127.0.0.1", True),
        ("192.168.0.4", "127.0.0.1", False),
        ("192.168.0.4:7860", "0.0.0.0", True),
        ("evil.example", "0.0.0.0", False),
        ("Museum.local:80", "museum.local", True),
        ("[", "0.0.0.0", False),
    ],
)
def test_hosts(asked, host, answer):
    assert allowed_host(asked, host) is answer


@pytest.mark.parametrize(("method", "path"), [("PUT", "scene.json"), ("POST", "history"), ("POST", "drag")])
def test_bodies_have_a_limit(models, method, path):
    """Also those that the framework reads before the studio sees them."""
    others = Access(proxies=("10.0.0.1",), token="t" * 32)
    with TestClient(
        make_app(models, access=others), base_url=HERE, headers={"authorization": f"Bearer {'t' * 32}"}
    ) as client:
        home = f"/api/v1/sessions/{client.post('/api/v1/sessions').json()['session']}"
        answer = client.request(method, f"{home}/{path}", content=b" " * (MAX_BODY_BYTES + 1))
        assert answer.status_code == 413 and "larger than 4 MB" in answer.json()["error"]

        def pieces():
            for _ in range(5):
                yield b" " * (MAX_BODY_BYTES // 4)

        assert client.request(method, f"{home}/{path}", content=pieces()).status_code == 413


def test_on_ones_own_computer_scenes_may_be_larger(client, visit):
    home = visit()
    scene = client.get(f"{home}/scene.json").content
    assert client.put(f"{home}/scene.json", content=scene + b" " * MAX_BODY_BYTES).status_code == 200


def test_a_model_that_was_replaced_since_the_start_is_told(sources, tmp_path):
    for end in (".safetensors", ".json", ".discriminator.safetensors"):
        shutil.copy(Path(sources["single"]).with_suffix(end), tmp_path / f"m{end}")
    offered = Models([str(tmp_path / "m.safetensors")], device="cpu")
    for end in (".safetensors", ".json", ".discriminator.safetensors"):
        other = Path(sources["multi"]).with_suffix(end)
        shutil.copy(other, tmp_path / f"m{end}")
    with pytest.raises(SpatialGANError, match=r"the file of .*m\.safetensors was replaced after"):
        offered.load(next(iter(offered.offers)))


def test_a_port_in_use_is_told_in_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SpatialGANError, match=f"port {port} is in use.*--port {port + 1}"):
            listen("127.0.0.1", port)
    with pytest.raises(SpatialGANError, match="use 0 to 65535"):
        listen("127.0.0.1", 99999)
    with pytest.raises(SpatialGANError, match="cannot listen on"):
        listen("203.0.113.7", 0)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 2), (64, 2)])
def test_as_many_threads_draw_as_pay_off_and_a_core_is_left_to_the_browser(monkeypatch, cores, threads):
    for module in ("spatialgan.threads", "spatialgan.studio.server"):
        monkeypatch.setattr(f"{module}.available_cores", lambda: cores)
    small, large = (SimpleNamespace(config=ModelConfig(channel_base=base)) for base in (1024, 16384))
    assert drawing_threads(SimpleNamespace(offers={"a": small})) == 1
    assert drawing_threads(SimpleNamespace(offers={"a": small, "b": large})) == threads


def test_addresses():
    assert address("0.0.0.0", 80) == "http://127.0.0.1:80/" and address("::1", 81) == "http://[::1]:81/"


def test_a_history_is_taken_up_by_another_session(client, visit):
    home = visit()
    client.post(f"{home}/edits", json={"edits": [MOVE]})
    client.post(f"{home}/edits", json={"edits": [MOVE], "truncation": 0.5})
    state = client.get(home).json()
    scenes = [client.get(f"{home}/scenes/{entry['id']}.json").json() for entry in state["history"]]
    other = f"/api/v1/sessions/{client.post('/api/v1/sessions').json()['session']}"
    for entry, scene in zip(state["history"], scenes, strict=True):
        kept = {"scene": scene, "label": entry["label"], "is_start": entry["is_start"]}
        assert client.post(f"{other}/history", json=kept).status_code == 200
    again = client.get(other).json()
    assert {**again, "revision": 0, "ends": ""} == {**state, "revision": 0, "ends": ""}
    for path in ("picture.png", "scene.json", "command"):
        assert client.get(f"{other}/{path}").content == client.get(f"{home}/{path}").content
    assert client.post(f"{other}/history", json={"scene": {}, "label": "x"}).status_code == 400
