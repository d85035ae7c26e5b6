import math

import pytest
import torch
from torch import nn

from spatialgan.networks.discriminators import DiscriminatorOutput
from spatialgan.training.losses import (
    alignment_loss,
    attention_iou,
    discriminator_loss,
    generator_loss,
    multi_alignment_loss,
    path_length_penalty,
    r1_penalty,
)


def test_adversarial_losses_in_closed_form():
    real, fake = torch.tensor([[2.0], [0.5]]), torch.tensor([[-3.0], [0.25]])
    softplus = lambda v: math.log1p(math.exp(v))  # noqa: E731
    assert generator_loss(fake, "logistic").item() == pytest.approx((softplus(3) + softplus(-0.25)) / 2, rel=1e-5)
    assert discriminator_loss(real, fake, "logistic").item() == pytest.approx(
        (softplus(-2) + softplus(-0.5) + softplus(-3) + softplus(0.25)) / 2, rel=1e-5
    )
    assert generator_loss(fake, "hinge").item() == pytest.approx(2.75 / 2)
    assert discriminator_loss(real, fake, "hinge").item() == pytest.approx((0 + 0.5 + 0 + 1.25) / 2)


class Quadratic(nn.Module):
    """D(x) = sum x^2, whose gradient is 2 x."""

    def forward(self, x):
        return DiscriminatorOutput(x.square().sum(dim=(1, 2, 3))[:, None], {})


def test_r1_of_a_quadratic():
    x = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    expected = (2 * x).square().sum(dim=(1, 2, 3)).mean()
    torch.testing.assert_close(r1_penalty(Quadratic(), x), expected)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (2, 8)])
def test_path_length_of_a_linear_generator(height, width):
    # images = A w: |J^T y| is |A^T y|, for a single w; y is divided by the square root of 16 pixels.
    g = torch.Generator().manual_seed(0)
    a = torch.randn(3 * 4 * 4, 5, generator=g)
    ws = torch.randn(2, 1, 1, 5, generator=g, requires_grad=True)
    images = (ws.reshape(2, 5) @ a.T).reshape(2, 3, height, width)
    y = torch.randn(2, 3, height, width, generator=g)
    penalty, mean = path_length_penalty(images, ws, torch.tensor(1.0), y, decay=0.5)
    lengths = ((y.reshape(2, -1) / 4) @ a).norm(dim=1)
    expected_mean = 0.5 * 1.0 + 0.5 * lengths.mean()
    torch.testing.assert_close(mean, expected_mean)
    torch.testing.assert_close(penalty, (lengths - expected_mean).square().mean())


def test_path_lengths_mean_passes_gradients_as_in_stylegan2():
    """images = s w, one number each: the length is |s y|, and d/ds ((1 - decay) (s y - a))^2 = 2 (1 - decay)^2 ..."""
    s = torch.tensor(3.0, requires_grad=True)
    ws = torch.ones(1, 1, 1, 1, requires_grad=True)
    y = torch.full((1, 1, 1, 1), 2.0)
    penalty, _ = path_length_penalty(s * ws, ws, torch.tensor(1.0), y, decay=0.25)
    penalty.backward()
    assert penalty.item() == pytest.approx((0.75 * (6 - 1)) ** 2)
    assert s.grad.item() == pytest.approx(2 * 0.75 * (6 - 1) * 0.75 * 2)


def distances(attention, heatmap):
    return [abs(float(a) - float(b)) for a, b in zip(heatmap.flatten(), attention.flatten(), strict=True)]


def naive_mean(d, tau, mean):
    above = [v for v in d if v >= tau]
    if mean == "all":
        return sum(above) / len(d)
    return sum(above) / len(above) if above else sum(d) / len(d)


@pytest.mark.parametrize("mean", ["all", "above"])
@pytest.mark.parametrize("tau", [0.0, 0.25, 0.6, 2.0])
def test_alignment_loss_equals_the_loops(mean, tau):
    """Eq. 4: one mean over all elements of the batch."""
    g = torch.Generator().manual_seed(1)
    attention, heatmaps = torch.rand(3, 8, 8, generator=g) ** 3, torch.rand(3, 8, 8, generator=g)
    expected = naive_mean(distances(attention, heatmaps), tau, mean)
    assert alignment_loss(attention, heatmaps, tau=tau, mean=mean).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("mean", ["all", "above"])
@pytest.mark.parametrize("tau", [0.25, 2.0])
def test_multi_alignment_loss_equals_the_loops(mean, tau):
    """Eq. 5: each picture's nearest candidate, then the mean over pictures."""
    g = torch.Generator().manual_seed(1)
    attention, candidates = torch.rand(3, 8, 8, generator=g), torch.rand(3, 4, 8, 8, generator=g)
    expected = (
        sum(
            min(naive_mean(distances(c, h), tau, mean) for h in hs) for c, hs in zip(attention, candidates, strict=True)
        )
        / 3
    )
    assert multi_alignment_loss(attention, candidates, tau=tau, mean=mean).item() == pytest.approx(expected, rel=1e-5)


