"""Edits as words of the command line: an option for each class of edits, read in the order in which they were typed."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperOption

from spatialgan.editing.edits import EDITS, Edit
from spatialgan.errors import SpatialGANError

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

EDITS_KEY = "spatialgan.edits"


class EditCommand(TyperCommand):
    """A command with the options of all edits. Its context's ``meta[EDITS_KEY]`` has (option, word) of each as typed:
    the parser itself keeps the order only within one option."""

    def __init__(self, *args: Any, params: Sequence[Any] = (), **kwargs: Any):
        super().__init__(*args, params=[*params, *map(option_of, EDITS)], **kwargs)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        given = {edit.option: _words(values.get(edit.option.replace("-", "_"))) for edit in EDITS}
        ctx.meta[EDITS_KEY] = edits_in_order([param.name for param in order if param.name], given)
        return super().parse_args(ctx, args)


def option_of(edit: type[Edit]) -> TyperOption:
    """The option of a class of edits. Whoever reads ``meta[EDITS_KEY]`` needs no value of it."""
    what: dict[str, Any] = {"metavar": edit.forms[0], "type": str, "multiple": True} if edit.forms else {"count": True}
    return TyperOption(
        param_decls=[f"--{edit.option}"],
        help=f"{edit.help} May be repeated.",
        rich_help_panel="Edits",
        expose_value=False,
        **what,
    )


def _words(given: Any) -> list[str]:
    """Of an option as the parser has found it: a list, or how often where it takes no word."""
    return [""] * given if isinstance(given, int) else list(given or ())


def edits_in_order(order: Sequence[str], values: Mapping[str, Sequence[str] | None]) -> list[tuple[str, str]]:
    """(option, its value) of all edits as typed.

    Args:
        order: the name of each option given, one for each time, with - or _; what is not in ``values`` is passed over.
        values: each edit option's values, in their own order.
    """
    waiting = {name: iter(given or ()) for name, given in values.items()}
    options = (name.replace("_", "-") for name in order)
    return [(name, next(waiting[name])) for name in options if name in waiting]


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
    that have left the picture, and were not removed."""
    from spatialgan.heatmaps import GONE_STD

    first, last = scenes[0].layout, scenes[-1].layout
    if not last.has_centers:
        return []
    began = first.level_centers(0).tolist() if first.has_centers else []
    what = "object {}" if last.kind == "multi" else "level 0"
    gone = (last.gaussians(0).stds <= GONE_STD).all(dim=-1).tolist()
    return [
        f"the centre of {what.format(i)} is now outside the picture, at {xy[0]:.4g},{xy[1]:.4g}; inside, both are "
        "from 0 to 1"
        for i, xy in enumerate(last.level_centers(0).tolist())
        if not (_inside(xy) or gone[i] or (i < len(began) and not _inside(began[i])))
    ]


def _inside(xy: Sequence[float]) -> bool:
    return all(0 <= v <= 1 for v in xy)
