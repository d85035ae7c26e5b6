"""Growing [ours]: networks for pictures twice as large that start out doing what the small ones did.

Small pictures take less time (docs/decisions.md, 41), so a run for little compute may start small and go on large, with
``--init-from`` a model of a smaller resolution. Karras et al. (2018) fade new layers in; here they are set so that
there is nothing to fade: G's new block adds nothing to the picture yet, and D's halves the picture as a filter would.
"""

from dataclasses import asdict, replace
from pathlib import Path

import torch

from spatialgan.api import find_weights
from spatialgan.config import RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.model import CARD, DISCRIMINATOR, check_hashes, load_weights, read_card
from spatialgan.networks.discriminators import Discriminator, make_discriminator
from spatialgan.networks.discriminators.combined import CombinedDiscriminator
from spatialgan.networks.discriminators.residual import ResidualDiscriminator
from spatialgan.networks.generator import Generator
from spatialgan.networks.layers import SLOPE, SQRT2, Conv
from spatialgan.streams import stream_seed
from spatialgan.training.retrofit import is_retrofit, require_retrofittable, retrofit_generator

FREE_FIELDS = (
    "resolution",
    "sampling",
    "object_std_min",
    "object_std_max",
    "center_std",
    "object_spacing",
    "impulse_noise",
    "noise_inputs",
    "noise",
    "minibatch_std_group",
)
"""Of ModelConfig, those in which a run may differ from the model that it starts from."""
CONSTANT_NOISE = ("noise.",)  # of a model that has some, in its weights' names: a run need not have it
DISCRIMINATOR_FIELDS = ("discriminator", "projected_input")


def load_or_grow(config: RunConfig, generator: Generator, discriminator: Discriminator, source: str | Path) -> None:
    """Set both networks, built as ``config`` says, to another model's weights; a smaller one's are grown, and a plain
    StyleGAN2 is retrofitted (``training/retrofit.py``).

    A residual discriminator becomes the residual part of a combined one; of a combined one that part alone grows, for
    the other sees pictures at one size.

    Args:
        config: of the networks.
        generator: changed in place.
        discriminator: changed in place where the source has one.
        source: a bundled name, a folder, or a .safetensors file.

    Raises:
        SpatialGANError: the source is larger or of another kind, or smaller and cannot be grown: without a residual
            part of the discriminator, without coarse processing, or with too few channels.
    """
    weights, stored = check_source(config, source)
    check_hashes(weights)
    second = weights.with_suffix(DISCRIMINATOR)
    size, wanted = stored.model.resolution, config.model.resolution
    model = config.model
    if _becomes_a_part(stored, config):
        model, discriminator = replace(model, discriminator="residual"), discriminator.regularized
    if size == wanted:
        if is_retrofit(stored.model, model):
            retrofit_generator(generator, weights)
        else:
            load_weights(generator, weights, free=CONSTANT_NOISE)
        if second.exists():
            load_weights(discriminator, second)
        return
    # All new layers are drawn from the run's seed, so that the same command starts from the same weights.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(config.train.seed, "growing"))
        small = replace(model, resolution=size)
        g, whole = Generator(small), make_discriminator(small)
        load_weights(g, weights, free=CONSTANT_NOISE)
        load_weights(whole, second)
        d = whole.regularized
        assert isinstance(d, ResidualDiscriminator)  # check_source has seen to it
        while size < wanted:
            size *= 2
            larger = replace(model, resolution=size)
            larger_g, larger_d = Generator(larger), ResidualDiscriminator(larger)
            grow_generator(g, larger_g)
            grow_discriminator(d, larger_d)
            g, d = larger_g, larger_d
    generator.load_state_dict(g.state_dict())
    discriminator.regularized.load_state_dict(d.state_dict())
    if isinstance(whole, CombinedDiscriminator) and isinstance(discriminator, CombinedDiscriminator):
        discriminator.projected.load_state_dict(whole.projected.state_dict())


def check_source(config: RunConfig, source: str | Path) -> tuple[Path, RunConfig]:
    """A source's weights and its configuration. No weights are read, and so too few channels are not noticed; raises
    otherwise as :func:`load_or_grow`."""
    weights = find_weights(source)
    second = weights.with_suffix(DISCRIMINATOR)
    stored, _ = read_card(weights.with_suffix(CARD))
    size, wanted = stored.model.resolution, config.model.resolution
    if size > wanted:
        raise SpatialGANError(
            f"--init-from {source} draws pictures of {size} pixels; a run of {wanted} can start from "
            "a smaller model or one of its own size"
        )
    if is_retrofit(stored.model, config.model):
        require_retrofittable(stored.model, config.model, source, weights)
        return weights, stored
    kept = second.exists() and not _becomes_a_part(stored, config)
    _require_same(stored, config, source, with_discriminator=kept)
    if size < wanted:
        _require_growable(stored, config, source, second)
    return weights, stored


