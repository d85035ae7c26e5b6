import pytest
import torch

from spatialgan.config import MAX_THINGS
from spatialgan.coords import pixel_centers_xy
from spatialgan.training.aids.things import GAP, RADII, Things, disc_contrasts, main_things, things_of

GRID = pixel_centers_xy(32, 32)


def discs(*found, size=32):
    """A map with discs of (x, y, radius, height) on a ground of 0.2."""
    grid = pixel_centers_xy(size, size)
    result = torch.full((size, size), 0.2)
    for x, y, radius, height in found:
        result[(grid - torch.tensor([x, y])).norm(dim=-1) < radius] = height
    return result[None]


@pytest.mark.parametrize("radius", [0.08, 0.13, 0.22])
def test_a_disc_is_found_where_it_is_and_as_large_as_it_is(radius):
    contrasts = disc_contrasts(discs((0.6, 0.4, radius, 3.0)))[0]  # (R, 32 * 32)
    best = int(contrasts.argmax())
    assert RADII[best // 1024] == pytest.approx(radius, rel=0.35)
    assert (GRID.reshape(-1, 2)[best % 1024] - torch.tensor([0.6, 0.4])).norm() < 0.03


def test_a_large_thing_wins_over_a_small_one_that_is_a_little_more_unusual():
    contrasts = disc_contrasts(discs((0.25, 0.5, 0.08, 2.6), (0.7, 0.5, 0.17, 2.0)))[0]
    assert GRID.reshape(-1, 2)[int(contrasts.argmax()) % 1024][0] == pytest.approx(0.7, abs=0.03)


def test_the_subject_comes_first_and_nothing_of_it_is_found_again():
    subject = discs((0.3, 0.7, 0.25, 2.0), size=8) - 0.2
    unusual = discs((0.3, 0.7, 0.25, 5.0), (0.75, 0.25, 0.13, 2.0), (0.2, 0.15, 0.08, 2.0))
    found = things_of(subject, unusual, 3)
    wanted = torch.tensor([[0.3, 0.7], [0.75, 0.25], [0.2, 0.15]])
    assert (found.centers_xy[0] - wanted).norm(dim=-1).max() < 0.06
    assert found.radii[0, 0] > found.radii[0, 1] > found.radii[0, 2]
    assert found.radii[0, 0] == pytest.approx(0.25, abs=0.05)


def test_of_two_subjects_the_stronger_is_taken_and_not_the_middle_between_them():
    maps = discs((0.15, 0.5, 0.1, 2.0), (0.85, 0.5, 0.1, 3.0), size=8) - 0.2
    assert (main_things(maps).centers_xy[0, 0] - torch.tensor([0.85, 0.5])).norm() < 0.07
    empty = main_things(torch.zeros(2, 8, 8))
    assert (empty.centers_xy - 0.5).abs().max() < 0.1
    assert torch.isfinite(empty.radii).all() and (empty.radii > 0.2).all()


def test_eight_things_find_room_on_any_map_and_the_same_ones_as_fewer_do():
    random = torch.Generator().manual_seed(0)
    for unusual in (
        torch.ones(1, 32, 32),
        torch.zeros(1, 32, 32),
        torch.rand(20, 32, 32, generator=random),
        (GRID - 0.5).norm(dim=-1)[None],
    ):
        subject = torch.rand(len(unusual), 8, 8, generator=random)
        found = things_of(subject, unusual, MAX_THINGS)
        assert found.centers_xy.shape == (len(unusual), MAX_THINGS, 2)
        assert (found.centers_xy >= 0).all() and (found.centers_xy <= 1).all()
        apart = torch.cdist(found.centers_xy, found.centers_xy) + 10 * torch.eye(MAX_THINGS)
        assert apart.min() > GAP
        fewer = things_of(subject, unusual, 3)
        assert torch.equal(fewer.centers_xy, found.centers_xy[:, :3]) and torch.equal(fewer.radii, found.radii[:, :3])


def test_a_mirrored_picture_has_its_things_on_the_other_side():
    things = Things(torch.tensor([[[0.2, 0.7]]]), torch.tensor([[0.1]])).mirrored()
    torch.testing.assert_close(things.centers_xy, torch.tensor([[[0.8, 0.7]]]))
    assert things.radii.item() == pytest.approx(0.1)


def test_what_means_nothing_is_found_at_edges_no_more_than_elsewhere():
    noise = torch.rand(300, 1, 36, 36, generator=torch.Generator().manual_seed(5))
    smooth = torch.nn.functional.avg_pool2d(noise, 5, stride=1)[:, 0]  # (300, 32, 32)
    middles = GRID.reshape(-1, 2)[disc_contrasts(smooth).flatten(1).argmax(dim=1) % 1024]
    at_edge = ((middles - 0.5).abs().amax(dim=1) > 0.45).float().mean()
    assert 0.05 < at_edge < 0.35  # 0.19 of all places are as near to it; means over fewer places alone would give 0.64
