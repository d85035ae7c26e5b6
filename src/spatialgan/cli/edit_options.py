"""Edits as words of the command line: an option for each class of edits, read in the order in which they were typed."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from spatialgan.editing.edits import EDITS, Edit, Move, MoveTo
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene
    from spatialgan.layout import Layout

TYPED_KEY = "spatialgan.typed"


class EditCommand(TyperCommand):
    """A command whose context's ``meta[TYPED_KEY]`` has its words as typed: Typer keeps the order only within an
    option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[TYPED_KEY] = list(args)
        return super().parse_args(ctx, args)


def with_edits(command: Callable[..., None]) -> Callable[..., None]:
    """A command for :class:`EditCommand`, with an option for each class of edits. What was given of them reaches
    ``command`` as ``edits``, in the order of :func:`edits_in_order`.

    The options are made of the signature, as those of every command: of Typer's classes for options each release has
    others.
    """

    @wraps(command)
    def run(ctx: typer.Context, **options: Any) -> None:
        given = {edit.option: options.pop(_parameter(edit).name) for edit in EDITS}
        command(edits_in_order(ctx.meta[TYPED_KEY], given), **options)

    own = list(inspect.signature(command).parameters.values())[1:]
    ctx = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    run.__dict__["__signature__"] = inspect.Signature([ctx, *own, *map(_parameter, EDITS)])
    return run


def _parameter(edit: type[Edit]) -> inspect.Parameter:
    """The option of a class of edits, as a parameter of a command."""
    option = typer.Option(
        f"--{edit.option}",
        help=f"{edit.help} May be repeated.",
        rich_help_panel="Edits",
        show_default=False,
        metavar=edit.forms[0] if edit.forms else None,
    )
    kind, default = (list[str] | None, None) if edit.forms else (bool, False)
    return inspect.Parameter(
        edit.option.replace("-", "_"),
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=default,
        annotation=Annotated[kind, option],
    )


def edits_in_order(typed: Sequence[str], given: Mapping[str, Sequence[str] | bool | None]) -> list[tuple[str, str]]:
    """(option, its word) of all edits as typed; the word is empty where the option takes none.

    Args:
        typed: the command line's words.
        given: each edit option's words, in their own order; true or false of one that takes no word.
    """
    waiting = {name: iter(words) for name, words in given.items() if not isinstance(words, bool | None)}
    edits = []
    for word in typed:
        name = word.partition("=")[0].removeprefix("--")
        if not word.startswith("--") or not given.get(name):
            continue
        value = next(waiting[name], None) if name in waiting else ""
        if value is not None:  # else the word was itself another option's, which says so
            edits.append((name, value))
    return edits


def read_edit(option: str, text: str) -> Callable[["Scene"], "Scene"]:
    """The edit that ``--OPTION TEXT`` means, as a function from scene to scene.

    Raises:
        SpatialGANError: ``text`` is not of the option's form, which the message shows; or a number is not what it can
            be. From the function, what the scene has against it.
    """
    words = f"--{option} {text}".rstrip()
    kind = next(edit for edit in EDITS if edit.option == option)
    try:
        edit = kind.read(text)
    except ValueError:
        raise SpatialGANError(f"{words}: write {kind.form()} as in --{option} {kind.example}") from None
    except SpatialGANError as e:
        raise SpatialGANError(f"{words}: {e}") from None

    def apply(scene: "Scene") -> "Scene":
        try:
            return edit.apply(scene)
        except SpatialGANError as e:
            raise SpatialGANError(f"{words}: {e}") from None

    return apply


def notes_on(scenes: Sequence["Scene"]) -> list[str]:
    """What someone may not have meant, of the way from the first scene to the last: objects, or centres of level 0,
    that have left the picture, and were not removed; or were moved after they had been."""
    first, last = scenes[0].layout, scenes[-1].layout
    if not last.has_centers:
        return []
    began = first.level_centers(0).tolist() if first.has_centers else []
    what = "object {}" if last.kind == "multi" else "level 0"
    gone = _gone(last)
    return [f"{what.format(i)} was moved after it had been removed" for i in _moved_in_vain(scenes) if gone[i]] + [
        f"the centre of {what.format(i)} is now outside the picture, at {xy[0]:.4g},{xy[1]:.4g}; inside, both are "
        "from 0 to 1"
        for i, xy in enumerate(last.level_centers(0).tolist())
        if not (_inside(xy) or gone[i] or (i < len(began) and not _inside(began[i])))
    ]


def _moved_in_vain(scenes: Sequence["Scene"]) -> list[int]:
    """Centres of level 0 that were moved when they had been removed, in order."""
    found = set()
    for before, after in pairwise(scenes):
        record = after.edits[-1]
        i = record.get("object", record.get("level"))  # of level 0 there is one centre
        if record["edit"] in (Move.name, MoveTo.name) and before.layout.has_centers and isinstance(i, int):
            gone = _gone(before.layout)
            found |= {i} if i < len(gone) and gone[i] else set()
    return sorted(found)


def _gone(layout: "Layout") -> list[bool]:
    """Of the centres of level 0, whether they were removed."""
    from spatialgan.heatmaps import GONE_STD

    return (layout.gaussians(0).stds <= GONE_STD).all(dim=-1).tolist()


def _inside(xy: Sequence[float]) -> bool:
    return all(0 <= v <= 1 for v in xy)
