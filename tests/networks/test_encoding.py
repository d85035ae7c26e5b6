import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spatialgan.networks.encoding import STEM_CHANNELS, HeatmapStem, Mixture, SELConcat, SELNorm, style_shares
from spatialgan.networks.layers import Linear


def randomize(module: nn.Module) -> None:
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape))


def plain_conv(layer: nn.Module, x: Tensor) -> Tensor:
    """The layer's convolution, without activation."""
    w = layer.weight
    fan_in = w.shape[1] * w.shape[2] * w.shape[3]
    return F.conv2d(
        x, w / math.sqrt(fan_in), layer.bias, padding=layer.dilation * (w.shape[-1] // 2), dilation=layer.dilation
    )


def leaky(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.2 * x)


def sel_norm_naive(sel: SELNorm, x: Tensor, maps: Tensor) -> Tensor:
    """Eq. 2 in words of its own: each channel standardised, one gamma and beta for all channels of a pixel."""
    hidden = math.sqrt(2) * leaky(plain_conv(sel.shared, maps))
    both = F.adaptive_avg_pool2d(plain_conv(sel.gamma_beta, hidden), x.shape[-1])
    gamma, beta = 1 + both[:, 0], both[:, 1]  # (B, h, w)
    modulated = torch.empty_like(x)
    for b in range(x.shape[0]):
        for c in range(x.shape[1]):
            values = x[b, c]
            mean = values.sum() / values.numel()
            sd = torch.sqrt(((values - mean) ** 2).sum() / values.numel())
            modulated[b, c] = gamma[b] * (values - mean) / sd + beta[b]
    return x + 0.1 * plain_conv(sel.residual, leaky(modulated))


@pytest.mark.parametrize("residual_kernel", [1, 3])
@pytest.mark.parametrize("map_size", [8, 32])
def test_sel_norm_against_equation_2(residual_kernel: int, map_size: int):
    sel = SELNorm(5, 2, kernel=3, dilation=1, residual_kernel=residual_kernel)
    randomize(sel)
    x, maps = torch.randn(3, 5, 8, 8) * 4 + 2, torch.rand(3, 2, map_size, map_size)
    torch.testing.assert_close(sel(x, maps), sel_norm_naive(sel, x, maps), rtol=1e-4, atol=1e-4)


def test_sel_norm_has_one_gamma_and_beta_a_pixel():
    sel = SELNorm(5, 2, kernel=3, dilation=1, residual_kernel=1)
    assert sel.gamma_beta.weight.shape == (2, 64, 3, 3)


def test_sel_norm_with_an_empty_heatmap_only_standardises():
    sel = SELNorm(4, 2, kernel=3, dilation=1, residual_kernel=1)  # biases start at zero
    x = torch.randn(2, 4, 8, 8) * 3 + 1
    z = (x - x.mean(dim=(2, 3), keepdim=True)) / x.std(dim=(2, 3), keepdim=True, correction=0)
    torch.testing.assert_close(sel(x, torch.zeros(2, 2, 8, 8)), x + 0.1 * plain_conv(sel.residual, leaky(z)))


def test_sel_norm_on_a_constant_feature_is_finite():
    sel = SELNorm(4, 2, kernel=3, dilation=1, residual_kernel=3)
    assert sel(torch.ones(1, 4, 4, 4), torch.rand(1, 2, 4, 4)).isfinite().all()


def test_sel_concat_against_one_convolution():
    sel = SELConcat(4, 2, kernel=3, dilation=1, fine=False)
    randomize(sel)
    x, maps = torch.randn(2, 4, 8, 8), torch.rand(2, 2, 8, 8)
    torch.testing.assert_close(sel(x, maps), plain_conv(sel.conv, torch.cat([x, maps], dim=1)))
    assert sel.conv.weight.shape == (4, 6, 3, 3)


def test_sel_concat_fine_convolves_before_it_shrinks():
    sel = SELConcat(4, 2, kernel=3, dilation=1, fine=True)
    randomize(sel)
    x, maps = torch.randn(2, 4, 8, 8), torch.rand(2, 2, 32, 32)
    small = F.adaptive_avg_pool2d(plain_conv(sel.heatmap_conv, maps), 8)
    torch.testing.assert_close(sel(x, maps), plain_conv(sel.conv, torch.cat([x, small], dim=1)))


def test_coarse_and_fine_processing_differ():
    sel = SELNorm(4, 2, kernel=3, dilation=1, residual_kernel=3)
    randomize(sel)
    x, maps = torch.randn(2, 4, 8, 8), torch.rand(2, 2, 32, 32)
    fine, coarse = sel(x, maps), sel(x, F.adaptive_avg_pool2d(maps, 8))
    assert fine.shape == coarse.shape == x.shape
    assert (fine - coarse).abs().max() > 0.01


def test_the_releases_stem_has_96_channels_and_two_convolutions():
    stem = HeatmapStem(7, kernel=3, dilation=1)
    assert STEM_CHANNELS == 96
    assert [tuple(p.shape) for p in stem.parameters() if p.ndim == 4] == [(96, 7, 3, 3), (96, 96, 3, 3)]
    assert stem(torch.rand(2, 7, 16, 16)).shape == (2, 96, 16, 16)


def test_the_stem_against_loops():
    """Each pixel from its neighbours, one after another, at the picture's size: nothing is shrunk before."""
    stem = HeatmapStem(3, kernel=3, dilation=1)
    randomize(stem)
    maps = torch.rand(1, 3, 4, 4)
    x = maps
    for conv in (stem.conv0, stem.conv1):
        weight = conv.weight / math.sqrt(9 * x.shape[1])
        y = conv.bias[None, :, None, None].repeat(1, 1, 4, 4)
        for row in range(4):
            for column in range(4):
                for i in range(max(0, row - 1), min(4, row + 2)):
                    for j in range(max(0, column - 1), min(4, column + 2)):
                        y[0, :, row, column] += weight[:, :, i - row + 1, j - column + 1] @ x[0, :, i, j]
        x = math.sqrt(2) * leaky(y)
    torch.testing.assert_close(stem(maps), x, rtol=1e-4, atol=1e-4)


def test_sel_norm_on_the_stem_is_the_releases_encoder():
    stem, sel = HeatmapStem(7, kernel=3, dilation=1), SELNorm(5, STEM_CHANNELS, kernel=3, dilation=1, residual_kernel=3)
    assert sel.shared.weight.shape == (64, 96, 3, 3)
    randomize(sel)
    x, maps = torch.randn(2, 5, 8, 8), torch.rand(2, 7, 32, 32)
    torch.testing.assert_close(sel(x, stem(maps)), sel_norm_naive(sel, x, stem(maps)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (3, 2), (5, 1)])
def test_kernel_and_dilation_set_how_far_a_heatmap_pixel_reaches(kernel: int, dilation: int):
    sel = SELNorm(4, 1, kernel=kernel, dilation=dilation, residual_kernel=1)
    randomize(sel)
    x, maps = torch.randn(1, 4, 16, 16), torch.zeros(1, 1, 16, 16)
    dot = maps.clone()
    dot[0, 0, 8, 8] = 5.0
    touched = (sel(x, dot) - sel(x, maps))[0].abs().amax(dim=0) > 1e-6
    # Two convolutions in a row, each reaching (kernel // 2) * dilation pixels.
    steps = {i * dilation for i in range(-2 * (kernel // 2), 2 * (kernel // 2) + 1)}
    expected = {(8 + i, 8 + j) for i in steps for j in steps}
    assert {(int(i), int(j)) for i, j in touched.nonzero()} == expected


def touched_by_a_dot(f) -> set[tuple[int, int]]:
    """Pixels of ``f(maps)`` that change with the pixel (8, 8) of a 16x16 map, seen from there."""
    maps = torch.zeros(1, 1, 16, 16)
    dot = maps.clone()
    dot[0, 0, 8, 8] = 5.0
    return {(int(i) - 8, int(j) - 8) for i, j in ((f(dot) - f(maps))[0].abs().amax(dim=0) > 1e-6).nonzero()}


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (3, 2)])
@pytest.mark.parametrize("fine", [False, True])
def test_dilation_is_of_all_convolutions_of_stem_and_sel_concat(kernel: int, dilation: int, fine: bool):
    stem, sel = (
        HeatmapStem(1, kernel=kernel, dilation=dilation),
        SELConcat(4, 1, kernel=kernel, dilation=dilation, fine=fine),
    )
    randomize(stem)
    randomize(sel)
    x = torch.randn(1, 4, 16, 16)
    for f, num_convs in ((stem, 2), (lambda maps: sel(x, maps), 1 + fine)):
        steps = [i * dilation for i in range(-num_convs, num_convs + 1)]
        assert touched_by_a_dot(f) == {(i, j) for i in steps for j in steps}


def test_in_bfloat16_features_stay_in_bfloat16():
    """Statistics are taken in float32, but no convolution is given float32 features or heatmaps to convert."""
    norm, concat = (
        SELNorm(4, 2, kernel=3, dilation=1, residual_kernel=1),
        SELConcat(4, 2, kernel=3, dilation=1, fine=False),
    )
    seen = []
    for conv in (norm.residual, concat.conv):
        conv.register_forward_pre_hook(lambda _, args: seen.append(args[0].dtype))
    x, maps = torch.randn(1, 4, 8, 8), torch.rand(1, 2, 8, 8)
    exact = norm(x, maps), concat(x, maps)
    seen.clear()
    with torch.autocast("cpu", torch.bfloat16):
        rough = norm(x.bfloat16(), maps), concat(x.bfloat16(), maps)
    assert seen == [torch.bfloat16, torch.bfloat16]
    for a, b in zip(rough, exact, strict=True):
        assert a.dtype == torch.bfloat16
        torch.testing.assert_close(a.float(), b, rtol=0.03, atol=0.03)


def test_gradients_reach_heatmap_feature_and_weights():
    for sel in (
        SELNorm(3, 2, kernel=3, dilation=1, residual_kernel=3),
        SELConcat(3, 2, kernel=3, dilation=1, fine=True),
    ):
        randomize(sel)
        x = torch.randn(1, 3, 4, 4, requires_grad=True)
        maps = torch.rand(1, 2, 8, 8, requires_grad=True)
        sel(x, maps).square().sum().backward()
        for t in (x, maps, *sel.parameters()):
            assert t.grad.abs().max() > 0


def test_sel_norm_gradients_to_second_order():
    sel = SELNorm(2, 1, kernel=3, dilation=1, residual_kernel=1)
    randomize(sel)
    x = torch.randn(1, 2, 3, 3, requires_grad=True)
    maps = torch.rand(1, 1, 3, 3)
    (g,) = torch.autograd.grad(sel(x, maps).square().sum(), x, create_graph=True)
    g.square().sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().max() > 0


def test_style_shares_formula():
    maps = torch.rand(2, 3, 4, 4) * 0.8
    shares = style_shares(maps)
    assert shares.shape == (2, 4, 4, 4)
    sums = []
    for b in range(2):
        for i in range(4):
            for j in range(4):
                total = sum(float(maps[b, k, i, j]) for k in range(3))
                expected = [float(maps[b, k, i, j]) / max(1.0, total) for k in range(3)]
                expected.append(1 - sum(expected))
                torch.testing.assert_close(shares[b, :, i, j], torch.tensor(expected), atol=1e-6, rtol=1e-5)
                sums.append(total)
    assert min(sums) < 1 < max(sums)  # both cases of the formula occurred


def test_style_shares_are_a_partition():
    shares = style_shares(torch.rand(4, 3, 16, 16))
    assert (shares >= 0).all()
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(4, 16, 16))


def test_style_shares_far_from_all_objects_are_the_background():
    shares = style_shares(torch.zeros(1, 2, 3, 3))
    assert torch.equal(shares, torch.tensor([0.0, 0.0, 1.0])[None, :, None, None].expand(1, 3, 3, 3))


def test_mixing_scales_equals_mapping_the_mixed_style():
    """A(sum_i a_i w_i) = sum_i a_i A(w_i), as A is affine and the shares sum to 1 (Eq. 3)."""
    affine = Linear(7, 5, bias_init=1.0)
    w, shares = torch.randn(2, 4, 7), style_shares(torch.rand(2, 3, 6, 6))
    style_map = torch.zeros(2, 7, 6, 6)  # S(u)
    for i in range(4):
        style_map += shares[:, i : i + 1] * w[:, i, :, None, None]
    expected = affine(style_map.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    scale = Mixture.of(shares).scale(affine(w))
    torch.testing.assert_close(scale.values, expected)
    torch.testing.assert_close(scale.mean_square, expected.square().mean(dim=(2, 3)))


def test_mixed_scales_are_of_the_parts_precision_and_memory_format_and_their_power_is_float32():
    parts, shares = torch.randn(2, 3, 5), style_shares(torch.rand(2, 2, 4, 4))
    mixed, exact = Mixture.of(shares).scale(parts.bfloat16()), Mixture.of(shares).scale(parts)
    assert mixed.values.dtype == torch.bfloat16 and mixed.mean_square.dtype == torch.float32
    assert mixed.values.is_contiguous(memory_format=torch.channels_last)  # as the features that it multiplies
    torch.testing.assert_close(mixed.values.float(), exact.values, rtol=0.03, atol=0.03)
    torch.testing.assert_close(mixed.mean_square, exact.mean_square, rtol=0.03, atol=0.03)


def test_the_power_of_nothing_is_not_negative():
    """Two opposite parts that every pixel has the same share of: 0, but for rounding, whose root must exist."""
    parts = torch.tensor([[[1.0], [-1.0]]]) * torch.rand(64, 1, 1)
    assert (Mixture.of(torch.full((64, 2, 3, 3), 1 / 3)).scale(parts).mean_square >= 0).all()


def test_sel_norm_keeps_half_precision():
    """Gamma and beta follow the features, or the next convolution would run in float32."""
    sel = SELNorm(5, 2, kernel=3, dilation=1, residual_kernel=1)
    randomize(sel)
    seen: list[torch.dtype] = []
    residual = sel.residual.forward
    sel.residual.forward = lambda x, gain: seen.append(x.dtype) or residual(x.float(), gain=gain)
    sel(torch.randn(2, 5, 8, 8, dtype=torch.bfloat16), torch.rand(2, 2, 8, 8))
    assert seen == [torch.bfloat16]
