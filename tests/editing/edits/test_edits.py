"""All edits: as JSON values, as words of the command line, and the numbers that they take."""

import json
import math
from dataclasses import MISSING, FrozenInstanceError, fields, replace

import pytest

from spatialgan.editing.command import same_picture
from spatialgan.editing.edits import EDITS, Add, Duplicate, Edit, Move, Remove, Resize, Restyle, edit_from_json
from spatialgan.editing.edits.fields import Kind
from spatialgan.errors import SpatialGANError

TEXTS = {"axis": "vertical"}
LISTS = {"objects": [2, 0]}


def some(edit: type[Edit], **values: object) -> Edit:
    """An edit with a number for each field that it needs."""
    needed = [f.name for f in fields(edit) if f.default is MISSING]
    where = {"level": 1, "point": 0} if "level" in edit.__dataclass_fields__ else {}
    return edit(**({name: TEXTS.get(name, LISTS.get(name, 1)) for name in needed} | where | values))


def edited(scene, multi: bool):
    """A scene with every edit that its model has, numbers that begin with a minus sign among them."""
    scene = scene.move(0, dx=-0.05, dy=0.1).move_to(0, -0.1, 0.3).resize(0, 1.3).stretch(0, 1.2, 0.7).rotate(0, -30)
    scene = scene.remove(0, 0.25).with_new_styles(4).with_new_layout(5)
    if not multi:
        return scene.move(2, dx=0.013, point=3)
    scene = scene.restyle(0, 9).restyle("background", 11)
    return scene.duplicate(0, -0.1, 0.2).add(-0.1, 0.8, 0.15, 12).remove(1)


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_records_do_the_edits_again(kind, request):
    start = request.getfixturevalue(kind).sample(3)
    scene = edited(start, kind == "multi")
    again = start
    for record in json.loads(json.dumps(scene.edits)):
        again = edit_from_json(record).apply(again)
    assert same_picture(scene, again) and again.edits == scene.edits


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_json_and_words_say_all_there_is_of_an_edit(edit):
    one = some(edit)
    assert edit_from_json(json.loads(json.dumps(one.to_json()))) == one
    assert edit.read(one.word) == one and edit.read(edit.example.split(" ")[0])
    assert one.words[0].startswith(f"--{edit.option}") and one.title and edit.help and edit.__doc__


def test_names_and_options_are_unique():
    for names in ([edit.name for edit in EDITS], [edit.option for edit in EDITS], [edit.__name__ for edit in EDITS]):
        assert len(set(names)) == len(names)


def limits(kind: Kind) -> list[tuple[object, bool]]:
    """Values just within the bounds of a kind, and just without those that ``check`` knows too."""
    step = 1 if kind.number is int else 1e-6
    known = {"ge": ("ge", "le") if kind.number is float else ("ge",), "gt": ("gt", "le")}
    values = []
    for name, bound in kind.bounds.items():
        values.append((bound + step if name == "gt" else bound, True))
        if name in known.get("gt" if "gt" in kind.bounds else "ge", ()):
            values.append(({"ge": bound - step * max(1, abs(bound)), "gt": bound, "le": bound * 2}[name], False))
    return values


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_what_requests_may_bring_an_edit_takes(edit):
    for f in fields(edit):
        kind = f.metadata["kind"]
        if kind.number is None or kind.length or f.name in ("level", "point", "object"):
            continue
        for value, good in limits(kind):
            if good:
                assert getattr(some(edit, **{f.name: value}), f.name) == value
            else:
                with pytest.raises(SpatialGANError, match=f"{f.name} is "):
                    some(edit, **{f.name: value})
        if kind.number is float:
            for value in (math.nan, math.inf, "x", [1]):
                with pytest.raises(SpatialGANError, match=f"{f.name} is .*; use a finite number"):
                    some(edit, **{f.name: value})


@pytest.mark.parametrize(
    ("edit", "record"),
    [
        (Move(level=2, point=1, dx=1, dy=-0.5), {"edit": "move", "level": 2, "point": 1, "dx": 1.0, "dy": -0.5}),
        (Move(level=0, dx=1, dy=2), {"edit": "move", "level": 0, "point": None, "dx": 1.0, "dy": 2.0}),
        (Move(object=1, dx=1, dy=2), {"edit": "move", "object": 1, "dx": 1.0, "dy": 2.0}),
        (Remove(object=1), {"edit": "remove", "object": 1, "amount": 1.0}),
        (Restyle(object="background", seed=4), {"edit": "restyle", "object": "background", "seed": 4}),
        (Add(x=0, y=1, std=2, seed=3), {"edit": "add", "x": 0.0, "y": 1.0, "std": 2.0, "seed": 3}),
    ],
)
def test_records(edit, record):
    assert edit.to_json() == record


@pytest.mark.parametrize(
    ("edit", "words", "title"),
    [
        (Move(level=2, point=1, dx=1, dy=-0.5), ["--move", "2.1:1.0,-0.5"], "Move level 2.1"),
        (Remove(object=1, amount=0.5), ["--remove", "1:0.5"], "Remove object 1"),
        (Restyle(object="background", seed=4), ["--restyle", "background:4"], "Restyle background"),
        (Duplicate(object=0, dx=-1, dy=0), ["--duplicate", "0:-1.0,0.0"], "Duplicate object 0"),
        (Add(x=-0.5, y=1, std=2, seed=3), ["--add=-0.5,1.0,2.0:3"], "Add object"),
    ],
)
def test_words_and_titles(edit, words, title):
    assert (edit.words, edit.title) == (words, title)


def test_an_edit_that_comes_from_elsewhere_is_recorded_in_the_models_own_terms(multi, single):
    assert Move(level=1, dx=0, dy=0).apply(multi.sample(0)).edits[0]["object"] == 1
    assert Move(object=1, dx=0, dy=0).apply(single.sample(0)).edits[0]["level"] == 1
    assert single.sample(0).apply(Resize(level=0, factor=2)).edits == single.sample(0).resize(0, 2).edits


def test_edits_are_values():
    edit = Move(level=0, dx=0.1, dy=0)
    assert edit == replace(edit) and hash(edit) == hash(replace(edit))
    with pytest.raises(FrozenInstanceError):
        edit.dx = 1


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (None, "there is no edit None; use move, move_to"),
        ({"edit": "__init__"}, "there is no edit '__init__'"),
        ({"edit": "drag"}, "there is no edit 'drag'"),
        ({"edit": ["move"]}, "there is no edit"),
        ({"edit": "restyle", "level": 0, "seed": 1}, "restyle takes object, seed; it was given level, seed"),
        ({"edit": "add", "x": 0}, "add takes x, y, std, seed; it was given x"),
        ({"edit": "remove", "level": 0, "amount": 1, "z": 1}, "remove takes level, point, object, amount"),
        ({"edit": "move", "dx": 1, "dy": 1}, "move needs to know where: give a level, or an object"),
        ({"edit": "move", "level": 0, "object": 0, "dx": 1, "dy": 1}, "give either a level or an object"),
        ({"edit": "move", "object": 0, "point": 0, "dx": 1, "dy": 1}, "name the object alone"),
    ],
)
def test_records_that_are_none(record, message):
    with pytest.raises(SpatialGANError, match=message):
        edit_from_json(record)
