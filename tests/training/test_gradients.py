"""One training step's gradients against sums of terms built by hand: weight by weight, interval by interval.

Losses are written out here once more, from the papers, without the project's own; only networks, layouts and draws of
random numbers are shared. Optimisers are replaced by ones that keep each step's gradients and change nothing.
"""

from dataclasses import replace

import pytest
import torch
from tiny_run import tiny_config
from torch import Tensor
from torch.nn import functional as F

from spatialgan.networks.generator import sample_noise, sample_z
from spatialgan.sampling import sample_layout
from spatialgan.training.diffaugment import augment, draw_augmentation
from spatialgan.training.ema import ema_decay
from spatialgan.training.step import step_generator, training_step
from spatialgan.training.trainee import make_trainee

CPU = torch.device("cpu")
REALS = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(9)) * 2 - 1
MULTI = {"layout": "multi", "encoding": "multi"}


class Recording(torch.optim.Optimizer):
    """Keeps the gradients of each of its steps, and leaves the parameters as they are."""

    def __init__(self, parameters):
        super().__init__(parameters, {})
        self.taken: list[list[Tensor | None]] = []

    def step(self, closure=None):
        self.taken.append([None if p.grad is None else p.grad.clone() for p in self.param_groups[0]["params"]])


def recorded(config, *, num_images_seen=0):
    t = make_trainee(config, CPU)
    with torch.no_grad():  # biases, noise strengths and path lengths begin at 0, where products of them would hide
        noise = torch.Generator().manual_seed(5)
        for p in [*t.generator.parameters(), *t.discriminator.parameters()]:
            p.add_(0.1 * torch.randn(p.shape, generator=noise))
    t.path_mean.fill_(0.3)
    t.num_images_seen = num_images_seen
    t.g_optimizer, t.d_optimizer = (
        Recording(list(t.generator.parameters())),
        Recording(list(p for p in t.discriminator.parameters() if p.requires_grad)),
    )
    return t


def gradients(loss: Tensor, network) -> list[Tensor]:
    return torch.autograd.grad(loss, [p for p in network.parameters() if p.requires_grad], allow_unused=True)


def assert_same(taken, expected):
    assert len(taken) == len(expected)
    for a, b in zip(taken, expected, strict=True):
        if b is None:
            assert a is None  # and Adam passes it over
        else:
            # A pixel whose distance is tau to the last bit may fall on either side of it.
            assert (a - b).norm() <= 1e-2 * b.norm() + 1e-7


def pictures(t, random, batch=4):
    layout = None if t.config.model.encoding == "none" else sample_layout(t.config.model, batch, random)
    z, noise = sample_z(t.config.model, batch, random), sample_noise(t.config.model, batch, random)
    ws = t.generator.ws(z, layout)
    return layout, ws, t.generator.synthesize(ws, layout, noise).image


