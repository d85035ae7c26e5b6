"""Growing [ours]: networks for pictures twice as large that start out doing what the small ones did.

Half the size costs half the time and shows shapes sooner, so a run for little compute starts small and goes on large:
``--init-from`` a model of a smaller resolution. Karras et al. (2018) fade new layers in; here they are set so that
there is nothing to fade: G's new block adds nothing to the picture yet, and D's halves the picture as a filter would.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from spatialgan.config import RunConfig
from spatialgan.errors import SpatialGANError
from spatialgan.model import DISCRIMINATOR, find_weights, load_weights, read_card
from spatialgan.networks.discriminator import ResidualDiscriminator, make_discriminator
from spatialgan.networks.generator import Generator
from spatialgan.networks.layers import SLOPE, SQRT2


def load_or_grow(config: RunConfig, generator: Generator, discriminator: nn.Module, source: str | Path) -> None:
    """Set both networks, built as ``config`` says, to another model's weights; a smaller one's are grown.

    Args:
        config: of the networks.
        generator: changed in place.
        discriminator: changed in place where the source has one.
        source: a bundled name, a folder, or a .safetensors file.

    Raises:
        SpatialGANError: the source is larger, does not fit, or is smaller and without a residual discriminator.
    """
    weights = find_weights(source)
    second = weights.with_suffix(DISCRIMINATOR)
    wanted = config.model.resolution
    stored, _ = read_card(weights.with_suffix(".json"))
    size = stored.model.resolution
    if size > wanted:
        raise SpatialGANError(f"--init-from {source} draws pictures of {size} pixels; a run of {wanted} can start from "
                              "a smaller model or one of its own size")
    if size == wanted:
        load_weights(generator, weights)
        if second.exists():
            load_weights(discriminator, second)
        return
    if not isinstance(discriminator, ResidualDiscriminator) or not second.exists():
        raise SpatialGANError(f"--init-from {source} is smaller, {size} pixels, and can be grown only with its "
                              "discriminator, where that is residual (model.discriminator=residual)")
    small = replace(config.model, resolution=size)
    g, d = Generator(small), make_discriminator(small)
    load_weights(g, weights)
    load_weights(d, second)
    while size < wanted:
        size *= 2
        model = replace(config.model, resolution=size)
        larger_g, larger_d = Generator(model), make_discriminator(model)
        grow_generator(g, larger_g)
        grow_discriminator(d, larger_d)
        g, d = larger_g, larger_d
    generator.load_state_dict(g.state_dict())
    discriminator.load_state_dict(d.state_dict())


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
        raise SpatialGANError(f"growing needs {2 * channels} channels in the largest block and it has "
                              f"{large.from_rgb.weight.shape[0]}; raise model.channel_base")
    kept = {_renumbered(n): t for n, t in small.state_dict().items() if not n.startswith("from_rgb.")}
    large.load_state_dict(large.state_dict() | kept)
    block = large.blocks[0]
    # A leaky ReLU loses nothing of x when it is given x and -x: x = (lrelu(x) - lrelu(-x)) / (1 + slope). Two such
    # layers carry the picture to the down-sampling convolution, which does what from_rgb did.
    both = torch.cat([torch.eye(channels), -torch.eye(channels)]).to(large.from_rgb.weight)  # (2C, C)
    back = both.T / ((1 + SLOPE) * SQRT2)  # (C, 2C)
    _set_center(large.from_rgb, both)
    _set_center(block.conv0, both @ back)
    block.conv1.weight.zero_()
    # The block halves the power of each branch; the skip is silent, so the other has to make up for it.
    _set_center(block.conv1, SQRT2 * small.from_rgb.weight[:, :, 0, 0] * small.from_rgb.weight_gain @ back)
    block.conv1.bias.copy_(SQRT2 * small.from_rgb.bias)
    block.skip.weight.zero_()


def _set_center(conv: nn.Module, matrix: torch.Tensor) -> None:
    """Make the first channels of a ``Conv`` the 1x1 convolution by ``matrix`` (out, in)."""
    out, size = matrix.shape
    middle = conv.weight.shape[-1] // 2
    conv.weight[:out].zero_()
    conv.weight[:out, :size, middle, middle] = matrix / conv.weight_gain
    conv.bias[:out].zero_()


def _renumbered(name: str) -> str:
    """D's blocks are numbered from the picture down: each moves on by one."""
    first, *rest = name.split(".")
    return ".".join(["blocks", str(int(rest[0]) + 1), *rest[1:]]) if first == "blocks" else name
