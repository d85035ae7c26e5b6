"""Scenes: sampling, each edit's effect on layout and styles, and what edits refuse."""

import io
import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import make_model

from spatialgan.coords import centroid_xy
from spatialgan.editing.edits import Move, Restyle
from spatialgan.editing.rendering import edit_many, inputs_of, render_scenes
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import MIN_STD
from spatialgan.layout import Layout
from spatialgan.levels import Gaussians, Raster
from spatialgan.streams import random_stream


def differs(a: Scene, b: Scene) -> bool:
    return bool((a.tensor - b.tensor).abs().max() > 1e-3)


def asymmetric(scene: Scene) -> Scene:
    """One small level-0 ellipse, off the middle and off the diagonal."""
    g = Gaussians(torch.tensor([[0.3, 0.55]]), torch.tensor([[0.06, 0.04]]), torch.zeros(1))
    return replace(scene, layout=Layout((g, *scene.layout.levels[1:]), hierarchical=True))


# ---------------------------------------------------------------- sampling


def test_a_seed_determines_the_picture(single):
    assert torch.equal(single.sample(3).tensor, single.sample(3).tensor)
    assert differs(single.sample(3), single.sample(4))


def test_a_notebook_shows_the_picture_large_enough_to_see(single):
    shown = Image.open(io.BytesIO(single.sample(3)._repr_png_()))
    assert (shown.format, shown.size) == ("PNG", (256, 256))
    assert np.abs(np.asarray(shown.resize((32, 32)), float) - np.asarray(single.sample(3).image)).mean() < 8
    assert repr(single.sample(3)) == "Scene(tiny, seed=3, layout_seed=3, 0 edits)"


def test_layout_seed_changes_the_layout_alone(single):
    a, b = single.sample(3), single.sample(3, layout_seed=8)
    assert torch.equal(a.z, b.z) and a.noise_seed == b.noise_seed
    assert torch.equal(b.layout.centers, single.sample(8).layout.centers)
    assert not torch.allclose(a.layout.centers, b.layout.centers)
    assert (b.seed, b.layout_seed) == (3, 8)


def test_the_noise_seed_changes_the_picture(single):
    scene = single.sample(3)
    assert differs(scene, replace(scene, noise_seed=4))
    assert torch.equal(scene.tensor, replace(scene, noise_seed=3).tensor)


def test_streams_of_one_seed_are_independent():
    a, b, c = (torch.randn(1000, generator=random_stream(s, p)) for s, p in ((1, "style"), (1, "noise"), (2, "style")))
    assert abs(torch.corrcoef(torch.stack([a, b, c]))[0, 1:]).max() < 0.15


def test_shapes(single, multi):
    assert single.sample(0).z.shape == (1, 32) and multi.sample(0).z.shape == (4, 32)
    assert single.sample(0).layout.centers.shape == (7, 2) and multi.sample(0).layout.centers.shape == (3, 2)


def test_the_picture_is_computed_once_and_matches_the_tensor(single):
    scene = single.sample(1)
    assert scene.tensor is scene.tensor and scene.image is scene.image
    assert scene.image.mode == "RGB" and scene.image.size == (32, 32)
    expected = ((scene.tensor[:, 20, 7] + 1) * 127.5).round().clamp(0, 255).tolist()
    assert list(scene.image.getpixel((7, 20))) == expected  # column, row


def test_grey_pictures():
    scene = make_model(image_channels=1).sample(0)
    assert scene.image.mode == "L" and scene.tensor.shape == (1, 32, 32)


def test_truncation_brings_pictures_together(single):
    def spread(truncation: float) -> float:
        a, b = (single.sample(s, layout_seed=0, truncation=truncation).z for s in (0, 1))
        ws = [single.generator.ws(z[None], None, truncation=truncation) for z in (a, b)]
        return float((ws[0] - ws[1]).norm())

    assert spread(0.5) == pytest.approx(0.5 * spread(1.0), rel=1e-4)
    assert differs(single.sample(0), single.sample(0, truncation=0.3))


def test_impulse_noise_of_training_leaves_centres_to_edit():
    scene = make_model(impulse_noise=0.1).sample(0)
    assert isinstance(scene.layout.levels[0], Gaussians)


