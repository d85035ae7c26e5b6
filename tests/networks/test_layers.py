import copy
import math
import weakref

import pytest
import torch
from torch.nn import functional as F

from spatialgan.networks.layers import (
    Conv,
    FixedKernel,
    Kernel,
    Linear,
    Scale,
    lrelu,
    modulated_conv,
    normalize_second_moment,
)
from spatialgan.networks.resample import conv_down2, conv_up2, up_kernel


def per_sample(
    x: torch.Tensor, weight: torch.Tensor, style: torch.Tensor, *, demodulate: bool, up: bool
) -> torch.Tensor:
    """The formulas of StyleGAN2, Section 2.2: each picture has its own kernel."""
    out = []
    for picture, s in zip(x, style, strict=True):
        w = torch.stack([weight[:, i] * s[i] for i in range(len(s))], dim=1)  # w'_ijk = s_i w_ijk
        if demodulate:
            w = torch.stack([row / torch.sqrt(sum(v * v for v in row.flatten()) + 1e-8) for row in w])
        picture = picture[None]
        out.append(conv_up2(picture, up_kernel(w)) if up else F.conv2d(picture, w, padding=w.shape[-1] // 2))
    return torch.cat(out)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize(("kernel", "up"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_modulated_conv_against_per_sample_weights(demodulate: bool, kernel: int, up: bool, gain: float):
    x, weight, style = torch.randn(3, 4, 5, 5), torch.randn(2, 4, kernel, kernel), torch.randn(3, 4) + 1
    y = modulated_conv(
        x, Kernel.of(weight, demodulate=demodulate, up=up), Scale.of(style[:, :, None, None]), up=up, gain=gain
    )
    expected = per_sample(x, weight, style, demodulate=demodulate, up=up) * gain
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("up", [True, False])
def test_the_same_style_everywhere_equals_one_style(demodulate: bool, up: bool):
    x, weight, style = torch.randn(2, 4, 6, 6), torch.randn(3, 4, 3, 3), torch.randn(2, 4, 1, 1)
    one = modulated_conv(x, Kernel.of(weight, demodulate=demodulate, up=up), Scale.of(style), up=up)
    everywhere = modulated_conv(
        x, Kernel.of(weight, demodulate=demodulate, up=up), Scale.of(style.expand(2, 4, 6, 6)), up=up
    )
    torch.testing.assert_close(everywhere, one)


def test_a_style_map_is_demodulated_by_the_mean_of_its_square():
    x, weight, style = torch.randn(2, 3, 4, 4), torch.randn(5, 3, 3, 3), torch.randn(2, 3, 4, 4)
    plain = F.conv2d(x * style, weight, padding=1)
    torch.testing.assert_close(modulated_conv(x, Kernel.of(weight, demodulate=False), Scale.of(style)), plain)
    expected = torch.empty_like(plain)
    for b in range(2):
        for o in range(5):
            power = sum(float((style[b, i] ** 2).mean() * (weight[o, i] ** 2).sum()) for i in range(3))
            expected[b, o] = plain[b, o] / math.sqrt(power)
    torch.testing.assert_close(modulated_conv(x, Kernel.of(weight, demodulate=True), Scale.of(style)), expected)


@pytest.mark.parametrize("spatial", [False, True])
def test_demodulation_keeps_unit_variance(spatial: bool):
    x, weight = torch.randn(2, 32, 32, 32), torch.randn(32, 32, 3, 3)
    style = torch.rand(2, 32, 32, 32) * 5 if spatial else torch.rand(2, 32, 1, 1) * 5
    y = modulated_conv(x, Kernel.of(weight, demodulate=True), Scale.of(style))[:, :, 1:-1, 1:-1]
    assert float(y.std()) == pytest.approx(1, rel=0.02)
    assert float(modulated_conv(x, Kernel.of(weight, demodulate=False), Scale.of(style)).std()) > 10


def test_modulated_conv_gradients():
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    style = torch.rand(2, 2, 1, 1, dtype=torch.float64, requires_grad=True)

    def f(x: torch.Tensor, weight: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        return modulated_conv(x, Kernel.of(weight, demodulate=False, up=True), Scale.of(style), up=True)

    assert torch.autograd.gradcheck(f, (x, weight, style))
    assert torch.autograd.gradgradcheck(f, (x, weight, style))


def test_linear():
    layer = Linear(50, 20, bias_init=0.7, lr_multiplier=0.01)
    x = torch.randn(4, 3, 50)
    with torch.no_grad():
        layer.bias.add_(torch.randn(20))
    expected = x @ layer.weight.T * (0.01 / math.sqrt(50)) + layer.bias * 0.01
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
def test_linear_starts_at_unit_gain_whatever_its_learning_rate(lr_multiplier: float):
    layer = Linear(256, 256, bias_init=1.0, lr_multiplier=lr_multiplier)
    y = layer(torch.randn(256, 256)).detach()
    assert float((y - 1).std()) == pytest.approx(1, rel=0.02)
    torch.testing.assert_close(layer(torch.zeros(256)), torch.ones(256))
    assert float(layer.weight.detach().std()) == pytest.approx(1 / lr_multiplier, rel=0.02)


def test_a_lower_learning_rate_moves_the_effective_weight_less():
    """Adam's steps have a fixed size, so the effective weight moves by the multiplier."""
    moved = []
    for multiplier in (1.0, 0.01):
        layer = Linear(16, 16, lr_multiplier=multiplier)
        before = layer(torch.eye(16)).detach()
        with torch.no_grad():
            layer.weight.add_(0.1)
        moved.append(float((layer(torch.eye(16)).detach() - before).mean()))
    assert moved[1] == pytest.approx(moved[0] * 0.01, rel=1e-3)
    assert moved[0] == pytest.approx(0.1 / 4, rel=1e-4)


@pytest.mark.parametrize("gain", [1.0, 0.1])
@pytest.mark.parametrize("down", [False, True])
def test_conv_activation_and_gain(gain: float, down: bool):
    layer = Conv(3, 4, 3, activate=True, down=down)
    with torch.no_grad():
        layer.bias.copy_(torch.randn(4))
    x = torch.randn(2, 3, 8, 8)
    weight = layer.weight / math.sqrt(27)
    y = conv_down2(x, weight) if down else F.conv2d(x, weight, padding=1)
    y = y + layer.bias[:, None, None]
    expected = math.sqrt(2) * gain * torch.where(y > 0, y, 0.2 * y)
    torch.testing.assert_close(layer(x, gain=gain), expected)


def test_conv_without_activation_is_linear():
    layer = Conv(3, 4, 3, dilation=2)
    with torch.no_grad():
        layer.bias.copy_(torch.randn(4))
    x = torch.randn(2, 3, 8, 8)
    expected = F.conv2d(x, layer.weight / math.sqrt(27), layer.bias, padding=2, dilation=2)
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer(x, gain=0.5), expected / 2)
    assert Conv(3, 4, 1, bias=False).bias is None


def test_an_activated_conv_keeps_the_second_moment():
    layer = Conv(64, 64, 3, activate=True)
    y = layer(torch.randn(2, 64, 32, 32)).detach()[:, :, 1:-1, 1:-1]
    # E lrelu(z)^2 = (1 + 0.2^2) / 2 for a normal z, times the gain's 2.
    assert float(y.square().mean()) == pytest.approx(1.04, rel=0.03)


def test_conv_leaves_its_input_alone():
    x = torch.randn(1, 2, 4, 4)
    before = x.clone()
    Conv(2, 2, 1, activate=True)(x)
    assert torch.equal(x, before)


def test_normalize_second_moment():
    x = torch.randn(3, 2, 10) * 7
    y = normalize_second_moment(x)
    torch.testing.assert_close(y.square().mean(dim=-1), torch.ones(3, 2))
    torch.testing.assert_close(y / y.norm(dim=-1, keepdim=True), x / x.norm(dim=-1, keepdim=True))
    assert normalize_second_moment(torch.zeros(4)).isfinite().all()


def test_lrelu():
    torch.testing.assert_close(lrelu(torch.tensor([-1.0, 0.0, 2.0])), torch.tensor([-0.2, 0.0, 2.0]))


FORMS = [{"demodulate": True, "up": True}, {"demodulate": True}, {}]


def fixed_weight() -> torch.Tensor:
    return torch.randn(4, 4, 3, 3)


@pytest.mark.parametrize("form", FORMS)
def test_a_fixed_kernel_is_the_weights_and_is_made_once(form: dict[str, bool]):
    kept, weight = FixedKernel(), fixed_weight()
    expected = Kernel.of(weight * 0.3, **{"demodulate": False} | form)
    kernel = kept.of(weight, 0.3, training=False, **form)
    assert torch.equal(kernel.weight, expected.weight)
    assert (kernel.power is None and expected.power is None) or torch.equal(kernel.power, expected.power)
    assert kept.of(weight, 0.3, training=False, **form) is kernel
    half = kept.of(weight, 0.15, training=False, **form)
    torch.testing.assert_close(half.weight, expected.weight / 2)
    assert kept.of(weight, 0.3, training=False, **form) is kernel


def test_a_fixed_kernel_follows_its_weight():
    kept, weight = FixedKernel(), fixed_weight()
    first = kept.of(weight, 1.0, training=False)
    with torch.no_grad():
        weight.lerp_(torch.ones(()), 0.5)
    assert torch.equal(kept.of(weight, 1.0, training=False).weight, weight)
    assert not torch.equal(first.weight, weight)
    other = weight + 1
    assert torch.equal(kept.of(other, 1.0, training=False).weight, other)


def test_a_fixed_kernel_has_the_data_type_that_convolutions_compute_in():
    kept, weight = FixedKernel(), fixed_weight()
    with torch.autocast("cpu", torch.bfloat16):
        low = kept.of(weight, 1.0, training=False, demodulate=True)
        assert low.weight.dtype == torch.bfloat16
        assert low.power is not None and low.power.dtype == torch.float32
    assert kept.of(weight, 1.0, training=False, demodulate=True).weight.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert kept.of(weight, 1.0, training=False, demodulate=True) is low  # both are kept


def test_a_weight_that_is_learned_keeps_nothing():
    kept, weight = FixedKernel(), fixed_weight().requires_grad_()
    kernel = kept.of(weight, 0.5, training=False, demodulate=True)
    assert kernel.power is not None
    (kernel.weight.sum() + kernel.power.sum()).backward()
    torch.testing.assert_close(weight.grad, 0.5 + 0.5 * weight.detach())
    assert kept.of(weight, 0.5, training=False, demodulate=True) is not kernel


def test_a_kernel_made_without_gradients_serves_a_drag():
    conv = Conv(4, 4, 3).eval().requires_grad_(False)
    x = torch.randn(1, 4, 8, 8)
    with torch.inference_mode():
        conv(x)
    conv(x.requires_grad_()).sum().backward()
    assert x.grad is not None


def test_a_copied_layer_has_kernels_of_its_own():
    conv = Conv(4, 4, 3).eval().requires_grad_(False)
    x = torch.randn(1, 4, 8, 8)
    before = conv(x)
    other = copy.deepcopy(conv)
    other.weight.zero_()
    torch.testing.assert_close(other(x), other.bias[None, :, None, None].expand(1, 4, 8, 8))
    assert torch.equal(conv(x), before)


def test_a_network_in_training_follows_a_fused_optimiser():
    """It leaves no trace in a weight's version; D's weights are without gradients in G's step."""
    conv = Conv(4, 4, 3)
    optimizer = torch.optim.Adam(conv.parameters(), lr=0.1, fused=True)
    x = torch.randn(1, 4, 8, 8)
    conv.requires_grad_(False)
    before = conv(x)
    conv.requires_grad_(True)
    conv(x).sum().backward()
    optimizer.step()
    conv.requires_grad_(False)
    after = conv(x)
    torch.testing.assert_close(after, F.conv2d(x, conv.weight * conv.weight_gain, conv.bias, padding=1))
    assert not torch.allclose(before, after)


def test_a_fixed_kernel_leaves_float64_alone_as_autocast_does():
    conv = Conv(4, 4, 3).double().eval().requires_grad_(False)
    x = torch.randn(1, 4, 8, 8, dtype=torch.float64)
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(x).dtype == torch.float64


def test_kernels_are_freed_when_a_layer_changes_its_data_type():
    conv = Conv(4, 4, 3).eval().requires_grad_(False)
    conv(torch.randn(1, 4, 8, 8))
    source = weakref.ref(conv.kernel.of(conv.weight, conv.weight_gain, training=False).weight)
    conv.double()
    assert source() is None
