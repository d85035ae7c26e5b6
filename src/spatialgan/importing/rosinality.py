"""The files of rosinality's stylegan2-pytorch (``.pt``), which many projects write: state dicts under other names."""

import re
from typing import Any

from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.importing.pickles import shown
from spatialgan.importing.plain import PlainModel, Shapes, Tensors, is_usual_filter, model_config

W_MEAN = "latent_avg"  # beside the state dicts, where there is one


def is_generator(tensors: Any) -> bool:
    """Whether these may be a generator's."""
    return isinstance(tensors, dict) and "style.1.weight" in tensors and "input.input" in tensors


def from_checkpoint(data: dict[str, Any]) -> PlainModel:
    """The model in a checkpoint, or in the averaged generator's state dict alone.

    Raises:
        SpatialGANError: it is of another architecture.
    """
    generator = data if is_generator(data) else data["g_ema"]
    g, d = _weights(generator), data.get("d")
    config = model_config(_shapes(g), constant_noise="noises.noise_0" in g)
    names = generator_names(config)
    if isinstance(data.get(W_MEAN), Tensor):
        g[W_MEAN] = data[W_MEAN]
    else:
        del names["mapping.w_mean"]
    d = _weights(d) if isinstance(d, dict) else None
    return PlainModel(config, g, names, d, discriminator_names(config))


def generator_names(config: ModelConfig) -> dict[str, str]:
    """Our names of G's tensors -> theirs."""
    names = {"mapping.w_mean": W_MEAN, "blocks.0.const": "input.input"}
    for i in range(config.mapping_layers):
        names |= {f"mapping.layers.{i}.{p}": f"style.{i + 1}.{p}" for p in ("weight", "bias")}
    layer = 0
    for i, r in enumerate(config.block_resolutions):
        for conv in ("conv0", "conv1")[r == 4 :]:
            theirs = "conv1" if r == 4 else f"convs.{layer - 1}"
            names |= {
                f"blocks.{i}.{conv}.{a}": f"{theirs}.{b}"
                for a, b in {
                    "affine.weight": "conv.modulation.weight",
                    "affine.bias": "conv.modulation.bias",
                    "weight": "conv.weight",
                    "bias": "activate.bias",
                    "noise_strength": "noise.weight",
                }.items()
            }
            if config.noise == "constant":
                names[f"noise.{layer}"] = f"noises.noise_{layer}"
            layer += 1
        theirs = "to_rgb1" if r == 4 else f"to_rgbs.{i - 1}"
        names |= {
            f"blocks.{i}.to_rgb.{a}": f"{theirs}.{b}"
            for a, b in {
                "affine.weight": "conv.modulation.weight",
                "affine.bias": "conv.modulation.bias",
                "weight": "conv.weight",
                "bias": "bias",
            }.items()
        }
    return names


def discriminator_names(config: ModelConfig) -> dict[str, str]:
    """Our names of D's tensors -> theirs."""
    names = {"from_rgb.weight": "convs.0.0.weight", "from_rgb.bias": "convs.0.1.bias"}
    for i in range(len(config.block_resolutions) - 1):
        names |= {
            f"blocks.{i}.{a}": f"convs.{i + 1}.{b}"
            for a, b in {
                "conv0.weight": "conv1.0.weight",
                "conv0.bias": "conv1.1.bias",
                "conv1.weight": "conv2.1.weight",
                "conv1.bias": "conv2.2.bias",
                "skip.weight": "skip.1.weight",
            }.items()
        }
    return names | {
        "conv.weight": "final_conv.0.weight",
        "conv.bias": "final_conv.1.bias",
        "fc.weight": "final_linear.0.weight",
        "fc.bias": "final_linear.0.bias",
        "out.weight": "final_linear.1.weight",
        "out.bias": "final_linear.1.bias",
    }


def kernel_names(config: ModelConfig) -> tuple[dict[str, float], dict[str, float]]:
    """The filters among G's tensors and among D's, by their names, with the sum of each."""
    blocks = range(len(config.block_resolutions) - 1)
    g = {f"convs.{2 * i}.conv.blur.kernel": 4.0 for i in blocks} | {f"to_rgbs.{i}.upsample.kernel": 4.0 for i in blocks}
    d = {f"convs.{i + 1}.{p}.0.kernel": 1.0 for i in blocks for p in ("conv2", "skip")}
    return g, d


def their_shape(theirs: str, tensor: Tensor) -> Tensor:
    """Our tensor in the shape that they give it."""
    if theirs in ("input.input", W_MEAN) or theirs.endswith(".conv.weight"):
        return tensor[None]
    if theirs.endswith("noise.weight"):
        return tensor.reshape(1)
    if re.fullmatch(r"to_rgb(1|s\.\d+)\.bias", theirs):
        return tensor[None, :, None, None]
    return tensor


def _weights(tensors: dict[str, Any]) -> Tensors:
    """All but the filters, which must be the usual ones."""
    weights = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or not isinstance(name, str):
            continue
        if not name.endswith(".kernel"):
            weights[name] = tensor
        elif not is_usual_filter(tensor):
            raise SpatialGANError(
                f"its {shown(name)} is not the filter [1, 3, 3, 1]; only models with that can be imported"
            )
    return weights


def _shapes(tensors: Tensors) -> Shapes:
    first, constant, rgb = (tensors.get(n) for n in ("style.1.weight", "input.input", "to_rgb1.conv.weight"))
    if first is None or first.ndim != 2 or constant is None or constant.ndim != 4 or rgb is None or rgb.ndim != 5:
        raise SpatialGANError(
            "it is not StyleGAN2, but of another architecture: style.1.weight, input.input or "
            "to_rgb1.conv.weight is missing or has another shape"
        )
    ups = {
        int(m[1]): t.shape
        for n, t in tensors.items()
        if (m := re.fullmatch(r"convs\.(\d?[02468])\.conv\.weight", n)) and t.ndim == 5
    }
    channels = {4: constant.shape[1]} | {8 * 2 ** (i // 2): shape[1] for i, shape in ups.items() if i < 20}
    layers = [n for n in tensors if re.fullmatch(r"style\.\d+\.weight", n)]
    return Shapes(
        z_dim=first.shape[1],
        w_dim=first.shape[0],
        mapping_layers=len(layers),
        image_channels=rgb.shape[1],
        channels=channels,
    )
