"""The four modes of a drag: what each step changes.

A mode is a function that lets variables change and gives one update after the other. An update takes the loss and
changes the variables; what it returns is how far it expects to have carried each handle at once, ``(H, 2)``, None for a
small step of the optimiser.
"""

from collections.abc import Callable, Iterator
from itertools import cycle, islice, repeat

import torch
from torch import Tensor

from spatialgan.editing.drag.adam import Adam
from spatialgan.editing.drag.outcome import DragOptions
from spatialgan.editing.drag.variables import Variables
from spatialgan.layout import Layout

Update = Callable[[Tensor], Tensor | None]

W_STEP = 0.025  # default learning rate of the style codes, in standard deviations of w [ours]


def latent(variables: Variables, starts: Tensor, targets: Tensor, options: DragOptions) -> Iterator[Update]:
    """Style codes alone, as DragGAN does; the heatmaps stay as they are."""
    return repeat(gradient_step(codes(variables, options)))


def pixels(variables: Variables, starts: Tensor, targets: Tensor, options: DragOptions) -> Iterator[Update]:
    """Style codes and all pixels of the heatmaps, in every step."""
    heatmaps = Adam(variables.free_pixels(), options.pixels_learning_rate, per_element=options.adam_per_element)
    return repeat(gradient_step(codes(variables, options), heatmaps))


def joint(variables: Variables, starts: Tensor, targets: Tensor, options: DragOptions) -> Iterator[Update]:
    """Style codes in one step, the heatmaps' centres in the next."""
    centers = Adam(variables.free_centers(), options.centers_learning_rate, per_element=options.adam_per_element)
    return cycle([gradient_step(codes(variables, options)), gradient_step(centers)])


def hybrid(variables: Variables, starts: Tensor, targets: Tensor, options: DragOptions) -> Iterator[Update]:
    """The coarse move of Eq. 6 where there is a centre to move, then ``joint`` for the rest."""
    layout, carried = coarse_move(variables.layout[0], starts, targets, options)

    def coarse(loss: Tensor) -> Tensor:
        variables.set_layout(layout[None])
        return carried

    if bool(carried.any()):
        yield coarse
    yield from joint(variables, starts, targets, options)


MODES: dict[str, Callable[..., Iterator[Update]]] = {
    "hybrid": hybrid,
    "joint": joint,
    "pixels": pixels,
    "latent": latent,
}


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
    shifts = []
    for level in range(len(layout.levels)):
        c = layout.level_centers(level)  # (K, 2)
        distances, nearest = torch.cdist(c, starts).min(dim=1)  # each (K,)
        follows = distances <= options.coarse_radius
        shifts.append(moves[nearest] * follows[:, None])
        followed = nearest[follows]
        carried[followed] = moves[followed]
    return layout.shifted(shifts), carried


def codes(variables: Variables, options: DragOptions) -> Adam:
    """The optimiser of the style codes."""
    rate = W_STEP * variables.w_std() if options.w_learning_rate is None else options.w_learning_rate
    return Adam([variables.w], rate, per_element=options.adam_per_element)


def gradient_step(*optimizers: Adam) -> Update:
    """The update that takes a step with each optimiser, from one backward pass."""
    tensors = [t for optimizer in optimizers for t in optimizer.tensors]

    def update(loss: Tensor) -> None:
        gradients = iter(torch.autograd.grad(loss, tensors, materialize_grads=True, allow_unused=True))
        for optimizer in optimizers:
            optimizer.step(list(islice(gradients, len(optimizer.tensors))))

    return update
