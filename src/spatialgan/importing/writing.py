"""Models of ours as files of other programs: plain ones as StyleGAN2, any as ONNX graphs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.files import write_atomically
from spatialgan.importing import official, rosinality
from spatialgan.importing.onnx_graphs import export_onnx, exported_noise, require_packages
from spatialgan.importing.plain import GROUP, Tensors, fir_filter, turned
from spatialgan.model import Model
from spatialgan.networks.discriminators.residual import ResidualDiscriminator

FORMATS = ("rosinality", "stylegan2-state-dict", "onnx")


def export_model(model: Model, out: str | Path, to: str) -> list[str]:
    """Write a model for another program.

    Args:
        model: with ``encoding=none``, but for ``onnx``.
        out: the file.
        to: ``rosinality``, a checkpoint of g_ema and d; ``stylegan2-state-dict``, the state dicts of the official
            networks, G_ema and D; ``onnx``, see :mod:`spatialgan.importing.onnx_graphs`.

    Returns:
        Notes on what the file does not have of the model.

    Raises:
        SpatialGANError: no such format, or a model that the program could not draw with.
    """
    check_format(to)
    config = model.config.model
    if to == "onnx":
        export_onnx(model, Path(out))
        return noise_notes(config)
    if config.encoding != "none":
        raise SpatialGANError(
            f"the model {model.name} reads heatmaps (encoding={config.encoding}), which a plain "
            "StyleGAN2 cannot; export it with --to onnx"
        )
    notes = []
    discriminator = model.discriminator
    if not isinstance(discriminator, ResidualDiscriminator | None):
        notes.append(f"the discriminator is {config.discriminator}, not StyleGAN2's, and was left out")
        discriminator = None
    if to == "rosinality" and discriminator is not None and config.minibatch_std_group != GROUP:
        notes.append(
            f"the discriminator's statistic is of {config.minibatch_std_group} pictures, and that program takes {GROUP}"
        )
    d = None if discriminator is None else _weights(discriminator.state_dict())
    write = _rosinality if to == "rosinality" else _official
    data = write(config, _generator_weights(model), d)
    write_atomically(Path(out), lambda p: torch.save(data, p))
    return notes


def noise_notes(config: ModelConfig) -> list[str]:
    """What graphs do not have of the model."""
    drawn = config.noise_inputs and config.noise == "random"
    return ["the model draws noise anew for each picture; the graph has one noise for all"] if drawn else []


def check_format(to: str) -> None:
    """Raise SpatialGANError for a format that there is not, or that needs packages which are not installed."""
    if to not in FORMATS:
        raise SpatialGANError(f"--to {to}: use {' or '.join(FORMATS)}, or web for a folder")
    if to == "onnx":
        require_packages()


def _weights(state: Tensors) -> Tensors:
    return {n: t.detach().float().cpu() for n, t in state.items()}


def _generator_weights(model: Model) -> Tensors:
    """G's, with constant noise: its own, or where it has none, one that is drawn here."""
    config, weights = model.config.model, _weights(model.generator.state_dict())
    weights |= {f"noise.{name}": layer for name, layer in exported_noise(model.generator).state_dict().items()}
    if not config.noise_inputs:
        weights |= {n: torch.zeros(()) for n in weights if n.endswith("noise_strength")}
    return weights | {n: weights[n].flip((2, 3)) for n in turned(weights)}


def _with_noise(config: ModelConfig) -> ModelConfig:
    """The configuration whose names include all noise."""
    return replace(config, noise_inputs=True, noise="constant")


def _rosinality(config: ModelConfig, g: Tensors, d: Tensors | None) -> dict[str, Any]:
    def named(weights: Tensors, names: dict[str, str], kernels: dict[str, float]) -> Tensors:
        tensors = {theirs: rosinality.their_shape(theirs, weights[ours]).contiguous() for ours, theirs in names.items()}
        return tensors | {n: fir_filter() * total for n, total in kernels.items()}

    g_kernels, d_kernels = rosinality.kernel_names(config)
    data: dict[str, Any] = {"g_ema": named(g, rosinality.generator_names(_with_noise(config)), g_kernels)}
    data[rosinality.W_MEAN] = data["g_ema"].pop(rosinality.W_MEAN)
    if d is not None:
        data["d"] = named(d, rosinality.discriminator_names(config), d_kernels)
    return data


def _official(config: ModelConfig, g: Tensors, d: Tensors | None) -> dict[str, Any]:
    def shaped(theirs: str, tensor: Tensor) -> Tensor:
        return (tensor[0, 0] if theirs.endswith("noise_const") else tensor).contiguous()

    g_filters, d_filters = official.filter_names(config)
    names = official.generator_names(_with_noise(config))
    tensors = {theirs: shaped(theirs, g[ours]) for ours, theirs in names.items()}
    data: dict[str, Any] = {"G_ema": tensors | {n: fir_filter() for n in g_filters}}
    if d is not None:
        tensors = {theirs: d[ours].contiguous() for ours, theirs in official.discriminator_names(config).items()}
        data["D"] = tensors | {n: fir_filter() for n in d_filters}
        data[official.GROUP_KEY] = config.minibatch_std_group
    return data
