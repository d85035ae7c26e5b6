import json
import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from spatialgan.config import ModelConfig
from spatialgan.coords import centroid_xy
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import MIN_STD, min_max_normalize, render_gaussians, resize_maps
from spatialgan.layout import Layout, layout_from_json, layout_to_json
from spatialgan.levels import Gaussians, Raster, tensor_from_json, tensor_to_json
from spatialgan.sampling import sample_layout

SINGLE, MULTI = ModelConfig(), ModelConfig(layout="multi")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sample(config: ModelConfig = SINGLE, batch: int = 2, seed: int = 0) -> Layout:
    return sample_layout(config, batch, seeded(seed))


def one(x: float, y: float, sx: float, sy: float | None = None, angle: float = 0.0) -> Gaussians:
    return Gaussians(torch.tensor([[x, y]]), torch.tensor([[sx, sx if sy is None else sy]]), torch.tensor([angle]))


def render(g: Gaussians, size: int) -> torch.Tensor:
    return render_gaussians(g.centers_xy, g.stds, g.angles, size)


def equal(a: Layout, b: Layout) -> bool:
    tensors: list[list[torch.Tensor]] = [[], []]
    for layout, into in zip((a, b), tensors, strict=True):
        layout.map(lambda t, into=into: (into.append(t), t)[1])
    return (
        a.hierarchical == b.hierarchical
        and len(tensors[0]) == len(tensors[1])
        and all(s.shape == t.shape and torch.equal(s, t) for s, t in zip(*tensors, strict=True))
    )


# Rendering


def test_its_representation_is_short():
    single, multi = ModelConfig(), ModelConfig(layout="multi", encoding="multi")
    random = torch.Generator().manual_seed(0)
    assert repr(sample_layout(single, 2, random)) == "Layout(single, 1+2+4, hierarchical)"
    assert repr(sample_layout(multi, 2, random)) == "Layout(multi, 3)"
    assert repr(Layout()) == "Layout(none)"


def test_equation_1_against_loops():
    centers = torch.tensor([[[0.3, 0.6], [0.8, 0.1]], [[0.5, 0.5], [-0.1, 0.4]]])
    std = torch.tensor([[0.1, 0.25], [0.4, 0.15]])
    maps = render_gaussians(centers, std[..., None].expand(2, 2, 2), torch.zeros(2, 2), 6)
    assert maps.shape == (2, 2, 6, 6)
    for b in range(2):
        for k in range(2):
            for row in range(6):
                for column in range(6):
                    x, y = (column + 0.5) / 6, (row + 0.5) / 6
                    d2 = (x - float(centers[b, k, 0])) ** 2 + (y - float(centers[b, k, 1])) ** 2
                    expected = math.exp(-d2 / (2 * float(std[b, k]) ** 2))
                    assert float(maps[b, k, row, column]) == pytest.approx(expected, rel=1e-4, abs=1e-30)


def test_peak_is_1_at_the_center():
    maps = render(one(5.5 / 16, 10.5 / 16, 0.07), 16)[0]
    assert maps[10, 5] == 1
    assert maps.max() == 1
    assert (maps == 1).sum() == 1


def test_ellipse_against_the_inverse_covariance():
    x, y, sx, sy, angle = 0.4, 0.55, 0.3, 0.08, 0.6
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    inverse = torch.linalg.inv(turn @ torch.diag(torch.tensor([sx**2, sy**2], dtype=torch.float64)) @ turn.T)
    maps = render(one(x, y, sx, sy, angle), 12)[0]
    for row in range(12):
        for column in range(12):
            d = torch.tensor([(column + 0.5) / 12 - x, (row + 0.5) / 12 - y], dtype=torch.float64)
            assert float(maps[row, column]) == pytest.approx(
                math.exp(-0.5 * float(d @ inverse @ d)), rel=1e-3, abs=1e-7
            )


def test_area_is_that_of_the_conference_formula():
    """exp(-d^2 / s) on coordinates of -1..1 is exp(-d^2 / (2 std^2)) on those of 0..1, with std = sqrt(s / 8)."""
    s, x, y = 0.7, 0.3, 0.8
    maps = render(one(x, y, math.sqrt(s / 8)), 8)[0]
    axis = torch.linspace(-1 + 1 / 8, 1 - 1 / 8, 8)
    d2 = (axis[None, :] - (2 * x - 1)) ** 2 + (axis[:, None] - (2 * y - 1)) ** 2
    torch.testing.assert_close(maps, torch.exp(-d2 / s))


