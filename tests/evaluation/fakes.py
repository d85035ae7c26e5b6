"""Stand-ins for the evaluation tests: tiny models, a model whose response is known, a small feature network."""

from collections.abc import Callable

import numpy as np
import torch

from spatialgan.api import SpatialGAN
from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.coords import pixel_centers_xy
from spatialgan.heatmaps import render_gaussians
from spatialgan.inputs import Inputs
from spatialgan.layout import Layout
from spatialgan.networks.discriminators import make_discriminator
from spatialgan.networks.generator import Generator, GeneratorOutput
from spatialgan.segmenter.segmentation import Instance


def tiny_model(*, with_discriminator: bool = True, **settings: object) -> SpatialGAN:
    """A random network of 32 pixels whose layout and noise do change its picture."""
    sizes = {
        "resolution": 32,
        "z_dim": 8,
        "w_dim": 8,
        "mapping_layers": 1,
        "channel_base": 64,
        "channel_max": 8,
        "minibatch_std_group": 4,
    }
    config = ModelConfig(**{**sizes, **settings})
    torch.manual_seed(0)
    discriminator = make_discriminator(config) if with_discriminator else None
    run = RunConfig(model=config, loss=LossConfig(align="none"))
    generator = Generator(config)
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.3)  # it starts at 0, and noise would go untested
    return SpatialGAN(run, generator, discriminator, name="tiny", weights_hash="0" * 64).to("cpu")


class BlobModel:
    """Draws a bright blob that follows the level-0 centre by a known share; its attention follows by other shares."""

    name, weights_hash = "blob", "1" * 64
    device = torch.device("cpu")
    resolution = 64

    def __init__(
        self,
        follows: float = 1.0,
        attention: tuple[float | None, ...] = (1.0, 0.5, None),
        *,
        channels: int = 3,
        sampling: str = "hierarchical",
        with_discriminator: bool = True,
    ) -> None:
        model = ModelConfig(
            resolution=64,
            image_channels=channels,
            z_dim=4,
            w_dim=4,
            channel_base=64,
            sampling=sampling,
            minibatch_std_group=8,
        )
        self.config = RunConfig(model=model)
        self.follows, self.attention_follows = follows, attention
        self.discriminator = object() if with_discriminator else None
        self.layouts: list[Layout] = []

    def generate(
        self, z: torch.Tensor, layout: Layout, noise: object, *, truncation: float = 1.0, w_offset: None = None
    ) -> torch.Tensor:
        self.layouts.append(layout)
        # Where z puts the blob, and then by a share where the layout does.
        own = 0.5 + 0.1 * z[:, 0, :2].tanh()
        places = own + self.follows * (layout.level_centers(0)[:, 0] - own)
        maps = blob(places, 0.03, self.resolution)
        return (maps * 2 - 1)[:, None].expand(-1, self.config.model.image_channels, -1, -1)

    def draw(self, inputs: Inputs) -> GeneratorOutput:
        return GeneratorOutput(self.generate(inputs.z, inputs.layout, inputs.noise), {})

    def attention(self, images: torch.Tensor, size: int) -> torch.Tensor:
        """A small blob at a known share of the way from the middle to the picture's own; None: an empty map."""
        weights = (images[:, 0] + 1).clamp_min(0)
        grid = pixel_centers_xy(self.resolution, self.resolution)
        found = (weights[..., None] * grid).sum((1, 2)) / weights.sum((1, 2))[:, None]
        levels = []
        for share in self.attention_follows:
            empty = torch.zeros(len(images), size, size)
            levels.append(empty if share is None else blob(0.5 + share * (found - 0.5), 0.05, size))
        return torch.stack(levels, dim=1)


def blob(places: torch.Tensor, std: float, size: int) -> torch.Tensor:
    """(B, 2) in 0..1 => (B, size, size), peak 1."""
    stds = torch.full((len(places), 1, 2), std)
    return render_gaussians(places[:, None], stds, torch.zeros(len(places), 1), size)[:, 0]


class BlobDetector:
    """The centre of mass of what is bright; None near the edge, which would cut off a part and shift the centre."""

    name = "blob"
    margin = 0.12

    def __call__(self, image: np.ndarray) -> tuple[float, float] | None:
        assert image.dtype == np.uint8 and image.shape[2] == 3
        mass = image[:, :, 1].astype(np.float64)
        total = mass.sum()
        x = (mass.sum(axis=0) @ ((np.arange(image.shape[1]) + 0.5) / image.shape[1])) / total
        y = (mass.sum(axis=1) @ ((np.arange(image.shape[0]) + 0.5) / image.shape[0])) / total
        inside = min(x, y, 1 - x, 1 - y) > self.margin
        return (float(x), float(y)) if inside else None


