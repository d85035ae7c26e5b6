"""Ready configurations: a preset is a function that returns a full one.

Each is written out, as a table of what it sets beside the defaults of ``config.py``; none is made from another.
``rooms64`` is another name of ``floors64``.
"""

from collections.abc import Callable

from spatialgan.config import AidsConfig, DataConfig, LossConfig, ModelConfig, RunConfig, TrainConfig
from spatialgan.errors import SpatialGANError

# ---------------------------------------------------------------- the paper's, for 256x256
#
# 25 M images at batch 64 (8 GPUs). StyleGAN2 as ADA's authors have it for 256x256 [paper], without ADA, path-length
# regularisation and style mixing [conf]. Numbers are written out where they are defaults, too: those may change.
#
# The release keeps StyleGAN2's lazy rescaling of G, by 4/5, though path length, the reason for it, is off [conf]:
# 0.0025 * 4/5 = 0.002, and 0.99^(4/5) = 0.992. D's, by 16/17 for R1, is made with its optimiser. The release computes
# the top four blocks in fp16 and clamps them at 256; bfloat16 has the range of float32 and needs no clamp.


def paper256_single() -> RunConfig:
    """The paper's setting for cats and churches (faces: :func:`paper256_ffhq`)."""
    return RunConfig(
        model=ModelConfig(
            resolution=256,
            z_dim=512,
            w_dim=512,
            mapping_layers=8,
            channel_base=16384,
            channel_max=512,
            layout="single",
            sampling="hierarchical",
            encoding="norm",
            processing="coarse",
            encoded_max_resolution=16,
            minibatch_std_group=8,
        ),
        data=DataConfig(mirror=False),
        loss=LossConfig(
            adversarial="logistic",
            r1_gamma=1.0,
            r1_interval=16,
            align="single",
            attention_sign="fake",
            path_length_weight=0.0,
            style_mixing=0.0,
        ),
        train=TrainConfig(
            kimg=25000,
            batch_size=64,
            g_lr=0.002,
            g_beta2=0.992,
            d_lr=0.0025,
            beta1=0.0,
            beta2=0.99,
            ema_half_life_kimg=20,
            ema_rampup=0.0,
            augment="none",
            precision="bfloat16",
            keep_snapshots=10,
        ),
    )


def paper256_ffhq() -> RunConfig:
    """The paper's setting for faces: as :func:`paper256_single`, each picture flipped half of the time."""
    return RunConfig(
        model=ModelConfig(
            resolution=256,
            z_dim=512,
            w_dim=512,
            mapping_layers=8,
            channel_base=16384,
            channel_max=512,
            layout="single",
            sampling="hierarchical",
            encoding="norm",
            processing="coarse",
            encoded_max_resolution=16,
            minibatch_std_group=8,
        ),
        data=DataConfig(mirror=True),
        loss=LossConfig(
            adversarial="logistic",
            r1_gamma=1.0,
            r1_interval=16,
            align="single",
            attention_sign="fake",
            path_length_weight=0.0,
            style_mixing=0.0,
        ),
        train=TrainConfig(
            kimg=25000,
            batch_size=64,
            g_lr=0.002,
            g_beta2=0.992,
            d_lr=0.0025,
            beta1=0.0,
            beta2=0.99,
            ema_half_life_kimg=20,
            ema_rampup=0.0,
            augment="none",
            precision="bfloat16",
            keep_snapshots=10,
        ),
    )


def paper256_indoor() -> RunConfig:
    """The paper's setting for bedrooms: SEL_multi at every layer, the multi-object alignment.

    It is the last row of Table I; ``loss.align=single`` gives the row before it, and ``model.encoding=norm
    model.processing=release loss.align=single`` the one before that, which differs from the conference model in its
    layouts.
    """
    return RunConfig(
        model=ModelConfig(
            resolution=256,
            z_dim=512,
            w_dim=512,
            mapping_layers=8,
            channel_base=16384,
            channel_max=512,
            layout="multi",
            sampling="hierarchical",
            encoding="multi",
            processing="coarse",
            encoded_max_resolution=256,
            minibatch_std_group=8,
        ),
        data=DataConfig(mirror=False),
        loss=LossConfig(
            adversarial="logistic",
            r1_gamma=1.0,
            r1_interval=16,
            align="multi",
            attention_sign="fake",
            path_length_weight=0.0,
            style_mixing=0.0,
        ),
        train=TrainConfig(
            kimg=25000,
            batch_size=64,
            g_lr=0.002,
            g_beta2=0.992,
            d_lr=0.0025,
            beta1=0.0,
            beta2=0.99,
            ema_half_life_kimg=20,
            ema_rampup=0.0,
            augment="none",
            precision="bfloat16",
            keep_snapshots=10,
        ),
    )