def alignment(t, output, layout, shift=None, visible=None):
    """Eq. 4 and 5 with GradCAM in either form, written out."""
    loss, total = t.config.loss, 0.0
    for level in loss.align_levels:
        features = output.features[(4, 8, 16)[level]]
        (slope,) = torch.autograd.grad(output.logits.mean(dim=1).sum(), features, retain_graph=True)
        alpha = slope.mean(dim=(2, 3), keepdim=True) * (1 if loss.attention_sign == "real" else -1)
        parts = alpha.detach() * features
        cam = parts.clamp(min=0).sum(dim=1) if loss.attention == "channel" else parts.sum(dim=1).clamp(min=0)
        low, high = cam.amin(dim=(1, 2), keepdim=True), cam.amax(dim=(1, 2), keepdim=True)
        cam = torch.where(high > low, (cam - low) / (high - low).clamp_min(1e-30), torch.zeros_like(cam))
        seen = F.interpolate(cam[:, None], size=32, mode="bilinear")  # (B, 1, 32, 32)
        if len(layout.levels) == 1:
            single = layout.heatmaps(0, 32)
            maps = single.sum(dim=1, keepdim=True).clamp(max=1)
            maps = torch.cat([maps, single], dim=1) if loss.align == "multi" else maps
        else:
            maps = layout.heatmaps(level, 32).mean(dim=1, keepdim=True)
            if level > 0:
                low, high = maps.amin(dim=(2, 3), keepdim=True), maps.amax(dim=(2, 3), keepdim=True)
                maps = (maps - low) / (high - low)
        if shift is not None:
            maps = torch.stack([shifted(m, s) for m, s in zip(maps, shift, strict=True)])
        d = (maps - seen).abs()
        counted = torch.ones_like(d) if visible is None else visible[:, None].expand_as(d)
        groups = (d[None], counted[None]) if loss.align == "single" else (d.flatten(0, 1), counted.flatten(0, 1))
        means = []
        for values, count in zip(*groups, strict=True):
            values = values[count > 0]
            above = values[values >= loss.align_tau]
            if loss.align_mean == "all":
                means.append(above.sum() / len(values))
            else:
                means.append(above.mean() if len(above) else values.mean())
        means = torch.stack(means)
        total = total + (means.reshape(len(d), -1).amin(dim=1).mean() if loss.align == "multi" else means.mean())
    return total


def shifted(m, s):
    """(M, 32, 32) moved by s = (x, y) whole pixels, zeros coming in."""
    x, y = int(s[0]), int(s[1])
    out = torch.zeros_like(m)
    out[:, max(y, 0) : 32 + min(y, 0), max(x, 0) : 32 + min(x, 0)] = m[
        :, max(-y, 0) : 32 - max(y, 0), max(-x, 0) : 32 - max(x, 0)
    ]
    return out


