from dataclasses import replace

import pytest
import torch
from tiny_run import tiny_config

from spatialgan.coords import pixel_centers_xy
from spatialgan.errors import SpatialGANError
from spatialgan.training.carrying import FILL_CERTAINTY, SCALE_MAX, SUBJECT_REACH, carry_things, filled
from spatialgan.training.reconstruction import Known

SIZE = 64
CONFIG = tiny_config(model={"layout": "multi", "object_std_min": 0.05, "object_std_max": 0.08}).model


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def spots(centers_xy, std=0.02):
    """Grey pictures with a spot at each of ``centers_xy`` (B, K, 2), one a channel: (B, 3, SIZE, SIZE)."""
    grid = pixel_centers_xy(SIZE, SIZE)
    d2 = (grid[None, None] - centers_xy[:, :, None, None]).square().sum(dim=-1)
    return (-d2 / (2 * std**2)).exp()


def brightest(images):
    """Where each channel is at its brightest: (B, 3, 2)."""
    grid = pixel_centers_xy(SIZE, SIZE).reshape(-1, 2)
    return grid[images.flatten(2).argmax(dim=2)]


def scene(batch=32, stds=0.06):
    centers = torch.tensor([[0.2, 0.2], [0.8, 0.2], [0.5, 0.8]]).expand(batch, 3, 2)
    return Known(spots(centers), torch.randn(batch, 4, 8, generator=seeded()), centers, torch.full((batch, 3), stds))


def test_a_carried_thing_is_where_its_heatmap_is():
    before = scene()
    after, known = carry_things(before, CONFIG, 1.0, seeded())
    assert (after.centers_xy != before.centers_xy).all()
    last = brightest(after.images * known)[:, 2]  # nothing lies on top of the last
    assert ((last - after.centers_xy[:, 2]).abs() < 1.5 / SIZE).all()
    assert torch.equal(after.codes, before.codes)
    assert known.shape == (32, 1, SIZE, SIZE) and known.min() >= 0 and known.max() <= 1


def test_what_was_behind_a_thing_is_not_known_unless_something_lies_there_now():
    before = scene()
    after, known = carry_things(before, CONFIG, 1.0, seeded())

    def at(xy):  # (B, 2) -> (B,)
        i = (xy * SIZE).long().clamp(0, SIZE - 1)
        return known[torch.arange(len(xy)), 0, i[:, 1], i[:, 0]]

    assert (at(after.centers_xy[:, 2]) > 0.99).all()
    for k in range(3):
        left = before.centers_xy[:, k]
        away = ((left[:, None] - after.centers_xy).norm(dim=-1) > 0.25).all(dim=1)
        assert away.sum() > 5
        torch.testing.assert_close(at(left)[away], torch.full((int(away.sum()),), FILL_CERTAINTY), atol=0.01,
                                   rtol=0)


