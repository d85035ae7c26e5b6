"""Inversion: from a photograph to a scene that draws it, which can be edited as any other.

In four steps, each from where the one before has come to:

1. the nearest of many random pictures;
2. heatmaps (their centres and sizes) and one w for all layers, from several of those at once;
3. a w for each layer, from the best ("W+": Abdal et al., "Image2StyleGAN", ICCV 2019);
4. where asked for, G itself: pivotal tuning (``networks/tuning.py``).

The noise inputs stay those of the start's seed: a scene is drawn exactly as it was fitted.
"""

import math
import time
from collections.abc import Callable, Sequence
from collections.abc import Generator as Iteration
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from spatialgan.data.images import to_float, to_uint8
from spatialgan.editing.arguments import whole
from spatialgan.editing.rendering import RENDER_BATCH, inputs_of
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.heatmaps import MIN_STD, resize_maps
from spatialgan.layout import MAX_STD, Layout
from spatialgan.levels import Gaussians
from spatialgan.model import Model
from spatialgan.networks.generator import Generator
from spatialgan.networks.tuning import Tuning, new_tuning, tuned_weights
from spatialgan.vision.efficientnet_lite import EfficientNetLite
from spatialgan.vision.perceptual import comparison_network, feature_distance, unit_features

T = TypeVar("T")
Stage = Literal["search", "one code", "a code a layer", "tuning"]
PIXEL_WEIGHT = 1.0  # of the mean absolute difference of pixels, at full size and at SMALL_PX
SMALL_PX = 16  # what is where can be told from this; texture cannot
SHARED_SHARE = 1 / 3  # of the steps, in which all layers share a w
W_RATE, CENTER_RATE, SIZE_RATE = 0.05, 0.01, 0.02  # a step: standard deviations of w, image widths, logarithm of sizes
TUNING_RATE = 0.003
RISE, FALL = 0.05, 0.25  # shares of a stage in which rates go up from 0 and down to 0, as in StyleGAN2's projection
LIKENESS_OF_LAYERS = 0.05  # weight of how much layers' w differ from one another: edits need them alike
TYPICAL = 0.05  # weight of how far w is from the mean: less fits better, and what is moved then falls apart
CLOSE, SIMILAR = 0.3, 0.6  # shares of a random picture's distance


@dataclass(frozen=True)
class InvertOptions:
    """How much work inversion is given."""

    candidates: int = 1000
    """Random pictures, of which the nearest are taken."""
    starts: int = 4
    """How many of them are fitted at once in the first stage."""
    steps: int = 400
    """Of gradient descent on heatmaps and codes."""
    tune_steps: int = 0
    """Of gradient descent on G itself; 0: it stays what it is."""

    def __post_init__(self) -> None:
        for name, least in (("candidates", 1), ("starts", 1), ("steps", 0), ("tune_steps", 0)):
            if whole(getattr(self, name), name) < least:
                raise SpatialGANError(f"{name} is {getattr(self, name)}; use {least} or more")


@dataclass(frozen=True)
class Likeness:
    """How like the photograph a picture is."""

    psnr_db: float
    """Peak signal to noise of the pixels, in decibels; more is better."""
    perceptual: float
    """See :mod:`spatialgan.vision.perceptual`; less is better."""
    share: float
    """``perceptual`` as a share of the median over random pictures of the model: 1 for one that has nothing to do
    with the photograph."""

    @property
    def words(self) -> str:
        """Honest ones."""
        if self.share < CLOSE:
            return "close"
        if self.share < SIMILAR:
            return "similar, not the same"
        return "poor: the model cannot draw this photograph"


@dataclass(frozen=True)
class InvertStep:
    """Where an inversion is."""

    stage: Stage
    done: int
    """Of this stage's pictures or steps, counted from 1."""
    total: int
    loss: float
    """Of the best so far; what it is made of is the same in all stages."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What a part of the work has come to."""

    scene: Scene
    likeness: Likeness


