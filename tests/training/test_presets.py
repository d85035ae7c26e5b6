from dataclasses import replace

import pytest
import torch

from spatialgan.config import AidsConfig, RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.generator import Generator
from spatialgan.settings import from_dict, to_dict
from spatialgan.training.ema import ema_decay
from spatialgan.training.presets import PRESETS, preset
from spatialgan.training.trainee import make_trainee

PAPER = [name for name in PRESETS if name.startswith("paper256-")]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_and_survives_json(name):
    config = preset(name)
    assert from_dict(RunConfig, to_dict(config)) == config
    with torch.device("meta"):
        generator, discriminator = Generator(config.model), make_discriminator(config.model, pretrained=False)
    assert all(sum(p.numel() for p in n.parameters()) > 0 for n in (generator, discriminator))


def test_the_papers_presets_are_four():
    assert sorted(PAPER) == ["paper256-conference", "paper256-ffhq", "paper256-indoor", "paper256-single"]


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_numbers(name: str):
    """Section 4: StyleGAN2 as ADA's authors have it for 256x256, as the conference release runs it."""
    c = preset(name)
    m, loss, t = c.model, c.loss, c.train
    assert (m.resolution, t.batch_size, t.micro_batch, t.kimg) == (256, 64, 0, 25000)
    assert (m.z_dim, m.w_dim, m.mapping_layers, m.channel_base, m.channel_max) == (512, 512, 8, 16384, 512)
    assert [m.channels(r) for r in m.block_resolutions] == [512, 512, 512, 512, 256, 128, 64]
    assert (m.discriminator, m.minibatch_std_group, m.noise_inputs) == ("residual", 8, True)
    assert (t.d_lr, t.beta1, t.beta2, t.g_lr, t.g_beta2) == (0.0025, 0.0, 0.99, 0.002, 0.992)
    assert (t.ema_half_life_kimg, t.ema_rampup, t.keep_snapshots) == (20, 0, 10)
    assert (loss.adversarial, loss.r1_gamma, loss.r1_interval) == ("logistic", 1.0, 16)
    assert (loss.path_length_weight, loss.style_mixing, t.augment) == (0, 0, "none")
    assert (loss.align_weight, loss.align_tau, loss.align_mean, loss.align_levels) == (1.0, 0.25, "above", (0, 1, 2))
    assert (loss.attention, m.sel_residual_kernel, m.heatmap_kernel, m.heatmap_dilation) == ("channel", 3, 3, 1)
    assert m.center_std == 1 / 3
    # Nothing of our own aids.
    assert c.aids == AidsConfig() and not c.needs_codes
    assert (m.coordinates_max_resolution, m.object_spacing) == (0, 0)
    assert (m.noise_inputs, m.discriminator) == (True, "residual")


def test_what_the_papers_presets_differ_in():
    single, ffhq, indoor, conference = (preset(f"paper256-{n}") for n in ("single", "ffhq", "indoor", "conference"))
    assert (single.model.layout, single.model.sampling, single.model.encoding) == ("single", "hierarchical", "norm")
    assert (single.model.processing, single.model.encoded_max_resolution, single.loss.align) == ("coarse", 16, "single")
    assert single.data.mirror is False
    assert ffhq == replace(single, data=replace(single.data, mirror=True))
    assert (indoor.model.layout, indoor.model.encoding, indoor.model.num_objects) == ("multi", "multi", 3)
    assert (indoor.model.object_std_min, indoor.model.object_std_max, indoor.model.object_spacing) == (0.12, 0.28, 0)
    assert (indoor.loss.align, indoor.data.mirror) == ("multi", False)
    m = conference.model
    assert (m.layout, m.sampling, m.encoding, m.processing, m.encoded_max_resolution) == (
        "single",
        "release",
        "norm",
        "release",
        256,
    )
    assert (conference.loss.align, conference.loss.attention_sign, conference.data.mirror) == ("single", "fake", False)


def test_the_optimisers_of_the_papers_presets():
    """G's rates are used as they are, D's shrink for R1 every 16 steps."""
    c = preset("paper256-single")
    small = replace(c.model, resolution=32, z_dim=8, w_dim=8, channel_base=32, channel_max=8)
    t = make_trainee(replace(c, model=small), torch.device("cpu"))
    (g,), (d,) = t.g_optimizer.param_groups, t.d_optimizer.param_groups
    assert (g["lr"], g["betas"]) == (0.002, (0.0, 0.992))
    assert d["lr"] == pytest.approx(0.0025 * 16 / 17) and d["betas"] == (0.0, pytest.approx(0.99 ** (16 / 17)))
    decay = ema_decay(64, 64, half_life_kimg=c.train.ema_half_life_kimg, rampup=c.train.ema_rampup)
    assert decay == pytest.approx(0.5 ** (64 / 20000))  # from the first step on


def test_an_unknown_preset_lists_the_known():
    with pytest.raises(SpatialGANError, match=r"no preset cats65; use paper256-single, .*tiny"):
        preset("cats65")