def test_angles_turn_clockwise_on_the_screen():
    maps = render(one(0.5, 0.5, 0.3, 0.05, math.pi / 4), 16)[0]
    assert maps[11, 11] > 0.5  # right and below
    assert maps[11, 4] < 0.01  # left and below


def test_a_quarter_turn_swaps_the_axes():
    torch.testing.assert_close(render(one(0.3, 0.6, 0.2, 0.1, math.pi / 2), 16), render(one(0.3, 0.6, 0.1, 0.2), 16))


def test_centroid_is_the_center():
    g = Gaussians(
        torch.tensor([[0.42, 0.58], [0.6, 0.45]]), torch.tensor([[0.06, 0.03], [0.05, 0.05]]), torch.tensor([0.7, 0.0])
    )
    torch.testing.assert_close(centroid_xy(render(g, 128)), g.centers_xy, atol=1e-4, rtol=0)


def test_a_removed_object_leaves_nothing_behind():
    assert render(one(8.5 / 16, 8.5 / 16, MIN_STD), 16).max() == 0
    assert render(one(8.5 / 16, 8.5 / 16, 0.0), 16).isfinite().all()


def test_gradients_reach_centers_stds_and_angles():
    centers = torch.tensor([[0.3, 0.6], [0.7, 0.2]], dtype=torch.float64, requires_grad=True)
    stds = torch.tensor([[0.2, 0.1], [0.3, 0.15]], dtype=torch.float64, requires_grad=True)
    angles = torch.tensor([0.4, -1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda c, s, a: render_gaussians(c, s, a, 8), (centers, stds, angles))
    render_gaussians(centers, stds, angles, 8)[0, 0, 0].backward()
    for t in (centers, stds, angles):
        assert (t.grad[0] != 0).all()


def test_gradients_reach_the_layout_through_small_heatmaps():
    layout = sample(batch=1).map(lambda t: t.clone().requires_grad_())
    layout.heatmaps(1, 8).square().sum().backward()
    for g, reached in zip(layout.levels, (True, True, False), strict=True):
        assert (g.centers_xy.grad is not None) == reached
    # A level's offsets and the level-0 centre that carries them share their gradient.
    offsets = layout.levels[1].centers_xy.grad.sum(dim=1)
    torch.testing.assert_close(layout.levels[0].centers_xy.grad[:, 0], offsets)
    assert (offsets != 0).all()


# Heatmaps of a layout


@pytest.mark.parametrize("size", [4, 8, 16])
def test_small_heatmaps_are_area_averages(size: int):
    layout = sample()
    fine = layout.heatmaps(2, 32)
    small = layout.heatmaps(2, size)
    for row in range(size):
        for column in range(size):
            n = 32 // size
            block = fine[..., row * n : (row + 1) * n, column * n : (column + 1) * n].mean(dim=(-2, -1))
            torch.testing.assert_close(small[..., row, column], block)
    torch.testing.assert_close(small.mean(dim=(-2, -1)), fine.mean(dim=(-2, -1)))


def test_resize_is_bilinear_when_larger():
    maps = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    torch.testing.assert_close(resize_maps(maps, 4), torch.tensor([0.0, 0.25, 0.75, 1.0]).expand(4, 4))
    assert resize_maps(maps, 2) is maps


def test_min_max_normalize():
    maps = torch.rand(3, 2, 5, 5) * 7 - 2
    n = min_max_normalize(maps)
    flat = maps.flatten(2)
    expected = (flat - flat.min(2, keepdim=True).values) / (
        flat.max(2, keepdim=True).values - flat.min(2, keepdim=True).values
    )
    torch.testing.assert_close(n.flatten(2), expected)
    assert torch.equal(min_max_normalize(torch.full((2, 4, 4), 3.0)), torch.zeros(2, 4, 4))


def test_level_map_of_single_object_layouts_is_the_normalised_mean():
    layout = sample()
    maps = layout.heatmaps(2, 32)
    assert maps.shape == (2, 4, 32, 32)
    mean = (maps[:, 0] + maps[:, 1] + maps[:, 2] + maps[:, 3]) / 4
    expected = torch.stack([(m - m.min()) / (m.max() - m.min()) for m in mean])
    torch.testing.assert_close(layout.level_map(2, 32), expected)
    level_1 = layout.level_map(1, 32)
    assert (level_1.amin(dim=(1, 2)) == 0).all()
    torch.testing.assert_close(level_1.amax(dim=(1, 2)), torch.ones(2))
    assert torch.equal(layout.level_map(0, 32), layout.heatmaps(0, 32)[:, 0])  # the release leaves level 0 as it is


def test_level_map_of_multi_object_layouts_is_the_clipped_sum():
    g = Gaussians(torch.tensor([[0.4, 0.5], [0.6, 0.5], [0.1, 0.1]]), torch.full((3, 2), 0.2), torch.zeros(3))
    level_map = Layout((g,), hierarchical=False).level_map(0, 32)
    total = render(g, 32).sum(dim=0)
    assert total.max() > 1.2  # or nothing is clipped
    torch.testing.assert_close(level_map, total.clamp(max=1))
    assert level_map.min() > 0  # not min-max normalised


# Editing


def test_moving_level_0_carries_the_others():
    layout = sample()
    moved = layout.moved(torch.tensor([0.1, -0.05]))
    torch.testing.assert_close(moved.centers, layout.centers + torch.tensor([0.1, -0.05]))
    assert torch.equal(moved.stds, layout.stds)


def test_level_0_carries_nothing_where_levels_are_independent():
    layout = sample(replace(SINGLE, sampling="independent"))
    moved = layout.moved(torch.tensor([0.1, 0.2]))
    torch.testing.assert_close(moved.level_centers(0), layout.level_centers(0) + torch.tensor([0.1, 0.2]))
    assert torch.equal(moved.centers[:, 1:], layout.centers[:, 1:])


def test_a_point_moves_alone():
    layout = sample()
    moved = layout.moved(torch.tensor([0.2, 0.1]), level=2, point=3)
    difference = moved.centers - layout.centers  # (2, 1 + 2 + 4, 2)
    torch.testing.assert_close(difference[:, 6], torch.tensor([0.2, 0.1]).expand(2, 2))
    assert (difference[:, :6] == 0).all()


def test_each_picture_of_a_batch_can_move_its_own_way():
    layout = sample(MULTI)
    step = torch.tensor([[0.1, 0.0], [0.0, -0.2]])
    moved = layout.moved(step, point=1)
    torch.testing.assert_close(moved.centers[:, 1] - layout.centers[:, 1], step)
    assert torch.equal(moved.centers[:, [0, 2]], layout.centers[:, [0, 2]])


def test_resize():
    layout = sample(MULTI)
    resized = layout.resized(0.5, point=2)
    torch.testing.assert_close(resized.stds[:, 2], layout.stds[:, 2] / 2)
    assert torch.equal(resized.stds[:, :2], layout.stds[:, :2])
    assert torch.equal(resized.centers, layout.centers)
    torch.testing.assert_close(layout.resized(2.0).stds, layout.stds * 2)
    assert (layout.resized(0.0).stds == MIN_STD).all()


def test_sizes_stay_finite_however_often_they_grow():
    layout = layout_from_json({"levels": [GOOD], "hierarchical": True})
    for _ in range(50):
        layout = layout.resized(1e6)
    assert layout.stds.isfinite().all() and layout_from_json(layout_to_json(layout)).stds.equal(layout.stds)


def test_stretch_and_turn():
    layout = sample(MULTI)
    stretched = layout.resized((2.0, 1.0), point=0)
    torch.testing.assert_close(stretched.stds[:, 0], layout.stds[:, 0] * torch.tensor([2.0, 1.0]))
    assert torch.equal(stretched.stds[:, 1:], layout.stds[:, 1:])
    turned = layout.rotated(0.3, point=1)
    expected = torch.tensor([0.0, 0.3, 0.0]).expand(2, 3)
    torch.testing.assert_close(turned.levels[0].angles, expected)


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"level": 3}, "no level 3; this layout has levels 0 to 2"),
        ({"level": -1}, "no level -1"),
        ({"level": 1, "point": 2}, "no centre 2 on level 1; it has centres 0 to 1"),
        ({"level": 1, "point": -1}, "no centre -1"),
    ],
)
def test_editing_errors(kwargs: dict, said: str):
    with pytest.raises(SpatialGANError, match=said):
        sample().moved(torch.zeros(2), **kwargs)


