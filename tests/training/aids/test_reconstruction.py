import pytest
import torch
from tiny_run import tiny_config

from spatialgan.data.images import Views
from spatialgan.errors import SpatialGANError
from spatialgan.training.aids.codes import Codes
from spatialgan.training.aids.reconstruction import (
    AFFINE_RATE,
    LR,
    MAPPING_RATE,
    SEL_RATE,
    Known,
    known_layout,
    known_pictures,
    noisy_codes,
    reconstruct,
    reconstruction_loss,
    thing_weights,
)
from spatialgan.training.step import reconstruction_step, step_generator, training_step
from spatialgan.training.trainee import make_trainee
from spatialgan.vision.perceptual import comparison_network

CPU = torch.device("cpu")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def blob(centers_xy, size):
    """Red blobs on grey at ``centers_xy`` (B, 2)."""
    at = (torch.arange(size) + 0.5) / size
    d2 = (at[None, None] - centers_xy[:, 0, None, None]) ** 2 + (at[None, :, None] - centers_xy[:, 1, None, None]) ** 2
    red = (-d2 / (2 * 0.12**2)).exp()
    return torch.stack([red, -0.5 * red, -0.5 * red], dim=1)


def test_pictures_are_drawn_from_the_codes_of_their_views():
    codes = Codes(torch.randn(2, 3, 1, 8), torch.rand(2, 3, 1, 2), torch.rand(2, 3, 1))
    views = Views(torch.tensor([2, 0]), torch.tensor([True, False]))
    known = known_pictures(codes, torch.zeros(2, 3, 64, 64), views)
    assert torch.equal(known.centers_xy, torch.stack([codes.centers_xy[1, 2], codes.centers_xy[0, 0]]))
    assert torch.equal(known.stds, torch.stack([codes.stds[1, 2], codes.stds[0, 0]]))
    assert torch.equal(known.codes, torch.stack([codes.z[1, 2], codes.z[0, 0]]))


def test_layouts_have_their_heatmaps_where_they_are_known_to_be():
    single, multi = tiny_config().model, tiny_config(model={"layout": "multi"}).model
    centers = torch.tensor([[[0.3, 0.6]], [[0.5, 0.4]]])
    layout = known_layout(single, centers, torch.tensor([[0.28], [0.33]]), seeded())
    torch.testing.assert_close(layout.level_centers(0), centers)
    torch.testing.assert_close(layout.gaussians(0).stds, torch.tensor([[[0.28, 0.28]], [[0.33, 0.33]]]))
    other = known_layout(single, centers, torch.full((2, 1), 0.3), seeded(1))
    assert not torch.equal(layout.level_centers(2), other.level_centers(2))  # the finer levels stay random
    things = torch.rand(2, 3, 2, generator=seeded())
    layout = known_layout(multi, things, torch.full((2, 3), 0.2), seeded())
    torch.testing.assert_close(layout.level_centers(0), things)
    torch.testing.assert_close(layout.stds, torch.full((2, 3, 2), 0.2))
    plain = tiny_config(model={"encoding": "none"}, loss={"align": "none"}).model
    assert known_layout(plain, centers, torch.full((2, 1), 0.3), seeded()).kind == "none"


def test_noise_leaves_codes_variance_and_most_of_what_they_say():
    codes = torch.randn(2000, 1, 4, generator=seeded())
    noisy = noisy_codes(codes, seeded(1))
    assert abs(noisy.std() - 1) < 0.03
    assert 0.93 < torch.corrcoef(torch.stack([codes.flatten(), noisy.flatten()]))[0, 1] < 0.97


def test_the_loss_is_nothing_for_the_same_and_more_the_farther():
    network = comparison_network(CPU)
    real = blob(torch.tensor([[0.4, 0.5]]), 64)
    others = [blob(torch.tensor([[0.4 + d, 0.5]]), 64) for d in (0, 0.1, 0.3)]
    losses = [float(reconstruction_loss(network, other, real)) for other in others]
    assert losses[0] == 0
    assert 0 < losses[1] < losses[2]


def test_what_lies_under_heatmaps_weighs_more():
    network = comparison_network(CPU)
    layout = known_layout(
        tiny_config(model={"layout": "multi", "num_objects": 1}).model,
        torch.tensor([[[0.25, 0.25]]]),
        torch.full((1, 1), 0.12),
        seeded(),
    )
    weights = thing_weights(layout, 64)
    torch.testing.assert_close(weights.mean(), torch.tensor(1.0))
    assert weights[0, 0, 16, 16] > 4 * weights[0, 0, 60, 60]
    real = torch.zeros(1, 3, 64, 64)
    at, off = (
        reconstruction_loss(network, blob(torch.tensor([xy]), 64) * 0.5, real, weights)
        for xy in ([0.25, 0.25], [0.75, 0.75])
    )
    assert at > 1.5 * off


