import math
from dataclasses import replace

import pytest
import torch

from spatialgan.config import ModelConfig
from spatialgan.layout import Layout, layout_to_json, raster_sizes
from spatialgan.levels import Raster
from spatialgan.networks.generator import Generator, sample_noise, sample_z
from spatialgan.sampling import centers_inside, sample_layout, spaced, with_impulse_noise

SINGLE, MULTI = ModelConfig(), ModelConfig(layout="multi")
# N(1/2, (1/3)^2) cut off at 0 and 1, that is at 1.5 standard deviations.
DENSITY = math.exp(-(1.5**2) / 2) / math.sqrt(2 * math.pi)
TRUNCATED_STD = 1 / 3 * math.sqrt(1 - 2 * 1.5 * DENSITY / math.erf(1.5 / math.sqrt(2)))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sample(config: ModelConfig = SINGLE, batch: int = 2, seed: int = 0) -> Layout:
    return sample_layout(config, batch, seeded(seed))


def test_single_object_layouts_have_1_2_4_centers():
    layout = sample(batch=5)
    assert layout.hierarchical
    assert [layout.level_centers(i).shape for i in range(3)] == [(5, 1, 2), (5, 2, 2), (5, 4, 2)]
    assert layout.centers.shape == layout.stds.shape == (5, 7, 2)


def test_truncated_normal():
    c = sample(batch=50000).level_centers(0)
    assert c.min() >= 0
    assert c.max() <= 1
    assert c.min() < 0.01
    assert c.max() > 0.99
    torch.testing.assert_close(c.mean(dim=(0, 1)), torch.full((2,), 0.5), atol=0.005, rtol=0)
    torch.testing.assert_close(c.std(dim=(0, 1)), torch.full((2,), TRUNCATED_STD), atol=0.002, rtol=0)
    assert abs(float(torch.corrcoef(c[:, 0].T)[0, 1])) < 0.02  # x and y are independent


def test_truncated_normal_against_its_distribution():
    x = sample(batch=20000).level_centers(0)[:, 0, 0]
    for q in (0.1, 0.25, 0.4, 0.7, 0.9):
        below = (math.erf((q - 0.5) * 3 / math.sqrt(2)) / math.erf(1.5 / math.sqrt(2)) + 1) / 2
        assert float((x < q).float().mean()) == pytest.approx(below, abs=0.015)


@pytest.mark.parametrize("u", [0.0, 1 - 2**-24, 1.0])
@pytest.mark.parametrize("std", [0.001, 0.05, 0.09, 0.1, 1 / 3, 10])
def test_the_extreme_draws_are_inside(monkeypatch: pytest.MonkeyPatch, u: float, std: float):
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.full(shape, u))
    c = centers_inside((3, 2), std, seeded())
    assert ((c >= 0) & (c <= 1)).all()
    if std > 0.3:
        assert ((c - round(u)).abs() < 1e-5).all()


def test_offsets_are_normal_around_the_level_0_center():
    layout = sample(batch=10000)
    for level in (1, 2):
        offsets = layout.level_centers(level) - layout.level_centers(0)
        assert float(offsets.std()) == pytest.approx(1 / 6, rel=0.02)
        assert float(offsets.mean()) == pytest.approx(0, abs=0.005)
        kurtosis = (offsets / offsets.std()).pow(4).mean()
        assert float(kurtosis) == pytest.approx(3, abs=0.2)


def correlation(layout: Layout) -> float:
    a, b = layout.level_centers(0)[:, 0, 0], layout.level_centers(1)[:, 1, 0]
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


def test_hierarchical_levels_are_correlated_and_independent_ones_are_not():
    expected = TRUNCATED_STD / math.sqrt(TRUNCATED_STD**2 + 1 / 36)
    assert correlation(sample(batch=10000)) == pytest.approx(expected, abs=0.02)
    independent = sample(replace(SINGLE, sampling="independent"), batch=10000)
    assert abs(correlation(independent)) < 0.04
    assert not independent.hierarchical
    for level in range(3):
        c = independent.level_centers(level)
        assert ((c >= 0) & (c <= 1)).all()
        assert float(c.std()) == pytest.approx(TRUNCATED_STD, rel=0.02)


