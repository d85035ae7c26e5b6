import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from spatialgan.config import ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.layout import Layout
from spatialgan.levels import Gaussians, Raster
from spatialgan.networks.generator import Generator, sample_z
from spatialgan.networks.object_coordinates import (
    FREQUENCIES,
    NUM_CHANNELS,
    NUM_WAVES,
    PICTURE_STD,
    SIZE,
    object_coordinates,
    waves,
)
from spatialgan.sampling import sample_layout
from spatialgan.training.aids.reconstruction import AFFINE_RATE, LR, reconstruction_optimizer

Tiny = Callable[..., ModelConfig]


def objects(*rows: tuple[float, float, float, float, float]) -> Layout:
    """A batch of one; each row x, y, two standard deviations, angle."""
    t = torch.tensor(rows)[None]
    return Layout((Gaussians(t[..., :2], t[..., 2:4], t[..., 4]),), hierarchical=False)


def with_coordinates(tiny: Tiny, **changes: int) -> ModelConfig:
    return tiny(layout="multi", encoding="multi", encoded_max_resolution=32, coordinates_max_resolution=16, **changes)


def test_waves_are_sines_and_cosines_of_eighths_of_a_turn():
    u = torch.tensor([0.7, -1.3]).reshape(2, 1, 1)
    expected = [f(float(c) * k * 2 * math.pi / 8) for f in (math.sin, math.cos) for k in FREQUENCIES for c in u]
    torch.testing.assert_close(waves(u).flatten(), torch.tensor(expected))


def test_coordinates_against_loops():
    """Two objects that overlap, so that shares are of both kinds; the second turned."""
    rows = ((0.4, 0.5, 0.2, 0.1, 0.0), (0.55, 0.45, 0.15, 0.3, 0.6))
    found = object_coordinates(objects(*rows))
    assert found.shape == (1, NUM_CHANNELS, SIZE, SIZE)
    for row, column in ((16, 13), (3, 28), (14, 17)):
        x, y = (column + 0.5) / SIZE, (row + 0.5) / SIZE
        maps, own = [], []
        for cx, cy, sx, sy, angle in rows:
            along = (math.cos(angle) * (x - cx) + math.sin(angle) * (y - cy)) / sx
            across = (-math.sin(angle) * (x - cx) + math.cos(angle) * (y - cy)) / sy
            maps.append(math.exp(-(along**2 + across**2) / 2))
            own.append((along, across))
        shares = [m / max(1.0, sum(maps)) for m in maps]
        picture = ((x - 0.5) / PICTURE_STD, (y - 0.5) / PICTURE_STD)

        def wave(u: tuple[float, float]) -> torch.Tensor:
            return torch.tensor([f(c * k * math.pi / 4) for f in (math.sin, math.cos) for k in FREQUENCIES for c in u])

        things = sum(s * wave(u) for s, u in zip(shares, own, strict=True))
        expected = torch.cat([things, (1 - sum(shares)) * wave(picture)])
        torch.testing.assert_close(found[0, :, row, column], expected, atol=1e-5, rtol=1e-4)


def test_they_move_with_the_object_and_the_background_stays():
    near, far = (object_coordinates(objects((x, 0.5, 0.05, 0.05, 0.0))) for x in (0.25, 0.75))
    torch.testing.assert_close(near[..., :16][:, :NUM_WAVES], far[..., 16:][:, :NUM_WAVES], atol=1e-5, rtol=1e-4)
    assert near[:, :NUM_WAVES].abs().max() > 0.5
    ahead = slice(14, 18)  # columns that neither object reaches
    torch.testing.assert_close(near[:, NUM_WAVES:, :, ahead], far[:, NUM_WAVES:, :, ahead], atol=1e-4, rtol=1e-3)


def test_they_grow_with_the_object():
    middle = (0.5 + 0.5 / SIZE, 0.5 + 0.5 / SIZE)  # of pixel 16
    small, large = (object_coordinates(objects((*middle, s, s, 0.0)))[0, :NUM_WAVES] for s in (0.08, 0.16))
    for step in (1, 2, 4):
        torch.testing.assert_close(small[:, 16 + step, 16 - step], large[:, 16 + 2 * step, 16 - 2 * step])


