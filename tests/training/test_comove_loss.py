import pytest
import torch
from tiny_run import tiny_config

from spatialgan.config import ModelConfig, RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.sampling import sample_layout
from spatialgan.streams import random_stream
from spatialgan.training import step
from spatialgan.training.augment import shift_images
from spatialgan.training.comove_loss import Move, comove_loss, draw_move, moved, relative_difference
from spatialgan.training.step import draw_twins, make_trainee, training_step

SIZE = 32
MULTI = ModelConfig(resolution=SIZE, layout="multi", encoding="multi", num_objects=3)


def stream(seed=0):
    return random_stream(seed, "test")


def paint(heatmaps, styles, wallpaper):
    """A room that obeys: each object is a disc of its own texture around its centre, on a wallpaper that stays."""
    image = wallpaper.clone()
    for k in range(heatmaps.shape[1]):
        disc = (heatmaps[:, k : k + 1] > 0.5).float()
        image = image * (1 - disc) + styles[:, k, :, None, None] * disc * heatmaps[:, k : k + 1]
    return image


def single_object(move_px):
    """One narrow object in the middle: its heatmap (1, 1, R, R) and the move."""
    axis = (torch.arange(SIZE) + 0.5) / SIZE - 0.5
    heatmap = torch.exp(-(axis[None] ** 2 + axis[:, None] ** 2) / (2 * 0.1**2))[None, None]
    return heatmap, Move(torch.zeros(1, dtype=torch.long), torch.tensor([move_px]))


def test_the_loss_is_small_where_the_object_goes_along_and_large_where_it_stays_behind():
    g = stream()
    wallpaper = torch.rand(1, 3, SIZE, SIZE, generator=g) * 0.5
    styles = torch.rand(1, 1, 3, generator=g) * 2 - 1
    heatmap, move = single_object([6, -4])
    before = paint(heatmap, styles, wallpaper)
    obedient = paint(shift_images(heatmap, move.shift_px), styles, wallpaper)
    follow, stay = comove_loss(before, obedient, heatmap, move)
    follow_not, _ = comove_loss(before, before, heatmap, move)
    redrawn = torch.rand(1, 3, SIZE, SIZE, generator=g)
    _, stay_not = comove_loss(before, redrawn, heatmap, move)
    assert follow < 0.15 and follow_not > 0.5
    assert stay < 0.2 and stay_not > 0.5


def test_a_picture_that_shifts_as_a_whole_follows_exactly_but_does_not_stay():
    before = torch.rand(2, 3, SIZE, SIZE, generator=stream()) * 2 - 1
    layout = sample_layout(MULTI, 2, stream(1))
    move = Move(torch.tensor([0, 2]), torch.tensor([[5, 0], [-3, 4]]))
    follow, stay = comove_loss(before, shift_images(before, move.shift_px), layout.heatmaps(0, SIZE), move)
    assert follow.item() == pytest.approx(0, abs=1e-6)
    assert stay > 0.5


def test_blurring_gains_nothing():
    # Both pictures at a tenth of their contrast have a hundredth of the squared difference, and the same loss.
    before, after = torch.rand(2, 1, 3, SIZE, SIZE, generator=stream()) - 0.5
    heatmap, move = single_object([4, 4])
    full, pale = (torch.stack(comove_loss(c * before, c * after, heatmap, move)) for c in (2.0, 0.2))
    torch.testing.assert_close(full, pale, rtol=0.15, atol=0)


def test_compared_small_texture_does_not_count_and_place_does():
    heatmap, move = single_object([8, 0])
    shape = (heatmap[0] > 0.5).float() * 2 - 1  # (1, R, R): a disc
    before = (shape + 0.5 * torch.randn(3, SIZE, SIZE, generator=stream()))[None]
    after = shift_images(shape[None] + 1, move.shift_px) - 1 + 0.5 * torch.randn(1, 3, SIZE, SIZE, generator=stream(1))
    large, small = (comove_loss(before, after, heatmap, move, size=size) for size in (None, 8))
    assert small[0] < 0.5 * large[0] and small[0] < 0.2  # other textures, the same disc
    assert comove_loss(before, before, heatmap, move, size=8)[0] > 0.5  # the same texture, not moved


def test_what_lies_under_another_object_does_not_count():
    heatmap, move = single_object([4, 0])
    covered = torch.cat([heatmap, torch.full_like(heatmap, 1e6)], dim=1)
    before, after = torch.rand(2, 1, 3, SIZE, SIZE, generator=stream())
    follow, _ = comove_loss(before, after, covered, move)
    assert follow.item() == pytest.approx(0, abs=1e-3)


def test_relative_difference_equals_the_loops():
    g = stream()
    a, b = torch.rand(2, 2, 3, 4, 4, generator=g)
    weights = torch.rand(2, 1, 4, 4, generator=g)
    expected = []
    for i in range(2):
        w = weights[i, 0].flatten().tolist()
        difference = variance = 0.0
        for c in range(3):
            x, y = a[i, c].flatten().tolist(), b[i, c].flatten().tolist()
            mx, my = (sum(wi * vi for wi, vi in zip(w, v, strict=True)) / sum(w) for v in (x, y))
            difference += sum(wi * (xi - yi) ** 2 for wi, xi, yi in zip(w, x, y, strict=True)) / sum(w)
            variance += sum(wi * ((xi - mx) ** 2 + (yi - my) ** 2) for wi, xi, yi in zip(w, x, y, strict=True)) / sum(w)
        expected.append(difference / variance)
    assert relative_difference(a, b, weights).item() == pytest.approx(sum(expected) / 2, rel=0.02)