def test_the_subject_is_cut_out_wider_than_other_things():
    """The first thing's hole, and what is put down of it, reach SUBJECT_REACH times as far as another's as large."""
    std, place = 0.06, torch.tensor([0.5, 0.5])
    radii = []
    for thing in (0, 1):
        centers = torch.full((64, 2, 2), 0.06)  # the other one lies in a corner
        centers[:, thing] = place
        before = Known(torch.ones(64, 3, SIZE, SIZE), torch.zeros(64, 3, 8), centers, torch.full((64, 2), std))
        after, known = carry_things(before, replace(CONFIG, num_objects=2), 1.0, seeded())
        away = ((after.centers_xy - place).norm(dim=-1) > 0.45).all(dim=1)  # nothing lies on the hole
        assert away.sum() > 3
        middle = known[away][:, 0, SIZE // 2 - 1 : SIZE // 2 + 1].mean(dim=1)  # (n, SIZE)
        radii.append((middle < 0.99).sum(dim=1).float().mean() / SIZE / 2)
    assert radii[0] / radii[1] == pytest.approx(SUBJECT_REACH, rel=0.1)


def test_what_is_put_down_of_the_subject_is_wider_too():
    """A piece of a white left side on the black right one: half of it is there 1.18 std, times the reach, from its
    middle."""
    images = torch.where(torch.arange(SIZE) < 0.45 * SIZE, 1.0, -1.0).expand(256, 3, SIZE, SIZE)
    before = Known(images, torch.zeros(256, 2, 8), torch.tensor([[[0.2, 0.5]]]).expand(256, 1, 2),
                   torch.full((256, 1), 0.06))
    after, _ = carry_things(before, replace(CONFIG, num_objects=1), 1.0, seeded())
    centers, radii = after.centers_xy[:, 0], 1.18 * SUBJECT_REACH * after.stds[:, 0]
    room = torch.stack([centers[:, 0] - 0.45, 1 - centers[:, 0], centers[:, 1], 1 - centers[:, 1]]).amin(dim=0)
    inside = room > 1.3 * radii
    assert inside.sum() > 10
    area = (after.images[inside, 0, :, round(0.45 * SIZE) + 1 :] > 0).float().sum(dim=(1, 2))
    wanted = torch.pi * (radii[inside] * SIZE) ** 2
    assert (area / wanted).mean() == pytest.approx(1, abs=0.1)


def test_a_hole_is_filled_from_around_it_and_nothing_of_the_thing_is_left():
    before = scene()
    grid = pixel_centers_xy(SIZE, SIZE)
    ground = torch.stack([grid[..., 0], grid[..., 1], 1 - grid[..., 0]]) - 0.5  # slopes
    things = 5 * before.images.amax(dim=1, keepdim=True)
    after, known = carry_things(replace(before, images=ground + things), CONFIG, 1.0, seeded())
    hole = (known == FILL_CERTAINTY).expand_as(after.images)
    assert hole.float().mean() > 0.02
    error = (after.images - ground).abs()[hole]
    assert error.mean() < 0.08 and error.max() < 0.5  # a thing is 5 above its ground
    plain = torch.full((2, 3, SIZE, SIZE), 0.3)
    somewhere = (torch.rand(2, 1, SIZE, SIZE, generator=seeded()) > 0.5).float()
    torch.testing.assert_close(filled(plain, somewhere), plain)
    assert torch.isfinite(filled(plain, torch.zeros(2, 1, SIZE, SIZE))).all()


def test_a_thing_that_stays_is_whole_however_near_a_hole_comes():
    centers = torch.tensor([[0.45, 0.5], [0.55, 0.5]]).expand(64, 2, 2)
    before = Known(torch.ones(64, 3, SIZE, SIZE), torch.zeros(64, 3, 8), centers, torch.full((64, 2), 0.06))
    after, known = carry_things(before, replace(CONFIG, num_objects=2), 0.5, seeded())
    one = (after.centers_xy[:, 0] != centers[:, 0]).any(dim=1) & (after.centers_xy[:, 1] == centers[:, 1]).all(dim=1)
    assert one.sum() > 5
    assert (known[one][:, 0, SIZE // 2, round(0.56 * SIZE)] == 1).all()
    assert (known[one][:, 0, SIZE // 2, round(0.35 * SIZE)] < 1).any()


def test_what_a_thing_lacks_because_it_lay_half_outside_is_not_known():
    centers = torch.tensor([[0.0, 0.5]]).expand(64, 1, 2)
    config = replace(CONFIG, num_objects=1)
    before = Known(torch.rand(64, 3, SIZE, SIZE, generator=seeded()), torch.zeros(64, 2, 8), centers + 1e-3,
                   torch.full((64, 1), 0.08))
    after, known = carry_things(before, config, 1.0, seeded())
    inner = ((after.centers_xy[:, 0] - 0.5).abs() < 0.3).all(dim=1) & ((after.centers_xy[:, 0, 0]) > 0.35)
    assert inner.sum() > 5
    for side, expected in ((-0.04, 0.0), (0.04, 1.0)):
        xy = after.centers_xy[inner, 0] + torch.tensor([side, 0.0])
        i = (xy * SIZE).long()
        torch.testing.assert_close(known[inner][torch.arange(len(i)), 0, i[:, 1], i[:, 0]],
                                   torch.full((len(i),), expected), atol=0.05, rtol=0)


def test_what_is_outside_the_window_is_not_carried():
    before = scene(batch=16)
    outside = torch.tensor([[1.2, 0.5], [0.8, 0.2], [0.5, -0.1]]).expand(16, 3, 2)
    before = replace(before, centers_xy=outside)
    after, _ = carry_things(before, CONFIG, 1.0, seeded())
    assert torch.equal(after.centers_xy[:, [0, 2]], outside[:, [0, 2]])
    assert (after.centers_xy[:, 1] != outside[:, 1]).all()


def test_what_is_not_carried_stays_to_the_last_bit():
    before = scene(batch=64)
    after, known = carry_things(before, CONFIG, 0.3, seeded())
    stayed = (after.centers_xy == before.centers_xy).all(dim=(1, 2))
    assert 10 < stayed.sum() < 40  # 0.7 to the third power of 64 is 22
    assert torch.equal(after.images[stayed], before.images[stayed])
    assert torch.equal(after.stds[stayed], before.stds[stayed])
    assert (known[stayed] == 1).all()


def test_things_grow_and_shrink_with_their_heatmaps_but_not_beyond_recognition():
    for stds in (0.03, 0.06, 0.12):
        after, _ = carry_things(scene(stds=stds), CONFIG, 1.0, seeded())
        scales = after.stds / stds
        assert (scales > 1 / SCALE_MAX - 1e-5).all() and (scales < SCALE_MAX + 1e-5).all()
    before = scene(batch=128)
    after, known = carry_things(before, CONFIG, 1.0, seeded())
    whole = ((after.centers_xy[:, 2] - 0.5).abs() < 0.35).all(dim=1)
    area = ((after.images * known)[:, 2] > 0.5).sum(dim=(1, 2))[whole]
    scales = (after.stds / before.stds)[:, 2][whole]
    assert torch.corrcoef(torch.stack([area.float(), scales.square()]))[0, 1] > 0.8


def test_only_things_that_reconstruction_draws_can_be_carried():
    with pytest.raises(SpatialGANError, match=r"loss\.carry_share needs things with heatmaps"):
        tiny_config(loss={"carry_share": 0.5, "reconstruct_weight": 1.0})
    with pytest.raises(SpatialGANError, match=r"loss\.carry_share is 1\.5; use 0\.\.1"):
        tiny_config(model={"layout": "multi"}, loss={"carry_share": 1.5, "reconstruct_weight": 1.0})


def test_a_quarter_of_a_picture_of_which_nothing_is_known_is_filled_from_the_rest():
    plain = torch.full((1, 3, SIZE, SIZE), 0.8)
    known = torch.ones(1, 1, SIZE, SIZE)
    known[..., : SIZE // 2, : SIZE // 2] = 0
    torch.testing.assert_close(filled(plain * known, known), plain)
    torch.testing.assert_close(filled(plain, torch.full((1, 1, SIZE, SIZE), 0.005)), plain)
