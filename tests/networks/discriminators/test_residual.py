import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.discriminators.residual import ResidualBlock, ResidualDiscriminator, minibatch_std
from spatialgan.networks.resample import downsample2

Tiny = Callable[..., ModelConfig]


@pytest.mark.parametrize(("resolution", "channels"), [(32, 3), (64, 1)])
def test_logits_and_features(tiny: Tiny, resolution: int, channels: int):
    config = tiny(resolution=resolution, image_channels=channels)
    out = make_discriminator(config)(torch.randn(4, channels, resolution, resolution))
    assert out.logits.shape == (4, 1)
    assert {s: tuple(f.shape) for s, f in out.features.items()} == {
        s: (4, config.channels(s), s, s) for s in (4, 8, 16)
    }


def test_features_are_what_leaves_the_blocks(tiny: Tiny):
    d = ResidualDiscriminator(tiny(resolution=64))
    images = torch.randn(2, 3, 64, 64)
    x = d.from_rgb(images)
    sizes = []
    for block in d.blocks:
        x = block(x)
        sizes.append(x.shape[-1])
        if x.shape[-1] <= 16:
            torch.testing.assert_close(d(images).features[x.shape[-1]], x)
    assert sizes == [32, 16, 8, 4]


def minibatch_std_naive(x: Tensor, group: int) -> Tensor:
    """Pictures n, n + N / G, n + 2 N / G, ... share a statistic."""
    n = x.shape[0]
    out = torch.empty(n, 1, *x.shape[2:])
    num_groups = n // group
    for first in range(num_groups):
        members = [i for i in range(n) if i % num_groups == first]
        assert len(members) == group
        deviations = []
        for c in range(x.shape[1]):
            for i in range(x.shape[2]):
                for j in range(x.shape[3]):
                    values = [float(x[m, c, i, j]) for m in members]
                    mean = sum(values) / group
                    deviations.append(math.sqrt(sum((v - mean) ** 2 for v in values) / group + 1e-8))
        out[members] = sum(deviations) / len(deviations)
    return torch.cat([x, out], dim=1)


@pytest.mark.parametrize(
    ("batch", "group", "effective"), [(4, 4, 4), (4, 2, 2), (6, 3, 3), (3, 8, 3), (4, 1, 1), (6, 4, 3), (5, 4, 1)]
)
def test_minibatch_std(batch: int, group: int, effective: int):
    x = torch.randn(batch, 3, 2, 2) * torch.rand(batch, 1, 1, 1) * 3
    torch.testing.assert_close(minibatch_std(x, group), minibatch_std_naive(x, effective))


def test_groups_smaller_than_the_batch_see_their_own_pictures_only(tiny: Tiny):
    d = ResidualDiscriminator(tiny(minibatch_std_group=2))
    images = torch.randn(4, 3, 32, 32)
    changed = images.clone()
    changed[0] = torch.randn(3, 32, 32) * 3
    difference = (d(changed).logits - d(images).logits).abs()[:, 0]
    # Pictures 0 and 2 are a group; 1 and 3 are another.
    assert difference[0] > 1e-4
    assert difference[2] > 1e-6
    assert (difference[[1, 3]] < 1e-6).all()


def test_any_number_of_pictures_can_be_looked_at(tiny: Tiny):
    d = ResidualDiscriminator(tiny(minibatch_std_group=4))
    for n in (1, 3, 5, 6):
        assert d(torch.randn(n, 3, 32, 32)).logits.shape == (n, 1)


def test_a_block_is_the_mean_of_its_branches_up_to_their_gain():
    block = ResidualBlock(4, 6)
    x = torch.randn(2, 4, 8, 8)
    skip = torch.nn.functional.conv2d(downsample2(x), block.skip.weight / 2)
    expected = (skip + block.conv1(block.conv0(x))) / math.sqrt(2)
    torch.testing.assert_close(block(x), expected)


def test_signal_keeps_its_scale(tiny: Tiny):
    """Equalised learning rates and 1/sqrt(2): features neither fade nor grow by more than the filter's smoothing."""
    out = ResidualDiscriminator(tiny(channel_base=2048, channel_max=64))(torch.randn(8, 3, 32, 32))
    for f in out.features.values():
        assert 0.2 < float(f.detach().std()) < 2


def test_every_parameter_is_trained(tiny: Tiny):
    d = ResidualDiscriminator(tiny())
    d(torch.randn(4, 3, 32, 32)).logits.square().sum().backward()
    assert [n for n, p in d.named_parameters() if p.grad is None or p.grad.abs().max() == 0] == []


def test_r1_gradients(tiny: Tiny, smooth_activations: None, slopes: Callable[..., tuple[float, float]]):
    """Double backward through D, against a finite difference."""
    d = ResidualDiscriminator(tiny())
    images = torch.randn(4, 3, 32, 32, requires_grad=True)

    def r1() -> Tensor:
        (gradient,) = torch.autograd.grad(d(images).logits.sum(), images, create_graph=True)
        return gradient.square().sum()

    by_autograd, by_difference = slopes(r1, list(d.parameters()))
    assert by_autograd == pytest.approx(by_difference, rel=0.02)


def test_r1_with_leaky_relu_is_finite_on_equal_pictures(tiny: Tiny):
    """Where all pictures of a group agree, the standard deviation's square root must not divide by zero."""
    d = ResidualDiscriminator(tiny(minibatch_std_group=4))
    images = torch.randn(1, 3, 32, 32).repeat(4, 1, 1, 1).requires_grad_()
    (gradient,) = torch.autograd.grad(d(images).logits.sum(), images, create_graph=True)
    gradient.square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in d.parameters())


def test_logits_are_float32_under_autocast(tiny: Tiny):
    d = ResidualDiscriminator(tiny())
    images = torch.randn(2, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        out = d(images)
    assert out.logits.dtype == torch.float32
    assert out.features[8].dtype == torch.bfloat16
    torch.testing.assert_close(out.logits, d(images).logits, atol=0.1, rtol=0.1)
