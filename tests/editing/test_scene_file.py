"""Scenes as files: the identical picture comes back, and nothing else is taken for it."""

import copy
import json

import pytest
import torch
from tiny_models import make_model

from spatialgan.api import SpatialGAN
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import resize_maps
from spatialgan.levels import Raster


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"layout": "multi", "encoding": "multi"},
        {"encoding": "none"},
        {"sampling": "noise"},
        {"encoding": "flatten"},
    ],
)
def test_a_loaded_scene_is_the_same_picture_bit_for_bit(tmp_path, config):
    path = make_model(name="saved", **config).save(tmp_path / "saved")
    scene = SpatialGAN.from_pretrained(path, device="cpu").sample(5, layout_seed=6, truncation=0.7)
    if config == {}:
        scene = scene.move(0, dx=1 / 3, dy=-1 / 7).rotate(1, 33).stretch(1, 1.1, 0.9).resize(2, 0.7, point=1)
    if config.get("encoding") == "multi":
        scene = scene.duplicate(0, 1 / 3, 0).add(0.1, 0.2, 0.15, 3).restyle("background", 9).remove(1)
    scene.save(tmp_path / "a.scene.json")
    again = SpatialGAN.from_pretrained(path, device="cpu").load_scene(tmp_path / "a.scene.json")
    assert again.model is not scene.model
    assert torch.equal(again.tensor, scene.tensor)
    assert again.image.tobytes() == scene.image.tobytes()
    assert (again.edits, again.seed, again.layout_seed, again.truncation) == (scene.edits, 5, 6, 0.7)


def test_what_is_edited_after_loading_goes_on_the_same_way(multi):
    scene = multi.sample(5).move(0, dx=0.1)
    again = Scene.from_json(multi, json.loads(json.dumps(scene.to_json())))
    a, b = (s.duplicate(0, 0.2, 0).with_new_styles(4) for s in (scene, again))
    assert torch.equal(a.tensor, b.tensor)


def test_a_raster_layout_of_objects_survives(multi):
    scene = multi.sample(0)
    raster = Raster(resize_maps(scene.layout.heatmaps(0, 16), 32), scene.layout.gaussians(0))
    scene = Scene(multi, scene.z, type(scene.layout)((raster,), hierarchical=False), 0)
    assert torch.equal(Scene.from_json(multi, scene.to_json()).tensor, scene.tensor)


def test_another_model_is_refused_by_name(tmp_path):
    a = SpatialGAN.from_pretrained(make_model(0).save(tmp_path / "cats"), device="cpu")
    b = SpatialGAN.from_pretrained(make_model(1).save(tmp_path / "rooms"), device="cpu")
    path = a.sample(0).save(tmp_path / "a.scene.json")
    with pytest.raises(SpatialGANError) as e:
        b.load_scene(path)
    message = str(e.value)
    assert "made with the model cats" in message and "this is rooms" in message and str(path) in message
    assert a.weights_hash[:12] in message and b.weights_hash[:12] in message


def test_models_without_a_file_are_told_apart_by_their_weights():
    scene = make_model(0).sample(0)
    assert torch.equal(Scene.from_json(make_model(0), scene.to_json()).tensor, scene.tensor)
    with pytest.raises(SpatialGANError, match="another picture"):
        Scene.from_json(make_model(1), scene.to_json())


def test_another_resolution_is_refused(single):
    other = make_model(resolution=64)
    with pytest.raises(SpatialGANError, match="tiny of resolution 32, and tiny has resolution 64"):
        Scene.from_json(other, single.sample(0).to_json())


FIELDS = ("model", "z", "layout", "noise_seed", "truncation", "seed", "layout_seed", "edits")


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_named(single, field):
    data = single.sample(0).to_json()
    del data[field]
    with pytest.raises(SpatialGANError, match=f"has no field {field}; it needs"):
        Scene.from_json(single, data)


