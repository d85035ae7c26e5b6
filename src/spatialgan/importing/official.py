"""The official PyTorch files: pickles of stylegan2-ada-pytorch, and of StyleGAN2 from stylegan3; and their weights
alone, as a dictionary of state dicts, which is what we write for those programs."""

import re
from typing import Any

from torch import Tensor

from spatialgan.config import ModelConfig
from spatialgan.errors import SpatialGANError
from spatialgan.importing.pickles import Record, shown
from spatialgan.importing.plain import GROUP, MAPPING_LR, PlainModel, Shapes, Tensors, is_usual_filter, model_config

FILTER = "resample_filter"
GROUP_KEY = "mbstd_group_size"  # in files of state dicts


def from_pickle(data: Any) -> PlainModel:
    """The model in a pickle, as ``read_pickle`` has it: the averaged generator, and D where there is one.

    Raises:
        SpatialGANError: it is another kind of network; the sentence says which.
    """
    if not isinstance(data, dict) or not isinstance(data.get("G_ema"), Record):
        raise SpatialGANError("it holds no G_ema, the averaged generator that official StyleGAN2 pickles have")
    tensors, settings = _flat(data["G_ema"])
    _require_stylegan2(data["G_ema"].class_name, tensors, settings)
    d = data.get("D")
    if not isinstance(d, Record):
        return from_tensors(tensors, None)
    d_tensors, d_settings = _flat(d)
    return from_tensors(tensors, d_tensors, group=_group(d_settings))


def from_tensors(generator: Tensors, discriminator: Tensors | None, *, group: int = GROUP) -> PlainModel:
    """The model that state dicts are of."""
    for tensors in (generator, discriminator or {}):
        _require_filter(tensors)
    g = {n: t for n, t in generator.items() if not n.endswith(FILTER)}
    d = None if discriminator is None else {n: t for n, t in discriminator.items() if not n.endswith(FILTER)}
    has_noise = any(n.endswith("noise_const") for n in g)
    config = model_config(_shapes(g), constant_noise=has_noise, noise_inputs=has_noise, group=group)
    return PlainModel(config, g, generator_names(config), d, discriminator_names(config))


def generator_names(config: ModelConfig) -> dict[str, str]:
    """Our names of G's tensors -> theirs."""
    names = {"mapping.w_mean": "mapping.w_avg", "blocks.0.const": "synthesis.b4.const"}
    for i in range(config.mapping_layers):
        names |= {f"mapping.layers.{i}.{p}": f"mapping.fc{i}.{p}" for p in ("weight", "bias")}
    parts = ["affine.weight", "affine.bias", "weight", "bias"]
    layer = 0
    for i, r in enumerate(config.block_resolutions):
        for conv in ("conv0", "conv1")[r == 4 :]:
            names |= {f"blocks.{i}.{conv}.{p}": f"synthesis.b{r}.{conv}.{p}" for p in parts}
            if config.noise_inputs:
                names[f"blocks.{i}.{conv}.noise_strength"] = f"synthesis.b{r}.{conv}.noise_strength"
                names[f"noise.{layer}"] = f"synthesis.b{r}.{conv}.noise_const"
            layer += 1
        names |= {f"blocks.{i}.to_rgb.{p}": f"synthesis.b{r}.torgb.{p}" for p in parts}
    return names


def discriminator_names(config: ModelConfig) -> dict[str, str]:
    """Our names of D's tensors -> theirs."""
    both = ("weight", "bias")
    names = {f"from_rgb.{p}": f"b{config.resolution}.fromrgb.{p}" for p in both}
    for i, r in enumerate(reversed(config.block_resolutions[1:])):
        names |= {f"blocks.{i}.{c}.{p}": f"b{r}.{c}.{p}" for c in ("conv0", "conv1") for p in both}
        names[f"blocks.{i}.skip.weight"] = f"b{r}.skip.weight"
    return names | {f"{layer}.{p}": f"b4.{layer}.{p}" for layer in ("conv", "fc", "out") for p in both}


def filter_names(config: ModelConfig) -> tuple[list[str], list[str]]:
    """The filters among G's buffers and among D's: of each block, and of each of its convolutions."""
    g, d = [], [f"b{config.resolution}.fromrgb.{FILTER}", f"b4.conv.{FILTER}"]
    for r in config.block_resolutions:
        g += [f"synthesis.b{r}.{FILTER}", *(f"synthesis.b{r}.{c}.{FILTER}" for c in ("conv0", "conv1")[r == 4 :])]
        if r > 4:
            d += [f"b{r}.{FILTER}", *(f"b{r}.{c}.{FILTER}" for c in ("conv0", "conv1", "skip"))]
    return g, d


