"""What a session looks like from outside: its state as JSON values, and frames, which are pictures as bytes."""

import json
import math
import struct
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from torch import Tensor

from spatialgan.data.images import to_uint8
from spatialgan.editing.edits import EDITS, Edit, place_name
from spatialgan.editing.interpolation import way_group
from spatialgan.editing.scene import Scene
from spatialgan.heatmaps import GONE_STD
from spatialgan.studio.overlays import Overlay, overlay_maps
from spatialgan.studio.session import Session

HEATMAP_PX = 32  # of the level maps in a frame; the page smooths them


def state_of(session: Session) -> dict[str, Any]:
    """Everything that a page shows but pictures: the current scene in numbers, and the history."""
    scene, groups = session.scene, dict[Hashable, int]()
    return {
        "revision": session.revision,
        "model": session.models.offers[session.models.name_of(scene.model)].to_json(),
        "seed": scene.seed,
        "layout_seed": scene.layout_seed,
        "truncation": scene.truncation,
        "handles": handles_of(scene),
        "history": [
            {
                "id": e.id,
                "label": e.label,
                "is_start": e.is_start,
                "model": session.models.name_of(e.scene.model),
                "group": groups.setdefault(way_group(e.scene), len(groups)),
            }
            for e in session.history
        ],
        "position": session.position,
        "start_position": session.start_position,
        "dragging": session.dragging,
    }


def offered_actions(edits: Iterable[type[Edit]] = EDITS) -> list[dict[str, Any]]:
    """The page's buttons for the whole picture, of the edits that it has."""
    return [
        {"label": a.label, "tip": a.tip, "edit": {"edit": edit.name, **a.values}, "objects": a.objects}
        for edit in edits
        for a in edit.actions
    ]


def handles_of(scene: Scene) -> list[dict[str, Any]]:
    """Everything that can be moved: where it is (centre and standard deviations in image widths), and its place in
    edits. What has been removed is marked ``gone``; layouts that are rasters have no centres and no handles.

    Where the model's card says what its handles do (``eval handles``), each has whether it ``acts``, and its ``reach``
    in image widths, beyond which pictures fall apart; others are taken to act, without a known reach."""
    multi = scene.model.config.model.layout == "multi"
    known = measured_handles(scene.model.card)
    handles: list[dict[str, Any]] = []
    for level, entry in enumerate(scene.layout.levels):
        if not entry.has_centers:
            continue
        centers, g = scene.layout.level_centers(level).tolist(), entry.gaussians(level)
        for i, ((x, y), stds, angle) in enumerate(zip(centers, g.stds.tolist(), g.angles.tolist(), strict=True)):
            # The one centre of level 0 is the level: commands are shorter so.
            place = {"object": i} if multi else {"level": level, "point": None if entry.num_maps == 1 else i}
            acts, reach = known.get((level, i), (True, None))
            handles.append(
                {
                    "place": place,
                    "name": place_name(place),
                    "x": x,
                    "y": y,
                    "std_x": stds[0],
                    "std_y": stds[1],
                    "degrees": math.degrees(angle),
                    "gone": max(stds) <= GONE_STD,
                    "acts": acts,
                    "reach": reach,
                }
            )
    return handles


def measured_handles(card: dict[str, Any]) -> dict[tuple[int, int], tuple[bool, float | None]]:
    """By level and centre (or object), what a model's card says of its handles; nothing where it says nothing that can
    be understood: a card is another's file, and its picture is worth showing all the same."""
    try:
        return {
            (int(h["level"]), int(h["point"])): (bool(h["acts"]), None if h["reach"] is None else float(h["reach"]))
            for h in card.get("handles", [])
        }
    except (KeyError, TypeError, ValueError):
        return {}


def planes_of(scene: Scene, overlay: Overlay = "none", picture: Tensor | None = None) -> dict[str, np.ndarray]:
    """The arrays of a frame, uint8 ``(H, W, C)`` by name: the picture, its heatmaps and the overlay that is shown.

    ``picture`` (C, r, r) is a smaller one to show in its place.
    """
    picture = scene.tensor if picture is None else picture
    planes = {"picture": to_uint8(picture).permute(1, 2, 0).numpy()}  # CHW -1..1 => uint8 HWC
    if scene.layout.kind != "none":
        planes |= _maps("heatmap", enumerate(scene.heatmaps(HEATMAP_PX)))
    return planes | _maps(overlay, overlay_maps(scene, overlay).items())


def _maps(name: str, maps: Iterable[tuple[int, Tensor]]) -> dict[str, np.ndarray]:
    """Maps ``(H, W)`` in 0..1 as planes ``name/key``."""
    return {f"{name}/{key}": (m * 255).round().byte().numpy()[..., None] for key, m in maps}


def frame(header: dict[str, Any], planes: dict[str, np.ndarray]) -> bytes:
    """A header and its planes as one message, without compression: pictures are small, and encoding takes its time.

    Four bytes, the length N of the header, little-endian; N bytes of JSON, UTF-8, where ``planes`` lists name, width,
    height and channels; then the planes' bytes one after the other, row by row.
    """
    listed = [{"name": n, "width": p.shape[1], "height": p.shape[0], "channels": p.shape[2]} for n, p in planes.items()]
    text = json.dumps({**header, "planes": listed}, separators=(",", ":")).encode()
    return b"".join([struct.pack("<I", len(text)), text, *(np.ascontiguousarray(p).tobytes() for p in planes.values())])


def read_frame(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The inverse of :func:`frame`, for scripts."""
    (length,) = struct.unpack_from("<I", data)
    header, at, planes = json.loads(data[4 : 4 + length]), 4 + length, {}
    for p in header.pop("planes"):
        shape = (p["height"], p["width"], p["channels"])
        planes[p["name"]] = np.frombuffer(data, np.uint8, math.prod(shape), at).reshape(shape)
        at += math.prod(shape)
    return header, planes
