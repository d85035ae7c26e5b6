import pytest
import torch
from torch import nn

from spatialgan.training.ema import ema_decay, update_ema


def test_a_weight_counts_half_after_the_half_life():
    steps = 500
    decay = ema_decay(16, 10_000_000, half_life_kimg=steps * 16 / 1000, rampup=0)
    assert decay**steps == pytest.approx(0.5)


def test_rampup_limits_the_half_life_to_a_share_of_the_images_seen():
    assert ema_decay(16, 1000, half_life_kimg=20, rampup=0.05) == pytest.approx(0.5 ** (16 / 50))
    assert ema_decay(16, 10**9, half_life_kimg=20, rampup=0.05) == pytest.approx(0.5 ** (16 / 20000))


def test_update_mixes_parameters_and_copies_buffers():
    average, network = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        average.weight.fill_(1.0)
        network.weight.fill_(3.0)
        network.running_mean.fill_(7.0)
    update_ema(average, network, 0.75)
    assert average.weight.tolist() == [1.5, 1.5]
    assert average.running_mean.tolist() == [7.0, 7.0]