@pytest.mark.parametrize("sampling", ["hierarchical", "independent"])
def test_areas_of_influence(sampling: str):
    layout = sample(replace(SINGLE, sampling=sampling), batch=4000)
    for level, (low, high) in enumerate([(0.5, 1.0), (0.1 / 1.4, 1.1 / 1.4), (0.1 / 2, 1.1 / 2)]):
        g = layout.gaussians(level)
        s = 8 * g.stds.square()
        assert float(s.min()) == pytest.approx(low, abs=(high - low) * 0.01)
        assert float(s.max()) == pytest.approx(high, abs=(high - low) * 0.01)
        assert float(s.mean()) == pytest.approx((low + high) / 2, abs=(high - low) * 0.02)
        assert torch.equal(g.stds[..., 0], g.stds[..., 1])
        assert torch.equal(g.angles, torch.zeros(4000, 2**level))


def test_the_releases_layouts_have_their_own_centers():
    layout = sample(replace(SINGLE, sampling="release"), batch=50000)
    assert layout.hierarchical
    assert [layout.level_centers(i).shape for i in range(3)] == [(50000, 1, 2), (50000, 2, 2), (50000, 4, 2)]
    c = layout.level_centers(0)[:, 0]
    torch.testing.assert_close(c.mean(dim=0), torch.full((2,), 0.5), atol=0.003, rtol=0)
    torch.testing.assert_close(c.std(dim=0), torch.full((2,), 0.161), atol=0.002, rtol=0)
    for q in (0.2, 0.4, 0.65):
        below = (math.erf((q - 0.5) / 0.161 / math.sqrt(2)) + 1) / 2
        assert float((c[:, 0] < q).float().mean()) == pytest.approx(below, abs=0.01)
    # Clamped, not drawn anew: those outside are at the edge itself.
    assert c.min() == 0 and c.max() == 1
    outside = math.erfc(0.5 / 0.161 / math.sqrt(2))
    assert float(((c[:, 0] == 0) | (c[:, 0] == 1)).float().mean()) == pytest.approx(outside, rel=0.35)


@pytest.mark.parametrize(("level", "most"), [(1, 0.2), (2, 0.4)])
def test_the_releases_offsets_are_uniform(level: int, most: float):
    layout = sample(replace(SINGLE, sampling="release"), batch=10000)
    offsets = layout.gaussians(level).centers_xy
    torch.testing.assert_close(layout.level_centers(level), offsets + layout.level_centers(0))
    assert float(offsets.min()) == pytest.approx(-most, abs=0.001) and offsets.min() >= -most
    assert float(offsets.max()) == pytest.approx(most, abs=0.001) and offsets.max() <= most
    assert float(offsets.mean()) == pytest.approx(0, abs=0.01)
    assert float(offsets.std()) == pytest.approx(2 * most / math.sqrt(12), rel=0.02)
    between = torch.corrcoef(offsets.flatten(1).T)
    assert (between - torch.eye(len(between))).abs().max() < 0.05


def test_moving_level_0_of_the_releases_layouts_carries_the_others():
    layout = sample(replace(SINGLE, sampling="release"))
    step = torch.tensor([0.1, -0.2])
    torch.testing.assert_close(layout.moved(step).centers, layout.centers + step)


def test_the_releases_sizes_are_one_of_each_level_for_a_batch():
    ranges = [(0.5, 1.0), (0.1 / 1.4, 1.1 / 1.4), (0.1 / 2, 1.1 / 2)]
    random, config = seeded(), replace(SINGLE, sampling="release")
    drawn = []
    for _ in range(3000):
        layout = sample_layout(config, 3, random)
        assert all(len(g.stds.unique()) == 1 for g in layout.levels)
        drawn.append(torch.stack([8 * g.stds[0, 0, 0].square() for g in layout.levels]))
    s = torch.stack(drawn)  # (3000, 3)
    for level, (low, high) in enumerate(ranges):
        assert float(s[:, level].min()) == pytest.approx(low, abs=(high - low) * 0.01)
        assert float(s[:, level].max()) == pytest.approx(high, abs=(high - low) * 0.01)
        assert float(s[:, level].mean()) == pytest.approx((low + high) / 2, abs=(high - low) * 0.02)
    assert (torch.corrcoef(s.T) - torch.eye(3)).abs().max() < 0.06  # levels have sizes of their own


