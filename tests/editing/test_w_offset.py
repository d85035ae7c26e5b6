"""What drags did to the styles: every edit keeps it with its object, files and animations carry it."""

import json

import pytest
import torch

from spatialgan.editing.interpolation import interpolate
from spatialgan.editing.rendering import render_scenes
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError


def dragged(model, seed=1):
    """A scene as a drag leaves it, with an offset of 1, 2, ... for the style codes."""
    from dataclasses import replace

    scene = model.sample(seed)
    config = model.config.model
    numbers = torch.arange(1.0, len(scene.z) + 1)[:, None].expand(config.num_ws, len(scene.z), config.w_dim)
    return replace(scene, w_offset=numbers.clone())


def codes(scene):
    """The offset of each style code."""
    return scene.w_offset[0, :, 0].tolist()


def test_it_is_added_after_truncation(single):
    scene = dragged(single)
    ws = single.generator.ws(scene.z[None], scene.layout[None]) + 1
    from spatialgan.seeds import noise_of

    expected = single.generator.synthesize(ws, scene.layout[None], noise_of(single.config.model, [1])).image[0]
    assert torch.allclose(scene.tensor, expected, atol=1e-5)
    assert not torch.allclose(scene.tensor, single.sample(1).tensor, atol=1e-2)


def test_zeros_change_nothing(single):
    from dataclasses import replace

    scene = single.sample(1)
    assert torch.equal(replace(scene, w_offset=scene.w_offset_or_zeros).tensor, scene.tensor)


def test_edits_of_the_layout_keep_it(multi):
    assert codes(dragged(multi).move(0, dx=0.1).resize(1, 2).remove(2).with_new_layout(3)) == [1, 2, 3, 4]


def test_a_new_style_has_none(multi):
    scene = dragged(multi)
    assert codes(scene.restyle(1, seed=7)) == [1, 0, 3, 4]
    assert codes(scene.restyle("background", seed=7)) == [1, 2, 3, 0]
    assert scene.with_new_styles(5).w_offset is None
    assert codes(scene) == [1, 2, 3, 4]


def test_styles_change_after_a_drag_of_pixels_too(multi):
    scene = multi.sample(1).drag([((0.4, 0.5), (0.6, 0.5))], mode="pixels", max_steps=1).scene
    assert scene.num_objects == 3
    assert not torch.equal(scene.restyle(1, seed=7).z[1], scene.z[1])
    assert torch.equal(scene.with_new_styles(5).z, multi.sample(5).z)
    assert scene.with_new_layout(5).num_objects == 3
    for edit in (lambda: scene.remove(1), lambda: scene.duplicate(1, 0.1, 0), lambda: scene.add(0.5, 0.5, 0.1, 3)):
        with pytest.raises(SpatialGANError, match="is a raster and has no centres to edit"):
            edit()


def test_a_copy_takes_it_along_and_a_new_object_has_none(multi):
    scene = dragged(multi)
    assert codes(scene.duplicate(1, 0.1, 0)) == [1, 2, 3, 2, 4]
    assert codes(scene.add(0.5, 0.5, 0.1, seed=3)) == [1, 2, 3, 0, 4]
    assert multi.sample(1).duplicate(1, 0.1, 0).w_offset is None


def test_files_carry_it(multi, tmp_path):
    scene = dragged(multi).duplicate(0, 0.2, 0)
    scene.save(tmp_path / "f.scene.json")
    loaded = Scene.load(multi, tmp_path / "f.scene.json")
    assert torch.equal(loaded.w_offset, scene.w_offset) and torch.equal(loaded.tensor, scene.tensor)


def test_files_from_before_drags_still_load(single):
    data = single.sample(1).to_json()
    assert data.pop("w_offset") is None
    assert Scene.from_json(single, json.loads(json.dumps(data))).w_offset is None


def test_a_damaged_one_is_named(single, multi):
    data = dragged(single).to_json()
    data["w_offset"] = dragged(multi).to_json()["w_offset"]
    with pytest.raises(SpatialGANError, match=r"w_offset has shape .*; the model needs"):
        Scene.from_json(single, data)
    data["w_offset"] = {"float32": "?"}
    with pytest.raises(SpatialGANError, match="w_offset is not readable"):
        Scene.from_json(single, data)


def test_animations_move_it_evenly(multi):
    plain, scene = multi.sample(1), dragged(multi)
    between = interpolate(plain, scene, 3)
    assert codes(between[1]) == [0.5, 1, 1.5, 2] and between[0] is plain
    more = interpolate(plain, scene.add(0.5, 0.5, 0.1, seed=3), 3)
    assert codes(more[1]) == [0.5, 1, 1.5, 0, 2]
    assert interpolate(plain, plain.move(0, dx=0.1), 3)[1].w_offset is None


def test_batches_mix_scenes_with_and_without(single):
    scenes = [single.sample(1), dragged(single)]
    for image, scene in zip(render_scenes(scenes), scenes, strict=True):
        difference = torch.tensor(list(image.tobytes())).int() - torch.tensor(list(scene.image.tobytes())).int()
        assert difference.abs().max() <= 1
