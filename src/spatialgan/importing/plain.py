"""What all formats of StyleGAN2 share: settings told from shapes, and weights under our names."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spatialgan.config import LossConfig, ModelConfig, RunConfig, TrainConfig
from spatialgan.errors import SpatialGANError
from spatialgan.importing.pickles import shown
from spatialgan.networks.discriminators.residual import ResidualDiscriminator
from spatialgan.networks.generator import Generator
from spatialgan.networks.resample import fir_kernel

Tensors = dict[str, Tensor]
GROUP = 4  # pictures of a minibatch-standard-deviation statistic, where a file does not tell
MAPPING_LR = 0.01  # multiplies weights and biases of the mapping network


@dataclass(frozen=True)
class PlainModel:
    """A StyleGAN2 as a file has it."""

    config: ModelConfig
    generator: Tensors
    """Under the file's names."""
    generator_names: dict[str, str]
    """Ours -> the file's."""
    discriminator: Tensors | None
    discriminator_names: dict[str, str]


@dataclass(frozen=True)
class Shapes:
    """What the weights' shapes tell of a generator."""

    z_dim: int
    w_dim: int
    mapping_layers: int
    image_channels: int
    channels: dict[int, int]
    """Of each block, by its resolution."""


def model_config(shapes: Shapes, *, constant_noise: bool, noise_inputs: bool = True, group: int = GROUP) -> ModelConfig:
    """The configuration of a plain StyleGAN2.

    Raises:
        SpatialGANError: there is none, as for pictures with transparency.
    """
    channels, resolution = shapes.channels, max(shapes.channels)
    if sorted(channels) != [2**i for i in range(2, resolution.bit_length())]:
        raise SpatialGANError(f"its blocks are of the resolutions {sorted(channels)}, which are not StyleGAN2's")
    channel_max = max(channels.values())
    below = [c * r for r, c in channels.items() if c < channel_max]
    config = ModelConfig(
        resolution=resolution,
        image_channels=shapes.image_channels,
        z_dim=shapes.z_dim,
        w_dim=shapes.w_dim,
        mapping_layers=shapes.mapping_layers,
        channel_base=max(below, default=channel_max * resolution),
        channel_max=channel_max,
        encoding="none",
        minibatch_std_group=group,
        noise_inputs=noise_inputs,
        noise="constant" if constant_noise else "random",
    )
    for r, c in channels.items():
        if config.channels(r) != c:
            raise SpatialGANError(
                f"its layers at {r}x{r} have {c} channels, where StyleGAN2's rule, base / resolution "
                f"up to a maximum, makes it {config.channels(r)}"
            )
    return config


def run_config(model: ModelConfig) -> RunConfig:
    """``model`` as part of a run that could have trained it."""
    group, usual = model.minibatch_std_group, TrainConfig().batch_size
    batch_size = group * max(1, usual // group)  # it must be a multiple
    return RunConfig(model=model, loss=LossConfig(align="none"), train=TrainConfig(batch_size=batch_size))


def make_networks(found: PlainModel) -> tuple[Generator, ResidualDiscriminator | None]:
    """Both networks, with the file's weights in float32; the mean of w is 0 where the file has none.

    Raises:
        SpatialGANError: a tensor is missing, superfluous, or of another shape; the sentence names it.
    """
    with torch.device("meta"):  # no memory before it is known that the weights fit
        generator, discriminator = Generator(found.config), ResidualDiscriminator(found.config)
    weights = _renamed(generator, found.generator, found.generator_names)
    weights.setdefault("mapping.w_mean", torch.zeros(found.config.w_dim))
    if not found.config.noise_inputs:
        weights |= {n: torch.zeros(()) for n in generator.state_dict() if n.endswith("noise_strength")}
    weights |= {n: weights[n].flip((2, 3)) for n in turned(weights)}
    generator.load_state_dict(weights, assign=True)
    if found.discriminator is None:
        return generator, None
    weights = _renamed(discriminator, found.discriminator, found.discriminator_names)
    discriminator.load_state_dict(weights, assign=True)
    return generator, discriminator


def turned(weights: Tensors) -> list[str]:
    """Our names of G's kernels that other programs store turned by 180 degrees: those that up-sample."""
    return [n for n in weights if n.endswith(".conv0.weight")]


def is_usual_filter(tensor: Tensor) -> bool:
    """Whether a stored filter is [1, 3, 3, 1] in both directions, whatever its sum."""
    return tensor.shape == (4, 4) and bool(torch.allclose(tensor.float() / tensor.float().sum(), fir_filter()))


def fir_filter() -> Tensor:
    """The filter of all up- and down-sampling, (4, 4), with the sum 1."""
    return fir_kernel(1, 1.0, torch.float32, torch.device("cpu"))[0, 0].clone()


def _renamed(network: nn.Module, stored: Tensors, names: dict[str, str]) -> Tensors:
    """The stored tensors under our names and in our shapes, which may differ in dimensions of 1."""
    missing = [theirs for theirs in names.values() if theirs not in stored]
    more = sorted(set(stored) - set(names.values()))
    if missing or more:
        what = f"{missing[0]} is missing" if missing else f"{shown(more[0])} is no part of it"
        raise SpatialGANError(f"it is not StyleGAN2, but of another architecture: {what}")
    wanted, made = network.state_dict(), {}
    for ours, theirs in names.items():
        tensor, shape = stored[theirs], wanted[ours].shape
        if [n for n in tensor.shape if n != 1] != [n for n in shape if n != 1]:
            raise SpatialGANError(f"its {theirs} has shape {tuple(tensor.shape)} instead of {tuple(shape)}")
        if not tensor.isfinite().all():
            raise SpatialGANError(f"its {theirs} holds numbers that are not finite")
        made[ours] = tensor.detach().reshape(shape).float().contiguous()
    return made
