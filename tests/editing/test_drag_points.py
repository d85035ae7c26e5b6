"""Features at points, motion supervision and tracking against naive loops and known answers."""

import pytest
import torch
from torch.nn import functional as F

from spatialgan.coords import disc_xy, pixel_centers_xy
from spatialgan.editing.drag.points import (
    along,
    discs_at,
    features_at,
    inside,
    mask_loss,
    motion_loss,
    track,
    variation,
)


@pytest.fixture
def features(rng):
    return F.interpolate(torch.randn(1, 5, 8, 8, generator=rng), size=(32, 32), mode="bicubic")


def test_features_at_pixel_centres_are_the_pixels(features):
    points = pixel_centers_xy(32, 32)
    assert torch.allclose(features_at(features, points), features[0].permute(1, 2, 0), atol=1e-5)


def test_sampling_equals_upsampling_first(features):
    """The published method samples a map of image size at whole pixels."""
    large = F.interpolate(features, size=(64, 64), mode="bilinear", align_corners=False)
    points = pixel_centers_xy(64, 64)
    assert torch.allclose(features_at(features, points), large[0].permute(1, 2, 0), atol=1e-5)


def test_disc():
    assert (disc_xy(1, 10) * 10).round().int().tolist() == [[0, -1], [-1, 0], [0, 0], [1, 0], [0, 1]]
    assert len(disc_xy(3, 64)) == 29
    assert len(disc_xy(0, 64)) == 1


def test_motion_loss_is_that_of_a_loop(features):
    handles, targets = torch.tensor([[0.4, 0.5], [0.02, 0.5]]), torch.tensor([[0.6, 0.5], [0.02, 0.1]])
    disc, step = disc_xy(2, 32), 1 / 32
    terms = []
    for p, d in zip(handles, torch.tensor([[step, 0.0], [0.0, -step]]), strict=True):
        for q in p + disc:
            if inside(q) and inside(q + d):
                terms.append((features_at(features, q) - features_at(features, q + d)).abs().mean())
    assert len(terms) < 2 * len(disc)  # some points of the second disc are outside
    assert torch.allclose(motion_loss(features, handles, targets, disc, step), torch.stack(terms).mean())


def test_motion_loss_pulls_the_features_towards_the_target():
    """Lowering the loss moves a ramp's content along the way, not against it."""
    x = pixel_centers_xy(32, 32)[..., 0]
    shift = torch.zeros((), requires_grad=True)
    features = (20 * (x - shift)).sin()[None, None]
    motion_loss(features, torch.tensor([[0.5, 0.5]]), torch.tensor([[0.8, 0.5]]), disc_xy(2, 32), 1 / 32).backward()
    assert shift.grad < 0  # a descent makes the shift larger


def test_a_handle_on_its_target_asks_for_nothing(features):
    point = torch.tensor([[0.5, 0.5]])
    assert motion_loss(features.requires_grad_(), point, point, disc_xy(2, 32), 1 / 32) == 0


def test_mask_loss_counts_what_is_kept(features):
    kept = torch.zeros(1, 1, 32, 32)
    kept[..., :4] = 1
    changed = features.clone()
    changed[..., 4:] += 1
    assert mask_loss(changed, features, kept) == 0
    changed[..., :4] += 3
    assert mask_loss(changed, features, kept) == pytest.approx(3, rel=1e-4)


@pytest.mark.parametrize("dx, dy", [(3, 0), (0, -2), (-2, 3)])
def test_tracking_finds_a_known_shift(features, dx, dy):
    disc, window = disc_xy(2, 32), disc_xy(6, 32)
    start = torch.tensor([[15.5 / 32, 16.5 / 32]])
    references = discs_at(features, start, disc)
    moved = features.roll((dy, dx), dims=(2, 3))
    place, distance = track(moved, references, disc, along(start, torch.zeros(1, 2), window, 1 / 32))
    assert torch.allclose(place, start + torch.tensor([[dx, dy]]) / 32, atol=1e-5) and distance < 1e-3
    scale = variation(features, references, disc, pixel_centers_xy(16, 16).reshape(-1, 2))
    assert scale > 10 * distance


def test_candidates_lie_along_the_way():
    starts, moves = torch.tensor([[0.2, 0.2], [0.5, 0.5]]), torch.tensor([[0.5, 0.0], [0.0, 0.0]])
    found = along(starts, moves, disc_xy(2, 32), 1 / 32)
    assert len(found[0]) == 17 * 13 and len(found[1]) == 13
    for x in (0.2, 0.45, 0.7):
        assert (found[0] - torch.tensor([x, 0.2])).norm(dim=1).min() < 1 / 64


def test_a_candidate_outside_the_image_is_never_taken(features):
    start = torch.tensor([[0.01, 0.01]])
    references = discs_at(features, start, disc_xy(0, 32))
    place, _ = track(-features, references, disc_xy(0, 32), along(start, torch.zeros(1, 2), disc_xy(6, 32), 1 / 32))
    assert inside(place).all()
