"""One tiny random model of each kind that edits tell apart."""

import pytest
from tiny_models import make_model

from spatialgan.api import SpatialGAN


@pytest.fixture(scope="session")
def single() -> SpatialGAN:
    return make_model()


@pytest.fixture(scope="session")
def multi() -> SpatialGAN:
    return make_model(layout="multi", encoding="multi", coordinates_max_resolution=16)


@pytest.fixture(scope="session")
def one_style() -> SpatialGAN:
    """Several objects that share one style."""
    return make_model(layout="multi", encoding="norm", name="shared")


@pytest.fixture(scope="session")
def plain() -> SpatialGAN:
    return make_model(encoding="none", name="plain")
