import pytest
import torch

from spatialgan.config import RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.networks.discriminator import make_discriminator
from spatialgan.networks.generator import Generator
from spatialgan.settings import from_dict, to_dict
from spatialgan.training.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_and_survives_json(name):
    config = preset(name)
    assert from_dict(RunConfig, to_dict(config)) == config
    with torch.device("meta"):
        generator, discriminator = Generator(config.model), make_discriminator(config.model, pretrained=False)
    assert all(sum(p.numel() for p in n.parameters()) > 0 for n in (generator, discriminator))


def test_the_papers_numbers():
    c = preset("paper256-single")
    assert (c.model.resolution, c.train.batch_size, c.train.kimg) == (256, 64, 25000)
    assert (c.train.g_lr, c.train.beta2) == (0.0025, 0.99)
    assert (c.loss.r1_gamma, c.loss.r1_interval, c.loss.align, c.loss.align_tau) == (1.0, 16, "single", 0.25)
    assert (c.model.encoding, c.model.processing, c.model.sel_residual_kernel) == ("norm", "coarse", 3)
    indoor = preset("paper256-indoor")
    assert (indoor.model.encoding, indoor.loss.align, indoor.model.num_objects) == ("multi", "multi", 3)


def test_an_unknown_preset_lists_the_known():
    with pytest.raises(SpatialGANError, match=r"no preset cats65; use paper256-single, .*tiny"):
        preset("cats65")
