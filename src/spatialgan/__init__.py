"""SpatialGAN: steer what a GAN draws. An independent implementation of the TPAMI 2024 paper.

The public names are imported on first use, so that ``import spatialgan`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING

from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.api import SpatialGAN
    from spatialgan.editing.rendering import edit_many
    from spatialgan.editing.scene import Scene
    from spatialgan.layout import Layout

__version__ = "0.1.0"
__all__ = ["Layout", "Scene", "SpatialGAN", "SpatialGANError", "__version__", "edit_many"]

_HOMES = {
    "Layout": "spatialgan.layout",
    "Scene": "spatialgan.editing.scene",
    "SpatialGAN": "spatialgan.api",
    "edit_many": "spatialgan.editing.rendering",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'spatialgan' has no attribute {name!r}")
