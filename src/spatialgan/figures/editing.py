"""Fig. 5, 9, 10 and 12: what stays and what goes along when layouts, objects and styles are edited, and what a drag of
heatmap pixels does to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.editing.drag import Mode
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.drag_benchmark import draw_task
from spatialgan.evaluation.summary import summarize
from spatialgan.figures.content import Figure, Grid, Picture
from spatialgan.figures.looking import LEVEL_NAMES, LEVELS, correlation, look, map_alone, plain
from spatialgan.layout import Layout, raster_sizes

MOVE = 0.2  # image widths
INSIDE_STD = 2.0  # the region of a sub-heatmap reaches so many of its standard deviations
AMOUNTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of removing
STYLES = 3  # of an object, beside its own
DRAG = 60 / 256  # of Fig. 12, in image widths
DRAG_COLUMNS = 5
DRAG_MODES: dict[Mode, str] = {"pixels": "heatmap pixels and styles", "joint": "heatmap centres and styles"}
CHANGED = 0.05  # a heatmap pixel that changed by more has changed


def figure_5(model: SpatialGAN, seeds: Sequence[int], *, num_styles: int = 6, num_samples: int = 64) -> Figure:
    """Fig. 5: a row a layout, its heatmap and pictures of other styles in it.

    The number: how alike D's attention is in pictures of one layout, beside pictures of different ones.

    Args:
        model: with heatmaps.
        seeds: of the layouts.
        num_styles: pictures a row.
        num_samples: layouts, of two pictures each, for the number.
    """
    require_layout(model)
    rows = tuple(_row_of_styles(model.sample(seed), num_styles) for seed in seeds)
    grid = Grid("", rows, (), ("heatmap", *(f"style {i + 1}" for i in range(num_styles))))
    return Figure("figure-5", (grid,), _likeness(model, seeds[0], num_samples), num_samples)


def figure_10(model: SpatialGAN, seeds: Sequence[int], *, num_samples: int = 64) -> Figure:
    """Fig. 10, of single-object models: other styles in one layout, and centres of each level moved.

    The numbers: what each move changes near the centres that move, and elsewhere; and how alike layouts stay.
    """
    layout = require_layout(model)
    if layout.kind != "single":
        raise SpatialGANError(f"{model.name} has multi-object layouts, whose edits are figure 9; this one is of levels")
    styles = Grid(
        "The same layout in other styles",
        tuple(_row_of_styles(model.sample(seed), 6) for seed in seeds[:2]),
        (),
        ("heatmap", *(f"style {i + 1}" for i in range(6))),
    )
    parts, values = [styles], {}
    for level, point, length in ((0, None, MOVE), (1, 0, MOVE / 2), (2, 1, MOVE / 2)):
        moved = [_moved(model.sample(seed), level, point, length) for seed in seeds]
        before = tuple(plain(m.before.image, arrows=m.arrows) for m in moved)
        after = tuple(plain(m.after.image, rings=tuple(end for _, end in m.arrows)) for m in moved)
        title = "Level 0 moved, and the others with it" if point is None else f"Level {level}: centre {point} moved"
        parts.append(Grid(title, (before, after), ("before", "after")))
        move = partial(_moved, level=level, point=point, length=length)
        values[f"level {level}"] = _changes(model, seeds[0], num_samples, move)
    return Figure("figure-10", tuple(parts), {"moves": values, **_likeness(model, seeds[0], num_samples)}, num_samples)


def figure_9(model: SpatialGAN, seeds: Sequence[int], *, num_samples: int = 64) -> Figure:
    """Fig. 9, of multi-object models: objects moved, removed step by step, and restyled.

    In each picture the object is taken whose removal changes most where it is. The numbers: what edits of all objects
    change inside of the object's region, and outside.

    Args:
        model: with ``encoding=multi`` for the styles; others have none of an object's own.
        seeds: of the pictures.
        num_samples: pictures for the numbers, an object each.
    """
    layout = require_layout(model)
    if layout.kind != "multi":
        raise SpatialGANError(
            f"{model.name} has single-object layouts, whose edits are figure 10; this one is of objects"
        )
    chosen = [(scene, _clearest(scene)) for scene in map(model.sample, seeds)]
    moved = [_moved(scene, i, None, MOVE) for scene, i in chosen]
    before = tuple(plain(m.before.image, arrows=m.arrows) for m in moved)
    after = tuple(plain(m.after.image, rings=tuple(end for _, end in m.arrows)) for m in moved)
    parts = [Grid("An object moved", (before, after), ("before", "after"))]
    removed = tuple(
        tuple(plain(scene.remove(i, amount).image, rings=() if amount else (_center(scene, i),)) for amount in AMOUNTS)
        for scene, i in chosen[:3]
    )
    parts.append(Grid("An object removed", removed, (), tuple(f"{a:.0%}".replace("%", " %") for a in AMOUNTS)))
    edits: dict[str, Callable[[Scene, int], Scene]] = {"removed": lambda s, i: s.remove(i)}
    if model.config.model.encoding == "multi":
        restyled = tuple(
            (
                plain(scene.image, rings=(_center(scene, i),)),
                *(plain(scene.restyle(i, seed=1000 + k).image) for k in range(STYLES)),
            )
            for scene, i in chosen[:3]
        )
        parts.append(Grid("An object restyled", restyled, (), ("before", *(f"style {k + 1}" for k in range(STYLES)))))
        edits["restyled"] = lambda s, i: s.restyle(i, seed=1000)
    num_objects, first = layout.counts[0], seeds[0]
    values = {
        "moved": _changes(model, first, num_samples, lambda s: _moved(s, _turn(s, num_objects), None, MOVE)),
        **{
            name: _changes(model, first, num_samples, lambda s, e=edit: _edited(s, _turn(s, num_objects), e))
            for name, edit in edits.items()
        },
    }
    return Figure("figure-9", tuple(parts), values, num_samples)


def figure_12(
    model: SpatialGAN,
    seeds: Sequence[int],
    *,
    num_samples: int = 8,
    max_steps: int = 100,
    on_progress: Callable[[int, int], None] | None = None,
) -> Figure:
    """Fig. 12: what a drag makes of the heatmaps where it may change their pixels, and where it moves their centres.

    The numbers: shares of pixels that changed, level by level, and by how much all of them did.

    Args:
        model: with heatmaps.
        seeds: the first one's drag is shown.
        num_samples: drags, for the numbers.
        max_steps: of a drag.
        on_progress: called with (done, total) drags.
    """
    require_layout(model)
    parts: list[Grid] = []
    changes: dict[str, list[list[Tensor]]] = {}  # by mode, drag and level: (K, r, r)
    for seed in range(seeds[0], seeds[0] + num_samples):
        task = draw_task(model, seed, DRAG)
        for mode, what in DRAG_MODES.items():
            result = task.scene.drag([(task.start, task.target)], mode=mode, max_steps=max_steps)
            first, last = (_read_maps(s) for s in (result.trace[0].scene, result.scene))
            changes.setdefault(mode, []).append([(b - a).abs() for a, b in zip(first, last, strict=True)])
            if seed > seeds[0]:
                continue
            picked = torch.linspace(0, result.kept_step, min(DRAG_COLUMNS, result.kept_step + 1)).round().long()
            steps = [result.trace[i] for i in picked.unique().tolist()]
            rows = [tuple(plain(s.image, rings=(task.target,), arrows=((s.handles[0], task.target),)) for s in steps)]
            levels = len(first)
            for level in range(levels):
                rows.append(tuple(map_alone(_read_maps(s.scene)[level].amax(dim=0)) for s in steps))
            names = ("picture", *(LEVEL_NAMES[i] for i in range(levels))) if levels > 1 else ("picture", "heatmap")
            title = f"A drag by {256 * DRAG:.0f}/256 of the width, of {what}"
            parts.append(Grid(title, tuple(rows), names, tuple(f"step {s.index}" for s in steps)))
        if on_progress is not None:
            on_progress(seed - seeds[0] + 1, num_samples)
    values = {mode: [_pixel_changes(level, found) for level in range(len(found[0]))] for mode, found in changes.items()}
    return Figure("figure-12", tuple(parts), values, num_samples)


def _read_maps(scene: Scene) -> list[Tensor]:
    """Sub-heatmaps of each level at the size that the generator reads: ``(K, r, r)``."""
    return [scene.layout.heatmaps(level, r) for level, r in enumerate(raster_sizes(scene.model.config.model))]


def _pixel_changes(level: int, drags: Sequence[Sequence[Tensor]]) -> dict:
    """Of a level: the share of pixels that changed, and the mean change of all."""
    own = [drag[level].double() for drag in drags]
    return {
        "level": level,
        "changed": summarize(torch.stack([(change > CHANGED).double().mean() for change in own])).to_json(),
        "mean_change": summarize(torch.stack([change.mean() for change in own])).to_json(),
    }


def require_layout(model: SpatialGAN) -> Layout:
    """The layout of a picture; raises SpatialGANError where the model reads none."""
    return model.sample(0).require_layout()


@dataclass(frozen=True)
class Edited:
    """A scene and what became of it."""

    before: Scene
    after: Scene
    inside: Tensor
    """(R, R) bool: the region of what was edited, before or after."""
    arrows: tuple[tuple[tuple[float, float], tuple[float, float]], ...] = ()


def _moved(scene: Scene, level: int, point: int | None, length: float) -> Edited:
    """Moved to the side that has more room."""
    multi = scene.layout.kind == "multi"
    centers = scene.layout.level_centers(0 if multi else level)
    index = level if multi else 0 if point is None else point
    x, y = centers[index].tolist()
    dx = length if x < 0.5 else -length
    after = scene.move(level, dx=dx) if multi or point is None else scene.move(level, dx=dx, point=point)
    inside = _region(scene, level, point) | _region(after, level, point)
    return Edited(scene, after, inside, (((x, y), (x + dx, y)),))


def _edited(scene: Scene, i: int, edit: Callable[[Scene, int], Scene]) -> Edited:
    return Edited(scene, edit(scene, i), _region(scene, i, None))


def _region(scene: Scene, level: int, point: int | None) -> Tensor:
    """Where an object's sub-heatmap, or those of a level's centres, are: ``(R, R)`` bool."""
    size, multi = scene.model.config.model.resolution, scene.layout.kind == "multi"
    maps = scene.layout.heatmaps(0 if multi else level, size)
    maps = maps[level : level + 1] if multi else maps if point is None else maps[point : point + 1]
    return maps.amax(dim=0) > float(torch.exp(torch.tensor(-0.5 * INSIDE_STD**2)))


def _turn(scene: Scene, num_objects: int) -> int:
    """Objects take turns, seed by seed."""
    assert scene.seed is not None
    return scene.seed % num_objects


def _center(scene: Scene, i: int) -> tuple[float, float]:
    x, y = scene.layout.level_centers(0)[i].tolist()
    return x, y


def _clearest(scene: Scene) -> int:
    """The object inside the picture whose removal changes most in its region."""
    changes = [_change(_edited(scene, i, lambda s, k: s.remove(k)))[0] for i in range(scene.num_objects)]
    return int(torch.tensor(changes).nan_to_num(-1.0).argmax())


def _change(e: Edited) -> tuple[float, float]:
    """Mean absolute change of pixels inside the region and outside, in 0..1; NaN where there is none."""
    change = (e.after.tensor.clamp(-1, 1) - e.before.tensor.clamp(-1, 1)).abs().mean(dim=0) / 2  # of -1..1
    inside, outside = change[e.inside], change[~e.inside]
    return float(inside.mean()), float(outside.mean())


def _changes(model: SpatialGAN, first_seed: int, num_samples: int, edit: Callable[[Scene], Edited]) -> dict:
    """What an edit changes inside and outside of its region, over pictures."""
    found = torch.tensor([_change(edit(model.sample(s))) for s in range(first_seed, first_seed + num_samples)])
    inside, outside = found.double().unbind(dim=1)
    return {"inside": summarize(inside).to_json(), "outside": summarize(outside).to_json()}


def _row_of_styles(scene: Scene, count: int) -> tuple[Picture, ...]:
    """The heatmap of a scene's layout, and pictures of other styles in it, the scene's own first."""
    assert scene.seed is not None
    heatmap = torch.stack(scene.heatmaps()).mean(dim=0)
    others = [scene, *(scene.with_new_styles(scene.seed + 1000 * k) for k in range(1, count))]
    return (map_alone(heatmap), *(plain(s.image) for s in others))


def _likeness(model: SpatialGAN, first_seed: int, num_samples: int) -> dict:
    """Correlation of D's attention on two pictures of one layout, and on pictures of different ones, by level; empty
    where the model has no discriminator."""
    if model.discriminator is None:
        return {}
    seeds = range(first_seed, first_seed + num_samples)
    scenes = [model.sample(seed) for seed in seeds]
    others = [scene.with_new_styles(seed + 1000) for scene, seed in zip(scenes, seeds, strict=True)]
    a, b = (look(model, torch.stack([s.tensor for s in group])) for group in (scenes, others))
    same, different = correlation(a, b), correlation(a, b.roll(1, 0))  # (N, 3)
    return {
        "attention_alike": {
            LEVEL_NAMES[i]: {
                "same layout": summarize(same[:, i]).to_json(),
                "another layout": summarize(different[:, i]).to_json(),
            }
            for i in LEVELS
        }
    }
