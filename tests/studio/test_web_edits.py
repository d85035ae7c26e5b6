"""An exported page's edits are Python's: its JavaScript makes the same numbers and title of a scene and a record, and
refuses places and layers that are not there. All that EDITS lists is tried, with its example and at its bounds: a new
edit has a twin in web/edits.js, or is one of SERVERS_EDITS."""

import json
import math
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from test_page_modules import NODE

from spatialgan.api import SpatialGAN
from spatialgan.editing.edits import (
    EDITS,
    Align,
    Edit,
    MixStyles,
    MoveTo,
    Remove,
    Resize,
    Restyle,
    Rotate,
    Stretch,
    edit_from_json,
)
from spatialgan.editing.edits.align import APART
from spatialgan.editing.edits.fields import Kind
from spatialgan.editing.scene import Scene
from spatialgan.editing.scene_file import weights_hash
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import GONE_STD, MIN_STD
from spatialgan.layout import layout_to_json
from spatialgan.seeds import style_of
from spatialgan.studio.exporting import PAGE, SERVERS_EDITS, studio_json
from spatialgan.studio.session import Change, label_of
from spatialgan.studio.wire import handles_of

Record: TypeAlias = dict[str, Any]
SCRIPT = Path(__file__).parent / "js/applying.js"
CONFIGS: dict[str, dict[str, Any]] = {
    "single": {},
    "independent": {"sampling": "independent"},
    "multi": {"layout": "multi", "encoding": "multi", "num_objects": 4},
    "shared": {"layout": "multi", "encoding": "norm", "num_objects": 4},
    "plain": {"encoding": "none"},
}
WHERE = ("level", "point", "object")
PLACES: list[dict[str, Any]] = [  # some of each kind of model, and some of none
    *({"level": level, "point": point} for level in range(4) for point in (None, 0, 1, 3, 4)),
    *({"object": i} for i in range(5)),
]


def circles(*stds: float) -> list[Edit]:
    """Objects of these sizes."""
    return [e for i, std in enumerate(stds) for e in (Remove(object=i), Resize(object=i, factor=std / MIN_STD))]


def across(*xs: float) -> list[Edit]:
    """Objects at these places from the left, one below the other."""
    return [MoveTo(object=i, x=x, y=0.2 + 0.1 * i) for i, x in enumerate(xs)]


ROW, COLUMN = (Align(axis=axis, objects=[2, 0, 3, 1]) for axis in ("horizontal", "vertical"))
MORE: dict[type[Edit], list[list[Edit]]] = {
    Resize: [circles(MIN_STD, (MIN_STD + GONE_STD) / 2, 1.1 * GONE_STD)],
    Restyle: [
        [Restyle(object="background", seed=7)],
        [MixStyles(seed=5, first=1, last=2), Restyle(object=1, seed=7)],
    ],
    MixStyles: [
        [MixStyles(seed=5, first=0, last=3), MixStyles(seed=7, first=2, last=2, amount=0.25)],
        *([MixStyles(seed=7, first=first, last=last)] for first, last in ((0, 0), (3, 2), (0, 7), (0, 8))),
    ],
    Align: [
        [Align(axis="horizontal", objects=[3, 1], at=0.3)],
        [Align(axis="vertical", objects=[1, 0, 3], at=-1.5)],
        [Align(axis="vertical", objects=[0, 4])],
        [ROW, COLUMN],
        [*circles(0.04, 0.04, 0.04, 0.04), *across(0.1, 0.9, 0.6, 0.4), ROW],  # with room between them
        [*circles(0.04, 0.04, 0.04, 0.04), *across(0.5, 0.5, 0.5, 0.5), ROW, COLUMN],
        [*circles(0.08, 0.02, 0.04, 0.06), *across(0.6, 0.4, 0.5, 0.45), ROW],
        [*circles(0.05, 0.05, 0.05, 0.05), *across(0.9, 0.85, 0.88, 0.2), ROW],  # not out of the picture
        [*circles(0.05, 0.05, 0.05, 0.05), *across(0.03, 0.04, 0.97, 0.96), ROW],
        [*circles(0.05, 0.05, 0.05, 0.05), *across(-0.5, 0.5, 0.52, 1.5), ROW],
        [*circles(0.3, 0.2, 0.1, 0.3), *across(0.6, 0.5, 0.4, 0.5), ROW],  # there is less room than they need
        [*circles(0.04, 0.04), *across(0.5, 0.5), Stretch(object=1, sx=3, sy=1), Rotate(object=1, degrees=30), COLUMN],
    ],
}


def bounds(kind: Kind) -> Iterator[Any]:
    """The extreme numbers of a field, and its words."""
    for name, bound in kind.bounds.items():
        yield (kind.number or float)(bound + 1e-4 if name == "gt" else bound)
    yield from kind.words


