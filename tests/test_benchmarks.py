"""The benchmarks, on tiny models and a step or two: that they run, and compare what they say."""

from dataclasses import replace

import drag
import pytest
import step_time
import torch

from spatialgan import SpatialGAN
from spatialgan.config import ModelConfig, RunConfig
from spatialgan.networks.generator import Generator
from spatialgan.settings import with_settings
from spatialgan.training.presets import PRESETS, preset

SMALL = ["model.channel_base=128", "model.channel_max=8", "model.minibatch_std_group=2", "train.batch_size=2"]


@pytest.mark.parametrize("name", PRESETS)
def test_step_time_compares_what_differs_in_heatmaps_and_alignment_alone(name: str):
    plain, encoded, aligned = step_time.variants(preset(name)).values()
    assert (plain.model.encoding, plain.loss.align) == ("none", "none")
    assert encoded.loss.align == "none" and encoded.model == aligned.model
    assert encoded.model.encoding == preset(name).model.encoding and aligned.loss == preset(name).loss
    assert (plain.train, plain.loss) == (encoded.train, encoded.loss) and not aligned.reconstructs
    same = {"encoding": "none", "coordinates_max_resolution": 0, "styles": "own"}
    assert replace(encoded.model, **same) == plain.model and plain.model.discriminator == "residual"


def test_step_time_runs():
    table = step_time.measure(with_settings(preset("tiny"), SMALL), torch.device("cpu"), turns=1)
    assert list(table) == ["StyleGAN2", "+ SEL", "+ SEL + alignment"]
    assert all(row["whole step ms"] > 0 for row in table.values())
    assert set(table["+ SEL + alignment"]) > {"over StyleGAN2 %", "over + SEL %", "R1 ms"}


def test_drags_of_all_modes_are_timed():
    config = ModelConfig(resolution=32, z_dim=8, w_dim=8, mapping_layers=1, channel_base=128, channel_max=8)
    table = drag.measure(SpatialGAN(RunConfig(model=config), Generator(config)), num_steps=1)
    assert set(table) == {"hybrid", "joint", "pixels", "latent"}
    assert all(row["step wall ms"] > 0 for row in table.values())