def test_g_learns_that_things_are_where_their_heatmaps_are():
    """Blobs at places, all of one code: after 120 steps of reconstruction alone, blobs follow the heatmap."""
    config = tiny_config(model={"noise_inputs": False}, train={"batch_size": 8}, aids={"reconstruct_kimg": 100.0})
    t = make_trainee(config, CPU)
    d_before = {k: v.clone() for k, v in t.discriminator.state_dict().items()}
    random, codes, losses = seeded(3), torch.ones(8, 1, config.model.z_dim), []
    for _ in range(120):
        centers = 0.25 + 0.5 * torch.rand(8, 1, 2, generator=random)
        images = blob(centers[:, 0], 32)
        stats = training_step(t, images, Known(images, codes, centers, torch.full((8, 1), 0.3)))
        losses.append(float(stats["loss/reconstruct"]))
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    assert all(torch.equal(v, d_before[k]) for k, v in t.discriminator.state_dict().items())
    centers = torch.tensor([[[0.3, 0.5]], [[0.7, 0.5]]])
    with torch.no_grad():
        layout = known_layout(config.model, centers, torch.full((2, 1), 0.3), seeded())
        red = t.generator(codes[:2], layout, None).image[:, 0].clamp_min(0)
    x = (red.sum(dim=1) * (torch.arange(32) + 0.5) / 32).sum(dim=1) / red.sum(dim=(1, 2))
    assert x[1] - x[0] > 0.2


def test_the_step_follows_the_mean_over_micro_batches():
    config = tiny_config(aids={"reconstruct_kimg": 1.0}, train={"micro_batch": 2})
    t, other = make_trainee(config, CPU), make_trainee(config, CPU)
    known = Known(
        torch.rand(4, 3, 32, 32, generator=seeded()) * 2 - 1,
        torch.randn(4, 1, config.model.z_dim),
        torch.rand(4, 1, 2),
        torch.full((4, 1), 0.3),
    )
    stats = reconstruction_step(t, known, seeded())
    random = seeded()
    losses, ws = zip(
        *(reconstruct(other.generator, other.comparison, known[i : i + 2], random) for i in (0, 2)), strict=True
    )
    (sum(losses) / 2).backward()
    assert stats.keys() == {"loss/reconstruct"}
    torch.testing.assert_close(stats["loss/reconstruct"], sum(losses).detach() / 2)
    w_mean = torch.zeros(config.model.w_dim)
    for w in ws:
        w_mean = 0.998 * w_mean + 0.002 * w[:, 0].mean(dim=(0, 1)).detach()
    torch.testing.assert_close(t.generator.mapping.w_mean, w_mean)
    for mine, by_hand in zip(t.generator.parameters(), other.generator.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, by_hand.grad)
    assert all(p.grad is None for p in t.comparison.parameters())


def test_at_first_a_step_is_one_of_reconstruction_alone():
    config = tiny_config(aids={"reconstruct_kimg": 0.001})  # one picture: the first step only
    t, other = make_trainee(config, CPU), make_trainee(config, CPU)
    reals = torch.rand(4, 3, 32, 32, generator=seeded()) * 2 - 1
    known = Known(reals, torch.randn(4, 1, config.model.z_dim), torch.rand(4, 1, 2), torch.full((4, 1), 0.3))
    d_before = [p.clone() for p in t.discriminator.parameters()]
    stats, expected = training_step(t, reals, known), reconstruction_step(other, known, step_generator(0, 0, CPU))
    torch.testing.assert_close(stats, expected)
    for mine, by_hand in zip(t.generator.parameters(), other.generator.parameters(), strict=True):
        torch.testing.assert_close(mine, by_hand)
    assert all(torch.equal(p, old) for p, old in zip(t.discriminator.parameters(), d_before, strict=True))
    assert t.num_images_seen == 4 and {"loss/G", "loss/D"} <= set(training_step(t, reals))


def test_without_what_it_needs_no_step_is_taken():
    t = make_trainee(tiny_config(aids={"reconstruct_kimg": 1.0}), CPU)
    with pytest.raises(AssertionError):
        training_step(t, torch.zeros(4, 3, 32, 32))


def test_every_parameter_is_in_one_group_and_slow_layers_are_sped_up():
    t = make_trainee(tiny_config(aids={"reconstruct_kimg": 1.0}), CPU)
    grouped = [id(p) for g in t.r_optimizer.param_groups for p in g["params"]]
    assert sorted(grouped) == sorted(id(p) for p in t.generator.parameters())
    rate = {id(p): g["lr"] / LR for g in t.r_optimizer.param_groups for p in g["params"]}
    block = t.generator.blocks[1]
    assert rate[id(t.generator.mapping.layers[0].weight)] == pytest.approx(MAPPING_RATE)
    assert rate[id(block.conv0.sel.residual.weight)] == pytest.approx(SEL_RATE)
    assert rate[id(block.conv0.affine.weight)] == pytest.approx(AFFINE_RATE)
    assert rate[id(block.conv0.weight)] == 1


@pytest.mark.parametrize(
    "model", [{"image_channels": 1}, {"sampling": "noise"}, {"impulse_noise": 0.1}, {"encoding": "flatten"}]
)
def test_what_cannot_be_reconstructed_is_refused(model):
    with pytest.raises(SpatialGANError, match=r"aids\.reconstruct_kimg"):
        tiny_config(model=model, aids={"reconstruct_kimg": 1.0})
