"""Pictures without a session: what is drawn, as what, and that nothing of it is kept."""

import io
import json
import zipfile

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from spatialgan import SpatialGAN
from spatialgan.studio import stateless
from spatialgan.studio.access import Access
from spatialgan.studio.server import make_app

HERE = "http://127.0.0.1:7860"
MOVE = {"edit": "move", "level": 0, "dx": 0.2, "dy": 0.0}
ONE_OF_EACH = {  # edits of a picture of one object, and of one of several
    "single": [
        MOVE,
        {"edit": "move_to", "level": 1, "point": 0, "x": 0.3, "y": 0.4},
        {"edit": "resize", "level": 0, "factor": 1.2},
        {"edit": "stretch", "level": 0, "sx": 1.1, "sy": 0.9},
        {"edit": "rotate", "level": 0, "degrees": 10},
        {"edit": "remove", "level": 2, "point": 1, "amount": 0.5},
        {"edit": "with_new_layout", "seed": 4},
        {"edit": "with_new_styles", "seed": 5},
    ],
    "multi": [
        {"edit": "restyle", "object": 0, "seed": 1},
        {"edit": "restyle", "object": "background", "seed": 2},
        {"edit": "duplicate", "object": 1, "dx": 0.1, "dy": 0.1},
        {"edit": "add", "x": 0.5, "y": 0.5, "std": 0.1, "seed": 3},
        {"edit": "move", "object": 0, "dx": 0.1, "dy": 0},
    ],
}


@pytest.fixture(scope="module")
def client(models):
    with TestClient(make_app(models), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("kind", ONE_OF_EACH)
def test_a_render_is_what_the_library_draws(client, sources, kind):
    body = {"model": sources[kind], "seed": 7, "layout_seed": 8, "truncation": 0.7, "edits": ONE_OF_EACH[kind]}
    answer = client.post("/api/v1/render", json=body)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png", answer.text
    model = SpatialGAN.from_pretrained(sources[kind], device="cpu")
    from spatialgan.editing.edits import edit_from_json

    scene = model.sample(7, layout_seed=8, truncation=0.7)
    for record in ONE_OF_EACH[kind]:
        scene = edit_from_json(record).apply(scene)
    assert np.array_equal(pixels(answer.content), np.asarray(scene.image))
    assert client.post("/api/v1/render", json=body).content == answer.content
    again = client.post("/api/v1/render", json={"scene": json.loads(json.dumps(scene.to_json()))})
    assert np.array_equal(pixels(again.content), np.asarray(scene.image))
    more = client.post("/api/v1/render", json={"scene": scene.to_json(), "truncation": 0.2})
    assert more.status_code == 200 and not np.array_equal(pixels(more.content), np.asarray(scene.image))
    assert len(client.app.state.studio.sessions) == 0


@pytest.mark.parametrize(("kind", "format"), [("png", "PNG"), ("webp", "WEBP"), ("jpeg", "JPEG")])
def test_formats_and_sizes(client, sources, kind, format):
    body = {"model": sources["single"], "format": kind, "scale": 2}
    answer = client.post("/api/v1/render", json=body)
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size, answer.headers["content-type"]) == (format, (64, 64), f"image/{kind}")
    poor = client.post("/api/v1/render", json=body | {"quality": 5})
    assert (len(poor.content) < len(answer.content)) == (kind != "png")


def test_a_batch_is_a_zip_in_order(client, sources):
    pictures = [
        {"model": sources["single"], "seed": 1},
        {"model": sources["multi"], "seed": 2},
        {"model": sources["single"], "seed": 1, "edits": [MOVE]},
    ]
    answer = client.post("/api/v1/render/batch", json={"pictures": pictures, "format": "png"})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["0000.png", "0001.png", "0002.png"]
        for name, picture in zip(archive.namelist(), pictures, strict=True):
            assert archive.read(name) == client.post("/api/v1/render", json=picture).content
    assert client.post("/api/v1/render/batch", json={"pictures": pictures}).content == answer.content


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({}, 422, "give either a model or a scene"),
        ({"model": "x", "scene": {}}, 422, "give either a model or a scene"),
        ({"scene": {}, "seed": 3}, 422, "own seeds"),
        ({"scene": {}}, 400, "not a scene"),
        ({"model": "dogs"}, 400, "there is no model 'dogs'"),
        ({"model": "dogs", "format": "gif"}, 422, "format"),
        ({"model": "dogs", "quality": 0}, 422, "quality"),
        ({"model": "dogs", "scale": -1}, 422, "scale"),
        ({"model": "dogs", "seed": "3"}, 422, "seed"),
        ({"model": "dogs", "edits": [{"edit": "explode"}]}, 422, "there is no such edit; use one of move"),
        ({"model": "dogs", "edits": [{**MOVE, "dx": "0.2"}]}, 422, "edits.0.move.dx"),
        ({"model": "dogs", "edits": [{**MOVE, "dx": True}]}, 422, "edits.0.move.dx"),
        ({"model": "dogs", "edits": [{**MOVE, "object": 1}]}, 422, "either a level or an object"),
        ({"model": "dogs", "edits": [{"edit": "move", "dx": 0, "dy": 0}]}, 422, "give a level, or an object"),
        ({"model": "dogs", "edits": [{"edit": "move", "object": 0, "point": 1, "dx": 0, "dy": 0}]}, 422, "point"),
        ({"model": "dogs", "edits": [MOVE] * 65}, 422, "edits"),
    ],
)
def test_mistakes_get_a_sentence(client, body, status, sentence):
    answer = client.post("/api/v1/render", json=body)
    assert answer.status_code == status and sentence in answer.json()["error"], answer.text


def test_too_large_pictures_and_edits_that_do_not_fit(client, sources):
    url = "/api/v1/render"
    large = client.post(url, json={"model": sources["single"], "scale": 64.0})  # 2048 pixels
    assert large.status_code == 200 and Image.open(io.BytesIO(large.content)).size == (2048, 2048)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stateless, "MAX_EXPORT_PX", 2047)
        too_large = client.post(url, json={"model": sources["single"], "scale": 64.0})
    assert too_large.status_code == 400 and "up to 2047 pixels" in too_large.json()["error"]
    assert client.post("/api/v1/render", json={"model": sources["multi"], "edits": [MOVE]}).status_code == 200
    none = client.post("/api/v1/render", json={"model": sources["multi"], "edits": [{**MOVE, "level": 99}]})
    assert none.status_code == 400 and "there is no object 99" in none.json()["error"]
    batch = client.post(
        "/api/v1/render/batch",
        json={"pictures": [{"model": sources["single"]}, {"model": sources["plain"], "edits": [MOVE]}]},
    )
    assert batch.status_code == 400 and batch.json()["error"].startswith("pictures.1: ")


def test_a_batch_counts_as_its_pictures(models, sources):
    app = make_app(models, access=Access(rate=0.5))  # five at once
    with TestClient(app, base_url=HERE) as client:
        pictures = [{"model": sources["single"], "seed": seed} for seed in range(6)]
        assert client.post("/api/v1/render/batch", json={"pictures": pictures}).status_code == 200
        assert client.post("/api/v1/render", json=pictures[0]).status_code == 429
