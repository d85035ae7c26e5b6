import pytest
import torch
from tiny_run import tiny_config

from spatialgan.training import trainee
from spatialgan.training.trainee import make_trainee

CPU = torch.device("cpu")


def test_convolutions_are_in_channels_last_order_and_the_average_is_not_trained():
    t = make_trainee(tiny_config(), CPU)
    for network in (t.generator, t.discriminator):
        kernels = [p for p in network.parameters() if p.ndim == 4 and p.shape[-1] > 1 and p.shape[1] > 1]
        assert len(kernels) > 5
        assert all(p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous() for p in kernels)
    assert not t.ema.training and not any(p.requires_grad for p in t.ema.parameters())


def test_all_that_a_trainee_holds_is_on_its_device(monkeypatch):
    monkeypatch.setattr(trainee, "_adam", lambda parameters, *_: torch.optim.SGD(parameters))  # fused needs a CPU
    t = make_trainee(tiny_config(aids={"reconstruct_kimg": 1.0}), torch.device("meta"))
    assert t.device.type == "meta"
    assert {x.device.type for x in [*t.tensors, *t.comparison.state_dict().values()]} == {"meta"}


def test_all_that_a_trainee_holds_is_float32_whatever_the_default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        t = make_trainee(tiny_config(), CPU)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {x.dtype for x in t.tensors} == {torch.float32}


def test_adam_rates_shrink_with_lazy_regularisation():
    t = make_trainee(tiny_config(), torch.device("cpu"))
    d, g = t.d_optimizer.param_groups[0], t.g_optimizer.param_groups[0]
    assert g["lr"] == 0.0025 and d["lr"] == pytest.approx(0.0025 * 4 / 5)
    assert d["betas"][1] == pytest.approx(0.99 ** (4 / 5))
    assert g["betas"] == (0.0, 0.99)
    t = make_trainee(
        tiny_config(
            loss={"path_length_weight": 2.0, "path_length_interval": 3, "r1_gamma": 0.0},
            train={"beta1": 0.5, "beta2": 0.9, "g_lr": 0.01, "d_lr": 0.02},
        ),
        torch.device("cpu"),
    )
    d, g = t.d_optimizer.param_groups[0], t.g_optimizer.param_groups[0]
    assert g["lr"] == pytest.approx(0.01 * 3 / 4) and d["lr"] == 0.02
    assert g["betas"] == pytest.approx((0.5 ** (3 / 4), 0.9 ** (3 / 4))) and d["betas"] == (0.5, 0.9)
    assert g["eps"] == d["eps"] == 1e-8 and g["fused"] and d["fused"]


def test_g_may_have_a_second_moment_decay_of_its_own():
    t = make_trainee(tiny_config(train={"g_beta2": 0.992, "beta2": 0.9}, loss={"r1_gamma": 0.0}), torch.device("cpu"))
    assert t.g_optimizer.param_groups[0]["betas"] == (0.0, 0.992)
    assert t.d_optimizer.param_groups[0]["betas"] == (0.0, 0.9)