def test_rasters_have_no_centers():
    layout = sample(replace(SINGLE, sampling="noise"))
    with pytest.raises(SpatialGANError, match="level 0 of this layout is a raster"):
        layout.moved(torch.zeros(2))
    with pytest.raises(SpatialGANError, match="raster"):
        _ = layout.centers


# Batches and files


@pytest.mark.parametrize("config", [SINGLE, MULTI, replace(SINGLE, sampling="noise")], ids=["single", "multi", "noise"])
def test_stack_cat_and_select(config: ModelConfig):
    batch = sample(config, batch=3)
    singles = [batch[i] for i in range(3)]
    assert equal(Layout.stack(singles), batch)
    assert equal(Layout.cat([batch[:1], batch[1:]]), batch)
    assert equal(singles[1][None], batch[1:2])
    torch.testing.assert_close(singles[2].heatmaps(0, 16), batch.heatmaps(0, 16)[2])
    torch.testing.assert_close(singles[2].level_map(0, 16), batch.level_map(0, 16)[2])


def test_layouts_of_different_kinds_cannot_share_a_batch():
    noise = sample(replace(SINGLE, sampling="noise"))
    independent = sample(replace(SINGLE, sampling="independent"))
    for other in (noise, independent, sample(MULTI)):
        with pytest.raises(SpatialGANError, match="cannot share a batch"):
            Layout.cat([sample(), other])
    with pytest.raises(SpatialGANError, match="cannot share a batch"):
        Layout.cat([independent, noise])