def _flat(network: Record) -> tuple[Tensors, dict[str, Any]]:
    """All tensors, and all simple attributes, of a network and the modules in it, by dotted names."""
    tensors: Tensors = {}
    settings: dict[str, Any] = {}

    def walk(record: Record, prefix: str, depth: int) -> None:
        if depth > 8 or not isinstance(record, Record):  # a record may hold itself
            raise SpatialGANError("it is not StyleGAN2, but of another architecture: its modules are nested too deep")
        for name, value in record.attributes.items():
            if value is None or isinstance(value, bool | int | float | str):
                settings[f"{prefix}{name}"] = value
        for group in ("_parameters", "_buffers"):
            stored = _dictionary(record.attributes.get(group))
            tensors.update({f"{prefix}{n}": t for n, t in stored.items() if isinstance(t, Tensor)})
        for name, module in _dictionary(record.attributes.get("_modules")).items():
            walk(module, f"{prefix}{name}.", depth + 1)

    walk(network, "", 0)
    return tensors, settings


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _require_stylegan2(class_name: str, tensors: Tensors, settings: dict[str, Any]) -> None:
    """Raise SpatialGANError naming what a generator is, where it is not a plain StyleGAN2 without classes."""
    if any(re.match(r"synthesis\.L\d+_", name) for name in tensors):
        raise SpatialGANError(
            "it is a StyleGAN3, whose layers are others; StyleGAN2 models can be imported, also "
            "those that stylegan3 trained with --cfg=stylegan2"
        )
    if class_name != "Generator" or "synthesis.b4.const" not in tensors:
        raise SpatialGANError(
            "it is not StyleGAN2, but of another architecture: its generator is a "
            f"{shown(class_name)} without StyleGAN2's learned constant"
        )
    classes = settings.get("c_dim") or settings.get("mapping.c_dim")
    if classes or any(name.startswith("mapping.embed") for name in tensors):
        raise SpatialGANError(f"it is class-conditional (c_dim={classes}); models without classes can be imported")
    _require_setting(settings, "architecture", ("skip",), "generator")
    _require_setting(settings, "activation", ("lrelu", "linear"), "generator")
    rates = {v for n, v in settings.items() if re.fullmatch(r"mapping\.fc\d+\.bias_gain", n)}
    if not rates <= {MAPPING_LR}:
        raise SpatialGANError(
            f"its mapping network has the learning-rate multiplier {max(rates)}; those of "
            f"{MAPPING_LR}, the usual one, can be imported"
        )


def _group(settings: dict[str, Any]) -> int:
    """Pictures that share a statistic of D; raises SpatialGANError where D is of another kind than ours."""
    _require_setting(settings, "architecture", ("resnet",), "discriminator")
    _require_setting(settings, "activation", ("lrelu", "linear"), "discriminator")
    group, channels = settings.get("b4.mbstd.group_size", GROUP), settings.get("b4.mbstd.num_channels", 1)
    if not isinstance(group, int) or channels != 1:
        raise SpatialGANError(
            f"its discriminator's minibatch statistic has groups of {group} pictures and {channels} "
            "channels; a number of pictures and one channel can be imported"
        )
    return group


def _require_setting(settings: dict[str, Any], field: str, known: tuple[str, ...], network: str) -> None:
    for name, value in settings.items():
        if name.rpartition(".")[2] == field and value not in known:
            raise SpatialGANError(f"its {network} has {field}={shown(value)}; only {known[0]} can be imported")


def _require_filter(tensors: Tensors) -> None:
    for name, value in tensors.items():
        if name.endswith(FILTER) and not is_usual_filter(value):
            raise SpatialGANError(
                f"its {shown(name)} is not the filter [1, 3, 3, 1]; only models with that can be imported"
            )


def _shapes(tensors: Tensors) -> Shapes:
    """Raises SpatialGANError where even these tensors are not there."""
    blocks = {
        int(m[1]): t.shape
        for n, t in tensors.items()
        if (m := re.fullmatch(r"synthesis\.b(\d{1,5})\.conv1\.weight", n)) and t.ndim == 4
    }
    layers = [t.shape for n, t in tensors.items() if re.fullmatch(r"mapping\.fc\d+\.weight", n)]
    rgb = tensors.get("synthesis.b4.torgb.weight")
    first = tensors.get("mapping.fc0.weight")
    if 4 not in blocks or first is None or first.ndim != 2 or rgb is None or rgb.ndim != 4:
        raise SpatialGANError(
            "it is not StyleGAN2, but of another architecture: mapping.fc0.weight, "
            "synthesis.b4.conv1.weight or synthesis.b4.torgb.weight is missing"
        )
    return Shapes(
        z_dim=first.shape[1],
        w_dim=first.shape[0],
        mapping_layers=len(layers),
        image_channels=rgb.shape[0],
        channels={r: shape[0] for r, shape in blocks.items()},
    )
