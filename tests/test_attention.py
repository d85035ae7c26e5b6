from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from spatialgan.attention import attention_maps, attention_of, gradcam
from spatialgan.config import ModelConfig
from spatialgan.heatmaps import resize_maps
from spatialgan.networks.discriminators import DiscriminatorOutput, make_discriminator

Tiny = Callable[..., ModelConfig]
SIZES = {0: 4, 1: 8, 2: 16}


def normalized(maps: Tensor) -> Tensor:
    """Each map's smallest value to 0, its largest to 1."""
    out = []
    for m in maps:
        low, high = m.min(), m.max()
        out.append((m - low) / (high - low) if high > low else torch.zeros_like(m))
    return torch.stack(out)


def cam(features: Tensor, weights: Tensor) -> Tensor:
    """sum_k ReLU(w_k A_k), normalised."""
    return normalized(sum((w * features[:, k]).clamp(min=0) for k, w in enumerate(weights)))


class LinearNet(nn.Module):
    """Features are channel mixtures of the pooled picture; the logit is a weighted sum of their spatial means."""

    def __init__(self):
        super().__init__()
        self.mix = nn.ParameterList(torch.randn(5, 3) for _ in SIZES)
        self.weights = nn.ParameterList(torch.randn(5) for _ in SIZES)
        self.num_calls = 0

    def forward(self, images: Tensor) -> DiscriminatorOutput:
        self.num_calls += 1
        features = {s: torch.einsum("kc,bchw->bkhw", self.mix[i], resize_maps(images, s)) for i, s in SIZES.items()}
        logits = sum(features[s].mean(dim=(2, 3)) @ self.weights[i] for i, s in SIZES.items())
        return DiscriminatorOutput(logits[:, None], features)


def test_closed_form_on_a_linear_net():
    net, images = LinearNet(), torch.randn(3, 3, 32, 32)
    out = net(images)
    for level, m in attention_maps(out, sign="real").items():
        expected = cam(out.features[SIZES[level]], net.weights[level])
        torch.testing.assert_close(m, expected)
        assert m.dtype == torch.float32


@pytest.mark.parametrize("form", ["channel", "sum"])
def test_gradcam_against_loops(form: str):
    features, gradients = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    expected = torch.zeros(2, 4, 5)
    for b in range(2):
        alphas = [sum(float(gradients[b, k, i, j]) for i in range(4) for j in range(5)) / 20 for k in range(3)]
        for i in range(4):
            for j in range(5):
                parts = [alphas[k] * float(features[b, k, i, j]) for k in range(3)]
                expected[b, i, j] = sum(max(0, p) for p in parts) if form == "channel" else max(0, sum(parts))
    torch.testing.assert_close(gradcam(features, gradients, form=form), normalized(expected))


