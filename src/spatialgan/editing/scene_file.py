"""Scenes as JSON: everything that the picture depends on but the weights, which are named by their hash."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from spatialgan.config import LEVEL_NUM_CENTERS, ModelConfig
from spatialgan.editing.added_objects import require_few_objects
from spatialgan.editing.arguments import finite, whole
from spatialgan.errors import SpatialGANError
from spatialgan.files import read_json, user_path, write_atomically
from spatialgan.layout import Layout, layout_from_json, layout_to_json
from spatialgan.levels import tensor_from_json, tensor_to_json
from spatialgan.model import Model, bundled_models
from spatialgan.networks.digest import weights_digest
from spatialgan.networks.tuning import tuning_from_json, tuning_to_json

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

FORMAT_VERSION = 1
MAX_FILE_BYTES = 128 << 20  # heatmaps as pixels take up to 40 MB


def scene_to_json(scene: "Scene") -> dict[str, Any]:
    """A scene as JSON values, exact to the last bit; with what its model was tuned by, where a photograph was."""
    config = scene.model.config.model
    return {
        "format_version": FORMAT_VERSION,
        "model": {
            "name": scene.model.name,
            "weights_sha256": weights_hash(scene.model),
            "resolution": config.resolution,
            "num_ws": config.num_ws,
        },
        "z": tensor_to_json(scene.z),
        "w_offset": None if scene.w_offset is None else tensor_to_json(scene.w_offset),
        "layout": layout_to_json(scene.layout),
        "noise_seed": scene.noise_seed,
        "truncation": scene.truncation,
        "seed": scene.seed,
        "layout_seed": scene.layout_seed,
        "edits": list(scene.edits),
        **({} if scene.model.tuning is None else {"tuning": tuning_to_json(scene.model.tuning)}),
    }


def scene_fields(model: Model, data: Any) -> dict[str, Any]:
    """The inverse of :func:`scene_to_json`: the fields of a scene of ``model``.

    Raises:
        SpatialGANError: another version, another model's, a missing field or a damaged one; the sentence names it.
    """
    if not isinstance(data, dict) or data.get("format_version") != FORMAT_VERSION:
        found = data.get("format_version") if isinstance(data, dict) else None
        raise SpatialGANError(
            f"the scene's format_version is {found}; this version of spatialgan reads {FORMAT_VERSION}"
        )
    fields = ("model", "z", "layout", "noise_seed", "truncation", "seed", "layout_seed", "edits")
    missing = [name for name in fields if name not in data]
    if missing:
        raise SpatialGANError(f"the scene has no field {', '.join(missing)}; it needs {', '.join(fields)}")
    _check_model(model, data["model"])
    seeds = {n: None if data[n] is None else whole(data[n], n) for n in ("seed", "layout_seed")}
    config = model.config.model
    layout = layout_from_json(data["layout"])
    _check_layout(config, layout)
    edits = data["edits"]
    if not isinstance(edits, list) or not all(isinstance(e, dict) for e in edits):
        raise SpatialGANError("the scene's edits are not a list of objects")
    if config.encoding == "multi":
        config = replace(config, num_objects=layout.counts[0])
    z = _codes(data["z"], "z", (config.num_styles, config.z_dim))
    w_offset = None
    if data.get("w_offset") is not None:  # files from before there were drags have no such field
        w_offset = _codes(data["w_offset"], "w_offset", (config.num_ws, config.num_styles, config.w_dim))
    if data.get("tuning") is not None:
        model = model.tuned(tuning_from_json(data["tuning"]))
    return {
        "model": model,
        "z": z,
        "layout": layout,
        "noise_seed": whole(data["noise_seed"], "noise_seed"),
        "truncation": finite(data["truncation"], "truncation"),
        "w_offset": w_offset,
        "edits": tuple(edits),
        **seeds,
    }


def save_scene(scene: "Scene", path: str | Path) -> Path:
    """Write a scene's JSON, whole or not at all."""
    path, text = Path(path), json.dumps(scene_to_json(scene), indent=1) + "\n"
    write_atomically(path, lambda p: p.write_text(text))
    return path


def read_scene(model: Model, path: str | Path) -> dict[str, Any]:
    """The fields of a scene that was saved; raises SpatialGANError naming the file and what is wrong with it."""
    data = read_json(user_path(path), limit=MAX_FILE_BYTES)
    try:
        return scene_fields(model, data)
    except SpatialGANError as e:
        raise SpatialGANError(f"{path}: {e}") from None


def bundled_model_of(path: str | Path) -> str:
    """The bundled model that a saved scene was made with, by name; raises SpatialGANError where it is not bundled."""
    data = read_json(user_path(path), limit=MAX_FILE_BYTES)
    made_with = data.get("model") if isinstance(data, dict) else None
    name = made_with.get("name") if isinstance(made_with, dict) else None
    if not isinstance(name, str):
        raise SpatialGANError(f"{path}: the scene names no model; give --model")
    if name not in bundled_models():
        raise SpatialGANError(
            f"{path}: the scene was made with the model {name}, which is not a bundled one; give it as --model PATH"
        )
    return name


def weights_hash(model: Model) -> str:
    """The hash of the generator's file; for a model that has none yet, of the weights themselves."""
    return model.weights_hash or weights_digest(model.generator)


def _check_model(model: Model, made_with: Any) -> None:
    """Whether ``made_with``, a scene's record of its model, is ``model``."""
    try:
        name, weights = str(made_with["name"]), str(made_with["weights_sha256"])
        shape = {n: made_with[n] for n in ("resolution", "num_ws")}
    except (KeyError, TypeError):
        raise SpatialGANError("the scene's model needs name, weights_sha256, resolution and num_ws") from None
    config, own = model.config.model, weights_hash(model)
    for field, value in shape.items():
        if value != getattr(config, field):
            raise SpatialGANError(
                f"the scene was made with the model {name} of {field} {value}, "
                f"and {model.name} has {field} {getattr(config, field)}"
            )
    if weights != own:
        raise SpatialGANError(
            f"the scene was made with the model {name} (weights {weights[:12]}), and this is "
            f"{model.name} (weights {own[:12]}), which would draw another picture"
        )


def _check_layout(config: ModelConfig, layout: Layout) -> None:
    """Whether the generator can read the layout: its levels and their numbers of centres."""
    if (layout.kind == "none") != (config.encoding == "none"):
        raise SpatialGANError(
            f"the scene has {'no' if layout.kind == 'none' else 'a'} layout, "
            f"which does not fit a model with encoding={config.encoding}"
        )
    if layout.kind == "none":
        return
    counts = layout.counts
    wanted = LEVEL_NUM_CENTERS if config.layout == "single" else (config.num_objects,)
    if config.encoding == "multi" and len(counts) == 1 and counts[0] >= 1:
        require_few_objects(config, counts[0])
        wanted = counts  # any number of objects
    if counts != wanted:
        raise SpatialGANError(
            f"the scene's layout has {list(counts)} centres on its levels; the model reads {list(wanted)}"
        )


def _codes(data: Any, name: str, wanted: tuple[int, ...]) -> Tensor:
    """z or w_offset from its JSON value, of the shape that the model needs."""
    try:
        codes = tensor_from_json(data)
    except (KeyError, TypeError, ValueError, RuntimeError) as e:
        raise SpatialGANError(f"the scene's {name} is not readable: {e}") from None
    if codes.shape != wanted:
        raise SpatialGANError(f"the scene's {name} has shape {tuple(codes.shape)}; the model needs {wanted}")
    return codes