@pytest.mark.parametrize("seed", [1.5, "1", None])
def test_seeds_are_whole_numbers(single, seed):
    with pytest.raises(SpatialGANError, match="whole number"):
        single.sample(seed)


# ---------------------------------------------------------------- edits of the layout


def test_move_right_moves_x_and_not_y(single):
    before = asymmetric(single.sample(0))
    after = before.move(0, dx=0.2)
    shift = [centroid_xy(s.heatmaps(64)[0]) for s in (before, after)]
    torch.testing.assert_close(shift[1] - shift[0], torch.tensor([0.2, 0.0]), atol=2e-3, rtol=0)
    torch.testing.assert_close(shift[0], torch.tensor([0.3, 0.55]), atol=2e-3, rtol=0)
    assert differs(before, after)


def test_moving_level_0_carries_the_others(single):
    before = single.sample(0)
    after = before.move(0, dx=0.1, dy=-0.05)
    torch.testing.assert_close(after.layout.centers, before.layout.centers + torch.tensor([0.1, -0.05]))


def test_moving_one_centre_leaves_the_others(single):
    before = single.sample(0)
    after = before.move(2, dx=0.05, dy=0.1, point=1)
    step = torch.zeros(7, 2)
    step[1 + 2 + 1] = torch.tensor([0.05, 0.1])
    torch.testing.assert_close(after.layout.centers, before.layout.centers + step)


def test_moving_a_level_moves_all_its_centres(single):
    before = single.sample(0)
    after = before.move(level=1, dy=0.1)
    step = torch.zeros(7, 2)
    step[1:3, 1] = 0.1
    torch.testing.assert_close(after.layout.centers, before.layout.centers + step)


def test_independent_levels_are_not_carried():
    before = make_model(sampling="independent").sample(0)
    after = before.move(0, dx=0.1)
    torch.testing.assert_close(after.layout.centers[1:], before.layout.centers[1:])


def test_move_of_an_object(multi):
    before = multi.sample(0)
    after = before.move(1, dx=0.2, dy=-0.1)
    step = torch.tensor([[0, 0], [0.2, -0.1], [0, 0]])
    torch.testing.assert_close(after.layout.centers, before.layout.centers + step)
    assert differs(before, after)


def test_move_to(single, multi):
    torch.testing.assert_close(multi.sample(0).move_to(2, 0.25, 0.75).layout.centers[2], torch.tensor([0.25, 0.75]))
    scene = single.sample(0)
    torch.testing.assert_close(scene.move_to(2, 0.3, 0.6, point=3).layout.centers[6], torch.tensor([0.3, 0.6]))
    level = scene.move_to(1, 0.3, 0.6).layout.level_centers(1)
    torch.testing.assert_close(level.mean(dim=0), torch.tensor([0.3, 0.6]))
    torch.testing.assert_close(level[1] - level[0], scene.layout.level_centers(1)[1] - scene.layout.level_centers(1)[0])


def test_resize(single, multi):
    before = single.sample(0)
    torch.testing.assert_close(before.resize(1, 1.5).layout.stds[1:3], before.layout.stds[1:3] * 1.5)
    one = before.resize(1, 1.5, point=0)
    torch.testing.assert_close(one.layout.stds[1], before.layout.stds[1] * 1.5)
    others = [0, 2, 3, 4, 5, 6]
    assert torch.equal(one.layout.stds[others], before.layout.stds[others])
    objects = multi.sample(0)
    bigger = objects.resize(1, 2.0)
    factors = torch.tensor([[1.0], [2.0], [1.0]])
    torch.testing.assert_close(bigger.layout.stds, objects.layout.stds * factors)
    assert differs(objects, bigger) and differs(before, before.resize(0, 1.5))


def test_stretch_is_x_then_y(multi):
    before = multi.sample(0)
    after = before.stretch(0, 1.5, 0.5)
    torch.testing.assert_close(after.layout.stds[0], before.layout.stds[0] * torch.tensor([1.5, 0.5]))
    assert torch.equal(after.layout.stds[1:], before.layout.stds[1:])
    spread = moments(after, 0)
    assert spread[0, 0] > 3 * spread[1, 1]  # wider than high


