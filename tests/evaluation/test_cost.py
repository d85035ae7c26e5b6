"""What a picture costs."""

from dataclasses import replace

import pytest
import torch
from fakes import tiny_model

from spatialgan.config import AidsConfig
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation import cost
from spatialgan.evaluation.cost import measure_cost


def test_time_is_counted_by_picture_and_without_the_first_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    model.config = replace(model.config, train=replace(model.config.train, batch_size=4))
    now, steps = [0.0], []
    monkeypatch.setattr(cost.time, "process_time", lambda: now[0])

    def step(trainee, reals):
        assert reals.shape == (4, 3, 32, 32) and trainee.config.train.batch_size == 4
        steps.append(1)
        now[0] += 100.0 if len(steps) <= cost.WARM_UP else 2.0

    def generate(*_) -> torch.Tensor:
        now[0] += 0.5
        return torch.zeros(1)

    monkeypatch.setattr(cost, "training_step", step)
    model.generate = generate
    seen: list[tuple[int, int]] = []
    result = measure_cost(model, num_steps=5, on_progress=lambda *done: seen.append(done))
    assert (result.train_ms_per_image, result.draw_ms) == (500.0, 500.0)
    assert result.num_steps == 16 == seen[-1][1] and len(steps) == 16 + cost.WARM_UP  # R1's interval
    assert result.clock == "processor time" and result.threads == torch.get_num_threads()


def test_a_real_step() -> None:
    model = tiny_model()
    loss, train = replace(model.config.loss, r1_interval=1), replace(model.config.train, batch_size=4)
    model.config = replace(model.config, loss=loss, train=train)
    result = measure_cost(model, num_steps=1)
    assert result.train_ms_per_image > 0 and result.draw_ms > 0 and result.batch_size == 4


def test_the_models_own_step_is_timed_without_known_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that are drawn once for both steps are not charged twice."""
    model = tiny_model()
    aids = AidsConfig(reconstruct_kimg=7.0, place_weight=1.0, reuse_pictures=True)
    combined = replace(model.config.model, discriminator="combined")
    model.config = replace(model.config, model=combined, aids=aids, train=replace(model.config.train, batch_size=4))
    seen = []
    monkeypatch.setattr(cost, "training_step", lambda trainee, reals: seen.append(trainee.config.aids))
    measure_cost(model, num_steps=1)
    assert set(seen) == {AidsConfig(reconstruct_kimg=0.0, reuse_pictures=True)}


def test_no_steps() -> None:
    with pytest.raises(SpatialGANError, match="num_steps is 0"):
        measure_cost(tiny_model(), num_steps=0)