def paper256_conference() -> RunConfig:
    """The conference model, EqGAN-SA, the first row of Table I: heatmaps are encoded at image size, from all levels
    together, and every layer reads them; layouts, and the sign of attention, are the release's own [conf]."""
    return RunConfig(
        model=ModelConfig(
            resolution=256,
            z_dim=512,
            w_dim=512,
            mapping_layers=8,
            channel_base=16384,
            channel_max=512,
            layout="single",
            sampling="release",
            encoding="norm",
            processing="release",
            encoded_max_resolution=256,
            minibatch_std_group=8,
        ),
        data=DataConfig(mirror=False),
        loss=LossConfig(
            adversarial="logistic",
            r1_gamma=1.0,
            r1_interval=16,
            align="single",
            attention_sign="fake",
            path_length_weight=0.0,
            style_mixing=0.0,
        ),
        train=TrainConfig(
            kimg=25000,
            batch_size=64,
            g_lr=0.002,
            g_beta2=0.992,
            d_lr=0.0025,
            beta1=0.0,
            beta2=0.99,
            ema_half_life_kimg=20,
            ema_rampup=0.0,
            augment="none",
            precision="bfloat16",
            keep_snapshots=10,
        ),
    )


# ---------------------------------------------------------------- ours, for small computers and single GPUs


def cats64() -> RunConfig:
    """Single-object pictures at 64x64 on a CPU; a first look after an hour of a core, good ones after ten.

    Subjects have to be anywhere in them, or nothing could be steered: ``spatialgan data prepare --boxes`` cuts windows.
    """
    return RunConfig(
        model=ModelConfig(
            resolution=64,
            z_dim=128,
            w_dim=128,
            mapping_layers=2,
            channel_base=1024,
            channel_max=256,
            sel_residual_kernel=1,
            center_std=0.14,
            discriminator="combined",
            projected_input=64,
        ),
        data=DataConfig(mirror=True, holdout=20),
        # 0.0002 R^2 / batch = 0.05 is the usual start for R1; small data sets bear more. Without alignment: after
        # reconstruction, heads were worse with it, and followed less (docs/notebook.md, 120).
        loss=LossConfig(r1_gamma=0.5, align="none"),
        # First shapes by reconstruction, at four times the speed of adversarial training, then details.
        train=TrainConfig(
            kimg=1000,
            batch_size=16,
            g_lr=0.001,
            d_lr=0.002,
            ema_half_life_kimg=5,
            precision="bfloat16",
        ),
        aids=AidsConfig(reconstruct_kimg=40, place_weight=3.0, reuse_pictures=True),
    )


def floors64() -> RunConfig:
    """Multi-object scenes at 64x64 on a CPU, such as furniture on a floor: what :func:`cats64` is for one object."""
    return RunConfig(
        model=ModelConfig(
            resolution=64,
            z_dim=32,
            w_dim=128,
            mapping_layers=2,
            channel_base=1024,
            channel_max=256,
            layout="multi",
            object_spacing=1.0,  # things are all over a room as it is, but not on one another
            encoding="multi",
            encoded_max_resolution=64,
            coordinates_max_resolution=32,
            sel_residual_kernel=1,
            center_std=1 / 3,
            discriminator="combined",
            projected_input=64,
        ),
        data=DataConfig(mirror=True, holdout=20),
        loss=LossConfig(r1_gamma=0.5, align="multi"),
        train=TrainConfig(
            kimg=1000,
            batch_size=16,
            g_lr=0.001,
            d_lr=0.002,
            ema_half_life_kimg=5,
            precision="bfloat16",
        ),
        aids=AidsConfig(reconstruct_kimg=40, place_weight=3.0, reuse_pictures=True),
    )