@dataclass(frozen=True, eq=False)
class Inversion:
    """A photograph as a scene."""

    photo: Tensor
    """(C, R, R) in -1..1: what was to be drawn."""
    nearest: Fit
    """The nearest random picture."""
    codes: Fit
    """With heatmaps and codes fitted."""
    tuned: Fit | None
    """And G tuned; None without."""
    seconds: dict[Stage, float]
    """By stage."""
    stopped: bool
    """Whether the callback ended it early."""

    @property
    def final(self) -> Fit:
        """The last of them."""
        return self.tuned or self.codes

    @property
    def scene(self) -> Scene:
        """The photograph, to be edited."""
        return self.final.scene


Callback = Callable[[InvertStep], bool | None]
Steps: TypeAlias = Iteration[InvertStep, bool | None, T]
"""Yields what it has come to; sent true, it ends with what there is."""


def invert(
    model: Model,
    photo: Tensor,
    *,
    options: InvertOptions | None = None,
    name: str = "photo",
    callback: Callback | None = None,
) -> Inversion:
    """A scene that draws ``photo`` as well as the model can.

    Args:
        model: whose scene.
        photo: (C, R, R) uint8, of the model's size and channels, cut as its training pictures were.
        options: None for the usual ones.
        name: of the photograph, for the scene's record.
        callback: told each step; what it returns, where true, ends the work with what there is.

    Raises:
        SpatialGANError: the picture is not of the model's size, or the ImageNet weights are not installed.
    """
    steps = invert_steps(model, photo, options=options, name=name)
    try:
        step = next(steps)
        while True:
            step = steps.send(callback is not None and callback(step))
    except StopIteration as end:
        return end.value


def invert_steps(
    model: Model, photo: Tensor, *, options: InvertOptions | None = None, name: str = "photo"
) -> "Steps[Inversion]":
    """:func:`invert`, one step at a time."""
    options = options or InvertOptions()
    config = model.config.model
    wanted = (config.image_channels, config.resolution, config.resolution)
    if photo.dtype != torch.uint8 or tuple(photo.shape) != wanted:
        raise SpatialGANError(
            f"the photograph is {photo.dtype} of shape {tuple(photo.shape)}; {model.name} needs uint8 of {wanted}"
        )
    return (yield from _Inverter(model, to_float(photo), options, name).run())