def test_the_releases_layouts_do_not_heed_center_std():
    a, b = (sample(replace(SINGLE, sampling="release", center_std=std)) for std in (0.1, 1 / 3))
    assert torch.equal(a.centers, b.centers)


def test_multi_object_layouts():
    layout = sample(replace(MULTI, num_objects=4, object_std_min=0.1, object_std_max=0.3), batch=4000)
    assert layout.hierarchical is False
    assert len(layout.levels) == 1
    assert torch.equal(layout.gaussians(0).angles, torch.zeros(4000, 4))
    assert layout.centers.shape == layout.stds.shape == (4000, 4, 2)
    assert ((layout.centers >= 0) & (layout.centers <= 1)).all()
    assert float(layout.centers.std()) == pytest.approx(TRUNCATED_STD, rel=0.02)
    assert float(layout.stds.min()) == pytest.approx(0.1, abs=0.001)
    assert float(layout.stds.max()) == pytest.approx(0.3, abs=0.001)
    assert float(layout.stds.mean()) == pytest.approx(0.2, abs=0.003)
    between = torch.corrcoef(layout.centers[:, :, 0].T)
    assert (between - torch.eye(4)).abs().max() < 0.08


def spacings(layout: Layout) -> torch.Tensor:
    """Least distance of two centres of each picture, in sums of standard deviations."""
    c, s = layout.level_centers(0), layout.stds[..., 0]
    ratios = torch.cdist(c, c) / (s[:, :, None] + s[:, None])
    return (ratios + 99 * torch.eye(c.shape[1])).amin(dim=(1, 2))


def test_spaced_objects_do_not_stand_in_one_place():
    independent, apart = (sample(replace(MULTI, object_spacing=x), batch=2000) for x in (0, 1))
    assert float((spacings(independent) >= 1).float().mean()) < 0.25
    assert float((spacings(apart) >= 1 - 1e-5).float().mean()) > 0.99
    assert ((apart.centers >= 0) & (apart.centers <= 1)).all()
    # Its sizes are those of independent layouts, and the first centre, of which nothing is asked, is too.
    assert float(apart.stds.mean()) == pytest.approx(0.2, abs=0.003)
    assert float(apart.level_centers(0)[:, 0].std()) == pytest.approx(TRUNCATED_STD, rel=0.04)


def test_without_spacing_layouts_are_what_they_were():
    random = seeded(7)
    centers = centers_inside((2, 3, 2), MULTI.center_std, random)
    stds = 0.12 + 0.16 * torch.rand((2, 3, 1), generator=random)
    layout = sample(MULTI, seed=7)
    assert torch.equal(layout.level_centers(0), centers)
    torch.testing.assert_close(layout.stds[..., :1], stds)


def test_the_first_candidate_that_is_far_enough_is_taken_or_else_the_farthest():
    candidates = torch.tensor([[[[0.5, 0.5]] * 4, [[0.5, 0.6], [0.5, 0.7], [0.5, 0.9], [0.5, 0.8]]]])
    stds = torch.full((1, 2), 0.1)
    for spacing, y in ((0, 0.6), (0.9, 0.7), (1.4, 0.9), (9, 0.9)):
        torch.testing.assert_close(spaced(candidates, stds, spacing), torch.tensor([[[0.5, 0.5], [0.5, y]]]))


def test_many_objects_are_as_far_apart_as_there_is_room():
    independent, apart = (spacings(sample(replace(MULTI, num_objects=20, object_spacing=x), batch=100)) for x in (0, 1))
    assert float(apart.mean()) > 3 * float(independent.mean())


def test_noise_layouts_have_no_structure():
    layout = sample(replace(SINGLE, sampling="noise"), batch=500)
    assert [level.values.shape for level in layout.levels] == [(500, 1, 4, 4), (500, 2, 8, 8), (500, 4, 16, 16)]
    for level in layout.levels:
        v = level.values
        assert ((v >= 0) & (v <= 1)).all()
        assert float(v.mean()) == pytest.approx(0.5, abs=0.01)
        assert 0.22 < float(v.std()) < 0.25  # 1/4, less what clipping takes
        neighbours = torch.stack([v[..., 1:].flatten(), v[..., :-1].flatten()])
        assert abs(float(torch.corrcoef(neighbours)[0, 1])) < 0.04
    assert layout.hierarchical is False
    assert layout.heatmaps(1, 8) is layout.levels[1].values
    assert layout.heatmaps(1, 32).shape == (500, 2, 32, 32)


