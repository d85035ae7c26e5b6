import pytest
import torch

from spatialgan.training.diffaugment import (
    Augmentation,
    augment,
    cutout_mask,
    draw_augmentation,
    shift_images,
    visible_pixels,
)


def draw(policy, batch=64, resolution=32, seed=0):
    return draw_augmentation(policy, batch, resolution, torch.Generator().manual_seed(seed))


def test_nothing_drawn_changes_nothing():
    x = torch.randn(2, 3, 8, 8)
    assert draw(()) == Augmentation(None, None, None)
    assert augment(x, draw(())) is x


def test_shift_moves_right_and_down_and_brings_zeros_in():
    x = torch.arange(1.0, 26.0).reshape(1, 1, 5, 5)
    y = shift_images(x, torch.tensor([[2, 1]]))
    expected = torch.zeros(1, 1, 5, 5)
    expected[:, :, 1:, 2:] = x[:, :, :4, :3]
    assert torch.equal(y, expected)
    assert torch.equal(shift_images(x, torch.tensor([[-2, 0]]))[..., :3], x[..., 2:])
    assert torch.equal(shift_images(x, torch.tensor([[0, 0]])), x)


def test_pictures_of_a_batch_shift_each_on_its_own():
    x = torch.rand(2, 3, 6, 6) + 1
    y = shift_images(x, torch.tensor([[1, 0], [0, -3]]))
    assert torch.equal(y[0, :, :, 1:], x[0, :, :, :5]) and torch.equal(y[1, :, :3], x[1, :, 3:])


def test_ranges_of_the_draw():
    a = draw(("color", "translation", "cutout"), batch=4000)
    low, high = a.color.amin(dim=0), a.color.amax(dim=0)
    torch.testing.assert_close(low, torch.tensor([-0.5, 0.0, 0.5]), atol=0.01, rtol=0)
    torch.testing.assert_close(high, torch.tensor([0.5, 2.0, 1.5]), atol=0.01, rtol=0)
    assert a.shift_px.amin() == -4 and a.shift_px.amax() == 4
    assert a.cutout_px.amin() == -8 and a.cutout_px.amax() == 24


def test_color_formulas():
    x = torch.rand(1, 3, 4, 4)
    only = lambda b, s, c: augment(x, Augmentation(torch.tensor([[b, s, c]]), None, None))  # noqa: E731
    torch.testing.assert_close(only(0.25, 1.0, 1.0), x + 0.25)
    torch.testing.assert_close(only(0.0, 0.0, 1.0), x.mean(dim=1, keepdim=True).expand_as(x))
    torch.testing.assert_close(only(0.0, 1.0, 1.5), (x - x.mean()) * 1.5 + x.mean())


def test_cutout_blanks_a_square_of_half_the_width():
    mask = cutout_mask(torch.tensor([[1, 2], [-2, 6]]), 8)
    expected = torch.ones(2, 1, 8, 8, dtype=torch.bool)
    expected[0, 0, 2:6, 1:5] = False
    expected[1, 0, 6:, :2] = False
    assert torch.equal(mask, expected)


@pytest.mark.parametrize("policy", ["color", "translation", "cutout"])
def test_gradients_reach_the_pictures(policy):
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    a = draw((policy,), batch=2, resolution=16, seed=3)
    assert torch.autograd.gradcheck(lambda v: augment(v, a), x, fast_mode=True)


def test_visible_pixels_are_those_that_show_the_picture():
    a = draw(("translation", "cutout"), batch=8, resolution=32, seed=4)
    shown = augment(torch.ones(8, 1, 32, 32), a)
    assert torch.equal(visible_pixels(a, 8, 32), shown[:, 0]) and 0 < shown.mean() < 1
    assert visible_pixels(draw(("color",)), 8, 32) is None