class _Inverter:
    """The state of one inversion."""

    def __init__(self, model: Model, photo: Tensor, options: InvertOptions, name: str):
        self.model, self.options, self.name = model, options, name
        self.photo = photo[None].to(model.device)
        self.network: EfficientNetLite = comparison_network(model.device)
        with torch.no_grad():
            self.features = unit_features(self.network, self.photo)
        self.seconds: dict[Stage, float] = {}
        self.usual, self.stopped = math.nan, False

    def run(self) -> Steps[Inversion]:
        nearest = yield from self.search()
        start, num_shared = self.judged(nearest[0]), round(self.options.steps * SHARED_SHARE)
        best = yield from self.fit(nearest, "one code", num_shared, shared=True)
        best = yield from self.fit([best], "a code a layer", self.options.steps - num_shared, shared=False)
        codes, tuned = self.judged(best), None
        if self.options.tune_steps and not self.stopped:
            tuned = self.judged((yield from self.tune(best)))
        return Inversion(self.photo[0].cpu(), start, codes, tuned, self.seconds, self.stopped)

    # ------------------------------------------------------------- stages

    def search(self) -> Steps[list[Scene]]:
        """The nearest of random pictures, the best first."""
        began, total, found, distances = time.perf_counter(), self.options.candidates, [], []
        for first in range(0, total, RENDER_BATCH):
            scenes = [Scene.sample(self.model, seed) for seed in range(first, min(first + RENDER_BATCH, total))]
            with torch.no_grad():
                losses, perceptual = self.losses(self.model.draw(inputs_of(scenes, self.model.device)).image)
            distances.append(perceptual)
            found = sorted([*found, *zip(losses.tolist(), scenes, strict=True)], key=lambda pair: pair[0])
            found = found[: self.options.starts]
            self.stopped = bool((yield InvertStep("search", first + len(scenes), total, found[0][0])))
            if self.stopped:
                break
        self.usual = float(torch.cat(distances).median())
        self.seconds["search"] = time.perf_counter() - began
        return [scene for _, scene in found]

    def fit(self, scenes: Sequence[Scene], stage: Stage, steps: int, *, shared: bool) -> Steps[Scene]:
        """Gradient descent from each of the scenes; the best of all that it passes through."""
        if self.stopped or steps == 0:
            return scenes[0]
        began, unknowns = time.perf_counter(), _Unknowns(scenes, shared=shared)
        optimizer = torch.optim.Adam(unknowns.groups, betas=(0.9, 0.99))
        lowest, best = math.inf, scenes[0]
        for i in range(steps):
            losses, _ = self.losses(unknowns.images())
            if (low := float(losses.detach().min())) < lowest:
                lowest, best = low, unknowns.scene(int(losses.argmin()))
            for group in optimizer.param_groups:
                group["lr"] = group["full_lr"] * rate_share(i / steps)
            optimizer.zero_grad()
            (losses.sum() + unknowns.prior()).backward()
            optimizer.step()
            self.stopped = bool((yield InvertStep(stage, i + 1, steps, lowest)))
            if self.stopped:
                break
        self.seconds[stage] = time.perf_counter() - began
        return best

    def tune(self, scene: Scene) -> Steps[Scene]:
        """Pivotal tuning: the scene on a generator that was tuned for it."""
        began, steps, generator = time.perf_counter(), self.options.tune_steps, self.model.generator
        tuning = new_tuning(generator)
        for factor in tuning.tensors:
            factor.requires_grad_()
        optimizer = torch.optim.Adam(tuning.tensors, lr=TUNING_RATE, betas=(0.9, 0.99))
        inputs = inputs_of([scene], self.model.device)
        with torch.no_grad():
            ws = inputs.ws(generator)
        drawing = _Drawing(generator)
        for i in range(steps):
            weights = {f"generator.blocks.{n}": w for n, w in tuned_weights(generator, tuning).items()}
            losses, _ = self.losses(functional_call(drawing, weights, (ws, inputs.layout, inputs.noise)))
            optimizer.param_groups[0]["lr"] = TUNING_RATE * rate_share(i / steps)
            optimizer.zero_grad()
            losses.sum().backward()
            optimizer.step()
            self.stopped = bool((yield InvertStep("tuning", i + 1, steps, float(losses.detach()))))
            if self.stopped:
                break
        self.seconds["tuning"] = time.perf_counter() - began
        found = Tuning({n: (a.detach().cpu(), b.detach().cpu()) for n, (a, b) in tuning.factors.items()})
        return replace(scene, model=self.model.tuned(found))

    # ------------------------------------------------------------- measures

    def losses(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Of each picture (B, C, R, R): the loss (B,), and its perceptual part."""
        images = images.float()
        perceptual = feature_distance(unit_features(self.network, images), self.features)
        difference = images - self.photo
        pixels = difference.abs().mean(dim=(1, 2, 3)) + resize_maps(difference, SMALL_PX).abs().mean(dim=(1, 2, 3))
        return perceptual + PIXEL_WEIGHT * pixels, perceptual

    @torch.no_grad()
    def judged(self, scene: Scene) -> Fit:
        """A scene of no seed, with its picture judged as it will be saved: rounded to 8 bits."""
        image = to_float(to_uint8(scene.tensor))[None].to(self.photo.device)
        error = float((image - self.photo).square().mean()) / 4  # -1..1 is 2 wide
        perceptual = float(self.losses(image)[1])
        found = Likeness(-10 * math.log10(max(error, 1e-10)), perceptual, perceptual / max(self.usual, 1e-6))
        record = {"edit": "invert", "photo": self.name, "psnr_db": found.psnr_db, "perceptual": found.perceptual}
        return Fit(replace(scene, edits=(record,), seed=None, layout_seed=None), found)


class _Drawing(nn.Module):
    """The generator's synthesis as a module's forward, for :func:`torch.func.functional_call`."""

    generator: Generator

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, *inputs: Any) -> Tensor:
        return self.generator.synthesize(*inputs).image


class _Unknowns:
    """What is fitted, for a batch of scenes: w in its standard deviations, centres in image widths, and the logarithm
    of sizes, all as differences."""

    def __init__(self, scenes: Sequence[Scene], *, shared: bool):
        self.start, self.generator = scenes, scenes[0].model.generator
        self.inputs = inputs_of(scenes, scenes[0].model.device)
        num_ws = scenes[0].w_offset_or_zeros.shape[0]
        self.offset = torch.stack([scene.w_offset_or_zeros for scene in scenes]).to(self.inputs.z.device)
        self.w = torch.zeros_like(self.offset[:, : 1 if shared else num_ws]).requires_grad_()
        layout = self.inputs.layout
        levels = [layout.gaussians(i) for i in range(len(layout.levels))] if layout.has_centers else []
        self.shifts = [torch.zeros_like(g.centers_xy).requires_grad_() for g in levels]
        self.sizes = [torch.zeros_like(g.angles)[..., None].requires_grad_() for g in levels]
        self.w_std = w_std(scenes[0].model)
        rates = (([self.w], W_RATE), (self.shifts, CENTER_RATE), (self.sizes, SIZE_RATE))
        self.groups = [{"params": tensors, "full_lr": rate, "lr": rate} for tensors, rate in rates if tensors]

    @property
    def layout(self) -> Layout:
        layout = self.inputs.layout
        if not self.shifts:
            return layout
        levels = [
            Gaussians(g.centers_xy + shift, (g.stds * size.exp()).clamp(MIN_STD, MAX_STD), g.angles)
            for g, shift, size in zip(
                (layout.gaussians(i) for i in range(len(layout.levels))), self.shifts, self.sizes, strict=True
            )
        ]
        return replace(layout, levels=tuple(levels))

    @property
    def w_offset(self) -> Tensor:
        return self.offset + self.w_std * self.w

    def images(self) -> Tensor:
        """(B, C, R, R)."""
        inputs = replace(self.inputs, layout=self.layout, w_offset=self.w_offset)
        self.ws = inputs.ws(self.generator)
        return self.generator.synthesize(self.ws, inputs.layout, inputs.noise).image

    def prior(self) -> Tensor:
        """Of the w that :meth:`images` was last drawn from, summed over the batch."""
        w = (self.ws - self.generator.mapping.means()) / self.w_std
        layers = (w - w.mean(dim=1, keepdim=True)).square().mean(dim=(1, 2, 3))
        return (LIKENESS_OF_LAYERS * layers + TYPICAL * w.square().mean(dim=(1, 2, 3))).sum()

    @torch.no_grad()
    def scene(self, i: int) -> Scene:
        """One of the batch, as it is now."""
        layout, offset = self.layout[i].map(lambda t: t.cpu().clone()), self.w_offset[i].cpu().clone()
        return replace(self.start[i], layout=layout, w_offset=offset)


@torch.no_grad()
def w_std(model: Model, count: int = RENDER_BATCH * 4) -> float:
    """The standard deviation of w over random pictures, averaged over its dimensions."""
    inputs = inputs_of([Scene.sample(model, seed) for seed in range(count)], model.device)
    return float(inputs.ws(model.generator)[:, 0].flatten(0, 1).std(dim=0).mean())


def rate_share(t: float) -> float:
    """Of the full learning rate, at ``t`` in 0..1 of a stage: up in RISE, down as a cosine in FALL."""
    fall = 0.5 - 0.5 * math.cos(min(1.0, (1 - t) / FALL) * math.pi)
    return min(1.0, t / RISE + 0.01) * fall
