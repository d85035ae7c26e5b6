"""What a drag changes: style codes, and centres or pixels of the heatmaps."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from spatialgan.coords import centroid_xy
from spatialgan.layout import Layout, raster_sizes
from spatialgan.levels import Gaussians, Raster
from spatialgan.streams import random_stream

if TYPE_CHECKING:
    from spatialgan.editing.scene import Scene

NUM_CODES = 64  # random style codes from which the standard deviation of w is estimated
EMPTY = 1e-6  # least value of a heatmap's pixels where their middle is asked for
FAINT = 0.01  # heatmaps with nothing above this have none


class Variables:
    """The parts of a scene that change while it is dragged, and the features that they give."""

    w: Tensor
    """(n, S, D), added to w of the first n layers; S codes, so each object has its own."""
    shifts: list[Tensor]
    """Of the centres, one (1, K, 2) a level; empty until :meth:`free_centers`."""
    pixels: list[Tensor]
    """Heatmaps, one (1, K, h, w) a level; empty until :meth:`free_pixels`."""

    def __init__(self, scene: "Scene", *, feature_resolution: int, num_layers: int, with_noise: bool):
        """
        Args:
            scene: stays as it is.
            feature_resolution: of the block whose features are read.
            num_layers: whose w may change; fewer where that block has fewer before it.
            with_noise: whether features are those of the picture with its noise inputs.
        """
        generator, device = scene.model.generator, scene.model.device
        config = scene.model.config.model
        self.scene, self.generator, self.feature_resolution = scene, generator, feature_resolution
        # Copies, since autograd does not work on tensors made in inference mode.
        inputs = scene.inputs(device)
        self._inputs = inputs if with_noise else replace(inputs, noise=None)
        self._layout = inputs.layout
        self._offset = scene.w_offset_or_zeros.to(device, copy=True)
        layers_before = sum(1 if r == 4 else 2 for r in config.block_resolutions if r <= feature_resolution)
        self.w = torch.zeros_like(self._offset[: min(num_layers, layers_before)]).requires_grad_()
        self.shifts, self.pixels = [], []

    def w_std(self) -> float:
        """The standard deviation of w over random style codes, averaged over its dimensions."""
        shape = (NUM_CODES, *self._inputs.z.shape[1:])
        z = torch.randn(shape, generator=random_stream(0, "drag w_std"), dtype=torch.float32)
        z = z.to(self._inputs.z.device)
        layout = self._layout.map(lambda t: t.expand(NUM_CODES, *t.shape[1:]))
        with torch.no_grad():
            return float(self.generator.ws(z, layout)[:, 0].flatten(0, 1).std(dim=0).mean())

    def free_centers(self) -> list[Tensor]:
        """Let the heatmaps' centres change."""
        levels = range(len(self._layout.levels))
        self.shifts = [torch.zeros_like(self._layout.level_centers(i)).requires_grad_() for i in levels]
        return self.shifts

    def free_pixels(self) -> list[Tensor]:
        """Turn the heatmaps into pixels, and let those change."""
        sizes = raster_sizes(self.scene.model.config.model)
        self._starts = [self._layout.heatmaps(i, size) for i, size in enumerate(sizes)]
        self.pixels = [start.clone().requires_grad_() for start in self._starts]
        return self.pixels

    @property
    def layout(self) -> Layout:
        """Of a batch of one."""
        if self.pixels:
            levels = enumerate(self.pixels)
            return Layout(tuple(Raster(p.clamp(0, 1), self._frames(i)) for i, p in levels), hierarchical=False)
        return self._layout.shifted(self.shifts) if self.shifts else self._layout

    def _frames(self, level: int) -> Gaussians | None:
        """Of heatmaps given by pixels: the objects' own coordinates go where their heatmaps' mass goes."""
        frames = self._layout.levels[level].frames
        if frames is None or self.scene.model.config.model.coordinates_max_resolution == 0:
            return None
        start, now = self._starts[level].clamp_min(EMPTY), self.pixels[level].clamp(EMPTY, 1)
        there = start.amax(dim=(-2, -1)).gt(FAINT)[..., None]  # an object that was removed has no middle to go on from
        return replace(frames, centers_xy=frames.centers_xy + there * (centroid_xy(now) - centroid_xy(start)))

    def set_layout(self, layout: Layout) -> None:
        """Replace the layout; only before centres or pixels are free."""
        assert not self.shifts and not self.pixels
        self._layout = layout

    @property
    def w_offset(self) -> Tensor:
        """(num_ws, S, D)."""
        n = len(self.w)
        return torch.cat([self._offset[:n] + self.w, self._offset[n:]])

    def features(self) -> Tensor:
        """``(1, C, h, w)`` of the block that was chosen; later blocks are not computed."""
        inputs, r = replace(self._inputs, layout=self.layout, w_offset=self.w_offset[None]), self.feature_resolution
        ws = inputs.ws(self.generator)
        return self.generator.features(ws, inputs.layout, inputs.noise, stop_resolution=r)[r].float()

    @torch.no_grad()
    def to_scene(self, record: dict[str, Any]) -> "Scene":
        """A scene of its own of the present state, with one more edit recorded."""
        layout = self.layout[0].map(lambda t: t.detach().cpu().clone())
        return replace(
            self.scene,
            layout=layout,
            w_offset=self.w_offset.cpu().clone(),
            edits=(*self.scene.edits, {"edit": "drag", **record}),
        )