def _becomes_a_part(stored: RunConfig, config: RunConfig) -> bool:
    return stored.model.discriminator == "residual" and config.model.discriminator == "combined"


def _require_same(stored: RunConfig, config: RunConfig, source: str | Path, *, with_discriminator: bool) -> None:
    """Raise SpatialGANError naming the fields in which a model differs that decide what its tensors are."""
    there, here = asdict(stored.model), asdict(config.model)
    free = {*FREE_FIELDS, *(() if with_discriminator else DISCRIMINATOR_FIELDS)}
    if config.model.encoding not in ("concat", "norm"):
        free.add("encoded_max_resolution")
    different = [f for f in here if f not in free and there[f] != here[f]]
    if different:
        settings = " ".join(f"--set model.{f}={str(there[f]).lower()}" for f in different)
        raise SpatialGANError(f"--init-from {source} is of another kind than the model of this run; add {settings}")


def _require_growable(stored: RunConfig, config: RunConfig, source: str | Path, discriminator: Path) -> None:
    if config.model.processing != "coarse":
        raise SpatialGANError(
            f"--init-from {source} is of another size, and with model.processing="
            f"{config.model.processing} heatmaps are encoded at the picture's size: a larger model "
            "would draw something else"
        )
    if config.model.discriminator == "projected":
        raise SpatialGANError(
            f"--init-from {source} is of another size, and only models that were trained with "
            "model.discriminator=residual or combined can be grown"
        )
    if not discriminator.exists():
        raise SpatialGANError(
            f"--init-from {source} is of another size and can be grown only together with its "
            f"discriminator; {discriminator.name} is missing beside it"
        )


@torch.no_grad()
def grow_generator(small: Generator, large: Generator) -> None:
    """Set ``large``, of twice the resolution, so that its picture is ``small``'s, up-sampled."""
    own = large.state_dict()
    large.load_state_dict(own | small.state_dict())  # blocks are numbered from 4x4 up: the last one stays as it is
    large.blocks[-1].to_rgb.weight.zero_()
    large.blocks[-1].to_rgb.bias.zero_()


@torch.no_grad()
def grow_discriminator(small: ResidualDiscriminator, large: ResidualDiscriminator) -> None:
    """Set ``large``, of twice the resolution, so that it judges a picture as ``small`` judges it, down-sampled.

    Raises:
        SpatialGANError: the new block has too few channels to carry the picture.
    """
    channels = small.from_rgb.weight.shape[1]  # C, of the picture
    if large.from_rgb.weight.shape[0] < 2 * channels:
        raise SpatialGANError(
            f"growing needs {2 * channels} channels in the largest block and it has "
            f"{large.from_rgb.weight.shape[0]}; train both models with a larger model.channel_base"
        )
    kept = {_renumbered(n): t for n, t in small.state_dict().items() if not n.startswith("from_rgb.")}
    large.load_state_dict(large.state_dict() | kept)
    block = large.blocks[0]
    # A leaky ReLU loses nothing of x when it is given x and -x: x = (lrelu(x) - lrelu(-x)) / (1 + slope). Two such
    # layers carry the picture to the down-sampling convolution, which does what from_rgb did.
    both = torch.cat([torch.eye(channels), -torch.eye(channels)]).to(large.from_rgb.weight)  # (2C, C)
    back = both.T / ((1 + SLOPE) * SQRT2)  # (C, 2C)
    _set_center(large.from_rgb, both)
    _set_center(block.conv0, both @ back)
    # The block halves the power of each branch; the skip is silent, so the other has to make up for it.
    _set_center(block.conv1, SQRT2 * small.from_rgb.weight[:, :, 0, 0] * small.from_rgb.weight_gain @ back)
    block.conv1.get_parameter("bias").copy_(SQRT2 * small.from_rgb.get_parameter("bias"))
    block.skip.weight.zero_()


def _set_center(conv: Conv, matrix: torch.Tensor) -> None:
    """Make the first channels of a ``Conv`` the 1x1 convolution by ``matrix`` (out, in)."""
    out, size = matrix.shape
    middle = conv.weight.shape[-1] // 2
    conv.weight[:out].zero_()
    conv.weight[:out, :size, middle, middle] = matrix / conv.weight_gain
    conv.get_parameter("bias")[:out].zero_()


def _renumbered(name: str) -> str:
    """D's blocks are numbered from the picture down: each moves on by one."""
    first, *rest = name.split(".")
    return ".".join(["blocks", str(int(rest[0]) + 1), *rest[1:]]) if first == "blocks" else name
