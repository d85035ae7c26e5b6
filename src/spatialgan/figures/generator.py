"""Fig. 14, and Section 4.3's impulse noise and receptive field: what heatmaps do inside the generator."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from spatialgan.api import SpatialGAN
from spatialgan.coords import pixel_centers_xy
from spatialgan.data.images import ImageDataset
from spatialgan.editing.scene import Scene
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.frechet import frechet_of_model
from spatialgan.evaluation.summary import summarize
from spatialgan.figures.content import Chart, Figure, Grid, Line
from spatialgan.figures.editing import require_layout
from spatialgan.figures.looking import correlation, look, map_alone, plain
from spatialgan.heatmaps import min_max_normalize, resize_maps
from spatialgan.layout import raster_sizes
from spatialgan.networks.encoding import SELConcat, SELNorm
from spatialgan.networks.generator import HeatmapInput
from spatialgan.sampling import with_impulse_noise
from spatialgan.streams import random_stream
from spatialgan.vision.features import FeatureExtractor

SHARES = (0.0, 0.05, 0.1, 0.2, 0.4)  # of heatmap pixels that become 0 or 1
LOOKED_AT = 1  # the level of attention that features are compared with
Progress = Callable[[str, int, int], None]


def figure_14(
    model: SpatialGAN, seeds: Sequence[int], *, baseline: SpatialGAN | None = None, num_samples: int = 64
) -> Figure:
    """Fig. 14: features that leave the generator's blocks, averaged over channels, beside those of a baseline.

    The number: by resolution, how much more they are like D's attention on the same picture than like that on the next
    one. Its sign has no meaning, so the absolute correlation is taken.

    Args:
        model: whose features; with its discriminator for the number.
        seeds: of the pictures.
        baseline: a plain StyleGAN2, of any size; None: none beside.
        num_samples: pictures for the number.
    """
    parts, values = [], {}
    for m in [model, *([] if baseline is None else [baseline])]:
        scenes = [m.sample(seed) for seed in seeds]
        resolutions = m.config.model.block_resolutions
        rows = []
        for scene in scenes:
            maps = [min_max_normalize(f) for f in _mean_features(scene)]
            heatmap = (
                [] if m is not model or scene.layout.kind == "none" else [torch.stack(scene.heatmaps()).amax(dim=0)]
            )
            rows.append((plain(scene.image), *map(map_alone, [*heatmap, *maps])))
        heads = ("picture", *(("heatmap",) if len(rows[0]) > 1 + len(resolutions) else ()))
        title = m.name if m is model else f"baseline: {m.name}"
        parts.append(Grid(title, tuple(rows), (), (*heads, *(f"{r} x {r}" for r in resolutions))))
        if m.discriminator is not None:
            values["model" if m is model else "baseline"] = _feature_focus(m, seeds[0], num_samples)
    return Figure("figure-14", tuple(parts), values, num_samples)


def _mean_features(scene: Scene) -> list[Tensor]:
    """``(r, r)`` of each block, coarse to fine."""
    return [f.mean(dim=0) for f in scene.features().values()]


def _feature_focus(model: SpatialGAN, first_seed: int, num_samples: int) -> dict:
    scenes = [model.sample(seed) for seed in range(first_seed, first_seed + num_samples)]
    attention = look(model, torch.stack([s.tensor for s in scenes]))[:, LOOKED_AT]  # (N, R, R)
    size = attention.shape[-1]
    features = [_mean_features(s) for s in scenes]
    found = {}
    for i, r in enumerate(model.config.model.block_resolutions):
        maps = torch.stack([resize_maps(f[i], size) for f in features])
        own, following = correlation(maps, attention).abs(), correlation(maps, attention.roll(1, 0)).abs()
        found[f"{r} x {r}"] = {
            "own": summarize(own).to_json(),
            "next": summarize(following).to_json(),
            "beyond": summarize(own - following).to_json(),
        }
    return {"model": {"name": model.name, "weights_sha256": model.weights_hash}, "attention": found}


def impulse(
    model: SpatialGAN,
    seeds: Sequence[int],
    *,
    dataset: ImageDataset | None = None,
    extractor: FeatureExtractor | None = None,
    num_samples: int = 64,
    on_progress: Progress | None = None,
) -> Figure:
    """Section 4.3: what a model draws from heatmaps of which a share of pixels is set to 0 or 1.

    The numbers: how much pictures change, and with a data set the Fréchet distance. The paper's own are FIDs of models
    that were trained so: ``--set model.impulse_noise=0.1``.

    Args:
        model: with heatmaps.
        seeds: of the pictures.
        dataset: to measure the distance to; None: none.
        extractor: the feature network of the distance.
        num_samples: pictures for the numbers.
        on_progress: called with (what, done, total).
    """
    require_layout(model)
    rows = [tuple(plain(_with_noise(model.sample(seed), share).image) for share in SHARES) for seed in seeds]
    names = tuple(f"{share:.0%}".replace("%", " %") for share in SHARES)
    first, changes = seeds[0], []
    scenes = [model.sample(seed) for seed in range(first, first + num_samples)]
    for share in SHARES:
        noisy = [_with_noise(s, share) for s in scenes]
        pairs = zip(noisy, scenes, strict=True)
        change = [float((a.tensor.clamp(-1, 1) - b.tensor.clamp(-1, 1)).abs().mean() / 2) for a, b in pairs]
        changes.append(summarize(torch.tensor(change, dtype=torch.float64)))
    ends = [s.mean_interval or (None, None) for s in changes]
    line = Line("change", SHARES, tuple(s.mean for s in changes), tuple(e[0] for e in ends), tuple(e[1] for e in ends))
    parts: list[Grid | Chart] = [
        Grid("Pictures by the share of heatmap pixels that are 0 or 1", tuple(rows), (), names),
        Chart("Change of pictures", "share of pixels", "of the full range", (line,)),
    ]
    values: list[dict] = [{"share": s, "change": c.to_json()} for s, c in zip(SHARES, changes, strict=True)]
    if dataset is not None and extractor is not None:
        for i, share in enumerate(SHARES):
            noisy_model = _sampling_noise(model, share)
            result = frechet_of_model(noisy_model, dataset, extractor, num_samples=num_samples, log=lambda _: None)
            values[i]["distance"] = result.distance
            if on_progress is not None:
                on_progress("distances", i + 1, len(SHARES))
        distances = tuple(v["distance"] for v in values)
        chart = Chart(
            "Distance to real pictures", "share of pixels", "Fréchet distance", (Line("", SHARES, distances),)
        )
        parts.append(chart)
    return Figure("figure-impulse", tuple(parts), {"shares": values}, num_samples)


def _with_noise(scene: Scene, share: float) -> Scene:
    """The scene with impulse noise on its heatmaps."""
    assert scene.seed is not None
    if share == 0:
        return scene
    random, sizes = random_stream(scene.seed, "impulse figure"), raster_sizes(scene.model.config.model)
    return replace(scene, layout=with_impulse_noise(scene.layout, share, sizes, random))


def _sampling_noise(model: SpatialGAN, share: float) -> SpatialGAN:
    """The same networks, whose layouts are sampled with impulse noise."""
    config = replace(model.config, model=replace(model.config.model, impulse_noise=share))
    return SpatialGAN(config, model.generator, model.discriminator, name=model.name, weights_hash=model.weights_hash)


def receptive_field(model: SpatialGAN, *, num_samples: int = 16) -> Figure:
    """Section 4.3: how far around a place the heatmap encoders look, layer by layer.

    Shown is the mean absolute gradient of what a layer's encoder makes of the picture's middle, by heatmap pixels; the
    number is its root mean square distance from the middle, in image widths.

    Args:
        model: with ``encoding`` norm or concat.
        num_samples: layouts that gradients are averaged over.
    """
    config = model.config.model
    layers = {
        f"{block.resolution} x {block.resolution}": (block.resolution, conv.sel)
        for block in model.generator.blocks
        for conv in [block.conv1]
        if isinstance(conv.sel, SELNorm | SELConcat)
    }
    if not layers:
        raise SpatialGANError(
            f"{model.name} has encoding={config.encoding}, without a heatmap encoder; this figure is of norm and concat"
        )
    scenes = [model.sample(seed) for seed in range(num_samples)]
    maps, values = [], {}
    for name, (resolution, sel) in layers.items():
        found = torch.stack([_influence(model, scene, resolution, sel) for scene in scenes]).mean(dim=0)
        maps.append(found / found.max().clamp_min(1e-20))
        values[name] = {"rms_distance": _rms_distance(found), "heatmap_px": found.shape[-1]}
    row = tuple(map_alone(m) for m in maps)
    about = f"{config.processing} processing, kernel {config.heatmap_kernel}, dilation {config.heatmap_dilation}"
    grid = Grid(f"Influence on the middle: {about}", (row,), (), tuple(layers))
    encoder = {"processing": config.processing, "kernel": config.heatmap_kernel, "dilation": config.heatmap_dilation}
    return Figure("figure-receptive-field", (grid,), {"encoder": encoder, "layers": values}, num_samples)


def _influence(model: SpatialGAN, scene: Scene, resolution: int, sel: SELNorm | SELConcat) -> Tensor:
    """``(s, s)``, of a layer that reads heatmaps of s pixels."""
    layout = scene.layout[None].to(model.device)
    with torch.enable_grad():
        heatmaps = HeatmapInput(model.config.model, layout)
        if model.generator.stem is not None:
            full = model.config.model.resolution
            maps = torch.cat([layout.heatmaps(i, full) for i in range(len(layout.levels))], dim=1)
            maps = maps.detach().requires_grad_()
            read = model.generator.stem(maps)
        else:
            maps = heatmaps.maps(resolution, resolution).detach().requires_grad_()
            read = maps
        encoded = _encoded(sel, read, resolution)
        middle = encoded[..., resolution // 2, resolution // 2].sum()
        (gradient,) = torch.autograd.grad(middle, maps)
    return gradient[0].abs().sum(dim=0).double().cpu()


def _encoded(sel: SELNorm | SELConcat, maps: Tensor, resolution: int) -> Tensor:
    """What the layer's encoder makes of heatmaps, at the layer's size."""
    if isinstance(sel, SELNorm):
        return resize_maps(sel.gamma_beta(sel.shared(maps)), resolution)
    if sel.heatmap_conv is not None:
        maps = resize_maps(sel.heatmap_conv(maps), resolution)
    channels = sel.conv.weight.shape[1] - maps.shape[1]
    return sel.conv(torch.cat([maps.new_zeros(1, channels, resolution, resolution), maps], dim=1))


def _rms_distance(influence: Tensor) -> float:
    """Root mean square distance of ``(s, s)`` weights from the middle of the pixel that is looked from, in widths."""
    size = influence.shape[-1]
    square = (pixel_centers_xy(size, size).double() - 0.5).square().sum(dim=-1)
    return float((square * influence / influence.sum().clamp_min(1e-30)).sum().sqrt())
