import os

import pytest
import torch

from spatialgan import SpatialGAN, threads
from spatialgan.config import ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.threads import available_cores, choose_threads, layer_multiply_adds, threads_for, use_threads
from spatialgan.training.presets import preset


@pytest.fixture(autouse=True)
def _not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "available_cores", lambda: 8)


def test_the_cores_are_those_of_the_affinity_mask(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 6}, raising=False)
    assert available_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert available_cores() == os.cpu_count()


def test_the_largest_layer_counts():
    config = ModelConfig(resolution=64, channel_base=1024, channel_max=256)
    # 256, 128, 64, 32 and 16 channels at 4, 8, 16, 32 and 64 pixels: from 8 on all are alike.
    assert layer_multiply_adds(config) == 9 * 16 * 16 * 64 * 64


@pytest.mark.parametrize(
    ("name", "training", "one_picture"),
    [("tiny", 1, 1), ("cats64", 1, 1), ("rooms64", 1, 1), ("cats128", 4, 1), ("paper256-single", 8, 2)],
)
def test_small_models_have_one_thread_and_large_layers_more(eight_cores, name, training, one_picture):
    config = preset(name)
    assert threads_for(config.model, batch=config.train.batch_size) == training
    assert threads_for(config.model, batch=1) == one_picture


def test_what_was_asked_for_comes_first_then_the_environment_the_record_and_the_usual(eight_cores, monkeypatch):
    def chosen(asked: int | None = None, recorded: int | None = None) -> str:
        return str(choose_threads(asked, usual=3, recorded=recorded))

    assert chosen() == "3 CPU threads of 8, by the size of the layers; --threads or OMP_NUM_THREADS says otherwise"
    assert chosen(recorded=2) == "2 CPU threads of 8, as the run was begun"
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    assert chosen(recorded=2) == "4 CPU threads of 8, as OMP_NUM_THREADS says"
    assert chosen(asked=1, recorded=2) == "1 CPU thread of 8, as --threads says"


@pytest.mark.parametrize("variable", ["", "0", "-1", "many"])
def test_a_variable_that_says_nothing_is_passed_over(eight_cores, monkeypatch, variable):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert choose_threads(None, usual=3).count == 3


def test_never_more_than_there_are_cores(eight_cores, monkeypatch):
    assert choose_threads(None, usual=100).count == 8
    assert choose_threads(None, usual=1, recorded=100).count == 8
    assert choose_threads(None, usual=1, recorded=-3).count == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "100")
    assert choose_threads(None, usual=1).count == 8
    for asked in (0, 9):
        with pytest.raises(SpatialGANError, match=f"--threads is {asked}; use 1 to 8, the cores that this process"):
            choose_threads(asked, usual=1)
    monkeypatch.setattr(threads, "available_cores", lambda: 1)
    with pytest.raises(SpatialGANError, match="--threads is 2; use 1, the only core there is"):
        choose_threads(2, usual=1)


def test_pytorch_computes_with_as_many(eight_cores):
    with threads.threads_restored():
        use_threads(5, usual=1)
        assert torch.get_num_threads() == 5
    assert torch.get_num_threads() == 1


def test_a_model_for_a_program_has_no_more_threads_than_pay_off(eight_cores, monkeypatch):
    def count(before: int, **options: int) -> int:
        torch.set_num_threads(before)
        SpatialGAN.from_pretrained("floors-64", device="cpu", **options)
        return torch.get_num_threads()

    with threads.threads_restored():
        assert count(4) == 1
        assert count(1, threads=3) == 3
        monkeypatch.setattr("spatialgan.api.threads_for", lambda *_, batch: 5)
        assert count(4) == 4  # a program may have chosen fewer
        assert count(6) == 5
        monkeypatch.setenv("OMP_NUM_THREADS", "7")
        assert count(6) == 6
        with pytest.raises(SpatialGANError, match=r"^threads is 9"):
            count(1, threads=9)
