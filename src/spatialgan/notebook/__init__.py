"""Scenes in a notebook, to be edited by hand: ``widget(scene)`` (extra ``notebook``)."""

from typing import TYPE_CHECKING

from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.notebook.scene_widget import SceneWidget

__all__ = ["widget"]


def widget(scene: Scene) -> "SceneWidget":
    """The picture with its handles: drag them, and the picture follows.

    ``widget(scene).scene`` is the scene as it has been edited; ``.observe(f, "scene")`` tells of each edit.

    Args:
        scene: to begin with; it stays what it is, as all scenes do.

    Raises:
        SpatialGANError: anywidget is not installed.
    """
    try:
        import anywidget  # noqa: F401
    except ImportError:
        raise SpatialGANError("widgets need anywidget; run: pip install 'spatialgan[notebook]'") from None
    from spatialgan.notebook.scene_widget import SceneWidget

    return SceneWidget(scene)
