import math

import pytest
import torch
from torch import nn

from spatialgan.networks.discriminator import DiscriminatorOutput
from spatialgan.training.losses import (
    alignment_loss,
    attention_iou,
    discriminator_loss,
    generator_loss,
    path_length_penalty,
    r1_penalty,
)


def test_adversarial_losses_in_closed_form():
    real, fake = torch.tensor([[2.0], [0.5]]), torch.tensor([[-3.0], [0.25]])
    softplus = lambda v: math.log1p(math.exp(v))  # noqa: E731
    assert generator_loss(fake, "logistic").item() == pytest.approx((softplus(3) + softplus(-0.25)) / 2, rel=1e-5)
    assert discriminator_loss(real, fake, "logistic").item() == pytest.approx(
        (softplus(-2) + softplus(-0.5) + softplus(-3) + softplus(0.25)) / 2, rel=1e-5)
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


def test_path_length_of_a_linear_generator():
    # images = A w: |J^T y| is |A^T y|, for a single w.
    g = torch.Generator().manual_seed(0)
    a = torch.randn(3 * 4 * 4, 5, generator=g)
    ws = torch.randn(2, 1, 1, 5, generator=g, requires_grad=True)
    images = (ws.reshape(2, 5) @ a.T).reshape(2, 3, 4, 4)
    y = torch.randn(2, 3, 4, 4, generator=g)
    penalty, mean = path_length_penalty(images, ws, torch.tensor(1.0), y, decay=0.5)
    lengths = ((y.reshape(2, -1) / 4) @ a).norm(dim=1)
    expected_mean = 0.5 * 1.0 + 0.5 * lengths.mean()
    torch.testing.assert_close(mean, expected_mean)
    torch.testing.assert_close(penalty, (lengths - expected_mean).square().mean())


def naive_alignment(attention, candidates, tau, mean):
    """Eq. 4 and 5, pixel by pixel, for attention that already has the candidates' size."""
    per_picture = []
    for c, hs in zip(attention, candidates, strict=True):
        distances = []
        for h in hs:
            d = [abs(float(a) - float(b)) for a, b in zip(h.flatten(), c.flatten(), strict=True)]
            above = [v for v in d if v >= tau]
            if mean == "all":
                distances.append(sum(above) / len(d))
            else:
                distances.append(sum(above) / len(above) if above else sum(d) / len(d))
        per_picture.append(min(distances))
    return sum(per_picture) / len(per_picture)


@pytest.mark.parametrize("mean", ["all", "above"])
@pytest.mark.parametrize("num_candidates", [1, 4])
def test_alignment_loss_equals_the_loops(mean, num_candidates):
    g = torch.Generator().manual_seed(1)
    attention = torch.rand(3, 8, 8, generator=g)
    candidates = torch.rand(3, num_candidates, 8, 8, generator=g)
    expected = naive_alignment(attention, candidates, 0.25, mean)
    assert alignment_loss(attention, candidates, tau=0.25, mean=mean).item() == pytest.approx(expected, rel=1e-5)


def test_alignment_takes_the_nearest_candidate_and_small_differences_are_free():
    h = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    far = 1 - h.round()
    assert alignment_loss(h[:, 0] * 0.9 + 0.01, torch.cat([far, h], dim=1), tau=0.25).item() == 0.0
    assert alignment_loss(h[:, 0], far, tau=0.25).item() > 0.1


def test_alignment_gradient_pulls_attention_to_the_heatmap():
    heatmap = torch.zeros(1, 1, 8, 8)
    heatmap[..., :4] = 1.0
    attention = torch.full((1, 8, 8), 0.5, requires_grad=True)
    alignment_loss(attention, heatmap, tau=0.25).backward()
    assert (attention.grad[..., :4] < 0).all() and (attention.grad[..., 4:] > 0).all()


def test_iou():
    heatmap, attention = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    heatmap[:, :, :4], attention[:, :, 2:6] = 1.0, 1.0
    assert attention_iou(attention, heatmap).item() == pytest.approx(2 / 6)
    assert attention_iou(torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)).item() == 0.0


@pytest.mark.parametrize("mean", ["all", "above"])
def test_hidden_pixels_do_not_count(mean):
    g = torch.Generator().manual_seed(3)
    attention, candidates = torch.rand(2, 8, 8, generator=g), torch.rand(2, 3, 8, 8, generator=g)
    visible = torch.zeros(2, 1, 8, 8)
    visible[..., 2:7] = 1
    cropped = alignment_loss(attention[..., 2:7], candidates[..., 2:7], tau=0.25, mean=mean)
    torch.testing.assert_close(alignment_loss(attention, candidates, tau=0.25, mean=mean, visible=visible), cropped)
