"""The smallest run there is: 32x32 pictures and networks of a few thousand weights."""

from dataclasses import replace

from spatialgan.config import LossConfig, ModelConfig, RunConfig, TrainConfig


def tiny_config(**sections: dict) -> RunConfig:
    """A run of 16 steps of 4 pictures; ``model=dict(...)`` and so on change fields."""
    base = RunConfig(
        model=ModelConfig(
            resolution=32,
            z_dim=16,
            w_dim=16,
            mapping_layers=2,
            channel_base=256,
            channel_max=16,
            sel_residual_kernel=1,
            minibatch_std_group=4,
        ),
        loss=LossConfig(r1_gamma=0.1, r1_interval=4),
        train=TrainConfig(
            kimg=0.064,
            batch_size=4,
            log_kimg=0.008,
            sample_kimg=0.064,
            snapshot_kimg=0.064,
            checkpoint_kimg=0.016,
            sample_columns=2,
            sample_rows=1,
            ema_half_life_kimg=0.02,
        ),
    )
    return replace(base, **{name: replace(getattr(base, name), **fields) for name, fields in sections.items()})
