"""Retrofitting [ours]: a plain StyleGAN2 that already draws well learns to read heatmaps.

Training from scratch learns to draw and to be steered at once. Here the first is done: what reads heatmaps is put into
G as something that changes nothing, and a short adversarial training with alignment is to teach G to make use of it,
while its pictures stay about what they were. (With several objects reconstruction comes before, which blurs them for a
while: alignment alone does not tell whose a heatmap is.) D is the model's own: its attention means something from the
start.

- ``encoding=norm``: SEL_norm's residual branch ends in a convolution, whose weight begins at 0.
- ``encoding=multi``: objects' styles begin as the background's. How far apart they are is learned, and so is what all
  objects' have and the background's have not, without which G could not tell one from the other
  (``model.styles=learned``).
"""

from dataclasses import replace
from pathlib import Path

import torch

from spatialgan.api import find_weights
from spatialgan.config import ModelConfig, RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.files import user_path
from spatialgan.model import CARD, DISCRIMINATOR, load_weights, read_card
from spatialgan.networks.encoding import SELNorm
from spatialgan.networks.generator import Generator
from spatialgan.settings import with_settings
from spatialgan.training.resuming import CONFIG

ARCHITECTURE = (
    "resolution",
    "image_channels",
    "z_dim",
    "w_dim",
    "mapping_layers",
    "channel_base",
    "channel_max",
    "discriminator",
    "projected_input",
    "noise_inputs",
    "noise",
)
"""Of ModelConfig, what a plain StyleGAN2 is; the rest says how heatmaps are drawn and read."""
READERS = (".sel.", "stem.", "mapping.apart", "mapping.object")
"""In the names of weights that read heatmaps: a plain StyleGAN2 has none of them."""


def is_retrofit(plain: ModelConfig, wanted: ModelConfig) -> bool:
    """Whether a model of the second kind that starts from one of the first has to learn to read heatmaps."""
    return plain.encoding == "none" and wanted.encoding != "none"


def with_architecture_of(config: RunConfig, source: str | Path | None, out: Path | None = None) -> RunConfig:
    """The configuration with the layers of the model that it is to retrofit.

    Args:
        config: of the run.
        source: the model.
        out: the run's folder. A run that has begun has these layers already, and the source may be gone.

    Raises:
        SpatialGANError: there is no source, or it reads heatmaps already.
    """
    if out is not None and (user_path(out) / CONFIG).exists():
        begun = with_settings(config, [], file=user_path(out) / CONFIG)
        return _with_architecture(config, begun.model)
    if source is None:
        raise SpatialGANError(
            "this preset retrofits a model: add --init-from with a plain StyleGAN2, such as faces.pkl"
        )
    stored, _ = read_card(find_weights(source).with_suffix(CARD))
    if not is_retrofit(stored.model, config.model):
        raise SpatialGANError(
            f"--init-from {source} reads heatmaps already; go on with the preset that it was trained by"
        )
    return _with_architecture(config, stored.model)


def _with_architecture(config: RunConfig, model: ModelConfig) -> RunConfig:
    # ImageNet's features, by which reconstruction compares pictures, are of coloured ones.
    aids = config.aids if model.image_channels == 3 else replace(config.aids, reconstruct_kimg=0, place_weight=0)
    return replace(config, model=replace(config.model, **{f: getattr(model, f) for f in ARCHITECTURE}), aids=aids)


def require_retrofittable(plain: ModelConfig, wanted: ModelConfig, source: str | Path, weights: Path) -> None:
    """Raise SpatialGANError where heatmaps cannot enter a model, with these ``weights``, as something that changes
    nothing."""
    different = [f for f in ARCHITECTURE if f != "noise" and getattr(plain, f) != getattr(wanted, f)]
    if different:
        settings = " ".join(f"--set model.{f}={str(getattr(plain, f)).lower()}" for f in different)
        raise SpatialGANError(f"--init-from {source} has other layers than the model of this run; add {settings}")
    exact = wanted.encoding == "norm" or (wanted.encoding == "multi" and wanted.styles == "learned")
    if not exact or wanted.coordinates_max_resolution:
        raise SpatialGANError(
            f"--init-from {source} is a plain StyleGAN2, and heatmaps can enter it without a change to its pictures by "
            "model.encoding=norm, or by model.encoding=multi with model.styles=learned and "
            "model.coordinates_max_resolution=0; the presets retrofit-single and retrofit-indoor have them so"
        )
    if not weights.with_suffix(DISCRIMINATOR).exists():
        raise SpatialGANError(
            f"--init-from {source} has no discriminator beside it, whose attention heatmaps would be aligned with"
        )


@torch.no_grad()
def retrofit_generator(generator: Generator, weights: Path) -> None:
    """Give ``generator`` a plain StyleGAN2's weights, and make what reads heatmaps change nothing."""
    load_weights(generator, weights, free=("noise.", *READERS))
    for module in generator.modules():
        if isinstance(module, SELNorm):
            module.residual.weight.zero_()
            module.residual.get_parameter("bias").zero_()