def test_rotate_turns_clockwise(multi):
    before = multi.sample(0).move_to(1, 0.5, 0.5).resize(1, 0.5).stretch(1, 1.0, 0.3)
    after = before.rotate(1, 30)
    assert float(after.layout.gaussians(0).angles[1]) == pytest.approx(math.pi / 6)
    assert moments(after, 1)[0, 1] > 0  # the right end has sunk: y grows with x
    torch.testing.assert_close(moments(before.rotate(1, 90), 1), moments(before, 1).flip(0, 1), atol=1e-4, rtol=1e-3)
    assert torch.equal(after.layout.gaussians(0).angles[[0, 2]], before.layout.gaussians(0).angles[[0, 2]])


def moments(scene: Scene, i: int) -> torch.Tensor:
    """Covariance (2, 2) of one object's heatmap, x first."""
    m = scene.layout.heatmaps(0, 64)[i]
    y, x = ((torch.arange(64) + 0.5) / 64 - c for c in reversed(centroid_xy(m).tolist()))
    y, x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([(m * a * b).sum() / m.sum() for a, b in ((x, x), (x, y), (y, x), (y, y))]).reshape(2, 2)


def test_remove_leaves_nothing_wherever_the_centre_is(multi):
    exactly_on_a_pixel = (5 + 0.5) / 32
    before = multi.sample(0).move_to(1, exactly_on_a_pixel, exactly_on_a_pixel)
    after = before.remove(1)
    assert before.layout.heatmaps(0, 32)[1].max() == 1
    assert after.layout.heatmaps(0, 32)[1].max() == 0
    torch.testing.assert_close(after.layout.stds[1], torch.full((2,), MIN_STD))
    assert differs(before, after)
    # Neither place nor style of what is gone shows.
    torch.testing.assert_close(after.tensor, after.move(1, dx=0.3).restyle(1, seed=5).tensor)


def test_remove_in_parts(multi, single):
    before = multi.sample(0)
    sizes = [float(before.remove(1, amount=a).layout.stds[1, 0]) for a in (0, 0.25, 0.75, 1)]
    std = float(before.layout.stds[1, 0])
    assert sizes == pytest.approx([std, 0.75 * std, 0.25 * std, MIN_STD])
    assert before.remove(0).num_objects == 3  # numbers stay what they are
    assert single.sample(0).remove(2).heatmaps(32)[2].max() == 0
    with pytest.raises(SpatialGANError, match=r"amount is 1\.5"):
        before.remove(1, amount=1.5)


def test_with_new_layout(single, multi):
    before = single.sample(0)
    after = before.with_new_layout(9)
    assert torch.equal(after.layout.centers, single.sample(9).layout.centers)
    assert torch.equal(after.z, before.z) and after.noise_seed == before.noise_seed and differs(before, after)
    more = multi.sample(0).duplicate(0, 0.1, 0)
    assert more.with_new_layout(9).num_objects == 4 and more.with_new_layout(9).tensor.shape == (3, 32, 32)


# ---------------------------------------------------------------- edits of the styles


def test_with_new_styles(single, multi):
    before = single.sample(0)
    after = before.with_new_styles(9)
    assert torch.equal(after.z, single.sample(9).z) and after.layout is before.layout
    assert after.noise_seed == before.noise_seed and differs(before, after)
    assert multi.sample(0).duplicate(0, 0.1, 0).with_new_styles(9).z.shape == (5, 32)


def test_restyle_changes_one_style(multi):
    before = multi.sample(0)
    for i, row in ((0, 0), (2, 2), ("background", 3)):
        after = before.restyle(i, seed=7)
        changed = (after.z != before.z).any(dim=1)
        assert changed.tolist() == [k == row for k in range(4)]
        assert after.layout is before.layout and differs(before, after)
    assert torch.equal(before.restyle(0, seed=7).z[0], before.restyle(1, seed=7).z[1])


def test_restyle_shows_where_the_object_is(multi):
    scene = multi.sample(0).move_to(0, 0.25, 0.25).resize(0, 0.3).move_to(1, 0.75, 0.75).move_to(2, 0.8, 0.2)
    change = (scene.restyle(0, seed=7).tensor - scene.tensor).abs().sum(dim=0)
    assert change[4:12, 4:12].mean() > 10 * change[20:, 20:].mean()


