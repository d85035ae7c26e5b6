"""What all tests share: one thread, fixed seeds, and tiny configurations."""

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from spatialgan.config import ModelConfig

CACHE_NUMBERS = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """What is written need not outlive a power cut; a file that is not open is still an error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_user_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What fixtures of modules keep for later runs is not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        _cache_in(patch, tmp_path_factory.mktemp("cache"))
        yield


@pytest.fixture(autouse=True)
def _own_cache(_no_user_cache: None, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test finds what another one has kept."""
    _cache_in(monkeypatch, tmp_path_factory.getbasetemp() / "caches" / str(next(CACHE_NUMBERS)))


def _cache_in(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("XDG_CACHE_HOME", str(folder))
    patch.setenv("LOCALAPPDATA", str(folder))
    if sys.platform == "darwin":
        patch.setenv("HOME", str(folder))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.fixture
def tiny() -> Callable[..., ModelConfig]:
    """A model configuration that builds in milliseconds; keyword arguments override."""

    def make(**changes: object) -> ModelConfig:
        base = {
            "resolution": 32,
            "z_dim": 16,
            "w_dim": 16,
            "mapping_layers": 2,
            "channel_base": 128,
            "channel_max": 16,
            "minibatch_std_group": 2,
        }
        return ModelConfig(**(base | changes))

    return make


@pytest.fixture
def smooth_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    """SiLU instead of leaky ReLU, whose kinks a finite difference of a gradient sees and autograd does not."""
    for name in ("leaky_relu", "leaky_relu_"):
        monkeypatch.setattr(F, name, lambda x, slope: F.silu(x))


@pytest.fixture
def slopes() -> Callable[..., tuple[float, float]]:
    """A scalar's slope along a random direction in its parameters: by autograd, and by a central difference."""

    def measure(f: Callable[[], Tensor], parameters: list[Tensor], step: float = 2e-3) -> tuple[float, float]:
        gradients = torch.autograd.grad(f(), parameters, allow_unused=True)
        # Along the gradient's own signs the slope is far from zero, and the difference from rounding errors.
        direction = [
            torch.rand_like(p) * (0 if g is None else g.sign()) for p, g in zip(parameters, gradients, strict=True)
        ]
        by_autograd = sum(float((g * d).sum()) for g, d in zip(gradients, direction, strict=True) if g is not None)
        values = []
        for shift in (step, -2 * step):
            with torch.no_grad():
                for p, d in zip(parameters, direction, strict=True):
                    p.add_(d, alpha=shift)
            values.append(float(f().detach()))
        return by_autograd, (values[0] - values[1]) / (2 * step)

    return measure


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail when a test was skipped (for CI)")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if session.config.getoption("--no-skips") and skipped:
        reporter.write_line(f"--no-skips: {len(skipped)} tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def double_by_default() -> Iterator[None]:
    """Float64 as torch's default, as in programs that compute with it."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