def test_impulse_noise_share():
    clean = sample(MULTI, batch=8)
    noisy = with_impulse_noise(clean, 0.3, (64,), seeded(5))
    before, after = clean.heatmaps(0, 64), noisy.heatmaps(0, 64)
    hit = (after == 0) | (after == 1)
    assert not ((before == 0) | (before == 1)).any()
    assert float(hit.float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(after[hit].mean()) == pytest.approx(0.5, abs=0.02)
    assert torch.equal(after[~hit], before[~hit])


def test_impulse_noise_of_single_object_layouts_is_at_their_own_sizes():
    layout = sample(replace(SINGLE, impulse_noise=0.5))
    assert [level.values.shape for level in layout.levels] == [(2, 1, 4, 4), (2, 2, 8, 8), (2, 4, 16, 16)]
    assert layout.hierarchical is False
    assert all(level.frames is None for level in layout.levels)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"processing": "fine"},
        {"sampling": "release", "processing": "release"},
        {"encoding": "flatten"},
        {"layout": "multi", "encoding": "flatten"},
    ],
)
def test_impulse_noise_that_hits_nothing_changes_no_picture(changes: dict[str, object]):
    config = ModelConfig(**{"resolution": 64, "z_dim": 8, "w_dim": 8, "channel_base": 64, "channel_max": 8, **changes})
    torch.manual_seed(0)
    generator, clean = Generator(config).eval(), sample(config)
    noisy = with_impulse_noise(clean, 0.0, raster_sizes(config), seeded())
    z, noise = sample_z(config, 2, seeded(1)), sample_noise(config, 2, seeded(2))
    with torch.no_grad():
        pictures = [generator(z, layout, noise).image for layout in (clean, noisy)]
    torch.testing.assert_close(*pictures, rtol=1e-4, atol=1e-4)


def test_impulse_noise_leaves_objects_their_frames():
    config = replace(MULTI, encoding="multi", resolution=64)
    clean, noisy = sample(config), sample(replace(config, impulse_noise=0.5))
    (level,) = noisy.levels
    assert isinstance(level, Raster) and level.values.shape == (2, config.num_objects, 64, 64)
    for name in ("centers_xy", "stds", "angles"):
        assert torch.equal(getattr(level.frames, name), getattr(clean.gaussians(0), name))


KINDS = pytest.mark.parametrize(
    "config",
    [
        SINGLE,
        MULTI,
        replace(MULTI, object_spacing=1.0),
        replace(SINGLE, sampling="independent"),
        replace(SINGLE, sampling="noise"),
        replace(SINGLE, sampling="release"),
        replace(SINGLE, impulse_noise=0.1),
    ],
    ids=["hierarchical", "multi", "spaced", "independent", "noise", "release", "impulse"],
)


@KINDS
def test_layouts_are_on_the_generators_device(config: ModelConfig):
    """Whatever torch's default device is: a tensor made without naming one would be on "meta" here."""
    generator, tensors = seeded(), []
    with torch.device("meta"):
        layout = sample_layout(config, 2, generator)
    layout.map(lambda t: tensors.append(t) or t)
    assert {t.device.type for t in tensors} == {"cpu"}


@KINDS
def test_layouts_are_the_same_float32_numbers_whatever_the_default_dtype(
    config: ModelConfig, request: pytest.FixtureRequest
):
    expected, got = [], []
    sample(config).map(lambda t: expected.append(t) or t)
    request.getfixturevalue("double_by_default")
    sample(config).map(lambda t: got.append(t) or t)
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == torch.float32 and torch.equal(a, b)


@KINDS
def test_seeds_reproduce(config: ModelConfig):
    first, again, other = (layout_to_json(sample(config, seed=seed)[0]) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_sampling_leaves_the_global_source_alone():
    before = torch.get_rng_state()
    sample()
    assert torch.equal(torch.get_rng_state(), before)