def test_map_reaches_every_tensor():
    doubled = sample().to("cpu").map(lambda t: t.double())
    assert all(t.dtype == torch.float64 for g in doubled.levels for t in (g.centers_xy, g.stds, g.angles))


@pytest.mark.parametrize("config", [SINGLE, MULTI, replace(SINGLE, sampling="noise")], ids=["single", "multi", "noise"])
def test_json_is_exact(config: ModelConfig):
    layout = sample(config, seed=11)[1]
    text = json.dumps(layout_to_json(layout))
    assert equal(layout_from_json(json.loads(text)), layout)


def test_json_of_tensors_is_exact():
    t = torch.tensor([[1e-38, -0.1, math.pi], [3e38, 0.0, -1e-7]])
    assert torch.equal(tensor_from_json(json.loads(json.dumps(tensor_to_json(t)))), t)
    turned = torch.rand(4, 3, 2).permute(2, 0, 1)
    assert torch.equal(tensor_from_json(tensor_to_json(turned)), turned)


GOOD = {"centers_xy": [[0.5, 0.5]], "stds": [[0.1, 0.1]], "angles": [0.0]}
TWO = {name: 2 * value for name, value in GOOD.items()}
RASTER = tensor_to_json(torch.rand(2, 4, 4))


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"levels": []},
        {"levels": [], "hierarchical": True},
        {"levels": [GOOD]},
        {"levels": [3], "hierarchical": True},
        {"levels": [{**GOOD, "angles": [0.0, 1.0]}], "hierarchical": True},
        {"levels": [{**GOOD, "angles": 0.0}], "hierarchical": True},
        {"levels": [{**GOOD, "angles": [[0.0]]}], "hierarchical": True},
        {"levels": [{**GOOD, "stds": [[10**400, 0.1]]}], "hierarchical": True},
        {"levels": [GOOD], "hierarchical": "false"},
        {"levels": [{**GOOD, "centers_xy": [[0.5, 0.5, 0.5]]}], "hierarchical": True},
        {"levels": [{**GOOD, "stds": [[0.1]]}], "hierarchical": True},
        {"levels": [{**GOOD, "centers_xy": [[math.nan, 0.5]]}], "hierarchical": True},
        {"levels": [{**GOOD, "centers_xy": [["a", 0.5]]}], "hierarchical": True},
        {"levels": [{"stds": [[0.1, 0.1]], "angles": [0.0]}], "hierarchical": True},
        {"levels": [{"raster": {**RASTER, "shape": [2, 4, 5]}}], "hierarchical": False},
        {"levels": [{"raster": {**RASTER, "shape": [-2, -4, 4]}}], "hierarchical": False},
        {"levels": [{"raster": RASTER, "frames": GOOD}], "hierarchical": False},  # two maps, one frame
        {"levels": [{"raster": RASTER, "frames": {**TWO, "angles": [math.nan, 0.0]}}], "hierarchical": False},
        {"levels": [{"raster": RASTER, "frames": 3}], "hierarchical": False},
        {"levels": [{"raster": {**RASTER, "shape": [32]}}], "hierarchical": False},
        {"levels": [{"raster": {**RASTER, "float32": "no base64!"}}], "hierarchical": False},
        {"levels": [{"raster": {"shape": [2, 4, 4]}}], "hierarchical": False},
        {"levels": [{"raster": tensor_to_json(torch.full((1, 2, 2), math.inf))}], "hierarchical": False},
    ],
)
def test_bad_json_is_refused(data: object):
    with pytest.raises(SpatialGANError, match="layout is not readable"):
        layout_from_json(data)


