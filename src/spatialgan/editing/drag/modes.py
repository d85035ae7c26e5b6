"""The four modes of a drag: what each step changes.

A mode is a function that lets variables change and gives one update after the other. An update takes the loss and
changes the variables; what it returns is how far it expects to have carried each handle at once, ``(H, 2)``, None for a
small step of the optimiser.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, repeat

import torch
from torch import Tensor

from spatialgan.editing.drag.records import DragOptions
from spatialgan.editing.drag.variables import Variables
from spatialgan.layout import Layout

Update = Callable[[Tensor], Tensor | None]

W_STEP = 0.025  # default learning rate of the style codes, in standard deviations of w [ours]
BETA1, BETA2, EPS = 0.9, 0.999, 1e-20  # Adam's defaults; the square of a gradient may be 1e-14


def latent(variables: Variables, starts: Tensor, targets: Tensor, options: DragOptions) -> Iterator[Update]:
    """Style codes alone, as DragGAN does; the heatmaps stay as they are."""
    return repeat(codes_step(variables, options))


def pixels(variables: Variables, starts: Tensor, targets: Tensor, options: DragOptions) -> Iterator[Update]:
    """Style codes and all pixels of the heatmaps, in every step."""
    codes = codes_step(variables, options)
    heatmaps = gradient_step(variables.free_pixels(), options.pixels_learning_rate, options)

    def both(loss: Tensor) -> None:
        codes(loss)
        heatmaps(loss)

    return repeat(both)


def joint(variables: Variables, starts: Tensor, targets: Tensor, options: DragOptions) -> Iterator[Update]:
    """Style codes in one step, the heatmaps' centres in the next."""
    codes = codes_step(variables, options)
    centers = gradient_step(variables.free_centers(), options.centers_learning_rate, options)
    return cycle([codes, centers])


def hybrid(variables: Variables, starts: Tensor, targets: Tensor, options: DragOptions) -> Iterator[Update]:
    """The coarse move of Eq. 6 where there is a centre to move, then ``joint`` for the rest."""
    layout, carried = coarse_move(variables.layout[0], starts, targets, options)

    def coarse(loss: Tensor) -> Tensor:
        variables.set_layout(layout[None])
        return carried

    if bool(carried.any()):
        yield coarse
    yield from joint(variables, starts, targets, options)


MODES: dict[str, Callable[..., Iterator[Update]]] = {"hybrid": hybrid, "joint": joint, "pixels": pixels,
                                                     "latent": latent}


def coarse_move(layout: Layout, starts: Tensor, targets: Tensor, options: DragOptions) -> tuple[Layout, Tensor]:
    """Eq. 6: ``c <- c + k (t - s)`` for every centre c within the radius of a handle's start s; the others stay.

    A centre near several handles follows the nearest. Centres are absolute: one that a moved level-0 centre would carry
    along keeps its place, unless it is near a handle itself.

    Args:
        layout: of one picture, of Gaussians.
        starts: (H, 2).
        targets: (H, 2).
        options: the radius and k are read.

    Returns:
        The layout, and how far each handle is thereby expected to move, ``(H, 2)``: zero where no centre was near.
    """
    moves = options.coarse_factor * (targets - starts)  # (H, 2)
    carried = torch.zeros_like(moves)
    centers = []
    for level in range(len(layout.levels)):
        c = layout.level_centers(level)  # (K, 2)
        distances, nearest = torch.cdist(c, starts).min(dim=1)  # each (K,)
        follows = distances <= options.coarse_radius
        centers.append(c + moves[nearest] * follows[:, None])
        followed = nearest[follows]
        carried[followed] = moves[followed]
    return layout.with_centers(centers), carried


def codes_step(variables: Variables, options: DragOptions) -> Update:
    """The update of the style codes."""
    rate = options.w_learning_rate
    return gradient_step([variables.w], W_STEP * variables.w_std() if rate is None else rate, options)


@dataclass
class Moments:
    """Adam's running means: of a tensor's gradient, and of its square."""

    gradient: Tensor
    square: Tensor


def gradient_step(parameters: list[Tensor], learning_rate: float, options: DragOptions) -> Update:
    """A step of Adam; unless ``options.adam_per_element``, with one second moment for all elements [ours].

    Adam moves each element as far as any other, however little it matters. In a scene of many objects that would
    restyle those which nobody drags; with one moment for all, an element moves in proportion to its gradient.
    """
    moments = [Moments(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
    num_steps = 0

    def update(loss: Tensor) -> None:
        nonlocal num_steps
        num_steps += 1
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True, allow_unused=True)
        squares = [g.square() for g in gradients]
        if not options.adam_per_element:
            mean = torch.cat([s.flatten() for s in squares]).mean()
            squares = [mean.expand_as(s) for s in squares]
        with torch.no_grad():
            for p, m, gradient, square in zip(parameters, moments, gradients, squares, strict=True):
                m.gradient.lerp_(gradient, 1 - BETA1)
                m.square.lerp_(square, 1 - BETA2)
                unbiased = m.gradient / (1 - BETA1**num_steps)
                p -= learning_rate * unbiased / (m.square / (1 - BETA2**num_steps) + EPS).sqrt()

    return update
