"""The coarse move, the optimiser, and gradients of centres, pixels and style codes."""

import pytest
import torch
from tiny_models import make_model

from spatialgan.coords import centroid_xy
from spatialgan.editing.drag.adam import Adam
from spatialgan.editing.drag.modes import coarse_move, gradient_step
from spatialgan.editing.drag.outcome import DragOptions
from spatialgan.editing.drag.variables import Variables
from spatialgan.layout import Layout
from spatialgan.levels import Gaussians


def variables(model, seed=1, **changes):
    return Variables(model.sample(seed), **({"feature_resolution": 16, "num_layers": 6, "with_noise": False} | changes))


def round_layout(centers, hierarchical=False):
    levels = [torch.tensor(c) for c in centers]
    own = [c - levels[0] if hierarchical and i > 0 else c for i, c in enumerate(levels)]
    return Layout(tuple(Gaussians(c, torch.full_like(c, 0.1), torch.zeros(len(c))) for c in own), hierarchical)


def test_coarse_move_is_eq_6():
    """Within the radius, c + k (t - s); outside, c; a child of a moved centre is not carried along."""
    layout = round_layout([[[0.5, 0.5]], [[0.55, 0.5], [0.9, 0.9]]], hierarchical=True)
    start, target = torch.tensor([[0.45, 0.5]]), torch.tensor([[0.65, 0.4]])
    moved, carried = coarse_move(layout, start, target, DragOptions(coarse_radius=0.2, coarse_factor=0.5))
    assert torch.allclose(moved.centers, torch.tensor([[0.6, 0.45], [0.65, 0.45], [0.9, 0.9]]))
    assert torch.allclose(carried, torch.tensor([[0.1, -0.05]]))


def test_a_child_outside_the_radius_keeps_its_place_and_a_near_one_goes_alone():
    layout = round_layout([[[0.9, 0.9]], [[0.5, 0.5], [0.1, 0.1]]], hierarchical=True)
    moved, _ = coarse_move(layout, torch.tensor([[0.5, 0.5]]), torch.tensor([[0.6, 0.5]]), DragOptions())
    assert torch.allclose(moved.centers, torch.tensor([[0.9, 0.9], [0.6, 0.5], [0.1, 0.1]]))


def test_each_centre_follows_its_nearest_handle():
    layout = round_layout([[[0.3, 0.5], [0.7, 0.5], [0.5, 0.05]]])
    starts, targets = torch.tensor([[0.32, 0.5], [0.68, 0.5]]), torch.tensor([[0.32, 0.6], [0.68, 0.4]])
    moved, carried = coarse_move(layout, starts, targets, DragOptions())
    assert torch.allclose(moved.centers, torch.tensor([[0.3, 0.6], [0.7, 0.4], [0.5, 0.05]]))
    assert torch.allclose(carried, targets - starts)


def test_nothing_near_nothing_moves():
    layout = round_layout([[[0.9, 0.9]]])
    moved, carried = coarse_move(layout, torch.tensor([[0.1, 0.1]]), torch.tensor([[0.2, 0.1]]), DragOptions())
    assert torch.equal(moved.centers, layout.centers) and not carried.any()


@pytest.mark.parametrize("kind", ["single", "multi"])
@pytest.mark.parametrize("what", ["shifts", "w", "pixels"])
def test_gradients_match_finite_differences(kind, what, smooth_activations, slopes):
    config = {"layout": "multi", "encoding": "multi"} if kind == "multi" else {}
    v = variables(make_model(**config))
    parameters = {"shifts": v.free_centers, "pixels": v.free_pixels, "w": lambda: [v.w]}[what]()
    if what == "pixels":  # away from 0 and 1, where they are clipped
        with torch.no_grad():
            for p in parameters:
                p.mul_(0.8).add_(0.1)
    weights = torch.randn_like(v.features().detach())
    by_autograd, by_difference = slopes(lambda: (v.features() * weights).sum(), parameters)
    assert by_autograd == pytest.approx(by_difference, rel=2e-2) and abs(by_autograd) > 0.1