def test_the_mean_is_over_the_batch_in_eq_4_and_over_pictures_in_eq_5():
    """A picture with one pixel far off, and one with all of them: 1 + 16 above tau, of 0.5 and 1."""
    heatmaps, attention = torch.zeros(2, 4, 4), torch.zeros(2, 4, 4)
    attention[0, 0, 0], attention[1] = 0.5, 1.0
    assert alignment_loss(attention, heatmaps, tau=0.25).item() == pytest.approx(16.5 / 17)
    assert multi_alignment_loss(attention, heatmaps[:, None], tau=0.25).item() == pytest.approx((0.5 + 1) / 2)


def test_alignment_takes_the_nearest_candidate_and_small_differences_are_free():
    h = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    far, near = 1 - h.round(), h[:, 0] * 0.9 + 0.01
    assert multi_alignment_loss(near, torch.cat([far, h], dim=1), tau=0.25, mean="all").item() == 0.0
    assert multi_alignment_loss(near, torch.cat([far, h], dim=1), tau=0.25).item() < 0.1  # the plain mean
    assert multi_alignment_loss(h[:, 0], far, tau=0.25, mean="all").item() > 0.1


def test_the_distance_at_tau_counts():
    heatmaps, attention = torch.zeros(1, 2, 2), torch.tensor([[[0.25, 0.0], [0.0, 0.0]]])
    assert alignment_loss(attention, heatmaps, tau=0.25).item() == 0.25


def test_alignment_gradient_pulls_attention_to_the_heatmap():
    heatmap = torch.zeros(1, 8, 8)
    heatmap[..., :4] = 1.0
    attention = torch.full((1, 8, 8), 0.5, requires_grad=True)
    alignment_loss(attention, heatmap, tau=0.25).backward()
    assert (attention.grad[..., :4] < 0).all() and (attention.grad[..., 4:] > 0).all()


def test_iou():
    heatmap, attention = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    heatmap[:, :, :4], attention[:, :, 2:6] = 1.0, 1.0
    assert attention_iou(attention, heatmap).item() == pytest.approx(2 / 6)
    assert attention_iou(torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)).item() == 0.0


def test_iou_is_each_pictures_own_and_what_is_at_the_threshold_is_not_above_it():
    heatmap, attention = torch.zeros(3, 2, 2), torch.zeros(3, 2, 2)
    heatmap[0], attention[0] = 1.0, torch.tensor([[1.0, 0.0], [0.0, 0.0]])  # 1 of 4
    heatmap[1], attention[1] = 0.5, torch.tensor([[0.75, 0.5], [0.5, 0.5]])  # 0 of 1
    heatmap[2, 0, 0], attention[2, 0] = 0.75, torch.tensor([0.75, 0.5])  # 1 of 1
    assert attention_iou(attention, heatmap).item() == pytest.approx((1 / 4 + 0 + 1) / 3)
    assert attention_iou(heatmap, attention).item() == pytest.approx((1 / 4 + 0 + 1) / 3)
    assert attention_iou(attention, heatmap, threshold=0.75).item() == pytest.approx((1 / 4 + 0 + 0) / 3)


@pytest.mark.parametrize("mean", ["all", "above"])
@pytest.mark.parametrize("tau", [0.25, 2.0])
def test_hidden_pixels_do_not_count(mean, tau):
    g = torch.Generator().manual_seed(3)
    attention, candidates = torch.rand(2, 8, 8, generator=g), torch.rand(2, 3, 8, 8, generator=g)
    visible = torch.zeros(2, 8, 8)
    visible[..., 2:7] = 1
    how, cut = {"tau": tau, "mean": mean}, (..., slice(2, 7))
    torch.testing.assert_close(
        multi_alignment_loss(attention, candidates, visible=visible, **how),
        multi_alignment_loss(attention[cut], candidates[cut], **how),
    )
    torch.testing.assert_close(
        alignment_loss(attention, candidates[:, 0], visible=visible, **how),
        alignment_loss(attention[cut], candidates[:, 0][cut], **how),
    )


@pytest.mark.parametrize("mean", ["all", "above"])
@pytest.mark.parametrize("tau", [0.25, 2.0])
def test_of_a_single_visible_pixel_the_mean_is_its_own_distance(mean, tau):
    visible = torch.zeros(1, 4, 4)
    visible[0, 1, 2] = 1
    attention, heatmap = torch.full((1, 4, 4), 0.5), torch.zeros(1, 4, 4)
    loss = alignment_loss(attention, heatmap, tau=tau, mean=mean, visible=visible)
    assert loss.item() == (0.0 if mean == "all" and tau > 0.5 else 0.5)


def test_where_nothing_is_visible_nothing_is_aligned():
    maps = torch.rand(2, 4, 4, requires_grad=True)
    loss = alignment_loss(maps, torch.zeros(2, 4, 4), tau=0.25, visible=torch.zeros(2, 4, 4))
    loss.backward()
    assert loss.item() == 0 and maps.grad.abs().sum() == 0
