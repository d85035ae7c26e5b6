"""Models whose right answer is known: they draw a blob where the heatmap's centre of mass and a linear map of w say."""

import torch
from torch import Tensor, nn

from spatialgan.api import SpatialGAN
from spatialgan.config import LossConfig, ModelConfig, RunConfig
from spatialgan.coords import centroid_xy, pixel_centers_xy
from spatialgan.layout import Layout
from spatialgan.levels import Gaussians
from spatialgan.networks.generator import GeneratorOutput

W_REACH = 0.5  # how far a w of 1 shifts a blob, in image widths
BLOB_STD = 0.12
CHANNELS = 8


class Mapping(nn.Module):
    def __init__(self, w_dim: int):
        super().__init__()
        self.register_buffer("w_mean", torch.zeros(w_dim))


class BlobGenerator(nn.Module):
    """The generator's interface. Each object is a blob of a texture of its own, which moves with it as it is."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config, self.mapping = config, Mapping(config.w_dim)
        num_blobs = config.num_styles - 1 if config.encoding == "multi" else 1
        waves = torch.randn(num_blobs, CHANNELS, 2, generator=torch.Generator().manual_seed(3)) * 15
        self.register_buffer("waves", waves)
        self.calls: list[int | None] = []

    def ws(self, z: Tensor, layout: Layout, *, truncation: float = 1.0) -> Tensor:
        return z[:, None].expand(-1, self.config.num_ws, -1, -1) * truncation

    def places(self, ws: Tensor, layout: Layout) -> Tensor:
        """(B, K, 2): where the blobs are."""
        shift = W_REACH * ws[:, :6, :, :2].mean(dim=1)  # (B, S, 2)
        if layout.kind == "none":
            return 0.5 + shift
        maps = layout.heatmaps(0, 64).square()  # (B, K, 64, 64); squared, what is faint has no weight
        return centroid_xy(maps) + (shift[:, :-1] if self.config.encoding == "multi" else shift)

    def draw(self, places: Tensor, size: int) -> Tensor:
        """(B, C, size, size)."""
        u = pixel_centers_xy(size, size) - places[:, :, None, None]  # (B, K, size, size, 2)
        envelope = torch.exp(-u.square().sum(dim=-1) / (2 * BLOB_STD**2))
        phase = torch.einsum("bkhwx,kcx->bkchw", u, self.waves)
        return ((phase + torch.arange(CHANNELS)[:, None, None]).cos() * envelope[:, :, None]).sum(dim=1)

    def synthesize(self, ws: Tensor, layout: Layout, noise: object) -> GeneratorOutput:
        self.calls.append(None)
        image = self.draw(self.places(ws, layout), self.config.resolution)
        return GeneratorOutput(image[:, : self.config.image_channels], {})

    def features(self, ws: Tensor, layout: Layout, noise: object, *, stop_resolution: int) -> dict[int, Tensor]:
        self.calls.append(stop_resolution)
        return {stop_resolution: self.draw(self.places(ws, layout), stop_resolution)}


def blob_model(*, kind: str = "single") -> SpatialGAN:
    """A model of 64 pixels: ``single``, ``multi`` or ``plain``."""
    settings = {
        "single": {"processing": "fine"},
        "multi": {"layout": "multi", "encoding": "multi", "num_objects": 2},
        "plain": {"encoding": "none"},
    }[kind]
    config = ModelConfig(resolution=64, z_dim=4, w_dim=4, channel_base=64, **settings)
    run = RunConfig(model=config, loss=LossConfig(align="none"))
    return SpatialGAN(run, BlobGenerator(config), name=f"blob-{kind}")


def blob_scene(model: SpatialGAN, *centers: tuple[float, float], noise_seed: int = 0):
    """A scene with level-0 centres at ``centers``, of small round heatmaps, and all styles zero."""
    from spatialgan.editing.scene import Scene

    config = model.config.model
    if config.encoding == "none":
        return Scene(model, torch.zeros(1, 4), Layout(), noise_seed)
    if config.layout == "multi":
        return Scene(model, torch.zeros(len(centers) + 1, 4), Layout((_round(centers),), False), noise_seed)
    levels = (_round(centers), *(_round([(0.3, 0.3)] * k) for k in (2, 4)))  # offsets: far from the handles
    return Scene(model, torch.zeros(1, 4), Layout(levels, True), noise_seed)


def _round(centers) -> Gaussians:
    k = len(centers)
    return Gaussians(torch.tensor(centers, dtype=torch.float32).reshape(k, 2), torch.full((k, 2), 0.06), torch.zeros(k))


def blob_place(scene, index: int = 0) -> tuple[float, float]:
    """Where the blob of a scene truly is."""
    generator = scene.model.generator
    layout = scene.layout[None]
    ws = generator.ws(scene.z[None], layout) + scene.w_offset_or_zeros
    x, y = generator.places(ws, layout)[0, index].tolist()
    return x, y