def test_the_gradient_reaches_the_object_under_the_handle(multi):
    """Features at a point depend on the style code of the object there, and of no distant one."""
    v = variables(multi)
    layout = round_layout([[[0.2, 0.2], [0.8, 0.8], [0.8, 0.2]]])
    v.set_layout(
        Layout((Gaussians(layout.levels[0].centers_xy, torch.full((3, 2), 0.06), torch.zeros(3)),), False)[None]
    )

    def by_code():
        feature = v.features()[0, :, 3, 3].square().sum()  # at (0.22, 0.22)
        return torch.autograd.grad(feature, v.w)[0][-2:].abs().sum(dim=(0, 2))

    gradient = by_code()
    assert gradient[0] > 2 * gradient[1:3].max()
    v.free_centers()
    moved = torch.autograd.grad(v.features()[0, :, 3, 3].square().sum(), v.shifts)[0][0].norm(dim=1)
    assert moved[0] > 2 * moved[1:].max()


def test_adam_per_element_is_adam(rng):
    start = torch.randn(4, 3, generator=rng)
    ours, theirs = start.clone().requires_grad_(), start.clone()
    update = gradient_step(Adam([ours], 0.01, per_element=True))
    m = v = torch.zeros_like(start)
    for t in range(1, 6):
        update((ours**4).sum())
        g = 4 * theirs**3
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        theirs = theirs - 0.01 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_with_one_moment_what_matters_little_moves_little():
    p = torch.zeros(2, requires_grad=True)
    gradient_step(Adam([p], 0.01, per_element=False))((torch.tensor([1.0, 0.01]) * p).sum())
    p = p.detach()
    assert p[0] == pytest.approx(-0.01 * 2**0.5, rel=1e-3)  # the root mean square is the learning rate
    assert p[1] == pytest.approx(0.01 * float(p[0]))


def test_fewer_layers_where_the_block_has_fewer(single):
    assert len(variables(single, feature_resolution=8, num_layers=6).w) == 3
    assert len(variables(single, feature_resolution=16, num_layers=4).w) == 4


def test_w_std_is_that_of_w(single):
    z = torch.randn(4096, 1, 32)
    expected = float(single.generator.mapping(z)[:, 0].std(dim=0).mean())
    assert variables(single).w_std() == pytest.approx(expected, rel=0.1)


def test_rasters_draw_the_same_features():
    for config in (
        {},
        {"processing": "fine", "encoding": "concat"},
        {"layout": "multi", "encoding": "norm"},
        {"encoded_max_resolution": 32},
        {"layout": "multi", "encoding": "multi", "coordinates_max_resolution": 16},
    ):
        v = variables(make_model(**config))
        before = v.features()
        v.free_pixels()
        assert torch.allclose(v.features(), before, atol=1e-4), config


def test_own_coordinates_go_where_the_mass_of_a_heatmap_goes(multi):
    v = variables(multi)
    before = v.layout.gaussians(0)
    (pixels,) = v.free_pixels()
    torch.testing.assert_close(v.layout.levels[0].frames.centers_xy, before.centers_xy)
    with torch.no_grad():
        pixels[0, 1] = 0
        pixels[0, 1, 8:12, 24:28] = 0.7  # of 32: the middle is at 26/32, 10/32
    frames = v.layout.levels[0].frames
    moved = centroid_xy(v.layout.levels[0].values[0, 1]) - centroid_xy(v.scene.layout.heatmaps(0, 32)[1])
    torch.testing.assert_close(frames.centers_xy[0, 1], before.centers_xy[0, 1] + moved, atol=1e-3, rtol=0)
    assert moved.norm() > 0.05
    for k in (0, 2):
        torch.testing.assert_close(frames.centers_xy[0, k], before.centers_xy[0, k])
    assert torch.equal(frames.stds, before.stds) and torch.equal(frames.angles, before.angles)


def test_pixels_of_a_removed_object_have_a_gradient_that_is_finite(multi):
    v = Variables(multi.sample(0).remove(1), feature_resolution=16, num_layers=6, with_noise=False)
    (pixels,) = v.free_pixels()
    v.features().square().mean().backward()
    assert pixels.grad.isfinite().all()


def test_a_removed_objects_own_coordinates_stay_where_they_are(multi):
    v = Variables(multi.sample(0).remove(1), feature_resolution=16, num_layers=6, with_noise=False)
    before = v.layout.gaussians(0)
    (pixels,) = v.free_pixels()
    with torch.no_grad():
        pixels[0, 1, 2, 2] = 0.05
    torch.testing.assert_close(v.layout.levels[0].frames.centers_xy, before.centers_xy)
