"""Pictures without a session: from a model and a seed, or a saved scene, through edits to the bytes of a file."""

import io
from typing import Any

from PIL import Image

from spatialgan.editing.pictures import enlarge
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.studio.model_list import Models
from spatialgan.studio.session import Change

MAX_EXPORT_PX = 2048
FORMATS = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}


def scene_after(
    models: Models, start: str | dict[str, Any], change: Change, *, seed: int = 0, layout_seed: int | None = None
) -> Scene:
    """The scene after ``change``; raises SpatialGANError as sessions do.

    Args:
        models: those there are.
        start: a model's name, or a saved scene's JSON value.
        change: what to do; its truncation is the picture's.
        seed: of a new picture.
        layout_seed: another one for its layout; None takes ``seed``.
    """
    if isinstance(start, str):
        scene = models.load(start).sample(seed, layout_seed=layout_seed)
    else:
        scene = Scene.from_json(models.for_scene(start), start)
    return change.apply(scene)


def sized(image: Image.Image, scale: float) -> Image.Image:
    """The picture at ``scale``; raises SpatialGANError where a studio writes none so large."""
    if max(image.size) * scale > MAX_EXPORT_PX:
        raise SpatialGANError(f"scale is {scale:g}; the studio writes pictures of up to {MAX_EXPORT_PX} pixels")
    return enlarge(image, scale)


def encode(image: Image.Image, kind: str, quality: int = 90) -> bytes:
    """The picture as a file of one of :data:`FORMATS`; ``quality`` 1 to 100 is of WebP and JPEG."""
    data = io.BytesIO()
    options = {} if kind == "png" else {"quality": quality}
    image.save(data, format=kind.upper(), **options)
    return data.getvalue()
