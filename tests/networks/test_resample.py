"""Against the textbook: zeros between the samples, an endless plane of zeros around, and loops for every sum."""

import pytest
import torch
from torch import Tensor

from spatialgan.networks.resample import blur, conv_down2, conv_up2, downsample2, fir_kernel, up_kernel, upsample2

FIR = [[a * b / 64 for b in (1, 3, 3, 1)] for a in (1, 3, 3, 1)]
H, W = 4, 6


def at(x: Tensor, i: int, j: int) -> Tensor:
    """Pixel (i, j) of (B, C, H, W); zero outside."""
    inside = 0 <= i < x.shape[2] and 0 <= j < x.shape[3]
    return x[:, :, i, j] if inside else x.new_zeros(x.shape[:2])


class Plane:
    """An endless map, ``value(i, j) -> (B, C)``."""

    def __init__(self, value):
        self.value, self.known = value, {}

    def __call__(self, i: int, j: int) -> Tensor:
        if (i, j) not in self.known:
            self.known[i, j] = self.value(i, j)
        return self.known[i, j]

    def crop(self, h: int, w: int, step: int = 1) -> Tensor:
        rows = [torch.stack([self(i * step, j * step) for j in range(w)], dim=-1) for i in range(h)]
        return torch.stack(rows, dim=-2)


def plane(x: Tensor) -> Plane:
    return Plane(lambda i, j: at(x, i, j))


def zeros_between(x: Tensor) -> Plane:
    return Plane(lambda i, j: at(x, i // 2, j // 2) if i % 2 == 0 and j % 2 == 0 else x.new_zeros(x.shape[:2]))


def fir(p: Plane, first: int) -> Plane:
    """The filter over four pixels from ``first`` on, relative to the output pixel."""
    taps = [(m, n) for m in range(4) for n in range(4)]
    return Plane(lambda i, j: sum(FIR[m][n] * p(i + first + m, j + first + n) for m, n in taps))


def conv3(p: Plane, weight: Tensor) -> Plane:
    taps = [(m, n) for m in range(3) for n in range(3)]
    return Plane(lambda i, j: sum(p(i - 1 + m, j - 1 + n) @ weight[:, :, m, n].T for m, n in taps))


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 2, H, W, dtype=torch.float64)


@pytest.fixture
def weight() -> Tensor:
    return torch.randn(3, 2, 3, 3, dtype=torch.float64)


def test_kernel():
    k = fir_kernel(3, 4.0, torch.float64, torch.device("cpu"))
    assert k.shape == (3, 1, 4, 4)
    for c in range(3):
        torch.testing.assert_close(k[c, 0], 4 * torch.tensor(FIR, dtype=torch.float64))


@pytest.mark.parametrize(("padding", "larger"), [(2, 1), (1, -1)])
def test_blur(x: Tensor, padding: int, larger: int):
    y = blur(x, padding=padding, gain=2.0)
    torch.testing.assert_close(y, 2 * fir(plane(x), -padding).crop(H + larger, W + larger))


def test_upsample2(x: Tensor):
    torch.testing.assert_close(upsample2(x), 4 * fir(zeros_between(x), -2).crop(2 * H, 2 * W))


def test_downsample2(x: Tensor):
    torch.testing.assert_close(downsample2(x), fir(plane(x), -1).crop(H // 2, W // 2, step=2))


def test_conv_up2(x: Tensor, weight: Tensor):
    expected = 4 * fir(conv3(zeros_between(x), weight), -2).crop(2 * H, 2 * W)
    torch.testing.assert_close(conv_up2(x, up_kernel(weight)), expected)


def test_conv_up2_is_a_convolution_of_the_upsampled(x: Tensor, weight: Tensor):
    """They commute, but at the image's border, where one sees zeros and the other what was smeared there."""
    expected = torch.nn.functional.conv2d(upsample2(x), weight, padding=1)
    torch.testing.assert_close(conv_up2(x, up_kernel(weight))[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1])


def test_conv_down2(x: Tensor, weight: Tensor):
    expected = conv3(fir(plane(x), -1), weight).crop(H // 2, W // 2, step=2)
    torch.testing.assert_close(conv_down2(x, weight), expected)
    bias = torch.randn(3, dtype=torch.float64)
    torch.testing.assert_close(conv_down2(x, weight, bias), expected + bias[:, None, None])


def test_a_flat_picture_stays_flat_inside():
    flat = torch.full((1, 2, 8, 8), 0.7)
    torch.testing.assert_close(upsample2(flat)[:, :, 1:-1, 1:-1], torch.full((1, 2, 14, 14), 0.7))
    torch.testing.assert_close(downsample2(flat)[:, :, 1:-1, 1:-1], torch.full((1, 2, 2, 2), 0.7))
    identity = torch.zeros(2, 2, 3, 3)
    identity[[0, 1], [0, 1], 1, 1] = 1
    torch.testing.assert_close(conv_up2(flat, up_kernel(identity))[:, :, 1:-1, 1:-1], torch.full((1, 2, 14, 14), 0.7))
    torch.testing.assert_close(conv_down2(flat, identity)[:, :, 1:-1, 1:-1], torch.full((1, 2, 2, 2), 0.7))


def test_nothing_is_shifted():
    """A ramp keeps its slope and its middle, in both directions."""
    ramp = (torch.arange(16) + 0.5).expand(1, 1, 16, 16) / 16
    up = (torch.arange(32) + 0.5).expand(1, 1, 32, 32) / 32
    torch.testing.assert_close(upsample2(ramp)[:, :, 2:-2, 2:-2], up[:, :, 2:-2, 2:-2])
    torch.testing.assert_close(downsample2(up)[:, :, 1:-1, 1:-1], ramp[:, :, 1:-1, 1:-1])
    columns = ramp.transpose(2, 3)
    torch.testing.assert_close(upsample2(columns)[:, :, 2:-2, 2:-2], up.transpose(2, 3)[:, :, 2:-2, 2:-2])


def test_gradients(x: Tensor, weight: Tensor):
    x, weight = x[:1].requires_grad_(), weight[:1].requires_grad_()
    for f in (upsample2, downsample2):
        assert torch.autograd.gradcheck(f, x)
        assert torch.autograd.gradgradcheck(f, x)
    for f in (lambda x, weight: conv_up2(x, up_kernel(weight)), conv_down2):
        assert torch.autograd.gradcheck(f, (x, weight))
        assert torch.autograd.gradgradcheck(f, (x, weight))


def test_filters_cached_in_inference_mode_serve_training():
    fir_kernel.cache_clear()
    with torch.inference_mode():
        downsample2(torch.randn(1, 5, 8, 8))
    downsample2(torch.randn(1, 5, 8, 8, requires_grad=True)).sum().backward()


def test_bfloat16_autocast(x: Tensor, weight: Tensor):
    x, weight = x.float(), weight.float()
    with torch.autocast("cpu", torch.bfloat16):
        y = conv_down2(x, weight)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), conv_down2(x, weight), atol=0.05, rtol=0.05)