def test_duplicate(multi):
    before = multi.sample(0).stretch(1, 1.5, 0.7).rotate(1, 20)
    after = before.duplicate(1, 0.2, -0.1)
    g, old = after.layout.gaussians(0), before.layout.gaussians(0)
    torch.testing.assert_close(g.centers_xy[3], old.centers_xy[1] + torch.tensor([0.2, -0.1]))
    assert torch.equal(g.stds[3], old.stds[1]) and torch.equal(g.angles[3], old.angles[1])
    assert torch.equal(g.centers_xy[:3], old.centers_xy)
    assert torch.equal(after.z, before.z[[0, 1, 2, 1, 3]])  # the background stays last
    assert after.num_objects == 4 and differs(before, after)


def test_add(multi):
    before = multi.sample(0)
    after = before.add(0.5, 0.8, 0.1, seed=3)
    torch.testing.assert_close(after.layout.centers[3], torch.tensor([0.5, 0.8]))
    torch.testing.assert_close(after.layout.stds[3], torch.tensor([0.1, 0.1]))
    assert torch.equal(after.z[[0, 1, 2, 4]], before.z) and after.z.shape == (5, 32)
    assert torch.equal(after.z[3], before.restyle(0, seed=3).z[0])
    assert differs(before, after) and differs(after, after.restyle(3, seed=4))


# ---------------------------------------------------------------- immutability and provenance

EDITS: list[Callable[[Scene], Scene]] = [
    lambda s: s.move(1, dx=0.1, dy=0.2),
    lambda s: s.move_to(1, 0.1, 0.2),
    lambda s: s.resize(1, 2),
    lambda s: s.stretch(1, 2, 0.5),
    lambda s: s.rotate(1, 45),
    lambda s: s.remove(1),
    lambda s: s.with_new_layout(5),
    lambda s: s.with_new_styles(5),
    lambda s: s.restyle(1, 5),
    lambda s: s.restyle("background", 5),
    lambda s: s.duplicate(1, 0.1, 0),
    lambda s: s.add(0.5, 0.5, 0.1, 5),
]


@pytest.mark.parametrize("edit", EDITS)
def test_edits_leave_the_original_alone(multi, edit):
    before, same = multi.sample(0), multi.sample(0)
    after = edit(before)
    assert after is not before and before.edits == ()
    assert torch.equal(before.z, same.z) and torch.equal(before.layout.centers, same.layout.centers)
    assert torch.equal(before.layout.stds, same.layout.stds)
    assert torch.equal(before.layout.gaussians(0).angles, same.layout.gaussians(0).angles)
    assert after.noise_seed == before.noise_seed and after.seed == 0 and len(after.edits) == 1


def test_edits_do_not_inherit_the_cached_picture(multi):
    before = multi.sample(0)
    _ = before.image
    after = before.with_new_styles(5)
    assert after.image.tobytes() != before.image.tobytes()


def test_fields_cannot_be_set(multi):
    with pytest.raises(FrozenInstanceError):
        multi.sample(0).truncation = 0.5


def test_edits_are_recorded_in_order(multi, single):
    scene = multi.sample(0).move(1, dx=0.1).restyle("background", 4)
    assert scene.edits == (
        {"edit": "move", "object": 1, "dx": 0.1, "dy": 0.0},
        {"edit": "restyle", "object": "background", "seed": 4},
    )
    assert single.sample(0).resize(2, 2, point=1).edits == ({"edit": "resize", "level": 2, "point": 1, "factor": 2.0},)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda s: s.move(3, dx=0.1), "there is no level 3; this layout has levels 0 to 2"),
        (lambda s: s.move(-1, dx=0.1), "there is no level -1"),
        (lambda s: s.resize(1, 2, point=2), "no centre 2 on level 1; it has centres 0 to 1"),
        (lambda s: s.move_to(2, 0.1, 0.1, point=-1), "no centre -1 on level 2; it has centres 0 to 3"),
        (lambda s: s.move(0, dx=math.nan), "dx is nan; use a finite number"),
        (lambda s: s.move(0, dx=1e39), r"dx is 1e\+39; use a number from -1,000,000 to 1,000,000"),
        (lambda s: s.rotate(0, math.inf), "degrees is inf"),
        (lambda s: s.resize(0, 0), "factor is 0.0; use a number above 0"),
        (lambda s: s.resize(0, "big"), "factor is 'big'"),
        (lambda s: s.stretch(0, 1, -1), "sy is -1.0"),
        (lambda s: s.restyle(0, 1), "needs a model with encoding=multi; tiny has one style"),
        (lambda s: s.duplicate(0, 0.1, 0), "needs a model with encoding=multi"),
        (lambda s: s.add(0.1, 0.1, 0.1, 1), "needs a model with encoding=multi"),
    ],
)
def test_refused_with_a_single_object(single, edit, message):
    with pytest.raises(SpatialGANError, match=message):
        edit(single.sample(0))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda s: s.move(3, dx=0.1), "there is no object 3; this picture has objects 0 to 2"),
        (lambda s: s.remove(-1), "there is no object -1"),
        (lambda s: s.restyle(3, 1), "objects 0 to 2 or 'background'"),
        (lambda s: s.move(0, dx=0.1, point=1), "name the object alone"),
        (lambda s: s.restyle(0, 1.5), "seed is 1.5; use a whole number"),
        (lambda s: s.add(0.1, 0.1, 0, 1), "std is 0.0"),
        (lambda s: s.duplicate(0, math.inf, 0), "dx is inf"),
        (lambda s: s.move("background", dx=0.1), "'background'; use a whole number"),
    ],
)
def test_refused_with_many_objects(multi, edit, message):
    with pytest.raises(SpatialGANError, match=message):
        edit(multi.sample(0))


