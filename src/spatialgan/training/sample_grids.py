"""Sample grids: what a run draws, with its heatmaps and D's attention beside."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from spatialgan.attention import attention_of
from spatialgan.data.images import to_uint8
from spatialgan.files import write_atomically
from spatialgan.layout import Layout
from spatialgan.networks.generator import sample_noise, sample_z
from spatialgan.sampling import sample_layout
from spatialgan.streams import random_stream
from spatialgan.training.trainee import Trainee

CHUNK = 16  # pictures at once: a whole grid at once would need more memory than training itself


def write_samples(t: Trainee, path: Path) -> None:
    """A PNG of ``sample_rows`` x ``sample_columns`` fixed samples of the EMA generator.

    Each sample is three tiles: the picture; its heatmaps, levels 0, 1, 2 (or the first three objects) in red, green,
    blue; D's attention on the same levels, in the same colours. Plain StyleGAN2 has the picture and the attention.
    """
    config = t.config
    random = random_stream(config.train.seed, "sample grid")
    t.discriminator.eval()  # spectral norms change while in training mode, and looking must not change the run
    rows = []
    for _ in range(config.train.sample_rows):
        tiles = []
        for start in range(0, config.train.sample_columns, CHUNK):
            batch = min(CHUNK, config.train.sample_columns - start)
            tiles.append(_tiles(t, batch, random))
        rows.append(torch.cat(tiles))
    t.discriminator.train()
    grid = torch.stack(rows)  # (rows, columns, 3, R, width)
    n, m, c, h, w = grid.shape
    array = to_uint8(grid).permute(0, 3, 1, 4, 2).reshape(n * h, m * w, c).numpy()
    write_atomically(path, lambda p: Image.fromarray(array).save(p, format="PNG"))


def _tiles(t: Trainee, batch: int, random: torch.Generator) -> Tensor:
    """``(batch, 3, R, tiles R)``, -1..1."""
    config, model, size = t.config, t.config.model, t.config.model.resolution
    z = sample_z(model, batch, random).to(t.device)
    layout = sample_layout(model, batch, random).to(t.device)
    noise = tuple(n.to(t.device) for n in sample_noise(model, batch, random))
    with torch.no_grad():
        images = t.ema(z, layout, noise).image
    tiles = [images]
    if layout.kind != "none":
        tiles.append(heatmap_colors(layout, size) * 2 - 1)
    tiles.append(
        attention_of(t.discriminator, images, size, form=config.loss.attention, sign=config.loss.attention_sign) * 2 - 1
    )
    return torch.cat([tile.expand(-1, 3, -1, -1) for tile in tiles], dim=-1).cpu()


def heatmap_colors(layout: Layout, size: int) -> Tensor:
    """Heatmaps as colours, ``(B, 3, size, size)`` in 0..1: three levels, or the first three objects."""
    if layout.kind == "single":
        return torch.stack([layout.level_map(i, size) for i in range(3)], dim=1)
    maps = layout.heatmaps(0, size)[:, :3]
    return torch.nn.functional.pad(maps, (0, 0, 0, 0, 0, 3 - maps.shape[1]))