def test_gradcam_in_numbers():
    """Two channels, two places. alpha = (2, -1): the channels' evidence is (2, 6) and (-3, -10) where they have one."""
    features = torch.tensor([[[[1.0, 3.0, 0.0]], [[3.0, 10.0, -1.0]]]])  # (1, 2, 1, 3)
    gradients = torch.tensor([2.0, -1.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 3)
    # per channel: ReLU(2) + ReLU(-3) = 2, 6 + 0 = 6, 0 + 1 = 1; of the sum: ReLU(-1) = 0, ReLU(-4) = 0, ReLU(1) = 1
    torch.testing.assert_close(gradcam(features, gradients), torch.tensor([[[0.2, 1.0, 0.0]]]))
    torch.testing.assert_close(gradcam(features, gradients, form="sum"), torch.tensor([[[0.0, 0.0, 1.0]]]))


def test_where_all_speaks_for_fake_only_the_sum_is_empty():
    """What made alignment do nothing while D wins: sums below 0 everywhere, and no gradient."""
    features = torch.randn(2, 8, 4, 4, requires_grad=True)
    gradients = -torch.ones_like(features) * (features.detach().mean(dim=(2, 3), keepdim=True) + 3)
    lifted = features + 3  # mostly positive activations, all with negative weights
    assert gradcam(lifted, gradients, form="sum").max() == 0
    m = gradcam(lifted - 3, gradients)
    assert (m.amax(dim=(1, 2)) > 0.99).all()
    m.square().sum().backward()
    assert features.grad.abs().sum() > 0


def test_signs_are_each_others_opposite():
    net, images = LinearNet(), torch.randn(3, 3, 32, 32)
    out = net(images)
    for level, m in attention_maps(out, sign="fake").items():
        torch.testing.assert_close(m, cam(out.features[SIZES[level]], -net.weights[level]))


def test_the_releases_softplus_is_the_fake_sign():
    """alpha from softplus(-D), as the release has it, gives the very maps of sign "fake"."""
    net, images = LinearNet(), torch.randn(3, 3, 32, 32)
    out = net(images)
    loss = nn.functional.softplus(-out.logits).sum()
    for level, m in attention_maps(out, sign="fake").items():
        (gradient,) = torch.autograd.grad(loss, out.features[SIZES[level]], retain_graph=True)
        torch.testing.assert_close(m, gradcam(out.features[SIZES[level]], gradient))


@pytest.mark.parametrize("scale", [1e-21, 1e-9, 1e-3, 1e6])
def test_the_size_of_gradients_does_not_matter(scale: float):
    features, gradients = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(gradcam(features, gradients * scale), gradcam(features, gradients))


def test_a_picture_with_small_gradients_is_as_it_is_alone():
    features, gradients = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    gradients[1] *= 1e-9
    torch.testing.assert_close(gradcam(features, gradients)[1:], gradcam(features[1:], gradients[1:]))
    assert gradcam(features, gradients)[1].max() > 0.99


@pytest.mark.parametrize("form", ["channel", "sum"])
def test_what_speaks_for_fake_is_not_attention(form: str):
    features = torch.rand(1, 1, 4, 4)
    assert gradcam(features, -torch.ones(1, 1, 4, 4), form=form).max() == 0
    torch.testing.assert_close(gradcam(features, torch.ones(1, 1, 4, 4), form=form), normalized(features[:, 0]))


@pytest.mark.parametrize("form", ["channel", "sum"])
@pytest.mark.parametrize(
    "gradients", [-torch.rand(2, 3, 4, 4) - 0.1, torch.zeros(2, 3, 4, 4)], ids=["negative", "zero"]
)
def test_an_empty_map_stays_zero_and_has_finite_gradients(gradients: Tensor, form: str):
    features = torch.rand(2, 3, 4, 4, requires_grad=True)
    m = gradcam(features, gradients, form=form)
    assert (m == 0).all()
    m.sum().backward()
    assert features.grad.isfinite().all()


def test_alpha_is_a_constant_of_the_loss():
    """logit = sum_k w_k mean(A_k^2): alpha_k = 2 w_k mean(A_k) / hw depends on A, and must pass no gradient."""
    weights, target = torch.randn(3), torch.rand(1, 4, 4)
    x = torch.randn(1, 3, 4, 4, requires_grad=True)
    features = x * 1.0
    logits = ((features**2).mean(dim=(2, 3)) @ weights)[:, None]
    m = attention_maps(DiscriminatorOutput(logits, {4: features}), levels=(0,), sign="real")[0]
    (got,) = torch.autograd.grad(((m - target) ** 2).sum(), x)

    def by_hand(detach: bool) -> Tensor:
        a = x.detach().clone().requires_grad_()
        alpha = 2 * weights * (a.detach() if detach else a).mean(dim=(2, 3))[0] / 16
        total = (alpha[:, None, None] * a[0]).clamp(min=0).sum(dim=0)
        c = (total - total.min()) / (total.max() - total.min())
        return torch.autograd.grad(((c - target[0]) ** 2).sum(), a)[0]

    assert got.abs().max() > 0
    torch.testing.assert_close(got, by_hand(detach=True), rtol=1e-4, atol=1e-5)
    assert (got - by_hand(detach=False)).abs().max() > 1e-3


def test_gradients_given_to_gradcam_are_constants():
    features, gradients = torch.randn(2, 3, 4, 4, requires_grad=True), torch.randn(2, 3, 4, 4, requires_grad=True)
    gradcam(features, gradients).square().sum().backward()
    assert features.grad.abs().max() > 0
    assert gradients.grad is None


def test_the_loss_reaches_the_picture_through_the_features(tiny: Tiny):
    d = make_discriminator(tiny())
    images = torch.randn(2, 3, 32, 32, requires_grad=True)
    for level in SIZES:
        maps = attention_maps(d(images), levels=(level,))
        (gradient,) = torch.autograd.grad(maps[level].square().sum(), images)
        assert (gradient.abs().amax(dim=(1, 2, 3)) > 0).all()


def test_no_second_forward_pass(tiny: Tiny):
    d = make_discriminator(tiny())
    calls = []
    for module in (d, d.from_rgb, d.fc, *d.blocks):
        module.register_forward_hook(lambda m, *_: calls.append(m))
    out = d(torch.randn(2, 3, 32, 32, requires_grad=True))
    before = len(calls)
    assert before == 3 + len(d.blocks)
    maps = attention_maps(out)
    (out.logits.sum() + maps[0].sum()).backward()
    assert len(calls) == before


def test_only_the_last_blocks_are_run_backwards(tiny: Tiny):
    """The gradient stops at the largest map asked for."""
    d = make_discriminator(tiny(resolution=64))
    seen = []
    for block in d.blocks:  # hooks here: a test may
        block.register_forward_hook(lambda m, x, y: y.register_hook(lambda g: seen.append(g.shape[-1])) and None)
    out = d(torch.randn(2, 3, 64, 64, requires_grad=True))
    attention_maps(out, levels=(0,))
    assert set(seen) == {4}
    attention_maps(out)
    assert set(seen) == {4, 8, 16}
    out.logits.sum().backward()
    assert set(seen) == {4, 8, 16, 32}


def test_batch_equals_each_picture_alone(tiny: Tiny):
    """Groups of one have no statistic to share."""
    d = make_discriminator(tiny(minibatch_std_group=1))
    images = torch.randn(3, 3, 32, 32)
    together = attention_maps(d(images.clone().requires_grad_()), sign="real")
    for b in range(3):
        out = d(images[b : b + 1].clone().requires_grad_())
        for level, size in SIZES.items():
            (gradient,) = torch.autograd.grad(out.logits[0, 0], out.features[size], retain_graph=True)
            alpha = gradient[0].mean(dim=(1, 2))
            expected = cam(out.features[size], alpha)
            torch.testing.assert_close(together[level][b : b + 1], expected, rtol=1e-3, atol=1e-4)


def test_maps_are_in_0_to_1_and_reach_both(tiny: Tiny):
    for m in attention_maps(make_discriminator(tiny())(torch.randn(4, 3, 32, 32, requires_grad=True))).values():
        assert ((m >= 0) & (m <= 1)).all()
        for one in m.detach():
            assert one.max() == 0 or float(one.max()) == pytest.approx(1, abs=1e-4)
            assert one.min() == 0


def test_levels_are_chosen(tiny: Tiny):
    d = make_discriminator(tiny())
    images = torch.randn(2, 3, 32, 32, requires_grad=True)
    all_levels = attention_maps(d(images))
    assert {level: tuple(m.shape) for level, m in all_levels.items()} == {i: (2, s, s) for i, s in SIZES.items()}
    some = attention_maps(d(images), levels=(2, 0))
    assert list(some) == [2, 0]
    torch.testing.assert_close(some[2], all_levels[2])


def test_several_logits_count_by_their_mean():
    net, images = LinearNet(), torch.randn(2, 3, 32, 32)
    out = net(images)
    twice = DiscriminatorOutput(torch.cat([3 * out.logits, -out.logits], dim=1), out.features)
    expected = attention_maps(out)
    for level, m in attention_maps(twice).items():
        torch.testing.assert_close(m, expected[level])


def test_bfloat16_is_finite_and_close(tiny: Tiny):
    d = make_discriminator(tiny())
    images = torch.randn(4, 3, 32, 32, requires_grad=True)
    exact = attention_maps(d(images))
    with torch.autocast("cpu", torch.bfloat16):
        out = d(images)
        maps = attention_maps(out)
    sum(m.sum() for m in maps.values()).backward()
    assert images.grad.isfinite().all()
    for level, m in maps.items():
        assert m.dtype == torch.float32
        assert m.isfinite().all()
        assert float((m - exact[level]).abs().mean().detach()) < 0.05


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize(("form", "sign"), [("channel", "real"), ("sum", "real"), ("channel", "fake")])
def test_attention_for_looking_at(tiny: Tiny, mode, form: str, sign: str):
    d = make_discriminator(tiny(minibatch_std_group=1)).eval().requires_grad_(False)
    with mode():
        images = torch.randn(2, 3, 32, 32)
        seen = attention_of(d, images, 24, form=form, sign=sign)
    assert seen.shape == (2, 3, 24, 24)
    assert not seen.requires_grad
    out = d(images.clone().requires_grad_())
    for level, m in attention_maps(out, form=form, sign=sign).items():
        torch.testing.assert_close(seen[:, level], resize_maps(m, 24).detach())