def softplus(x):
    return torch.log1p(x.exp())


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        ({}, {"align_weight": 0.7}),
        ({}, {"align": "none"}),
        ({"encoding": "none"}, {"align": "none"}),
        ({}, {"attention": "sum", "attention_sign": "fake", "align_mean": "all", "align_tau": 0.1}),
        ({}, {"align_levels": (2, 0), "align_weight": 3.0}),
        (MULTI, {"align": "multi", "align_weight": 0.4}),
        (MULTI, {"align": "multi", "align_mean": "all", "align_tau": 0.4}),
        (MULTI, {"align": "single"}),
        ({}, {"adversarial": "hinge", "r1_gamma": 0.0}),
    ],
    ids=str,
)
def test_the_step_is_the_sum_of_its_terms(model, loss):
    t = recorded(tiny_config(model=model, loss={"r1_gamma": 0.3, "r1_interval": 5, **loss}))
    random = step_generator(0, 0, CPU)
    layout, _, images = pictures(t, random)
    output = t.discriminator(images)
    hinge = t.config.loss.adversarial == "hinge"
    total = -output.logits.mean() if hinge else softplus(-output.logits).mean()
    if t.config.loss.align != "none":
        total = total + t.config.loss.align_weight * alignment(t, output, layout)
    g_expected = gradients(total, t.generator)

    with torch.no_grad():
        fakes = pictures(t, random)[2]
    real, fake = t.discriminator(REALS).logits, t.discriminator(fakes).logits
    if hinge:
        d_loss = (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()
    else:
        d_loss = softplus(-real).mean() + softplus(fake).mean()
    d_expected = [gradients(d_loss, t.discriminator)]
    x = REALS.clone().requires_grad_()
    (slope,) = torch.autograd.grad(t.discriminator(x).logits.sum(), x, create_graph=True)
    if t.config.loss.r1_gamma:
        r1 = 0.3 / 2 * 5 * slope.square().sum(dim=(1, 2, 3)).mean()  # gamma / 2, for the 5 steps to the next one
        d_expected.append(gradients(r1, t.discriminator))

    stats = training_step(t, REALS)
    assert len(t.g_optimizer.taken) == 1 and len(t.d_optimizer.taken) == len(d_expected)
    assert_same(t.g_optimizer.taken[0], g_expected)
    for taken, expected in zip(t.d_optimizer.taken, d_expected, strict=True):
        assert_same(taken, expected)
    assert stats["loss/D"].item() == pytest.approx(d_loss.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("num_images_seen", "with_r1", "with_path"),
    [(0, True, True), (4, False, False), (8, False, True), (10, False, True), (12, True, False), (24, True, True)],
)
def test_regularisation_is_due_every_interval(num_images_seen, with_r1, with_path):
    config = tiny_config(loss={"r1_interval": 3, "path_length_weight": 2.0, "path_length_interval": 2})
    t = recorded(config, num_images_seen=num_images_seen)
    training_step(t, REALS)
    assert len(t.g_optimizer.taken) == 1 + with_path and len(t.d_optimizer.taken) == 1 + with_r1
    assert t.num_images_seen == num_images_seen + 4


@pytest.mark.parametrize("micro", [0, 1])
def test_path_length_in_stylegan2s_words(micro):
    """``2 x 3 E (|J^T y| - a)^2`` on half of the batch, a moving by 1 % with its gradient."""
    t = recorded(
        tiny_config(
            loss={"align": "none", "path_length_weight": 2.0, "path_length_interval": 3},
            model={"minibatch_std_group": 1},
            train={"micro_batch": micro},
        )
    )
    random, size = step_generator(0, 0, CPU), micro or 2
    for _ in range(4 // (micro or 4)):
        pictures(t, random, micro or 4)  # G's own step draws first
    expected, penalties, a = [], [], torch.tensor(0.3)
    for _ in range(2 // size):
        _, ws, images = pictures(t, random, size)
        y = torch.randn(images.shape, generator=random) / 32  # / sqrt(H W)
        (slope,) = torch.autograd.grad((images * y).sum(), ws, create_graph=True)
        lengths = slope.square().sum(dim=(2, 3)).mean(dim=1).sqrt()
        share = 0.01 * size / 2
        mean = (1 - share) * a + share * lengths.mean()
        penalties.append((lengths - mean).square().mean().item())
        expected.append(gradients(2 * 3 * (lengths - mean).square().mean() * size / 2, t.generator))
        a = mean.detach()
    stats = training_step(t, REALS)
    assert stats["loss/path"].item() == pytest.approx(sum(penalties) / len(penalties), rel=1e-4)
    total = [None if g[0] is None else sum(g) for g in zip(*expected, strict=True)]
    assert_same(t.g_optimizer.taken[1], total)
    assert t.path_mean.item() == pytest.approx(a.item(), rel=1e-5)


@pytest.mark.parametrize(("model", "align"), [({}, "single"), (MULTI, "multi")])
def test_augmentation_reaches_all_that_d_sees_and_heatmaps_move_with_it(model, align):
    policy = ("color", "translation", "cutout")
    t = recorded(
        tiny_config(model=model, loss={"align": align}, train={"augment": "diffaug", "augment_policy": policy})
    )
    random = step_generator(0, 0, CPU)
    layout, _, images = pictures(t, random)
    a = draw_augmentation(policy, 4, 32, random)
    output = t.discriminator(augment(images, a))
    shown = augment(torch.ones(4, 3, 32, 32), replace(a, color=None))[:, 0]
    total = softplus(-output.logits).mean() + alignment(t, output, layout, a.shift_px, shown)
    g_expected = gradients(total, t.generator)
    with torch.no_grad():
        fakes = pictures(t, random)[2]
    fakes, reals = (augment(x, draw_augmentation(policy, 4, 32, random)) for x in (fakes, REALS))
    d_loss = softplus(-t.discriminator(reals).logits).mean() + softplus(t.discriminator(fakes).logits).mean()
    d_expected = gradients(d_loss, t.discriminator)
    x = augment(REALS, draw_augmentation(policy, 4, 32, random)).requires_grad_()
    (slope,) = torch.autograd.grad(t.discriminator(x).logits.sum(), x, create_graph=True)
    r1 = gradients(0.1 / 2 * 4 * slope.square().sum(dim=(1, 2, 3)).mean(), t.discriminator)
    training_step(t, REALS)
    assert_same(t.g_optimizer.taken[0], g_expected)
    assert_same(t.d_optimizer.taken[0], d_expected)
    assert_same(t.d_optimizer.taken[1], r1)


def test_micro_batches_add_up_to_the_batch():
    """Each part's loss counts by its share; alignment's mean above tau is a part's own."""
    t = recorded(tiny_config(train={"micro_batch": 2}, model={"minibatch_std_group": 2}, loss={"align_weight": 2.0}))
    random, totals, d_totals = step_generator(0, 0, CPU), [], []
    for _ in range(2):
        layout, _, images = pictures(t, random, 2)
        output = t.discriminator(images)
        totals.append((softplus(-output.logits).mean() + 2.0 * alignment(t, output, layout)) / 2)
    g_expected = gradients(sum(totals), t.generator)
    for chunk in REALS.split(2):
        with torch.no_grad():
            fakes = pictures(t, random, 2)[2]
        d_totals.append(
            (softplus(-t.discriminator(chunk).logits).mean() + softplus(t.discriminator(fakes).logits).mean()) / 2
        )
    d_expected, r1 = gradients(sum(d_totals), t.discriminator), []
    for chunk in REALS.split(2):
        x = chunk.clone().requires_grad_()
        (slope,) = torch.autograd.grad(t.discriminator(x).logits.sum(), x, create_graph=True)
        r1.append(0.1 / 2 * 4 * slope.square().sum(dim=(1, 2, 3)).mean() / 2)
    r1 = gradients(sum(r1), t.discriminator)
    training_step(t, REALS)
    assert_same(t.g_optimizer.taken[0], g_expected)
    assert_same(t.d_optimizer.taken[0], d_expected)
    assert_same(t.d_optimizer.taken[1], r1)


def test_the_parameters_move_as_adam_moves_them_and_the_average_follows():
    """Adam(0, beta2) written out for a first step, from the gradients that another trainee of the same seed took."""
    config = tiny_config(
        train={"g_lr": 0.003, "d_lr": 0.002, "g_beta2": 0.9, "beta2": 0.8},
        loss={"r1_gamma": 0.0, "path_length_weight": 0.0},
    )
    t, other = make_trainee(config, CPU), make_trainee(config, CPU)
    before = {
        n: [p.detach().clone() for p in getattr(t, n).parameters()] for n in ("generator", "discriminator", "ema")
    }
    other.g_optimizer = Recording(list(other.generator.parameters()))
    other.d_optimizer = Recording(list(other.discriminator.parameters()))
    training_step(t, REALS)
    # D's own step judges new pictures of the G that has moved: only G's gradients are the other trainee's.
    training_step(other, REALS)
    for p, old, g in zip(t.generator.parameters(), before["generator"], other.g_optimizer.taken[0], strict=True):
        moved = old if g is None else old - 0.003 * g / (g.abs() + 1e-8)  # both moments are corrected for their start
        torch.testing.assert_close(p.detach(), moved, rtol=1e-4, atol=1e-6)
    steps = [
        (p - old).abs().max().item()
        for p, old in zip(t.discriminator.parameters(), before["discriminator"], strict=True)
    ]
    assert max(steps) == pytest.approx(0.002, rel=1e-3) and min(steps) > 0
    decay = ema_decay(4, 4, half_life_kimg=config.train.ema_half_life_kimg, rampup=config.train.ema_rampup)
    for average, old, p in zip(t.ema.parameters(), before["ema"], t.generator.parameters(), strict=True):
        torch.testing.assert_close(average, decay * old + (1 - decay) * p.detach(), rtol=1e-4, atol=1e-6)
    assert [g["betas"] for g in (t.g_optimizer.param_groups[0], t.d_optimizer.param_groups[0])] == [(0, 0.9), (0, 0.8)]