def test_objects_with_one_style_move_but_have_no_styles_of_their_own(one_style):
    scene = one_style.sample(0)
    assert scene.z.shape == (1, 32) and differs(scene, scene.move(2, dx=0.2)) and differs(scene, scene.remove(2))
    with pytest.raises(SpatialGANError, match="shared has one style for the whole picture"):
        scene.restyle("background", 1)


def test_a_plain_stylegan_has_no_layout(plain):
    scene = plain.sample(0)
    assert scene.layout.kind == "none" and differs(scene, scene.with_new_styles(1))
    for edit in (
        lambda: scene.move(0, dx=0.1),
        lambda: scene.with_new_layout(1),
        lambda: scene.heatmaps(),
        lambda: scene.restyle(0, 1),
    ):
        with pytest.raises(SpatialGANError, match="plain has encoding=none"):
            edit()


def test_a_raster_has_no_centres():
    scene = make_model(sampling="noise").sample(0)
    assert isinstance(scene.layout.levels[0], Raster) and scene.tensor.shape == (3, 32, 32)
    with pytest.raises(SpatialGANError, match="raster"):
        scene.move(0, dx=0.1)


# ---------------------------------------------------------------- views and batches


def test_heatmaps(single, multi):
    maps = single.sample(0).heatmaps(size=64)
    assert [tuple(m.shape) for m in maps] == [(64, 64)] * 3 and all(m.min() >= 0 and m.max() <= 1 for m in maps)
    assert [tuple(m.shape) for m in multi.sample(0).heatmaps()] == [(32, 32)]


def test_attention(single):
    scene = single.sample(0)
    maps = scene.attention()
    assert maps.shape == (3, 32, 32) and maps.min() >= 0 and maps.max() <= 1 and maps.std() > 0
    assert torch.equal(scene.attention(single.discriminator), maps)
    other = make_model(seed=1)
    assert not torch.allclose(scene.attention(other.discriminator), maps)
    other.discriminator = None
    with pytest.raises(SpatialGANError, match="attention is the discriminator's"):
        other.sample(0).attention()


def test_render_scenes_keeps_the_order_and_mixes_kinds(multi):
    a, b = multi.sample(0), multi.sample(1, truncation=0.5)
    scenes = [a, a.duplicate(0, 0.3, 0), b, a.move(1, dx=0.2), b.restyle(0, 2)]
    images = render_scenes(scenes, batch=2)
    for scene, image in zip(scenes, images, strict=True):
        assert np.abs(np.asarray(image, int) - np.asarray(scene.image, int)).max() <= 1
    assert render_scenes([]) == []


