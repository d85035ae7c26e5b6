"""Requests of every wrong shape: each is answered with 4xx and a sentence, and the picture stays what it was."""

import json
import random
from typing import Any

import pytest
from fastapi.testclient import TestClient

from spatialgan.studio.server import make_app

HERE = "http://127.0.0.1:7860"
SURROGATE = "\ud800"
ODD = [
    None,
    True,
    -1,
    0,
    1,
    3,
    2**63,
    10**400,
    0.5,
    float("nan"),
    float("inf"),
    -1e308,
    "",
    "0",
    "background",
    SURROGATE,
    "x" * 10_000,
    "\0",
    [],
    [0],
    [[[]]],
    {},
    {"edit": "move"},
    "move",
    {"a": [1, {"b": None}]},
]
EDITS = (
    "move",
    "move_to",
    "resize",
    "stretch",
    "rotate",
    "remove",
    "restyle",
    "duplicate",
    "add",
    "with_new_layout",
    "with_new_styles",
    "mix_styles",
)
FIELDS = (
    "level",
    "point",
    "object",
    "dx",
    "dy",
    "x",
    "y",
    "factor",
    "sx",
    "sy",
    "degrees",
    "amount",
    "std",
    "seed",
    SURROGATE,
)


@pytest.fixture(scope="module")
def client(models):
    with TestClient(make_app(models), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def visit(client, sources):
    def begin(kind: str = "single") -> str:
        home = empty(client)
        assert client.post(f"{home}/picture", json={"model": sources[kind], "seed": 3}).status_code == 200
        return home

    return begin


def empty(client) -> str:
    return f"/api/v1/sessions/{client.post('/api/v1/sessions').json()['session']}"


def send(client, method: str, path: str, body: Any) -> Any:
    """Any JSON value, NaN and surrogates included, which the client's own ``json`` does not send."""
    return client.request(method, path, content=json.dumps(body), headers={"content-type": "application/json"})


def told(answer) -> str:
    """The sentence of a refusal."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    assert set(answer.json()) == {"error"}
    sentence = answer.json()["error"]
    assert 10 < len(sentence) < 600 and "Traceback" not in sentence
    return sentence


@pytest.mark.parametrize(
    "path",
    [
        "animation.gif",
        "animation.mp4",
        "picture.png",
        "scene.json",
        "command",
        "frame",
        "drag",
        "thumbnails/0.png",
        "scenes/0.json",
        "",
    ],
)
def test_a_session_without_a_picture_says_so(client, path):
    told(client.get(f"{empty(client)}/{path}".rstrip("/")))


@pytest.mark.parametrize("path", ["undo", "redo", "history/0", "edits", "alternatives", "drag"])
def test_nothing_can_be_done_without_a_picture(client, path):
    bodies = {
        "edits": {"truncation": 1},
        "alternatives": {"changes": [{}]},
        "drag": {"handles": [[[0.4, 0.5], [0.6, 0.5]]]},
    }
    assert "no picture yet" in told(send(client, "POST", f"{empty(client)}/{path}", bodies.get(path)))


@pytest.mark.parametrize(
    "record",
    [
        {"edit": {"a": 1}},
        {"edit": ["move"]},
        {"edit": None},
        {"edit": SURROGATE},
        {"edit": "move", SURROGATE: 1},
        7,
        "move",
        [],
        {"edit": "move", "level": [0], "dx": 0, "dy": 0},
        {"edit": "move", "level": 0, "point": {}, "dx": 0, "dy": 0},
        {"edit": "move", "level": 0, "dx": {}, "dy": 0},
        {"edit": "with_new_styles", "seed": {"a": "x" * 5000}},
    ],
)
def test_edits_of_a_wrong_shape(client, visit, record):
    home = visit()
    told(send(client, "POST", f"{home}/edits", {"edits": [record]}))
    assert client.get(home).json()["position"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "edits", {"edits": [], "label": SURROGATE}),
        ("POST", "edits", {SURROGATE: 1}),
        ("POST", "picture", {"model": SURROGATE}),
        ("PUT", "scene.json", {"model": {"name": SURROGATE, "weights_sha256": SURROGATE}}),
        ("POST", "drag", {"handles": [[[0.1, 0.1], [0.2, 0.2]]], "mask": SURROGATE}),
        ("POST", "drag", {"handles": [[[0.1, 0.1], [0.2, float("nan")]]]}),
        ("POST", "drag", {"handles": [[[0.1, 0.1], [0.2, 1e308]]]}),
        ("POST", "history/" + "9" * 5000, None),
        ("POST", "nothing", None),
        ("PATCH", "edits", None),
    ],
)
def test_other_bodies_of_a_wrong_shape(client, visit, method, path, body):
    home = visit()
    told(send(client, method, f"{home}/{path}", body))
    assert not client.get(home).json()["dragging"]


@pytest.mark.parametrize(
    "body", [b'{"edits": [', b"\xff", b"[" * 90_000, b'{"truncation": ' + b"1" * 9000 + b"}", b'"\xed\xa0\x80"']
)
def test_bodies_that_are_no_json(client, visit, body):
    told(client.post(f"{visit()}/edits", content=body, headers={"content-type": "application/json"}))


def test_what_is_no_json_or_does_not_say_so_is_told_that(client, visit):
    url, json_body = f"{visit()}/edits", b'{"edits": []}'
    half = client.post(url, content=b'{"edits": [', headers={"content-type": "application/json"})
    assert "the request is not JSON: expecting value" in half.json()["error"]
    unsaid = client.post(url, content=json_body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert unsaid.status_code == 422 and "with the header content-type: application/json" in unsaid.json()["error"]
    other = client.post(url, content=b"[]", headers={"content-type": "application/json"})
    assert other.status_code == 422 and "header" not in other.json()["error"]


@pytest.mark.parametrize(
    "origin", ["http://[", "http://[::1", "//[", "]", "http://]/", "http://127.0.0.1:x[", "\x80", "http://"]
)
def test_a_malformed_origin_is_a_stranger(client, origin):
    answer = client.get("/api/v1/studio", headers={"origin": origin.encode("latin-1")})
    assert answer.status_code == 403 and "another site" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/a%00b",
        "/" + "x" * 5000,
        "/%ff%fe",
        "/..%2f..%2fetc/passwd",
        "/js/%00.js",
        "/js",
        "/api/v1/%00",
        "/api/v1/sessions/%00",
        "/%ed%a0%80",
    ],
)
def test_odd_paths(client, path):
    told(client.get(path))


@pytest.mark.parametrize(
    "edits",
    [
        [{"edit": "move"}],
        [{"edit": "move", "dx": 1, "dy": 1}],
        [{"edit": []}],
        [{"edit": "with_new_layout"}],
        [{}],
        [{"edit": "restyle", "seed": {}}],
        [{"edit": "move", "level": {}, "dx": 1, "dy": SURROGATE}],
        [{"edit": SURROGATE}],
        [{"edit": "move", "level": 0, "dx": "0", "dy": 0}],
        [{"edit": "drag"}],
        [{"edit": "move", "level": 0}] * 501,
    ],
)
def test_a_scene_that_opens_gives_its_command(client, visit, edits):
    home = visit()
    scene = client.get(f"{home}/scene.json").json() | {"edits": edits}
    opened = send(client, "PUT", f"{home}/scene.json", scene)
    if opened.status_code != 200:
        told(opened)
        return
    command = client.get(f"{home}/command")
    assert command.status_code == 200 and command.json()["command"].startswith("spatialgan edit --model")
    for path in ("", "/scene.json", "/picture.png", "/animation.gif", "/frame"):
        assert client.get(home + path).status_code == 200, path


@pytest.mark.parametrize(
    "seeds",
    [
        {"seed": -1},
        {"seed": 2**52},
        {"seed": None},
        {"layout_seed": None},
        {"noise_seed": -7},
        {"truncation": 1e6},
        {"truncation": 0},
    ],
)
def test_a_scene_with_other_seeds_gives_its_command(client, visit, seeds):
    home = visit()
    scene = client.get(f"{home}/scene.json").json() | seeds
    assert send(client, "PUT", f"{home}/scene.json", scene).status_code == 200
    assert "--scene" in client.get(f"{home}/command").json()["command"] or "truncation" in seeds
    assert client.get(home).status_code == 200


def test_a_scene_with_a_seed_beyond_all_numbers_is_refused(client, visit):
    home = visit()
    scene = client.get(f"{home}/scene.json").json() | {"seed": 10**300}
    answer = send(client, "PUT", f"{home}/scene.json", scene)
    assert answer.status_code == 400 and "at most 53" in answer.json()["error"]


def damaged(value: Any, chance: random.Random) -> Any:
    """A JSON value with one part of it replaced, left out or doubled."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(list(value))
        if chance.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: damaged(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        i = chance.randrange(len(value))
        return [*value[:i], damaged(value[i], chance), *value[i + chance.choice((0, 1)) :]]
    return chance.choice(ODD)


@pytest.mark.parametrize("kind", ["single", "multi", "plain"])
def test_random_damage_is_answered_in_a_sentence(client, visit, kind):
    home, chance = visit(kind), random.Random(5)
    scene = client.get(f"{home}/scene.json").json()
    for i in range(120):
        if i % 2:
            method, path, body = "PUT", "scene.json", damaged(scene, chance)
        else:
            fields = chance.sample(FIELDS, chance.randrange(5))
            record = {"edit": chance.choice(EDITS)} | {field: chance.choice(ODD) for field in fields}
            method, path, body = "POST", "edits", {"edits": [record]}
        answer = send(client, method, f"{home}/{path}", body)
        if answer.status_code != 200:
            told(answer)
        assert client.get(home).status_code == client.get(f"{home}/command").status_code == 200, body
