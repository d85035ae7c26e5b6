"""Adam, with one second moment for all elements where that is wanted."""

import torch
from torch import Tensor

BETA1, BETA2, EPS = 0.9, 0.999, 1e-20  # EPS stands under the root, and squares of gradients are as small as 1e-14


class Adam:
    """Adam (Kingma and Ba, 2015) for a few tensors, given their gradients.

    Adam moves each element as far as any other, however little it matters. In a scene of many objects a drag would so
    restyle those which nobody drags. With one second moment for all elements [ours], each moves in proportion to its
    gradient, and the root mean square of the first step is the learning rate.
    """

    def __init__(self, tensors: list[Tensor], learning_rate: float, *, per_element: bool):
        self.tensors, self.learning_rate, self.per_element = tensors, learning_rate, per_element
        self.num_steps = 0
        self._means = [torch.zeros_like(t) for t in tensors]
        self._squares = [torch.zeros_like(t) for t in tensors]

    @torch.no_grad()
    def step(self, gradients: list[Tensor]) -> None:
        """Change the tensors in place."""
        self.num_steps += 1
        squares = [g.square() for g in gradients]
        if not self.per_element:
            shared = torch.cat([s.flatten() for s in squares]).mean()
            squares = [shared.expand_as(s) for s in squares]
        for i, tensor in enumerate(self.tensors):
            self._means[i].lerp_(gradients[i], 1 - BETA1)
            self._squares[i].lerp_(squares[i], 1 - BETA2)
            mean = self._means[i] / (1 - BETA1**self.num_steps)
            root = (self._squares[i] / (1 - BETA2**self.num_steps) + EPS).sqrt()
            tensor -= self.learning_rate * mean / root
