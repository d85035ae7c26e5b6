"""Two tiny models in files, one of each kind, and a studio that offers them."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from browsing import browser, fake_drag, url, visit  # noqa: F401  fixtures

from spatialgan.api import SpatialGAN
from spatialgan.studio.model_list import Models

_spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parents[1] / "editing/tiny_models.py")
tiny_models = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny_models)


@pytest.fixture(scope="session")
def make_model() -> Callable[..., SpatialGAN]:
    return tiny_models.make_model


@pytest.fixture(scope="session")
def sources(tmp_path_factory) -> dict[str, str]:
    """Paths of the models: single, multi, and plain (without heatmaps, and without its discriminator)."""
    folder = tmp_path_factory.mktemp("models")
    kinds = {"single": {}, "multi": {"layout": "multi", "encoding": "multi"}, "plain": {"encoding": "none"}}
    paths = {}
    for name, config in kinds.items():
        model = tiny_models.make_model(**config)
        if name == "plain":
            model.discriminator = None
        paths[name] = str(model.save(folder / name))
    return paths


@pytest.fixture(scope="session")
def models(sources) -> Models:
    return Models(list(sources.values()), device="cpu")
