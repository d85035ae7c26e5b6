"""Ready configurations: a preset is a function that returns a full one."""

from collections.abc import Callable
from dataclasses import replace

from spatialgan.config import AidsConfig, DataConfig, LossConfig, ModelConfig, RunConfig, TrainConfig
from spatialgan.errors import SpatialGANError


def paper256_single() -> RunConfig:
    """The paper's setting for faces, cats and churches: 256x256, 25 M images at batch 64 (8 GPUs)."""
    return RunConfig(train=TrainConfig(precision="bfloat16"))


def paper256_indoor() -> RunConfig:
    """The paper's setting for bedrooms: SEL_multi at every layer, the multi-object alignment."""
    return _indoor(paper256_single())


def cats64() -> RunConfig:
    """Single-object pictures, the subject anywhere, at 64x64: two to three hours of a CPU core."""
    return RunConfig(
        model=ModelConfig(resolution=64, z_dim=128, w_dim=128, mapping_layers=2, channel_base=1024, channel_max=256,
                          sel_residual_kernel=1, constant="uniform", noise_inputs=False, center_std=0.14,
                          discriminator="combined", projected_input=64),
        # Windows of 7/8 of a picture: without them, subjects that are all in the middle could not be steered.
        data=DataConfig(mirror=True, shift=0.125, holdout=20),
        # 0.0002 R^2 / batch = 0.05 is the usual start for R1; small data sets bear more.
        loss=LossConfig(r1_gamma=0.5),
        # First shapes by reconstruction, at four times the speed of the adversarial game, then details.
        train=TrainConfig(kimg=250, batch_size=16, g_lr=0.001, d_lr=0.002, ema_half_life_kimg=5,
                          precision="bfloat16"),
        aids=AidsConfig(reconstruct_kimg=90, reconstruct_weight=1.0, reuse_pictures=True),
    )


def rooms64() -> RunConfig:
    """Multi-object rooms at 64x64 on a CPU, three hours of a core: :func:`cats64` for indoor scenes."""
    c = _indoor(cats64())
    # Things are all over a room as it is, but not on one another.
    return replace(c, model=replace(c.model, z_dim=32, center_std=1 / 3, coordinates_max_resolution=32,
                                    coordinates_gated=True, background_mapping=True, object_spacing=1.0),
                   data=replace(c.data, shift=0.0),
                   train=replace(c.train, kimg=300), aids=replace(c.aids, reconstruct_kimg=100))


def cats128() -> RunConfig:
    """Single-object pictures at 128x128, for one GPU."""
    return RunConfig(
        model=ModelConfig(resolution=128, z_dim=256, w_dim=256, mapping_layers=4, channel_base=4096, channel_max=256),
        data=DataConfig(mirror=True, holdout=20),
        loss=LossConfig(r1_gamma=0.1),
        train=TrainConfig(kimg=5000, batch_size=32, ema_half_life_kimg=10, augment="diffaug",
                          augment_policy=("translation", "cutout"), precision="bfloat16"),
    )


def rooms128() -> RunConfig:
    """Multi-object rooms at 128x128, for one GPU: :func:`cats128` for indoor scenes."""
    return _indoor(cats128())


def tiny() -> RunConfig:
    """32x32 in a minute or two on any computer: to try things out, and for tests."""
    return RunConfig(
        model=ModelConfig(resolution=32, z_dim=64, w_dim=64, mapping_layers=2, channel_base=1024, channel_max=64,
                          sel_residual_kernel=1),
        loss=LossConfig(r1_gamma=0.1),
        train=TrainConfig(kimg=20, batch_size=16, ema_half_life_kimg=1, log_kimg=0.2, sample_kimg=1,
                          checkpoint_kimg=0.5, snapshot_kimg=10),
    )


def _indoor(single: RunConfig) -> RunConfig:
    """A single-object configuration for multi-object scenes."""
    model = replace(single.model, layout="multi", encoding="multi", encoded_max_resolution=single.model.resolution)
    return replace(single, model=model, loss=replace(single.loss, align="multi"))


PRESETS: dict[str, Callable[[], RunConfig]] = {
    "paper256-single": paper256_single, "paper256-indoor": paper256_indoor, "cats64": cats64, "rooms64": rooms64,
    "cats128": cats128, "rooms128": rooms128, "tiny": tiny,
}


def preset(name: str) -> RunConfig:
    """A preset by name; raises SpatialGANError listing the names."""
    if name not in PRESETS:
        raise SpatialGANError(f"there is no preset {name}; use {', '.join(PRESETS)}")
    return PRESETS[name]()
