"""Edits as words of the command line: reading them, in the order in which they were typed."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

Edit = Callable[["Scene"], "Scene"]

FORMS = {
    "move": "I:DX,DY as in --move 0:0.2,-0.1",
    "resize": "I:FACTOR as in --resize 0:1.5",
    "remove": "I or I:AMOUNT as in --remove 1 or --remove 1:0.5",
    "restyle": "I:SEED or background:SEED as in --restyle 2:7",
    "duplicate": "I:DX,DY as in --duplicate 0:0.3,0",
    "add": "X,Y,STD:SEED as in --add 0.5,0.7,0.1:7",
    "stretch": "I:SX,SY as in --stretch 0:1.5,0.8",
    "rotate": "I:DEGREES as in --rotate 0:30",
    "new-styles": "SEED as in --new-styles 7",
    "new-layout": "SEED as in --new-layout 7",
}
MAX_SEEDS = 1_000_000  # of one command: a slip such as 0-99999999999 would fill the memory
ORDER_KEY = "spatialgan.options_in_order"


class OrderedCommand(TyperCommand):
    """A command that notes the order of its options, which the parser keeps only within one option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[ORDER_KEY] = [param.name for param in order]
        return super().parse_args(ctx, args)


def edits_in_order(order: Sequence[str], values: Mapping[str, Sequence[str] | None]) -> list[tuple[str, str]]:
    """(option, its value) of all edits as typed.

    Args:
        order: the name of each option given, one for each time, with - or _; what is not in ``values`` is passed over.
        values: each edit option's values, in their own order.
    """
    waiting = {name: iter(given or ()) for name, given in values.items()}
    options = (name.replace("_", "-") for name in order)
    return [(name, next(waiting[name])) for name in options if name in waiting]


def read_edit(option: str, text: str) -> Edit:
    """The edit that ``--OPTION TEXT`` means, as a function from scene to scene.

    Raises:
        SpatialGANError: ``text`` is not of the option's form, which the message shows; or from the function, what the
            scene has against it.
    """
    try:
        edit = _read(option, text)
    except ValueError:
        raise SpatialGANError(f"--{option} {text}: write {FORMS[option]}") from None

    def apply(scene: "Scene") -> "Scene":
        try:
            return edit(scene)
        except SpatialGANError as e:
            raise SpatialGANError(f"--{option} {text}: {e}") from None

    return apply


def notes_on(scenes: Sequence["Scene"]) -> list[str]:
    """What someone may not have meant, of the way from the first scene to the last: objects, or centres of level 0,
    that have left the picture, and were not removed."""
    from spatialgan.layout import GONE_STD, Gaussians

    first, last = scenes[0].layout, scenes[-1].layout
    if last is None or not isinstance(last.levels[0], Gaussians):
        return []
    began = first.level_centers(0).tolist() if isinstance(first.levels[0], Gaussians) else []
    what = "object {}" if len(last.levels) == 1 else "level 0"
    gone = (last.gaussians(0).stds <= GONE_STD).all(dim=-1).tolist()
    return [
        f"the centre of {what.format(i)} is now outside the picture, at {xy[0]:.4g},{xy[1]:.4g}; inside, both are "
        "from 0 to 1"
        for i, xy in enumerate(last.level_centers(0).tolist())
        if not (_inside(xy) or gone[i] or (i < len(began) and not _inside(began[i])))
    ]


def _inside(xy: Sequence[float]) -> bool:
    return all(0 <= v <= 1 for v in xy)


def _read(option: str, text: str) -> Edit:
    """Raises ValueError where ``text`` does not fit."""
    target, colon, rest = text.partition(":")
    if option == "add":
        (x, y, std), seed = _numbers(target, 3), int(rest)
        return lambda scene: scene.add(x, y, std, seed)
    if option in ("new-styles", "new-layout"):
        seed = int(text)
        return lambda scene: scene.with_new_styles(seed) if option == "new-styles" else scene.with_new_layout(seed)
    if option == "restyle":
        who, seed = target if target == "background" else int(target), int(rest)
        return lambda scene: scene.restyle(who, seed)
    if option == "duplicate":
        i, (dx, dy) = int(target), _numbers(rest, 2)
        return lambda scene: scene.duplicate(i, dx, dy)
    level, point = _place(target)
    if option == "move":
        dx, dy = _numbers(rest, 2)
        return lambda scene: scene.move(level, dx=dx, dy=dy, point=point)
    if option == "stretch":
        sx, sy = _numbers(rest, 2)
        return lambda scene: scene.stretch(level, sx, sy, point=point)
    if option == "remove" and not colon:
        return lambda scene: scene.remove(level, point=point)
    (number,) = _numbers(rest, 1)
    if option == "remove":
        return lambda scene: scene.remove(level, number, point=point)
    if option == "resize":
        return lambda scene: scene.resize(level, number, point=point)
    if option == "rotate":
        return lambda scene: scene.rotate(level, number, point=point)
    raise AssertionError(f"no such edit option: {option}")


def _place(text: str) -> tuple[int, int | None]:
    """``I``, an object or a level, or ``L.P``, a level and one of its centres."""
    level, dot, point = text.partition(".")
    return int(level), int(point) if dot else None


def _numbers(text: str, count: int) -> list[float]:
    numbers = [float(word) for word in text.split(",")]
    if len(numbers) != count:
        raise ValueError(f"{len(numbers)} numbers instead of {count}")
    return numbers


def read_seeds(text: str) -> list[int]:
    """``0-3,42`` as [0, 1, 2, 3, 42], in that order, without repeats; raises SpatialGANError on anything else."""
    seeds: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            if not (first.isdecimal() and (last.isdecimal() or not dash)):
                raise ValueError
            span = range(int(first), int(last if dash else first) + 1)
        except ValueError:  # also for numbers of thousands of digits
            span = range(0)
        if not span:
            raise SpatialGANError(f"--seeds {text}: write numbers from 0 and ranges upwards, as in --seeds 0-15,42")
        if span.stop - span.start + len(seeds) > MAX_SEEDS:
            raise SpatialGANError(f"--seeds {text}: use at most {MAX_SEEDS:,} seeds at once")
        seeds |= dict.fromkeys(span)
    return list(seeds)