@pytest.mark.parametrize("config", [MULTI, ModelConfig(resolution=SIZE)])
def test_moves_keep_the_centre_inside_and_move_nothing_else(config):
    layout = sample_layout(config, 64, stream())
    move = draw_move(layout, SIZE, 0.3, stream(1))
    after = moved(layout, move, SIZE)
    shift = after.level_centers(0) - layout.level_centers(0)  # (B, K, 2)
    for b in range(64):
        for k in range(shift.shape[1]):
            expected = move.shift_px[b] / SIZE if k == move.point[b] else torch.zeros(2)
            torch.testing.assert_close(shift[b, k], expected, atol=1e-5, rtol=0)
    assert (move.shift_px.abs() <= round(0.3 * SIZE)).all() and move.shift_px.unique().numel() > 10
    assert ((after.level_centers(0) > -0.5 / SIZE) & (after.level_centers(0) < 1 + 0.5 / SIZE)).all()
    # Heatmaps of the new layout are the old ones, shifted: the loss renders them once.
    visible = shift_images(torch.ones(64, 1, SIZE, SIZE), move.shift_px)[:, 0]
    rows = torch.arange(64)
    old, new = (x.heatmaps(0, SIZE)[rows, move.point] for x in (layout, after))
    torch.testing.assert_close(new * visible, shift_images(old[:, None], move.shift_px)[:, 0], atol=2e-3, rtol=0)


def test_moving_level_0_carries_the_others_along():
    layout = sample_layout(ModelConfig(resolution=SIZE), 4, stream())
    move = draw_move(layout, SIZE, 0.3, stream(1))
    after = moved(layout, move, SIZE)
    for level in range(3):
        shift = after.level_centers(level) - layout.level_centers(level)
        torch.testing.assert_close(shift, (move.shift_px / SIZE)[:, None].expand_as(shift), atol=1e-5, rtol=0)


def test_every_second_picture_of_a_g_batch_is_its_neighbour_with_one_heatmap_moved():
    model = {"layout": "multi", "encoding": "multi", "encoded_max_resolution": 32, "minibatch_std_group": 2}
    config = tiny_config(model=model, loss={"align": "multi", "comove_weight": 1.0, "comove_distance": 0.3})
    t = make_trainee(config, torch.device("cpu"))
    layouts, images, terms = draw_twins(t, 4, stream())
    assert images.shape == (4, 3, 32, 32) and set(terms) == {"loss/follow", "loss/stay"}
    centers = layouts.level_centers(0)
    moved_points = (centers[::2] != centers[1::2]).any(dim=-1).sum(dim=-1)
    assert (moved_points <= 1).all() and moved_points.sum() > 0


def test_the_two_of_a_pair_are_alike_but_for_the_move(monkeypatch):
    config = tiny_config(model={"layout": "multi", "encoding": "multi", "encoded_max_resolution": 32},
                         loss={"align": "multi", "comove_weight": 1.0}, train={"batch_size": 8})
    t = make_trainee(config, torch.device("cpu"))
    for strength in (m for name, m in t.generator.named_parameters() if name.endswith("noise_strength")):
        strength.data.fill_(0.3)
    monkeypatch.setattr(step, "draw_move", lambda layout, *_: Move(torch.zeros(4, dtype=torch.long),
                                                                  torch.zeros(4, 2, dtype=torch.long)))
    _, images, terms = draw_twins(t, 8, stream())
    torch.testing.assert_close(images[::2], images[1::2])
    assert not torch.allclose(images[::2][0], images[::2][1], atol=0.05)
    assert terms["loss/follow"].item() == pytest.approx(0, abs=1e-6)


def test_the_loss_teaches_a_generator_to_follow():
    config = tiny_config(model={"layout": "multi", "encoding": "multi", "encoded_max_resolution": 32, "num_objects": 1},
                         loss={"align": "none", "comove_weight": 30.0, "r1_gamma": 0.0},
                         train={"batch_size": 16, "g_lr": 0.01, "d_lr": 1e-9})
    t = make_trainee(config, torch.device("cpu"))
    reals = torch.rand(16, 3, 32, 32, generator=stream()) * 2 - 1
    follow = [training_step(t, reals)["loss/follow"].item() for _ in range(60)]
    assert sum(follow[-10:]) < 0.7 * sum(follow[:10])


@pytest.mark.parametrize(("sections", "names"), [
    ({"model": {"encoding": "none"}, "loss": {"align": "none", "comove_weight": 1.0}}, "model.encoding=none"),
    ({"model": {"encoding": "flatten"}, "loss": {"comove_weight": 1.0}}, "flatten"),
    ({"loss": {"comove_weight": 1.0, "comove_distance": 0.01}}, "less than a pixel"),
    ({"model": {"minibatch_std_group": 8}, "loss": {"comove_weight": 1.0}, "train": {"batch_size": 8}}, "in pairs"),
    ({"model": {"sampling": "noise"}, "loss": {"comove_weight": 1.0}}, "model.sampling=noise"),
    ({"model": {"impulse_noise": 0.1}, "loss": {"comove_weight": 1.0}}, "model.impulse_noise"),
    ({"loss": {"comove_weight": 1.0}, "train": {"batch_size": 5}}, "even"),
    ({"loss": {"comove_weight": -1.0}}, "loss.comove_weight"),
    ({"loss": {"comove_distance": 0.0}}, "loss.comove_distance"),
    ({"loss": {"comove_weight": 1.0, "comove_size": 64}}, "loss.comove_size"),
])
def test_settings_that_cannot_be_are_refused(sections, names):
    with pytest.raises(SpatialGANError, match=names):
        tiny_config(**sections)


def test_the_paper_has_no_such_loss():
    assert RunConfig().loss.comove_weight == 0