def test_good_json_is_accepted():
    """Or the test above could fail for another reason than each case's own."""
    layout = layout_from_json({"levels": [GOOD], "hierarchical": True})
    torch.testing.assert_close(layout.centers, torch.tensor([[0.5, 0.5]]))
    raster = layout_from_json({"levels": [{"raster": RASTER}], "hierarchical": False})
    assert F.mse_loss(raster.heatmaps(0, 4), tensor_from_json(RASTER)) == 0
    framed = layout_from_json({"levels": [{"raster": RASTER, "frames": TWO}], "hierarchical": False})
    assert framed.levels[0].frames.num_maps == 2


def test_frames_of_rasters_are_kept():
    layout = sample(MULTI, batch=3)
    raster = Layout((Raster(layout.heatmaps(0, 8), layout.gaussians(0)),), hierarchical=False)
    assert equal(layout_from_json(json.loads(json.dumps(layout_to_json(raster[1])))), raster[1])
    assert equal(Layout.cat([raster[:1], raster[1:]]), raster)
    assert equal(Layout.stack([raster[0], raster[1], raster[2]]), raster)
    torch.testing.assert_close(raster.own_coordinates(0, 8), layout.own_coordinates(0, 8))
    bare = Layout((Raster(layout.heatmaps(0, 8)),), hierarchical=False)
    assert Layout.cat([raster, bare]).levels[0].frames is None
    with pytest.raises(SpatialGANError, match="raster has no frames"):
        bare.own_coordinates(0, 8)


@pytest.mark.parametrize("shape", [[1, 10**400, 0.5], [-1, -1], [0], [1.0], [True], "1", None, {"0": 1}, [2]])
def test_shapes_that_are_none_are_refused(shape):
    data = tensor_to_json(torch.ones(1)) | {"shape": shape}
    with pytest.raises(ValueError):
        tensor_from_json(data)
    assert tensor_from_json(tensor_to_json(torch.tensor(3.0))) == 3  # a number by itself has no shape


# ---------------------------------------------------------------- kinds, and layouts without heatmaps


def raster(batch: int = 2) -> Layout:
    return sample_layout(ModelConfig(sampling="noise"), batch, seeded())


def test_kinds_and_centres():
    kinds = [(layout.kind, layout.has_centers) for layout in (Layout(), sample(SINGLE), sample(MULTI), raster())]
    assert kinds == [("none", False), ("single", True), ("multi", True), ("single", False)]
    assert sample(SINGLE).counts == (1, 2, 4) and raster().counts == (1, 2, 4) and Layout().counts == ()
    assert not Layout((one(0.5, 0.5, 0.1), Raster(torch.zeros(2, 4, 4)))).has_centers


def test_an_empty_layout_goes_everywhere_and_has_nothing():
    empty = Layout()
    assert Layout.stack([empty, empty]).to("cpu")[0].mirrored().between(empty, 0.5).kind == "none"
    assert empty.centers.shape == empty.stds.shape == (0, 2) and empty.tensors == [] and empty.shape == ()
    assert layout_to_json(empty) is None and layout_from_json(None).kind == "none"
    assert sample_layout(ModelConfig(encoding="none"), 2, seeded()).kind == "none"
    with pytest.raises(SpatialGANError, match="no level 0; this layout is empty"):
        empty.moved((0.1, 0.0))
    with pytest.raises(SpatialGANError, match="different kinds"):
        Layout.stack([empty, sample(SINGLE)])


def test_between_is_even_in_logarithms_of_sizes_and_linear_else():
    a, b = Layout((one(0.2, 0.4, 0.1, angle=0.0),)), Layout((one(0.6, 0.8, 0.4, angle=1.0),))
    half = a.between(b, 0.5).gaussians(0)
    torch.testing.assert_close(half.centers_xy, torch.tensor([[0.4, 0.6]]))
    torch.testing.assert_close(half.stds, torch.full((1, 2), 0.2))
    torch.testing.assert_close(half.angles, torch.tensor([0.5]))
    gone = a.between(Layout((one(0.2, 0.4, MIN_STD),)), 0.5).gaussians(0)
    torch.testing.assert_close(gone.stds, torch.full((1, 2), (0.1 + MIN_STD) / 2))


def test_rasters_are_between_pixel_by_pixel_and_never_between_kinds():
    a, b = raster(1)[0], raster(2)[1]
    torch.testing.assert_close(a.between(b, 0.25).levels[2].values, a.levels[2].values * 0.75 + b.levels[2].values / 4)
    for x, y in ((a, sample(SINGLE)[0]), (sample(SINGLE)[0], a)):
        with pytest.raises(SpatialGANError, match="no way between a raster and Gaussians"):
            x.between(y, 0.5)