def cats128() -> RunConfig:
    """Single-object pictures at 128x128, for one GPU."""
    return RunConfig(
        model=ModelConfig(resolution=128, z_dim=256, w_dim=256, mapping_layers=4, channel_base=4096, channel_max=256),
        data=DataConfig(mirror=True, holdout=20),
        loss=LossConfig(r1_gamma=0.1),
        train=TrainConfig(
            kimg=5000,
            batch_size=32,
            ema_half_life_kimg=10,
            augment="diffaug",
            augment_policy=("translation", "cutout"),
            precision="bfloat16",
        ),
    )


def rooms128() -> RunConfig:
    """Multi-object rooms at 128x128, for one GPU."""
    return RunConfig(
        model=ModelConfig(
            resolution=128,
            z_dim=256,
            w_dim=256,
            mapping_layers=4,
            channel_base=4096,
            channel_max=256,
            layout="multi",
            encoding="multi",
            encoded_max_resolution=128,
        ),
        data=DataConfig(mirror=True, holdout=20),
        loss=LossConfig(r1_gamma=0.1, align="multi"),
        train=TrainConfig(
            kimg=5000,
            batch_size=32,
            ema_half_life_kimg=10,
            augment="diffaug",
            augment_policy=("translation", "cutout"),
            precision="bfloat16",
        ),
    )


# ---------------------------------------------------------------- a plain StyleGAN2 learns to read heatmaps
#
# Its layers are those of the model that --init-from names (training/retrofit.py).


def retrofit_single() -> RunConfig:
    """A StyleGAN2 of one kind of object, with hierarchical heatmaps as in the paper."""
    return RunConfig(
        model=ModelConfig(layout="single", sampling="hierarchical", encoding="norm", encoded_max_resolution=16),
        loss=LossConfig(r1_gamma=1.0, align="single"),
        train=TrainConfig(
            kimg=1000, batch_size=16, g_lr=0.001, d_lr=0.001, ema_half_life_kimg=10, precision="bfloat16"
        ),
    )


def retrofit_indoor() -> RunConfig:
    """A StyleGAN2 of rooms and the like, with a heatmap and a style for each of three objects.

    Alignment alone took G nowhere within 30,000 images of furniture: which heatmap is whose, reconstruction teaches.
    """
    return RunConfig(
        model=ModelConfig(layout="multi", num_objects=3, encoding="multi", styles="learned"),
        loss=LossConfig(r1_gamma=1.0, align="multi"),
        train=TrainConfig(
            kimg=1000, batch_size=16, g_lr=0.001, d_lr=0.001, ema_half_life_kimg=10, precision="bfloat16"
        ),
        aids=AidsConfig(reconstruct_kimg=20),
    )


def tiny() -> RunConfig:
    """32x32 in a minute or two on any computer: to try things out, and for tests."""
    return RunConfig(
        model=ModelConfig(
            resolution=32,
            z_dim=64,
            w_dim=64,
            mapping_layers=2,
            channel_base=1024,
            channel_max=64,
            sel_residual_kernel=1,
        ),
        loss=LossConfig(r1_gamma=0.1),
        train=TrainConfig(
            kimg=20,
            batch_size=16,
            ema_half_life_kimg=1,
            log_kimg=0.2,
            sample_kimg=1,
            checkpoint_kimg=0.5,
            snapshot_kimg=10,
        ),
    )


PRESETS: dict[str, Callable[[], RunConfig]] = {
    "paper256-single": paper256_single,
    "paper256-ffhq": paper256_ffhq,
    "paper256-indoor": paper256_indoor,
    "paper256-conference": paper256_conference,
    "cats64": cats64,
    "floors64": floors64,
    "rooms64": floors64,  # walls and windows make the same task harder
    "cats128": cats128,
    "rooms128": rooms128,
    "retrofit-single": retrofit_single,
    "retrofit-indoor": retrofit_indoor,
    "tiny": tiny,
}


RETROFITS = frozenset({"retrofit-single", "retrofit-indoor"})
"""Presets whose layers are those of the model that a run starts from."""


def preset(name: str) -> RunConfig:
    """A preset by name; raises SpatialGANError listing the names."""
    if name not in PRESETS:
        raise SpatialGANError(f"there is no preset {name}; use {', '.join(PRESETS)}")
    return PRESETS[name]()