def tried(kind: type[Edit]) -> list[list[Record]]:
    """The example, the same at its bounds and at all places, and what else there is to try, as records."""
    example, own = kind.read(kind.example.split(" ")[0]), {f.name: f.metadata["kind"] for f in fields(kind)}
    nowhere = dict.fromkeys(name for name in WHERE if name in own)
    others = [{name: value} for name in own if name not in (*WHERE, "objects") for value in bounds(own[name])]
    others += [nowhere | place for place in PLACES if place.keys() <= own.keys()]
    single = [[replace(example, **other).to_json()] for other in ({}, *others)]
    return single + [[brief(edit) for edit in edits] for edits in ([example], *MORE.get(kind, []))]


def brief(edit: Edit) -> Record:
    """Without what is the default."""
    return {k: v for k, v in edit.to_json().items() if k == "edit" or v != edit.__dataclass_fields__[k].default}


@pytest.fixture(scope="module")
def models(make_model: Callable[..., SpatialGAN]) -> dict[str, SpatialGAN]:
    return {name: make_model(i, name=name, **config) for i, (name, config) in enumerate(CONFIGS.items())}


def start(model: SpatialGAN) -> Scene:
    """A scene that has something of all that edits change."""
    scene = replace(model.sample(11), truncation=0.7).mix_styles(4, 1, 5, 0.5)
    for level, count in enumerate(scene.layout.counts):
        i, point = (count - 1, None) if scene.layout.kind == "multi" else (level, count - 1)
        scene = scene.stretch(i, 1.5, 0.8, point=point).rotate(i, 20 + 30 * level, point=point)
    return scene


def in_node(models: dict[str, SpatialGAN], cases: list[tuple[Scene, list[Record]]]) -> list[dict[str, Any]]:
    """What the page makes of scenes and records."""
    assert NODE is not None
    asked = {
        "studio": studio_json(models),
        "hashes": {name: weights_hash(model) for name, model in models.items()},
        "cases": [{"before": scene.to_json(), "edits": edits, "ws": ws_of(scene, edits)} for scene, edits in cases],
    }
    done = subprocess.run([NODE, SCRIPT], input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ws_of(scene: Scene, edits: list[Record]) -> list[dict[str, list[float]]]:
    """w of all styles that mixing asks for, the scene's own among them."""
    mixed = [style_of(scene.config, edit["seed"]) for edit in edits if edit["edit"] == MixStyles.name]
    return [{"z": z.flatten().tolist(), "w": scene.ws(z).flatten().tolist()} for z in (scene.z, *mixed) if mixed]


@pytest.mark.parametrize("kind", EDITS, ids=lambda kind: kind.name)
def test_the_page_edits_as_python_does(kind: type[Edit], models: dict[str, SpatialGAN]):
    cases, applied = [(start(model), edits) for model in models.values() for edits in tried(kind)], 0
    for (scene, edits), found in zip(cases, in_node(models, cases), strict=True):
        change, where = Change(tuple(edits)), f"{scene.model.name}: {edits}"
        if kind in SERVERS_EDITS:
            assert "this page has no edit" in found.get("error", ""), f"{where}: it has a twin; take it from the list"
            continue
        try:
            wanted = change.apply(scene)
        except SpatialGANError as e:
            assert "error" in found, f"{where}: {e}"
            continue
        assert "error" not in found, f"{where}: {found['error']}"
        after = Scene.from_json(scene.model, found["scene"])
        for name, value in (numbers(wanted) | {"handles": handles_of(wanted)}).items():
            ours = (numbers(after) | found)[name]
            assert near(ours, value), f"{where}: {name} is {ours}, and in Python {value}"
        assert list(map(edit_from_json, after.edits)) == list(map(edit_from_json, wanted.edits)), where
        assert found["title"] == label_of(change), where
        applied += 1
    assert applied or kind in SERVERS_EDITS


def numbers(scene: Scene) -> dict[str, Any]:
    """All that a picture is made of."""
    z, w_offset = scene.z.tolist(), scene.w_offset_or_zeros.tolist()
    seeds = [scene.seed, scene.layout_seed, scene.noise_seed]
    return {"layout": layout_to_json(scene.layout), "seeds": seeds, "z": z, "w_offset": w_offset}


def near(found: Any, wanted: Any) -> bool:
    """Whether JSON values are the same, to what float32 leaves of numbers."""
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(near(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(near, found, wanted))
    return math.isclose(found, wanted, rel_tol=1e-5, abs_tol=1e-5) if isinstance(wanted, float) else found == wanted


def test_a_duplicate_is_as_far_away_as_things_on_one_line_are():
    assert re.findall(r"const APART = ([\d.]+)", (PAGE / "js/selection.js").read_text()) == [str(APART)]