def test_inputs_draw_the_picture_one_by_one_and_stacked(single):
    scenes = [single.sample(0), single.sample(1).move(0, dx=0.1)]
    scenes[1] = replace(scenes[1], w_offset=torch.ones_like(scenes[1].w_offset_or_zeros))
    for scene in scenes:
        inputs = scene.inputs()
        assert inputs.z.shape == (1, 1, 32) and inputs.noise is not None
        assert torch.equal(single.draw(inputs).image[0], scene.tensor)
    inputs = inputs_of(scenes, "cpu")
    assert inputs.w_offset.shape == (2, *scenes[1].w_offset.shape) and not inputs.w_offset[0].any()
    together = single.draw(inputs).image
    torch.testing.assert_close(together, torch.stack([s.tensor for s in scenes]), atol=1e-4, rtol=1e-4)
    silent = single.draw(replace(scenes[0].inputs(), noise=None)).image[0]
    assert (silent - scenes[0].tensor).abs().max() > 1e-3


def test_inputs_of_what_cannot_share_a_batch(multi):
    scene = multi.sample(0)
    for other in (scene.duplicate(0, 0.1, 0), multi.sample(0, truncation=0.5)):
        with pytest.raises(SpatialGANError, match="cannot share a batch"):
            inputs_of([scene, other], "cpu")


def test_features(single, plain):
    features = single.sample(0).features()
    assert {r: tuple(f.shape[1:]) for r, f in features.items()} == {r: (r, r) for r in (4, 8, 16, 32)}
    inputs = single.sample(0).inputs()
    expected = single.generator.synthesize(inputs.ws(single.generator), inputs.layout, inputs.noise).features
    assert all(torch.equal(features[r], expected[r][0]) for r in features)
    assert plain.sample(0).features()[32].dtype == torch.float32


def test_edit_many_edits_every_scene_and_draws_them_in_one_pass(multi, monkeypatch):
    drawn, draw = [], multi.draw
    monkeypatch.setattr(multi, "draw", lambda inputs: drawn.append(len(inputs.z)) or draw(inputs))
    scenes = [multi.sample(seed) for seed in range(5)]
    edited = edit_many(scenes, [Move(object=0, dx=0.1, dy=0), Restyle(object=1, seed=7)])
    assert drawn == [5]
    alone = [scene.move(0, dx=0.1).restyle(1, 7) for scene in scenes]
    for one, other in zip(edited, alone, strict=True):
        assert one.edits == other.edits and torch.equal(one.z, other.z)
        torch.testing.assert_close(one.tensor, other.tensor, atol=1e-4, rtol=1e-4)
    assert sum(drawn) == 5 + 5  # those alone; the edited ones were drawn already
    assert all("tensor" not in vars(scene) for scene in scenes)


def test_edit_many_goes_by_batches_and_kinds_and_takes_none(multi):
    scenes = [multi.sample(0), multi.sample(1).duplicate(0, 0.2, 0), multi.sample(2), multi.sample(3)]
    edited = edit_many(scenes, [], batch=2)
    for one, other in zip(edited, scenes, strict=True):
        assert one is not other and one.edits == other.edits
        torch.testing.assert_close(one.tensor, other.tensor, atol=1e-4, rtol=1e-4)
    assert edit_many([], [Move(object=0, dx=0.1, dy=0)]) == []


def test_edit_many_names_the_scene_that_has_something_against_it(multi):
    with pytest.raises(SpatialGANError, match="scene 1: there is no object 3"):
        edit_many([multi.sample(0).duplicate(0, 0.1, 0), multi.sample(1)], [Move(object=3, dx=0.1, dy=0)])


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_holds_something(multi, batch):
    with pytest.raises(SpatialGANError, match=f"batch is {batch}; use 1 or more"):
        edit_many([multi.sample(0)], [], batch=batch)


def test_render_scenes_takes_one_model(multi, single):
    with pytest.raises(SpatialGANError, match="one model"):
        render_scenes([multi.sample(0), single.sample(0)])


def test_a_scene_shows_itself_in_one_line(single):
    assert repr(single.sample(3).move(0, dx=0.1)) == f"Scene({single.name}, seed=3, layout_seed=3, 1 edits)"


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: Scene.sample(s.model, -1),
        lambda s: Scene.sample(s.model, 0, layout_seed=-1),
        lambda s: s.with_new_styles(-1),
        lambda s: s.with_new_layout(-1),
        lambda s: s.restyle(0, -1),
        lambda s: s.add(0.5, 0.5, 0.1, -1),
    ],
)
def test_seeds_below_0_are_refused_everywhere(edit, multi):
    with pytest.raises(SpatialGANError, match="seed is -1; use a whole number from 0"):
        edit(multi.sample(0))
