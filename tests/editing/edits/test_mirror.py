"""Mirror: left and right of a layout, and of the picture as far as the layout decides it."""

import pytest
import torch
from tiny_models import make_model

from spatialgan.coords import centroid_xy
from spatialgan.editing.drag.variables import Variables
from spatialgan.editing.edits import Mirror
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.levels import Gaussians


def flipped(maps: list[torch.Tensor]) -> list[torch.Tensor]:
    return [m.flip(-1) for m in maps]


def close(a: list[torch.Tensor], b: list[torch.Tensor]) -> None:
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, atol=1e-5, rtol=0)


def test_every_level_of_a_hierarchy_is_the_mirror_image(single):
    scene = single.sample(3).move(2, dx=0.1, dy=-0.2, point=1).stretch(1, 2, 0.5).rotate(1, 30)
    mirrored = scene.mirror()
    close(mirrored.heatmaps(32), flipped(scene.heatmaps(32)))
    x, y = scene.layout.centers.unbind(dim=-1)
    torch.testing.assert_close(mirrored.layout.centers, torch.stack([1 - x, y], dim=-1))
    assert mirrored.layout.hierarchical and torch.equal(mirrored.layout.stds, scene.layout.stds)
    assert mirrored.edits[-1] == {"edit": "mirror"} and mirrored.z is scene.z


def test_turned_objects_are_turned_the_other_way(multi):
    scene = multi.sample(3).stretch(0, 2, 0.5).rotate(0, 30)
    mirrored = scene.apply(Mirror())
    assert torch.equal(mirrored.layout.gaussians(0).angles, -scene.layout.gaussians(0).angles)
    close(list(mirrored.layout.heatmaps(0, 32)), flipped(list(scene.layout.heatmaps(0, 32))))


def test_heatmaps_of_pixels_are_flipped():
    scene = make_model(sampling="noise").sample(0)
    close(scene.mirror().heatmaps(32), flipped(scene.heatmaps(32)))


def test_frames_of_pixels_come_along():
    model = make_model(layout="multi", encoding="multi", coordinates_max_resolution=16)
    variables = Variables(model.sample(0), feature_resolution=16, num_layers=2, with_noise=False)
    variables.free_pixels()
    scene = variables.to_scene({})
    frames = scene.layout.levels[0].frames
    assert isinstance(frames, Gaussians)
    torch.testing.assert_close(scene.mirror().layout.levels[0].frames.centers_xy[:, 0], 1 - frames.centers_xy[:, 0])


def test_twice_is_as_before(single):
    scene = single.sample(1)
    again = scene.mirror().mirror()
    torch.testing.assert_close(again.layout.centers, scene.layout.centers)
    torch.testing.assert_close(again.tensor, scene.tensor, atol=1e-3, rtol=1e-3)


def test_the_picture_follows(multi):
    """What changes where an object goes has its middle on the other side."""

    def middle(scene: Scene) -> float:
        change = (scene.tensor - scene.remove(0).tensor).abs().sum(dim=0)
        return float(centroid_xy(change)[0])

    scene = multi.sample(3).resize(0, 0.4).move_to(0, 0.2, 0.4).move_to(1, 0.5, 0.9).move_to(2, 0.5, 0.1)
    assert middle(scene) < 0.4 and middle(scene.mirror()) > 0.6


def test_there_must_be_a_layout(plain):
    with pytest.raises(SpatialGANError, match="plain has encoding=none"):
        plain.sample(0).mirror()