class BlobMatcher:
    """Says where the blob went whose middle lies near the point; NaN elsewhere."""

    name = "blob"

    def __init__(self, radius_px: float = 2) -> None:
        self.radius_px = radius_px

    def __call__(self, first: torch.Tensor, last: torch.Tensor, points_xy: torch.Tensor) -> torch.Tensor:
        middle, moved = (self.middle(image) for image in (first, last))
        near = (points_xy - middle).norm(dim=1, keepdim=True) * first.shape[-1] < self.radius_px
        return torch.where(near, points_xy + moved - middle, torch.nan)

    def middle(self, image: torch.Tensor) -> torch.Tensor:
        """(2,) of (C, R, R) in -1..1, whose ground is black."""
        mass = image[0] + 1
        return (mass[..., None] * pixel_centers_xy(*mass.shape)).sum((0, 1)) / mass.sum()


class NoMatcher:
    name = "none"

    def __call__(self, first: torch.Tensor, last: torch.Tensor, points_xy: torch.Tensor) -> torch.Tensor:
        return torch.full_like(points_xy, torch.nan)


class SquaresModel:
    """Draws a small square of a colour of its own at each centre of a layout, on grey.

    Called again, three times, it takes the centres for moved ones, and squares follow by a known share; None: they lie
    anywhere. A function is told the starts and the moves, (B, K, 2) each, and says how far squares go.
    """

    name, weights_hash = "squares", "4" * 64
    device = torch.device("cpu")

    def __init__(self, follows: float | Callable[..., torch.Tensor] | None = 1.0, **settings: object) -> None:
        multi = {"layout": "multi", "encoding": "multi"}
        model = ModelConfig(**{"resolution": 64, "z_dim": 4, "w_dim": 4, "channel_base": 64, **multi, **settings})
        self.config = RunConfig(model=model)
        self.follows = follows
        self.calls: list[tuple[torch.Tensor, Layout, object]] = []
        self._anywhere = torch.Generator().manual_seed(0)

    def generate(self, z: torch.Tensor, layout: Layout, noise: object, *, truncation: float = 1.0) -> torch.Tensor:
        self.calls.append((z, layout, noise))
        places = layout.level_centers(0)  # (B, K, 2)
        number = (len(self.calls) - 1) % 4  # 0: before; then moved by the paper's v, by v and by -v
        if number > 0:
            start = self.calls[-1 - number][1].level_centers(0)
            if self.follows is None:
                places = torch.rand(places.shape, generator=self._anywhere)
            else:
                move = places - start
                places = start + (self.follows(start, move) if callable(self.follows) else self.follows * move)
        size = self.config.model.resolution
        distance = (pixel_centers_xy(size, size) - places[:, :, None, None]).abs().amax(dim=-1)  # (B, K, R, R)
        images = torch.zeros(len(z), 3, size, size)
        for i, colour in enumerate(COLOURS[: places.shape[1]]):
            images = torch.where(distance[:, i, None] <= 1.6 / size, torch.tensor(colour)[:, None, None], images)
        return images[:, : self.config.model.image_channels]


COLOURS = ((1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0))


class ColourSegmenter:
    """Takes what is red, green or blue for an object, and the colour for its looks and its class."""

    name, weights_hash = "colours", "3" * 64
    device = torch.device("cpu")

    def __call__(self, images: torch.Tensor) -> list[list[Instance]]:
        assert images.dtype == torch.uint8 and images.shape[1] == 3
        found: list[list[Instance]] = []
        for image in images:
            masks = [(image > 200)[i] & ((image > 200).sum(dim=0) == 1) for i in range(3)]
            found.append(
                [
                    Instance(m, label, 1.0, torch.eye(3)[i])
                    for i, (m, label) in enumerate(zip(masks, ("red", "green", "blue"), strict=True))
                    if m.any()
                ]
            )
        return found

    def features(self, images: torch.Tensor, masks: list[torch.Tensor]) -> list[torch.Tensor]:
        raise NotImplementedError


class Halves:
    """Sees a left and a right half in every picture."""

    name, weights_hash = "halves", "5" * 64
    device = torch.device("cpu")

    def __call__(self, images: torch.Tensor) -> list[list[Instance]]:
        left = torch.zeros(images.shape[-2:], dtype=torch.bool)
        left[:, : images.shape[-1] // 2] = True
        return [
            [Instance(left, "left", 1.0, torch.eye(2)[0]), Instance(~left, "right", 0.5, torch.eye(2)[1])]
            for _ in images
        ]


class MeanColour:
    """A feature network of a few numbers, that counts what it is asked."""

    name, weights_hash, resize = "mean colour", "2" * 64, "none"

    def __init__(self) -> None:
        self.num_pictures = 0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        assert images.dtype == torch.uint8
        self.num_pictures += len(images)
        return torch.cat([images.float().mean(dim=(2, 3)), images.float().std(dim=(2, 3))], dim=1)