def damaged(data: dict, path: str, value: object) -> dict:
    data = copy.deepcopy(data)
    *parents, last = path.split(".")
    target = data
    for key in parents:
        target = target[int(key)] if isinstance(target, list) else target[key]
    target[int(last) if isinstance(target, list) else last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format_version", 99, "format_version is 99"),
        ("model", "tiny", "the scene's model needs"),
        ("model.num_ws", 3, "num_ws 3, and tiny has num_ws 8"),
        ("z", 5, "z is not readable"),
        ("z.float32", "AAAA", "z is not readable"),
        ("z.float32", "not base64!", "z is not readable"),
        ("z.shape", [-1, -32], "z is not readable"),
        ("z.shape", [32, 1], r"z has shape \(32, 1\); the model needs \(1, 32\)"),
        ("layout", None, "no layout"),
        ("layout", [1], "layout is not readable"),
        ("layout.levels", [], "layout is not readable"),
        ("layout.levels.0.stds", [[0.1, 0.0]], "not above 0"),
        ("layout.levels.0.centers_xy", [[0.1, float("nan")]], "layout is not readable"),
        ("layout.levels.1", {"centers_xy": [[0, 0]], "stds": [[1, 1]], "angles": [0]}, r"\[1, 1, 4\] centres"),
        ("noise_seed", "x", "noise_seed is 'x'"),
        ("truncation", None, "truncation is None"),
        ("truncation", 1e300, "truncation is 1e\\+300"),
        ("seed", 1.5, "seed is 1.5"),
        ("edits", "none", "edits are not a list"),
    ],
)
def test_a_damaged_field_is_named(single, path, value, message):
    good = single.sample(0).to_json()
    Scene.from_json(single, good)
    with pytest.raises(SpatialGANError, match=message):
        Scene.from_json(single, damaged(good, path, value))


def test_styles_must_fit_the_objects(multi):
    data = multi.sample(0).to_json()
    data["z"] = multi.sample(0).duplicate(0, 0, 0).to_json()["z"]
    with pytest.raises(SpatialGANError, match=r"z has shape \(5, 32\); the model needs \(4, 32\)"):
        Scene.from_json(multi, data)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[]", "format_version is None"),
        (None, "not readable"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_file_that_is_no_scene(single, tmp_path, content, message):
    path = tmp_path / "broken.scene.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpatialGANError, match=message) as e:
        single.load_scene(path)
    assert "broken.scene.json" in str(e.value)


def test_a_mark_before_the_text_does_no_harm(single, tmp_path):
    path = single.sample(0).save(tmp_path / "a.scene.json")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert single.load_scene(path).seed == 0


def test_saving_replaces_the_file_whole(single, tmp_path):
    path = tmp_path / "new" / "a.scene.json"
    single.sample(0).save(path)
    single.sample(1).save(path)
    assert single.load_scene(path).seed == 1
    assert [p.name for p in path.parent.iterdir()] == ["a.scene.json"]


def test_scenes_have_a_limit_of_objects(multi, tmp_path):
    scene = multi.sample(1)
    data = scene.to_json()
    level = data["layout"]["levels"][0]
    for name in ("centers_xy", "stds", "angles"):
        level[name] = level[name][:1] * 1000
    with pytest.raises(SpatialGANError, match="a scene of 1000 objects is too large; use at most 64"):
        Scene.from_json(multi, data)
    while scene.num_objects < 64:
        scene = scene.duplicate(0, 0.01, 0)
    for edit in (lambda: scene.duplicate(0, 0, 0), lambda: scene.add(0.5, 0.5, 0.1, 3)):
        with pytest.raises(SpatialGANError, match="a scene of 65 objects"):
            edit()


def test_a_huge_scene_file_is_not_read(single, tmp_path):
    with open(tmp_path / "s.json", "wb") as f:
        f.truncate(1 << 40)
    with pytest.raises(SpatialGANError, match=r"s\.json has 1,099,512 MB, more than the 134 MB"):
        Scene.load(single, tmp_path / "s.json")


@pytest.mark.parametrize("number", [10**5000, -(10**5000), 2**53], ids=["huge", "negative", "54 bits"])
def test_huge_whole_numbers_are_named(multi, number):
    scene = multi.sample(1)
    for edit in (
        lambda: scene.move(number),
        lambda: scene.restyle(0, number),
        lambda: scene.resize(0, number),
        lambda: multi.sample(number),
    ):
        with pytest.raises(SpatialGANError):
            edit()
