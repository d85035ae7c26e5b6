"""Reconstruction [ours]: real pictures that G is told how to draw, before a D can say what is wrong with its own.

Each training picture has a code that was found without training (``training/aids/codes.py``). It is drawn from that,
with heatmaps on the subject, or in multi-object models on the things, that the codes are of. So G learns in one go what
pictures look like, and that things are where their heatmaps are; no label is used. What comes out is blurred, as
averages are: details are for D.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.data.images import Views
from spatialgan.heatmaps import resize_maps
from spatialgan.layout import Layout
from spatialgan.levels import Gaussians
from spatialgan.networks.generator import Generator, sample_noise
from spatialgan.networks.resample import resize_images
from spatialgan.sampling import sample_layout
from spatialgan.training.aids.codes import Codes
from spatialgan.vision.efficientnet_lite import EfficientNetLite

CODE_NOISE = 0.3  # share of noise in a code while training: what lies between two pictures' codes is drawn as well
THING_WEIGHT = 4.0  # of things in multi-object pictures, beside the 1 that everything has
PIXEL_WEIGHT = 2.0  # of the mean absolute difference of pixels, at each size
SMALL_SIZES = (16, 8)  # pictures are compared at these, too: what is where and of what colour can be told from a code,
# texture cannot, and most of the other terms' gradient is about texture
BETA1, LR = 0.9, 0.003
MAPPING_RATE, SEL_RATE, AFFINE_RATE = 10.0, 4.0, 4.0  # multiples of LR: these layers are slow by design


@dataclass(frozen=True)
class Known:
    """Real pictures, and what G is to draw them from."""

    images: Tensor
    """(B, 3, R, R), -1..1."""
    codes: Tensor
    """(B, S, z_dim)."""
    centers_xy: Tensor
    """(B, K, 2), of the things (or the subject, K = 1), in 0..1 of the picture."""
    stds: Tensor
    """(B, K), in picture widths."""

    def __getitem__(self, rows: slice) -> "Known":
        return Known(self.images[rows], self.codes[rows], self.centers_xy[rows], self.stds[rows])


def known_pictures(codes: Codes, reals: Tensor, views: Views) -> Known:
    """What G is to draw ``reals`` (B, 3, R, R) from, which are ``views`` of the pictures."""
    rows, device = (views.flips.long(), views.indices), reals.device
    return Known(reals, codes.z[rows].to(device), codes.centers_xy[rows].to(device), codes.stds[rows].to(device))


def known_layout(config: ModelConfig, centers_xy: Tensor, stds: Tensor, random: torch.Generator) -> Layout:
    """Heatmaps on the things at ``centers_xy`` (B, K, 2), of ``stds`` (B, K); of single-object layouts level 0 on the
    subject, with random ones about it. Empty for a plain StyleGAN2."""
    if config.encoding == "none":
        return Layout()
    known = Gaussians(centers_xy, stds[..., None].expand(-1, -1, 2), torch.zeros_like(stds))
    if config.layout == "multi":
        return Layout((known,), hierarchical=False)
    layout = sample_layout(config, len(centers_xy), random)
    return replace(layout, levels=(known, *layout.levels[1:]))


def reconstruct(
    generator: Generator, network: EfficientNetLite, known: Known, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw known pictures; the loss, a scalar, and the w (B, num_ws, S, w_dim) that they were drawn from."""
    config = generator.config
    z = noisy_codes(known.codes, random)
    layout = known_layout(config, known.centers_xy, known.stds, random)
    ws = generator.ws(z, layout)
    images = generator.synthesize(ws, layout, sample_noise(config, len(z), random)).image
    weights = thing_weights(layout, config.resolution) if layout.kind == "multi" else None
    return reconstruction_loss(network, images, known.images, weights), ws


def noisy_codes(codes: Tensor, random: torch.Generator) -> Tensor:
    """Codes (B, S, z_dim) with noise mixed in; their variance stays."""
    noise = torch.randn(codes.shape, generator=random, device=codes.device, dtype=torch.float32)
    return (1 - CODE_NOISE**2) ** 0.5 * codes + CODE_NOISE * noise


def reconstruction_loss(
    network: EfficientNetLite, drawn: Tensor, real: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Difference of pictures in pixels, at three sizes, and in ImageNet features; a scalar.

    Features are divided by each channel's mean square over the real pictures of this batch.

    Args:
        network: see :func:`spatialgan.vision.perceptual.comparison_network`.
        drawn: (B, 3, R, R) in about -1..1, R at least 32.
        real: the same size.
        weights: (B, 1, R, R), of mean 1: where differences count more; None: everywhere alike.
    """

    def mean(difference: Tensor) -> Tensor:
        return (difference if weights is None else difference * resize_maps(weights, difference.shape[-1])).mean()

    difference = drawn.float() - real.float()
    sizes, none = (drawn.shape[-1], *SMALL_SIZES), torch.zeros((), device=drawn.device)
    total = PIXEL_WEIGHT * sum((mean(resize_maps(difference, size).abs()) for size in sizes), start=none)
    size = max(64, drawn.shape[-1])
    with torch.no_grad():
        wanted = network(resize_images(real, size).contiguous(memory_format=torch.channels_last))
    found = network(resize_images(drawn, size).contiguous(memory_format=torch.channels_last))
    for a, b in zip(found, wanted, strict=True):
        scale = b.float().square().mean(dim=(0, 2, 3), keepdim=True) + 1e-6
        total = total + mean((a.float() - b.float()).square() / scale) / len(wanted)
    return total


def thing_weights(layout: Layout, size: int) -> Tensor:
    """More weight to what lies under heatmaps, or the large background would outvote the things: (B, 1, size, size)."""
    weights = 1 + THING_WEIGHT * layout.level_map(0, size)[:, None]
    return weights / weights.mean(dim=(1, 2, 3), keepdim=True)


def reconstruction_optimizer(generator: Generator, beta2: float) -> torch.optim.Adam:
    """For the time in which G only reconstructs: with momentum, which adversarial training does not bear."""
    names = dict(generator.named_parameters())
    mapping = [p for n, p in names.items() if n.startswith("mapping.")]
    sel = [p for n, p in names.items() if ".sel." in n]
    affine = [p for n, p in names.items() if any(part in n for part in (".affine.", ".place."))]
    slow = {id(p) for p in (*mapping, *sel, *affine)}
    others = [p for p in names.values() if id(p) not in slow]
    rates = ((mapping, MAPPING_RATE), (sel, SEL_RATE), (affine, AFFINE_RATE), (others, 1.0))
    groups = [{"params": p, "lr": LR * rate} for p, rate in rates]
    return torch.optim.Adam([g for g in groups if g["params"]], betas=(BETA1, beta2), eps=1e-8, fused=True)