def test_they_turn_with_the_object():
    middle = (0.5, 0.5)
    before, after = (object_coordinates(objects((*middle, 0.2, 0.1, a)))[0, :NUM_WAVES] for a in (0.0, math.pi / 2))
    # A quarter turn clockwise takes what was right of the middle to below it.
    torch.testing.assert_close(torch.rot90(before, -1, dims=(1, 2)), after, atol=1e-5, rtol=1e-4)
    assert (before - after).abs().max() > 0.1


def test_a_removed_object_leaves_nothing():
    gone = object_coordinates(objects((0.4, 0.4, 0.2, 0.2, 0.0)).resized(0.0))
    assert torch.equal(gone[:, :NUM_WAVES], torch.zeros(1, NUM_WAVES, SIZE, SIZE))
    assert gone.isfinite().all()


def test_an_object_may_be_anywhere():
    away = objects((1e38, 0.4, 0.2, 0.2, 0.0))
    assert object_coordinates(away).isfinite().all()


def test_a_generator_draws_by_them(tiny: Tiny):
    config = with_coordinates(tiny)
    g, random = Generator(config), torch.Generator().manual_seed(0)
    z, layout = sample_z(config, 2, random), sample_layout(config, 2, random)
    names = {name for name, _ in g.named_parameters() if ".place." in name}
    # Blocks of 4, 8 and 16, with 2, 3 and 3 layers; not that of 32.
    assert len(names) == 8 and not any(name.startswith("blocks.3.") for name in names)
    before = g(z, layout, None).image
    with torch.no_grad():
        for name, p in g.named_parameters():
            if name in names:
                p.zero_()
    assert (g(z, layout, None).image - before).abs().max() > 1e-2
    plain = Generator(replace(config, coordinates_max_resolution=0))
    plain.load_state_dict({n: t for n, t in g.state_dict().items() if n not in names})
    torch.testing.assert_close(g(z, layout, None).image, plain(z, layout, None).image)


def test_the_number_of_objects_is_not_fixed(tiny: Tiny):
    config = with_coordinates(tiny)
    g = Generator(config)
    more = sample_layout(replace(config, num_objects=5), 1, torch.Generator().manual_seed(0))
    assert g(torch.randn(1, 6, config.z_dim), more, None).image.isfinite().all()


def test_a_raster_of_a_layout_draws_the_same_picture_by_its_frames(tiny: Tiny):
    config = with_coordinates(tiny)
    g, random = Generator(config), torch.Generator().manual_seed(0)
    z, layout = sample_z(config, 1, random), sample_layout(config, 1, random)
    raster = Layout((Raster(layout.heatmaps(0, 32), layout.gaussians(0)),), hierarchical=False)
    torch.testing.assert_close(g(z, raster, None).image, g(z, layout, None).image)
    bare = Layout((Raster(layout.heatmaps(0, 32)),), hierarchical=False)
    with pytest.raises(SpatialGANError, match="raster has no frames"):
        g(z, bare, None)


def test_impulse_noise_keeps_the_frames(tiny: Tiny):
    config = with_coordinates(tiny, impulse_noise=0.2)
    g, random = Generator(config), torch.Generator().manual_seed(0)
    assert g(sample_z(config, 1, random), sample_layout(config, 1, random), None).image.isfinite().all()


def test_gradients_reach_centers_sizes_angles_and_weights(tiny: Tiny):
    config = with_coordinates(tiny)
    g = Generator(config)
    layout = sample_layout(config, 1, torch.Generator().manual_seed(0)).map(lambda t: t.clone().requires_grad_())
    object_coordinates(layout).square().sum().backward()
    gaussians = layout.gaussians(0)
    for t in (gaussians.centers_xy, gaussians.stds, gaussians.angles):
        assert t.grad.isfinite().all()
        assert t.grad.abs().max() > 0
    g(torch.randn(1, 4, config.z_dim), layout.map(lambda t: t.detach()), None).image.square().sum().backward()
    assert all(p.grad.abs().max() > 0 for name, p in g.named_parameters() if ".place." in name)


def test_in_reconstruction_they_learn_as_fast_as_styles(tiny: Tiny):
    g = Generator(with_coordinates(tiny))
    groups = {id(p): group["lr"] for group in reconstruction_optimizer(g, 0.99).param_groups for p in group["params"]}
    assert len(groups) == len(list(g.parameters()))
    for name, p in g.named_parameters():
        if ".place." in name or ".affine." in name:
            assert groups[id(p)] == LR * AFFINE_RATE
