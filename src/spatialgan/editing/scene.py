"""Scenes: a picture with its recipe. Every edit returns a new scene, and the noise inputs stay what they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.editing.arguments import finite, seed_number
from spatialgan.editing.drag import MAX_STEPS, DragOptions, DragResult, DragStep, Handle, Mode, drag
from spatialgan.editing.edits import (
    Add,
    Align,
    Duplicate,
    Edit,
    Mirror,
    MixStyles,
    Move,
    MoveTo,
    Remove,
    Resize,
    Restyle,
    Rotate,
    Stretch,
    WithNewLayout,
    WithNewStyles,
)
from spatialgan.editing.pictures import enlarge, to_image, to_png
from spatialgan.editing.rendering import inputs_of, render_batch
from spatialgan.editing.scene_file import read_scene, save_scene, scene_fields, scene_to_json
from spatialgan.errors import SpatialGANError
from spatialgan.inputs import Inputs
from spatialgan.layout import Layout
from spatialgan.model import Model
from spatialgan.networks.discriminators import Discriminator
from spatialgan.seeds import layout_of, style_of


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture and what it is made of. Immutable: do not write into its tensors or its image.

    The first argument of the edits, ``level``, names what is edited: a level in single-object models, where ``point``
    picks one centre of that level and None takes them all; an object in multi-object models, which take no ``point``.
    Lengths are in image widths, x to the right, y down. All edits raise SpatialGANError where there is no such level,
    point or object, where a number is not finite, and where the model cannot do what is asked.
    """

    model: Model
    z: Tensor
    """(S, z_dim) on the CPU: one style, or with ``encoding=multi`` one an object and the background's last."""
    layout: Layout
    """Of one picture, on the CPU; empty with ``encoding=none``."""
    noise_seed: int
    """Seed of the noise inputs."""
    truncation: float = 1.0
    """1 for none, towards 0 for more typical pictures."""
    seed: int | None = None
    """Where z came from first; later edits do not change it."""
    layout_seed: int | None = None
    """Where the layout came from first."""
    w_offset: Tensor | None = None
    """(num_ws, S, w_dim) on the CPU, added to w after truncation: what drags and mixing did to the styles; None for
    nothing."""
    edits: tuple[dict[str, Any], ...] = ()
    """The edits so far, as JSON values: for people to read, since z, w_offset and layout hold what they did."""

    def __repr__(self) -> str:
        return f"Scene({self.model.name}, seed={self.seed}, layout_seed={self.layout_seed}, {len(self.edits)} edits)"

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the picture, a small one enlarged for viewing."""
        return to_png(enlarge(self.image, None))

    @classmethod
    def sample(cls, model: Model, seed: int, *, layout_seed: int | None = None, truncation: float = 1.0) -> "Scene":
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

    def inputs(self, device: torch.device | str | None = None) -> Inputs:
        """What the generator draws it from, as a batch of one; ``device`` None: the model's."""
        return inputs_of([self], self.model.device if device is None else device)

    def features(self) -> dict[int, Tensor]:
        """What leaves each of the generator's blocks: ``(C, r, r)`` float32 on the CPU, by resolution r."""
        return {r: f[0].float().cpu() for r, f in self.model.draw(self.inputs()).features.items()}

    @cached_property
    def tensor(self) -> Tensor:
        """The picture, ``(C, R, R)``, about -1..1, on the CPU.

        Rendered in a batch of one, to be reproducible; but :func:`spatialgan.edit_many` has drawn it with others.
        """
        return render_batch([self])[0]

    @property
    def is_drawn(self) -> bool:
        """Whether :attr:`tensor` is there already."""
        return "tensor" in self.__dict__

    @cached_property
    def image(self) -> Image.Image:
        """The picture, RGB or L, made of :attr:`tensor`."""
        return to_image(self.tensor)

    @property
    def num_objects(self) -> int:
        """Objects of a multi-object layout, removed ones included."""
        return self.require_layout().counts[0]

    @property
    def w_offset_or_zeros(self) -> Tensor:
        """:attr:`w_offset`, with zeros for None."""
        if self.w_offset is not None:
            return self.w_offset
        config = self.model.config.model
        return torch.zeros(config.num_ws, self.z.shape[0], config.w_dim, dtype=torch.float32)

    @torch.no_grad()
    def ws(self, z: Tensor | None = None) -> Tensor:
        """w of every layer after truncation, without what drags and mixing add: (num_ws, S, w_dim) on the CPU.

        ``z`` (S, z_dim) is another picture's; None: its own.
        """
        z = (self.z if z is None else z).to(self.model.device)
        layout = self.layout.to(self.model.device)
        return self.model.generator.ws(z[None], layout[None], truncation=self.truncation)[0].cpu()

    def heatmaps(self, size: int | None = None) -> list[Tensor]:
        """The complete heatmap of each level, ``(size, size)`` in 0..1, for display; ``size`` None: the picture's."""
        layout = self.require_layout()
        size = size or self.model.config.model.resolution
        return [layout.level_map(level, size) for level in range(len(layout.levels))]

    def attention(self, discriminator: Discriminator | None = None) -> Tensor:
        """D's attention on the picture, ``(3, R, R)`` in 0..1, on the CPU.

        Args:
            discriminator: another than the model's own.

        Raises:
            SpatialGANError: neither is there.
        """
        return self.model.attention(self.tensor[None].to(self.model.device), discriminator=discriminator)[0].cpu()

    # ------------------------------------------------------------- edits

    def apply(self, edit: Edit) -> "Scene":
        """The scene after an edit of :mod:`spatialgan.editing.edits`; those below are the same, as methods."""
        return edit.apply(self)

    def move(self, level: int = 0, *, dx: float = 0.0, dy: float = 0.0, point: int | None = None) -> "Scene":
        """Move by ``dx`` to the right and ``dy`` down; level 0 of a hierarchical layout carries the others along."""
        return Move(**self._at(level, point), dx=dx, dy=dy).apply(self)

    def move_to(self, level: int, x: float, y: float, *, point: int | None = None) -> "Scene":
        """Move the centre, or the middle of a level's centres, to ``(x, y)`` in 0..1."""
        return MoveTo(**self._at(level, point), x=x, y=y).apply(self)

    def resize(self, level: int, factor: float, *, point: int | None = None) -> "Scene":
        """Multiply the standard deviations by ``factor``, above 0."""
        return Resize(**self._at(level, point), factor=factor).apply(self)

    def stretch(self, level: int, sx: float, sy: float, *, point: int | None = None) -> "Scene":
        """Multiply the two standard deviations by ``sx`` and ``sy``, above 0.

        The axes are the ellipse's own: right and down, until it is rotated.
        """
        return Stretch(**self._at(level, point), sx=sx, sy=sy).apply(self)

    def rotate(self, level: int, degrees: float, *, point: int | None = None) -> "Scene":
        """Turn the ellipse clockwise around its centre; a circle looks the same afterwards."""
        return Rotate(**self._at(level, point), degrees=degrees).apply(self)

    def remove(self, level: int, amount: float = 1.0, *, point: int | None = None) -> "Scene":
        """Shrink by ``amount``: 0 changes nothing, 1 leaves nothing. What is removed keeps its number."""
        return Remove(**self._at(level, point), amount=amount).apply(self)

    def with_new_layout(self, seed: int) -> "Scene":
        """The same styles in a new layout of as many objects; layouts match ``sample(..., layout_seed=seed)``."""
        return WithNewLayout(seed=seed).apply(self)

    def with_new_styles(self, seed: int) -> "Scene":
        """The same layout and noise, with all styles of ``sample(seed)``."""
        return WithNewStyles(seed=seed).apply(self)

    def mix_styles(self, seed: int, first: int, last: int, amount: float = 1.0) -> "Scene":
        """The layers ``first`` to ``last`` with the styles of ``sample(seed)``, or so far on the way to them."""
        return MixStyles(seed=seed, first=first, last=last, amount=amount).apply(self)

    def restyle(self, i: int | str, seed: int) -> "Scene":
        """A new style for object ``i``, or for ``"background"``; needs a model with ``encoding=multi``."""
        return Restyle(object=i, seed=seed).apply(self)

    def duplicate(self, i: int, dx: float, dy: float) -> "Scene":
        """A second object of the same style and shape, ``(dx, dy)`` away; it becomes the last object.

        Needs a model with ``encoding=multi``.
        """
        return Duplicate(object=i, dx=dx, dy=dy).apply(self)

    def add(self, x: float, y: float, std: float, seed: int) -> "Scene":
        """A new round object at ``(x, y)`` in 0..1, of a standard deviation ``std``; it becomes the last object.

        Needs a model with ``encoding=multi``.
        """
        return Add(x=x, y=y, std=std, seed=seed).apply(self)

    def mirror(self) -> "Scene":
        """Left and right swapped in the layout; what the layout does not decide keeps its side."""
        return Mirror().apply(self)

    def align(
        self, objects: Sequence[int], axis: Literal["horizontal", "vertical"], at: float | None = None
    ) -> "Scene":
        """Several objects on one line, which lies ``at`` so far from above or from the left; None: at their mean."""
        return Align(objects=objects, axis=axis, at=at).apply(self)

    # ------------------------------------------------------------- drag

    def drag(
        self,
        handles: Sequence[Handle],
        *,
        mask: Any = None,
        mode: Mode = "hybrid",
        max_steps: int = MAX_STEPS,
        callback: Callable[[DragStep], bool | None] | None = None,
        options: DragOptions | None = None,
    ) -> DragResult:
        """Pull points of the picture to where they should be; see :func:`spatialgan.editing.drag.drag_steps`."""
        return drag(self, handles, mask=mask, mode=mode, max_steps=max_steps, callback=callback, options=options)

    # ------------------------------------------------------------- files

    def to_json(self) -> dict[str, Any]:
        """The scene as JSON values; see :mod:`spatialgan.editing.scene_file`."""
        return scene_to_json(self)

    @classmethod
    def from_json(cls, model: Model, data: Any) -> "Scene":
        """The inverse of :meth:`to_json`; raises SpatialGANError where it is damaged or another model's."""
        return cls(**scene_fields(model, data))

    def save(self, path: str | Path) -> Path:
        """Write ``.scene.json``; on the same kind of device, loading gives the identical picture."""
        return save_scene(self, path)

    @classmethod
    def load(cls, model: Model, path: str | Path) -> "Scene":
        """A scene that was saved; raises SpatialGANError where it is missing, damaged or another model's."""
        return cls(**read_scene(model, path))

    # ------------------------------------------------------------- what edits ask

    @property
    def config(self) -> ModelConfig:
        """The model's configuration, for as many objects as there are now."""
        config = self.model.config.model
        return replace(config, num_objects=self.num_objects) if config.encoding == "multi" else config

    def place(self, index: int, point: int | None, or_: str = "") -> dict[str, int | None]:
        """The fields that say where, of an edit of this model: a level and a point, or an object.

        Raises SpatialGANError where the picture has none; ``or_`` ends its sentence with what else could be named.
        """
        if not self._is_multi:
            self.require_layout().require_point(index, point)
            return {"level": index, "point": point, "object": None}
        if point is not None:
            raise SpatialGANError("a point is a centre of a level in single-object models; here, name the object alone")
        n = self.num_objects
        if not 0 <= index < n:
            raise SpatialGANError(f"there is no object {index}; this picture has objects 0 to {n - 1} {or_}".rstrip())
        return {"level": None, "point": None, "object": index}

    def require_layout(self) -> Layout:
        """The layout; raises SpatialGANError where the model reads none."""
        if self.layout.kind == "none":
            raise SpatialGANError(
                f"the model {self.model.name} has encoding=none and reads no layout; "
                "new styles (--new-styles) and mixed ones (--mix-styles) are the edits that work"
            )
        return self.layout

    def require_styles(self, edit: str, instead: str) -> None:
        """Raise SpatialGANError where objects have no styles of their own, naming what can be done instead."""
        self.require_layout()
        if self.model.config.model.encoding != "multi":
            raise SpatialGANError(
                f"{edit} needs a model with encoding=multi; {self.model.name} has one style for the "
                f"whole picture; {instead}"
            )

    @property
    def _is_multi(self) -> bool:
        return self.model.config.model.layout == "multi"

    def _at(self, level: int, point: int | None) -> dict[str, int | None]:
        """The first argument of the edits as a field."""
        return {"object" if self._is_multi else "level": level, "point": point}
