"""The scenes in between two scenes, in z and in w, and walks through several."""

import math

import pytest
import torch

from spatialgan.editing.interpolation import animate, interpolate, scene_between, slerp, walk
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import MIN_STD
from spatialgan.layout import Layout
from spatialgan.levels import Raster


def test_interpolation_is_linear_in_centres_and_in_log_std(single):
    a = single.sample(0)
    b = a.move(0, dx=0.4, dy=-0.2).resize(0, 4).rotate(0, 60)
    way = interpolate(a, b, 5)
    assert len(way) == 5 and way[0] is a and torch.equal(way[-1].tensor, b.tensor)
    start = a.layout.centers[0]
    for i, scene in enumerate(way):
        torch.testing.assert_close(scene.layout.centers[0], start + torch.tensor([0.1, -0.05]) * i)
        torch.testing.assert_close(scene.layout.stds[0], a.layout.stds[0] * 4 ** (i / 4))
        assert float(scene.layout.gaussians(0).angles[0]) == pytest.approx(math.radians(15 * i), abs=1e-6)
        assert torch.equal(scene.z, a.z) and scene.noise_seed == a.noise_seed


def test_what_vanishes_shrinks_evenly(multi):
    a = multi.sample(0)
    stds = [float(s.layout.stds[1, 0]) for s in interpolate(a, a.remove(1), 3)]
    assert stds[1] == pytest.approx(stds[0] / 2, rel=0.02) and stds[2] == pytest.approx(MIN_STD)


def test_a_new_object_grows_from_nothing_with_its_style(multi):
    a = multi.sample(0)
    b = a.duplicate(0, 0.3, 0)
    way = interpolate(a, b, 3)
    assert [s.num_objects for s in way] == [3, 4, 4]
    torch.testing.assert_close(way[1].layout.stds[3], b.layout.stds[3] / 2, rtol=0.02, atol=0)
    torch.testing.assert_close(way[1].layout.centers[3], b.layout.centers[3])
    assert torch.equal(way[1].z, b.z)
    back = interpolate(b, a, 3)
    assert [s.num_objects for s in back] == [4, 4, 3] and torch.equal(back[1].z, b.z)


def test_frames_of_rasters_go_along(multi):
    a, b = (
        Scene(multi, s.z, Layout((Raster(s.layout.heatmaps(0, 32), s.layout.gaussians(0)),), hierarchical=False), 0)
        for s in (multi.sample(0), multi.sample(0).move(1, dx=0.4))
    )
    middle = interpolate(a, b, 3)[1].layout.levels[0].frames
    ends = [s.layout.levels[0].frames.centers_xy for s in (a, b)]
    torch.testing.assert_close(middle.centers_xy, (ends[0] + ends[1]) / 2)
    assert not torch.equal(*ends)


def test_styles_turn_along_the_circle(multi):
    a = multi.sample(0)
    way = interpolate(a, a.restyle(1, 5), 3)
    assert torch.equal(way[1].z[[0, 2, 3]], a.z[[0, 2, 3]])
    torch.testing.assert_close(
        slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 4.0]), 1 / 3),
        torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6)]) * 8 / 3,
    )
    opposite = slerp(torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 0.0]), 0.25)
    torch.testing.assert_close(opposite, torch.tensor([0.5, 0.0]))


def test_animation_goes_there_and_back(multi):
    a = multi.sample(0)
    b = a.move(0, dx=0.3)
    c = b.remove(1)
    frames = animate([a, b, c], 4, hold=3)
    assert len(frames) == 3 + 7 + 3 + 7
    assert frames[:3] == [a] * 3 and frames[10:13] == [frames[10]] * 3
    assert torch.equal(frames[10].layout.stds, c.layout.stds)
    x = [float(s.layout.centers[0, 0] - a.layout.centers[0, 0]) for s in frames]
    assert x[3:7] == pytest.approx([0.075, 0.15, 0.225, 0.3], abs=1e-6)
    assert x[13:] == pytest.approx(x[3:10][::-1], abs=1e-6)


def test_interpolation_refuses(single, multi):
    with pytest.raises(SpatialGANError, match="frames is 1"):
        interpolate(single.sample(0), single.sample(1), 1)
    with pytest.raises(SpatialGANError, match="one model"):
        interpolate(single.sample(0), multi.sample(1), 3)
    with pytest.raises(SpatialGANError, match="at least one scene"):
        animate([])
    with pytest.raises(SpatialGANError, match="two pictures or more"):
        walk([single.sample(0)], 3)


def all_ws(scene: Scene) -> torch.Tensor:
    return scene.ws() + scene.w_offset_or_zeros


@pytest.mark.parametrize("kind", ["plain", "single", "multi"])
def test_in_w_all_layers_go_straight_and_layouts_along(kind, request):
    model = request.getfixturevalue(kind)
    a = model.sample(0, truncation=0.7).mix_styles(9, 2, 5)
    b = model.sample(1)
    way = interpolate(a, b, 5, space="w")
    for i, scene in enumerate(way):
        torch.testing.assert_close(all_ws(scene), all_ws(a).lerp(all_ws(b), i / 4), atol=1e-5, rtol=1e-5)
        if kind != "plain":
            torch.testing.assert_close(scene.layout.centers, a.layout.centers.lerp(b.layout.centers, i / 4))
        assert scene.noise_seed == a.noise_seed
    assert not torch.equal(way[2].tensor, interpolate(a, b, 5)[2].tensor)
    assert way[0] is a and torch.equal(way[-1].z, b.z)
    torch.testing.assert_close(scene_between(a, b, 0.25, space="w").tensor, way[1].tensor)


def test_in_w_an_object_that_one_end_lacks_grows(multi):
    a = multi.sample(0)
    middle = interpolate(a, a.duplicate(0, 0.3, 0), 3, space="w")[1]
    assert middle.num_objects == 4 and middle.image.size == (32, 32)


def test_a_walk_passes_every_scene_and_a_loop_ends_before_its_start(plain):
    scenes = [plain.sample(seed) for seed in (4, 5, 6)]
    there = walk(scenes, 3)
    assert len(there) == 7 and {scene.noise_seed for scene in there} == {4}
    assert all(torch.equal(there[3 * i].z, scene.z) and there[3 * i].w_offset is None for i, scene in enumerate(scenes))
    loop = walk(scenes, 3, loop=True)
    assert len(loop) == 9
    for one, other in zip(loop, there, strict=False):
        assert torch.equal(one.tensor, other.tensor)
    torch.testing.assert_close(all_ws(loop[8]), all_ws(scenes[2]).lerp(all_ws(scenes[0]), 2 / 3))
    assert torch.equal(walk(scenes[:2], 2, space="z")[1].z[0], slerp(scenes[0].z[0], scenes[1].z[0], 0.5))
