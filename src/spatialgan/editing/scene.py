"""Scenes: a picture with its recipe. Every edit returns a new scene, and the noise inputs stay what they are."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor, nn

from spatialgan.config import ModelConfig
from spatialgan.editing.arguments import finite, positive, seed_number, whole
from spatialgan.editing.export import to_image
from spatialgan.editing.rendering import render_batch
from spatialgan.errors import SpatialGANError
from spatialgan.layout import Gaussians, Layout
from spatialgan.seeds import layout_of, style_of
from spatialgan.streams import random_stream

if TYPE_CHECKING:
    from spatialgan.editing.drag import DragOptions, DragResult, DragStep, Handle, Mode
    from spatialgan.model import SpatialGAN


MAX_OBJECTS = 64  # memory and time grow with each


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture and what it is made of. Immutable: do not write into its tensors or its image.

    The first argument of the edits, ``level``, names what is edited: a level in single-object models, where ``point``
    picks one centre of that level and None takes them all; an object in multi-object models, which take no ``point``.
    Lengths are in image widths, x to the right, y down. All edits raise SpatialGANError where there is no such level,
    point or object, where a number is not finite, and where the model cannot do what is asked.
    """

    model: "SpatialGAN"
    z: Tensor
    """(S, z_dim) on the CPU: one style, or with ``encoding=multi`` one an object and the background's last."""
    layout: Layout | None
    """Of one picture, on the CPU; None with ``encoding=none``."""
    noise_seed: int
    """Seed of the noise inputs."""
    truncation: float = 1.0
    """1 for none, towards 0 for more typical pictures."""
    seed: int | None = None
    """Where z came from first; later edits do not change it."""
    layout_seed: int | None = None
    """Where the layout came from first."""
    w_offset: Tensor | None = None
    """(num_ws, S, w_dim) on the CPU, added to w after truncation: what drags did to the styles; None for nothing."""
    edits: tuple[dict[str, Any], ...] = ()
    """The edits so far, as JSON values: for people to read, since z, w_offset and layout hold what they did."""

    def __repr__(self) -> str:
        return f"Scene({self.model.name}, seed={self.seed}, layout_seed={self.layout_seed}, {len(self.edits)} edits)"

    @classmethod
    def sample(
        cls, model: "SpatialGAN", seed: int, *, layout_seed: int | None = None, truncation: float = 1.0
    ) -> "Scene":
        """A random picture; the same on every device, but for the last bits of its pixels.

        Args:
            model: whose picture.
            seed: of styles, layout and noise, each from a stream of its own.
            layout_seed: another seed for the layout alone.
            truncation: see :attr:`truncation`.
        """
        seed = seed_number(seed)
        layout_seed = seed if layout_seed is None else seed_number(layout_seed, "layout_seed")
        z, layout = style_of(model.config.model, seed), layout_of(model.config.model, layout_seed)
        return cls(model, z, layout, seed, finite(truncation, "truncation"), seed, layout_seed)

    @cached_property
    def tensor(self) -> Tensor:
        """The picture, ``(C, R, R)``, about -1..1, on the CPU; rendered in a batch of one, to be reproducible."""
        return render_batch([self])[0]

    @cached_property
    def image(self) -> Image.Image:
        """The picture, RGB or L, made of :attr:`tensor`."""
        return to_image(self.tensor)

    @property
    def num_objects(self) -> int:
        """Objects of a multi-object layout, removed ones included."""
        return self._require_layout().levels[0].num_maps

    @property
    def w_offset_or_zeros(self) -> Tensor:
        """:attr:`w_offset`, with zeros for None."""
        if self.w_offset is not None:
            return self.w_offset
        config = self.model.config.model
        return torch.zeros(config.num_ws, self.z.shape[0], config.w_dim, dtype=torch.float32)

    def heatmaps(self, size: int | None = None) -> list[Tensor]:
        """The complete heatmap of each level, ``(size, size)`` in 0..1, for display; ``size`` None: the picture's."""
        layout = self._require_layout()
        size = size or self.model.config.model.resolution
        return [layout.level_map(level, size) for level in range(len(layout.levels))]

    def attention(self, discriminator: nn.Module | None = None) -> Tensor:
        """D's attention on the picture, ``(3, R, R)`` in 0..1, on the CPU.

        Args:
            discriminator: another than the model's own.

        Raises:
            SpatialGANError: neither is there.
        """
        return self.model.attention(self.tensor[None].to(self.model.device), discriminator=discriminator)[0].cpu()

    # ------------------------------------------------------------- edits of the layout

    def move(self, level: int = 0, *, dx: float = 0.0, dy: float = 0.0, point: int | None = None) -> "Scene":
        """Move by ``dx`` to the right and ``dy`` down; level 0 of a hierarchical layout carries the others along."""
        where = self._where(level, point)
        dx, dy = finite(dx, "dx"), finite(dy, "dy")
        layout = self._require_layout().moved(torch.tensor([dx, dy], dtype=torch.float32), **where)
        return self._edited("move", where, dx=dx, dy=dy, layout=layout)

    def move_to(self, level: int, x: float, y: float, *, point: int | None = None) -> "Scene":
        """Move the centre, or the middle of a level's centres, to ``(x, y)`` in 0..1."""
        where = self._where(level, point)
        x, y = finite(x, "x"), finite(y, "y")
        layout = self._require_layout()
        centers = layout.level_centers(where["level"])  # (K, 2)
        now = centers.mean(dim=0) if where["point"] is None else centers[where["point"]]
        there = torch.tensor([x, y], dtype=torch.float32)
        return self._edited("move_to", where, x=x, y=y, layout=layout.moved(there - now, **where))

    def resize(self, level: int, factor: float, *, point: int | None = None) -> "Scene":
        """Multiply the standard deviations by ``factor``, above 0."""
        where = self._where(level, point)
        factor = positive(factor, "factor")
        return self._edited("resize", where, factor=factor, layout=self._require_layout().resized(factor, **where))

    def stretch(self, level: int, sx: float, sy: float, *, point: int | None = None) -> "Scene":
        """Multiply the two standard deviations by ``sx`` and ``sy``, above 0.

        The axes are the ellipse's own: right and down, until it is rotated.
        """
        where = self._where(level, point)
        sx, sy = positive(sx, "sx"), positive(sy, "sy")
        return self._edited("stretch", where, sx=sx, sy=sy, layout=self._require_layout().resized((sx, sy), **where))

    def rotate(self, level: int, degrees: float, *, point: int | None = None) -> "Scene":
        """Turn the ellipse clockwise around its centre; a circle looks the same afterwards."""
        where = self._where(level, point)
        degrees = finite(degrees, "degrees")
        layout = self._require_layout().rotated(math.radians(degrees), **where)
        return self._edited("rotate", where, degrees=degrees, layout=layout)

    def remove(self, level: int, amount: float = 1.0, *, point: int | None = None) -> "Scene":
        """Shrink by ``amount``: 0 changes nothing, 1 leaves nothing. What is removed keeps its number."""
        where = self._where(level, point)
        amount = finite(amount, "amount")
        if not 0 <= amount <= 1:
            raise SpatialGANError(f"amount is {amount}; use 0 (all stays) to 1 (all goes)")
        return self._edited("remove", where, amount=amount, layout=self._require_layout().resized(1 - amount, **where))

    def with_new_layout(self, seed: int) -> "Scene":
        """The same styles in a new layout of as many objects; layouts match ``sample(..., layout_seed=seed)``."""
        seed = seed_number(seed)
        self._require_layout()
        return self._edited("with_new_layout", {}, seed=seed, layout=layout_of(self._config(), seed))

    # ------------------------------------------------------------- edits of the styles

    def with_new_styles(self, seed: int) -> "Scene":
        """The same layout and noise, with all styles of ``sample(seed)``."""
        seed = seed_number(seed)
        return self._edited("with_new_styles", {}, seed=seed, z=style_of(self._config(), seed), w_offset=None)

    def restyle(self, i: int | str, seed: int) -> "Scene":
        """A new style for object ``i``, or for ``"background"``; needs a model with ``encoding=multi``."""
        self._require_styles("restyle", "new styles for all of it (with_new_styles, --new-styles) are what it can have")
        seed = seed_number(seed)
        index = self.num_objects if i == "background" else self._where(i, None, or_="or 'background'")["point"]
        z = self.z.clone()
        z[index] = self._new_style(seed)
        w_offset = self.w_offset
        if w_offset is not None:  # it was the old style's
            w_offset = w_offset.clone()
            w_offset[:, index] = 0
        return self._edited(
            "restyle", {}, object="background" if i == "background" else index, seed=seed, z=z, w_offset=w_offset
        )

    def duplicate(self, i: int, dx: float, dy: float) -> "Scene":
        """A second object of the same style and shape, ``(dx, dy)`` away; it becomes the last object.

        Needs a model with ``encoding=multi``.
        """
        self._require_styles("duplicate", "what is there can be moved")
        i = self._where(i, None)["point"]
        dx, dy = finite(dx, "dx"), finite(dy, "dy")
        copy = self._require_layout()[i : i + 1].moved(torch.tensor([dx, dy], dtype=torch.float32))
        changes = self._with_object(copy, self.z[i], self.w_offset_or_zeros[:, i])
        return self._edited("duplicate", {}, object=i, dx=dx, dy=dy, **changes)

    def add(self, x: float, y: float, std: float, seed: int) -> "Scene":
        """A new round object at ``(x, y)`` in 0..1, of a standard deviation ``std``; it becomes the last object.

        Needs a model with ``encoding=multi``.
        """
        self._require_styles("add", "a new layout (with_new_layout, --new-layout) places what is there anew")
        x, y, std, seed = finite(x, "x"), finite(y, "y"), positive(std, "std"), seed_number(seed)
        self._require_layout().gaussians(0)  # raises where the heatmaps are pixels, which no object can be added to
        center, stds = (torch.tensor([pair], dtype=torch.float32) for pair in ((x, y), (std, std)))
        new = Gaussians(center, stds, torch.zeros_like(center[:, 0]))
        changes = self._with_object(Layout((new,), hierarchical=False), self._new_style(seed))
        return self._edited("add", {}, x=x, y=y, std=std, seed=seed, **changes)

    # ------------------------------------------------------------- drag

    def drag(
        self,
        handles: Sequence["Handle"],
        *,
        mask: Any = None,
        mode: "Mode" = "hybrid",
        max_steps: int = 200,
        callback: "Callable[[DragStep], bool | None] | None" = None,
        options: "DragOptions | None" = None,
    ) -> "DragResult":
        """Pull points of the picture to where they should be; see :func:`spatialgan.editing.drag.drag_steps`."""
        from spatialgan.editing.drag import drag  # a drag is made of scenes, not the other way round

        return drag(self, handles, mask=mask, mode=mode, max_steps=max_steps, callback=callback, options=options)

    # ------------------------------------------------------------- files

    def to_json(self) -> dict[str, Any]:
        """The scene as JSON values; see :mod:`spatialgan.editing.scene_file`."""
        from spatialgan.editing.scene_file import scene_to_json  # a file is made of a scene, not the other way round

        return scene_to_json(self)

    @classmethod
    def from_json(cls, model: "SpatialGAN", data: Any) -> "Scene":
        """The inverse of :meth:`to_json`; raises SpatialGANError where it is damaged or another model's."""
        from spatialgan.editing.scene_file import scene_from_json

        return scene_from_json(model, data)

    def save(self, path: str | Path) -> Path:
        """Write ``.scene.json``; on the same kind of device, loading gives the identical picture."""
        from spatialgan.editing.scene_file import save_scene

        return save_scene(self, path)

    @classmethod
    def load(cls, model: "SpatialGAN", path: str | Path) -> "Scene":
        """A scene that was saved; raises SpatialGANError where it is missing, damaged or another model's."""
        from spatialgan.editing.scene_file import load_scene

        return load_scene(model, path)

    # ------------------------------------------------------------- helpers

    def _edited(self, name: str, where: dict[str, int | None], **values: Any) -> "Scene":
        """The scene with those of layout, z and w_offset that are given; all other values go into the record."""
        if self._is_multi and where:
            where = {"object": where["point"]}
        changes = {n: values.pop(n) for n in ("layout", "z", "w_offset") if n in values}
        return replace(self, **changes, edits=(*self.edits, {"edit": name, **where, **values}))

    @property
    def _is_multi(self) -> bool:
        return self.model.config.model.layout == "multi"

    def _where(self, level: int, point: int | None, or_: str = "") -> dict[str, int | None]:
        """The caller's (level, point) as the layout's: multi-object layouts have one level, with a point an object."""
        if not self._is_multi:
            where = {"level": whole(level, "level"), "point": None if point is None else whole(point, "point")}
            self._require_layout().require_point(**where)
            return where
        if point is not None:
            raise SpatialGANError("a point is a centre of a level in single-object models; here, name the object alone")
        i, n = whole(level, "the object"), self.num_objects
        if not 0 <= i < n:
            raise SpatialGANError(f"there is no object {i}; this picture has objects 0 to {n - 1} {or_}".rstrip())
        return {"level": 0, "point": i}

    def _require_layout(self) -> Layout:
        if self.layout is None:
            raise SpatialGANError(
                f"the model {self.model.name} has encoding=none and reads no layout; "
                "new styles (with_new_styles, --new-styles) are the one edit that works"
            )
        return self.layout

    def _require_styles(self, edit: str, instead: str) -> None:
        self._require_layout()
        if self.model.config.model.encoding != "multi":
            raise SpatialGANError(
                f"{edit} needs a model with encoding=multi; {self.model.name} has one style for the "
                f"whole picture, and {instead}"
            )

    def _config(self) -> ModelConfig:
        """The model's configuration, for as many objects as there are now."""
        config = self.model.config.model
        return replace(config, num_objects=self.num_objects) if config.encoding == "multi" else config

    def _new_style(self, seed: int) -> Tensor:
        stream = random_stream(seed, "object style")
        return torch.randn(self.z.shape[1], generator=stream, dtype=torch.float32)  # (z_dim,)

    def _with_object(self, new: Layout, style: Tensor, offset: Tensor | None = None) -> dict[str, Any]:
        """Layout, z and w_offset with one more object, behind the others and before the background.

        ``style`` is its z (z_dim,), ``offset`` its own w_offset (num_ws, w_dim), None for none.
        """
        require_few_objects(self.model.config.model, self.num_objects + 1)
        # The leading dimension of one picture's layout is its objects.
        layout = Layout.cat([self._require_layout(), new])
        changes = {"layout": layout, "z": torch.cat([self.z[:-1], style[None], self.z[-1:]])}
        if self.w_offset is not None:
            w = self.w_offset
            own = torch.zeros_like(w[:, 0]) if offset is None else offset
            changes["w_offset"] = torch.cat([w[:, :-1], own[:, None], w[:, -1:]], dim=1)
        return changes


def require_few_objects(config: ModelConfig, count: int) -> None:
    """Raise SpatialGANError where a scene would have more objects than a picture is drawn of."""
    most = max(MAX_OBJECTS, config.num_objects)
    if count > most:
        raise SpatialGANError(f"a scene of {count} objects is too large; use at most {most}")
