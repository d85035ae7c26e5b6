import json
from dataclasses import replace
from typing import Any

import pytest

from spatialgan.config import (
    AidsConfig,
    DataConfig,
    LossConfig,
    ModelConfig,
    RunConfig,
    TrainConfig,
)
from spatialgan.errors import SpatialGANError
from spatialgan.settings import from_dict, is_earlier, to_dict, upgraded, with_settings

UNUSUAL = RunConfig(
    model=ModelConfig(
        resolution=64,
        image_channels=1,
        layout="multi",
        encoding="multi",
        num_objects=2,
        sel_residual_kernel=1,
        impulse_noise=0.25,
        object_std_min=0.1,
    ),
    data=DataConfig(fit="pad", mirror=True, holdout=10),
    loss=LossConfig(align="multi", align_levels=(2, 0), r1_gamma=0.1, align_mean="above"),
    train=TrainConfig(kimg=1.5, batch_size=16, micro_batch=8, augment="diffaug", augment_policy=("cutout",), seed=3),
)


def test_json_round_trip():
    assert from_dict(RunConfig, json.loads(json.dumps(to_dict(UNUSUAL)))) == UNUSUAL
    assert RunConfig() != UNUSUAL


def test_configurations_of_format_1_keep_their_meaning():
    """Attention was the sum's, distances had one mean; aids stood elsewhere; what said only how to train is dropped."""
    old = {
        "model": {"resolution": 64},
        "loss": {
            "align_empty": "relative",
            "comove_weight": 3.0,
            "carry_share": 0.5,
            "comove_size": 16,
            "comove_distance": 0.3,
            "reconstruct_weight": 0.5,
        },
        "data": {"shift": 0.125, "mirror": True},
        "train": {"reconstruct_kimg": 90.0, "reuse_pictures": True, "blur_std": 0.1, "blur_kimg": 50.0, "kimg": 2.0},
    }
    config = from_dict(RunConfig, upgraded(old))
    assert (config.loss.attention, config.loss.attention_sign, config.loss.align_mean) == ("sum", "real", "all")
    assert config.aids == AidsConfig(reconstruct_kimg=90, reuse_pictures=True)
    assert (config.model.resolution, config.train.kimg) == (64, 2.0) and config.data == DataConfig(mirror=True)
    assert "align_empty" in old["loss"]  # what was given is left as it was
    assert from_dict(RunConfig, upgraded({"loss": {"align_mean": "above"}})).loss.align_mean == "above"


@pytest.mark.parametrize("values", [None, [], {"model": None}, {"loss": 3}])
def test_what_is_malformed_in_format_1_is_left_to_be_named(values: object):
    assert upgraded(values) is values


def test_to_dict_is_plain_json():
    d = to_dict(UNUSUAL)
    assert d["loss"]["align_levels"] == [2, 0]
    assert d == json.loads(json.dumps(d))


def test_missing_fields_take_their_defaults():
    assert from_dict(RunConfig, {"train": {"seed": 9}}) == RunConfig(train=TrainConfig(seed=9))


def test_unknown_field_lists_the_valid_ones():
    with pytest.raises(SpatialGANError) as e:
        from_dict(RunConfig, {"data": {"flip": True}})
    for word in ("config.data", "flip", "fit", "mirror", "holdout"):
        assert word in str(e.value)


@pytest.mark.parametrize(
    ("section", "name", "value", "said"),
    [
        ("model", "resolution", "64", "a whole number"),
        ("model", "resolution", 64.0, "a whole number"),
        ("model", "resolution", True, "a whole number"),
        ("model", "impulse_noise", "0.1", "a number"),
        ("model", "impulse_noise", True, "a number"),
        ("model", "encoding", "nrom", "norm"),
        ("model", "encoding", None, "norm"),
        ("model", "sel_residual_kernel", 2, "1 or 3"),
        ("model", "sel_residual_kernel", True, "1 or 3"),
        ("model", "sel_residual_kernel", 1.0, "1 or 3"),
        ("data", "mirror", 1, "true or false"),
        ("loss", "align_levels", 2, "a list"),
        ("loss", "align_levels", ["0"], "a whole number"),
        ("train", "augment_policy", [1], "a text"),
    ],
)
def test_wrong_type_names_field_and_what_is_right(section: str, name: str, value: object, said: str):
    with pytest.raises(SpatialGANError) as e:
        from_dict(RunConfig, {section: {name: value}})
    assert f"{section}.{name}" in str(e.value)
    assert said in str(e.value)


def test_section_must_be_an_object():
    with pytest.raises(SpatialGANError, match=r"config.model must be a JSON object, not list"):
        from_dict(RunConfig, {"model": []})


def test_whole_numbers_serve_as_numbers():
    value = from_dict(RunConfig, {"loss": {"r1_gamma": 2}}).loss.r1_gamma
    assert value == 2.0
    assert type(value) is float


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        (ModelConfig, "resolution", 48),
        (ModelConfig, "resolution", 16),
        (ModelConfig, "resolution", 2048),
        (ModelConfig, "image_channels", 2),
        (ModelConfig, "z_dim", 0),
        (ModelConfig, "w_dim", 0),
        (ModelConfig, "mapping_layers", 0),
        (ModelConfig, "channel_base", 128),
        (ModelConfig, "channel_max", 0),
        (ModelConfig, "num_objects", 0),
        (ModelConfig, "coordinates_max_resolution", 2),
        (ModelConfig, "coordinates_max_resolution", 12),
        (ModelConfig, "coordinates_max_resolution", -4),
        (ModelConfig, "coordinates_max_resolution", 16),  # without encoding=multi
        (ModelConfig, "heatmap_kernel", 4),
        (ModelConfig, "heatmap_kernel", -1),
        (ModelConfig, "heatmap_dilation", 0),
        (ModelConfig, "minibatch_std_group", 0),
        (ModelConfig, "impulse_noise", 1.5),
        (ModelConfig, "impulse_noise", -0.1),
        (ModelConfig, "object_std_min", 0.0),
        (ModelConfig, "object_std_min", 0.3),
        (ModelConfig, "object_std_max", 0.1),
        (ModelConfig, "encoding", "multi"),
        (ModelConfig, "encoding", "other"),
        (ModelConfig, "layout", "other"),
        (ModelConfig, "processing", "other"),
        (ModelConfig, "discriminator", "other"),
        (ModelConfig, "sampling", "other"),
        (ModelConfig, "sel_residual_kernel", 5),
        (DataConfig, "holdout", 1),
        (DataConfig, "holdout", -2),
        (DataConfig, "fit", "stretch"),
        (LossConfig, "r1_gamma", -1.0),
        (LossConfig, "align_weight", -1.0),
        (LossConfig, "align_tau", -0.1),
        (LossConfig, "path_length_weight", -1.0),
        (LossConfig, "r1_interval", 0),
        (LossConfig, "path_length_interval", 0),
        (LossConfig, "style_mixing", 1.1),
        (LossConfig, "align_levels", ()),
        (LossConfig, "align_levels", (0, 3)),
        (LossConfig, "align_levels", (1, 1)),
        (LossConfig, "align", "both"),
        (LossConfig, "adversarial", "wgan"),
        (LossConfig, "align_mean", "median"),
        (TrainConfig, "batch_size", 0),
        (TrainConfig, "micro_batch", 7),
        (TrainConfig, "micro_batch", -1),
        (TrainConfig, "kimg", 0.0),
        (TrainConfig, "kimg", 0.0009),
        (TrainConfig, "seed", -1),
        (TrainConfig, "log_kimg", 0.0),
        (TrainConfig, "sample_kimg", 0.0),
        (TrainConfig, "snapshot_kimg", 0.0),
        (TrainConfig, "checkpoint_kimg", 0.0),
        (TrainConfig, "g_lr", 0.0),
        (TrainConfig, "d_lr", -1.0),
        (TrainConfig, "ema_half_life_kimg", 0.0),
        (TrainConfig, "sample_columns", 0),
        (TrainConfig, "sample_rows", 0),
        (TrainConfig, "beta1", 1.0),
        (TrainConfig, "beta2", -0.1),
        (TrainConfig, "g_beta2", 1.0),
        (TrainConfig, "keep_snapshots", -1),
        (TrainConfig, "ema_rampup", -0.1),
        (TrainConfig, "augment", "ada"),
        (TrainConfig, "augment_policy", ("flip",)),
        (TrainConfig, "precision", "float16"),
    ],
)
def test_value_out_of_range_is_named(cls: type, field: str, value: object):
    section = {ModelConfig: "model", DataConfig: "data", LossConfig: "loss", TrainConfig: "train"}[cls]
    with pytest.raises(SpatialGANError, match=rf"{section}\.{field}"):
        cls(**{field: value})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layout": "multi", "sampling": "independent"}, "model.sampling=independent"),
        ({"layout": "multi", "sampling": "noise"}, "model.sampling=noise"),
        ({"layout": "multi", "sampling": "release"}, "model.sampling=release"),
        ({"encoding": "concat", "processing": "release"}, "model.processing=release needs model.encoding=norm"),
        ({"encoding": "multi", "layout": "multi", "processing": "release"}, "needs model.encoding=norm"),
        ({"discriminator": "projected", "image_channels": 1}, "model.image_channels=3"),
        ({"discriminator": "combined", "image_channels": 1}, "model.image_channels=3"),
        ({"encoding": "multi", "layout": "single"}, "model.layout=multi"),
    ],
)
def test_model_contradictions(changes: dict, said: str):
    with pytest.raises(SpatialGANError, match=said):
        ModelConfig(**changes)


@pytest.mark.parametrize(
    ("model", "loss", "train", "said"),
    [
        ({"encoding": "none"}, {}, {}, "loss.align=none"),
        ({}, {"align": "multi"}, {}, "model.layout=multi"),
        ({}, {}, {"batch_size": 12}, "minibatch_std_group"),
        ({}, {}, {"batch_size": 24, "micro_batch": 12}, "minibatch_std_group"),
        ({"discriminator": "projected"}, {"r1_gamma": 0.5}, {}, "loss.r1_gamma=0"),
        ({"layout": "multi", "encoding": "multi"}, {"style_mixing": 0.5}, {}, "style_mixing"),
    ],
)
def test_run_contradictions(model: dict, loss: dict, train: dict, said: str):
    with pytest.raises(SpatialGANError, match=said):
        RunConfig(model=ModelConfig(**model), loss=LossConfig(**loss), train=TrainConfig(**train))


def test_contradictions_are_found_in_files_too():
    d = to_dict(RunConfig())
    d["model"]["encoding"] = "none"
    with pytest.raises(SpatialGANError, match=r"loss.align=none"):
        from_dict(RunConfig, d)


def test_small_batches_fit_a_larger_group():
    assert RunConfig(train=TrainConfig(batch_size=4)).train.batch_size == 4


@pytest.mark.parametrize(
    ("setting", "section", "field", "value"),
    [
        ("train.batch_size=32", "train", "batch_size", 32),
        ("train.g_lr=2e-3", "train", "g_lr", 0.002),
        ("train.kimg=5", "train", "kimg", 5.0),
        ("data.mirror=True", "data", "mirror", True),
        ("data.mirror=false", "data", "mirror", False),
        ("model.encoding=concat", "model", "encoding", "concat"),
        ("model.sel_residual_kernel=1", "model", "sel_residual_kernel", 1),
        ("loss.align_levels=0,2", "loss", "align_levels", (0, 2)),
        ("loss.align_levels=1", "loss", "align_levels", (1,)),
        ("train.augment_policy=color, cutout", "train", "augment_policy", ("color", "cutout")),
        ("loss.align_levels=[0, 2]", "loss", "align_levels", (0, 2)),
        ('train.augment_policy=["color", "cutout"]', "train", "augment_policy", ("color", "cutout")),
        ("loss.align_levels= [1]", "loss", "align_levels", (1,)),
        ("train.augment_policy=[]", "train", "augment_policy", ()),
        ("train.augment_policy=", "train", "augment_policy", ()),
    ],
)
def test_settings(setting: str, section: str, field: str, value: object):
    got = getattr(getattr(with_settings(RunConfig(), [setting]), section), field)
    assert got == value
    assert type(got) is type(value)


def test_settings_apply_together_and_leave_the_rest():
    # Either alone would be a contradiction.
    changed = with_settings(RunConfig(), ["model.layout=multi", "model.encoding=multi", "loss.align=multi"])
    expected = replace(RunConfig(), model=ModelConfig(layout="multi", encoding="multi"), loss=LossConfig(align="multi"))
    assert changed == expected


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("train.batch_size", "section.field=value"),
        ("batch_size=3", "section.field=value"),
        ("training.seed=3", "model, data, loss, train"),
        ("train.sead=3", "sead.*seed"),
        ("train.seed=three", "a whole number"),
        ("train.seed=1.5", "a whole number"),
        ("train.seed=true", "a whole number"),
        ("train.g_lr=fast", "a number"),
        ("train.kimg=1e400", "kimg=1e400 is inf; use a finite number"),
        (f"train.kimg={10**400}", "use a finite number"),
        ("train.seed=" + "[" * 100_000, "a whole number"),
        ("data.mirror=maybe", "true or false"),
        ("data.mirror=1", "true or false"),
        ("model.encoding=nrom", "none or concat or norm or multi or flatten"),
        ("model.sel_residual_kernel=true", "1 or 3"),
        ("loss.align_levels=0,x", "a whole number"),
        ("loss.align_levels=5", "loss.align_levels"),
        ("model.resolution=100", "model.resolution is 100"),
    ],
)
def test_bad_settings_are_named(setting: str, said: str):
    with pytest.raises(SpatialGANError, match=said):
        with_settings(RunConfig(), [setting])


TOML = """
[model]
resolution = 64
encoding = "none"

[train]
kimg = 3
g_lr = 1e-3

[loss]
align_levels = [2, 0]
"""


def test_a_file_wins_over_the_preset_and_set_over_both(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(TOML)
    base = RunConfig(train=TrainConfig(kimg=1, batch_size=16), data=DataConfig(mirror=True))
    # encoding=none alone would be a contradiction.
    config = with_settings(base, ["loss.align=none", "train.g_lr=0.005"], file=path)
    assert config == replace(
        base,
        model=ModelConfig(resolution=64, encoding="none"),
        loss=LossConfig(align="none", align_levels=(2, 0)),
        train=TrainConfig(kimg=3.0, batch_size=16, g_lr=0.005),
    )
    assert type(config.train.kimg) is float


def test_a_run_s_own_file_can_be_given_back(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_dict(UNUSUAL)))
    assert with_settings(RunConfig(), [], file=path) == with_settings(RunConfig(), [], file=tmp_path) == UNUSUAL
    for card in ({"config": to_dict(UNUSUAL), "num_images": 3}, {"config": earlier(UNUSUAL)}, earlier(UNUSUAL)):
        path.write_text(json.dumps(card))  # as --dry-run prints it, or in a model's card
        assert with_settings(RunConfig(), [], file=path) == UNUSUAL
    path.write_text(json.dumps(to_dict(UNUSUAL) | {"model": {"resolution": 32, "background_mapping": True}}))
    with pytest.raises(SpatialGANError, match=r"config\.json: it has model\.background_mapping, which this version"):
        with_settings(RunConfig(), [], file=path)
    path.write_text(json.dumps(to_dict(UNUSUAL) | {"data": {"mirror": True, "shift": 0.1}}))  # it trained otherwise
    with pytest.raises(SpatialGANError, match=r"config\.json: data\.shift is 0\.1, and this version no longer has it"):
        with_settings(RunConfig(), [], file=path)
    beside = to_dict(UNUSUAL) | {"aids": {"reconstruct_weight": 0.5}}
    path.write_text(json.dumps(beside))
    with pytest.raises(SpatialGANError, match=r"aids\.reconstruct_weight is 0\.5, and this version no longer has it"):
        with_settings(RunConfig(), [], file=path)
    assert is_earlier(beside) and not is_earlier(to_dict(UNUSUAL))
    path.write_text(json.dumps(to_dict(UNUSUAL) | {"aids": None}))
    with pytest.raises(SpatialGANError, match=r"config\.json"):
        with_settings(RunConfig(), [], file=path)
    base = RunConfig(loss=LossConfig(align_mean="above", attention="channel"))
    for rest in ({}, {"model": {}, "data": {}, "train": {}}):  # no whole one: the rest stays as it is
        path.write_text(json.dumps({"loss": {"r1_gamma": 3.0}, **rest}))
        assert with_settings(base, [], file=path) == replace(base, loss=replace(base.loss, r1_gamma=3.0))


def earlier(config: RunConfig) -> dict[str, Any]:
    """As an earlier version wrote it, with fields that are gone."""
    values = to_dict(config)
    return {**values, "data": {**values["data"], "shift": 0.0}, "loss": {**values["loss"], "comove_size": 8}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[train]\nsead = 3", r"run\.toml: train has no field sead; it has: kimg, .*seed"),
        ("[training]\nseed = 3", r"run\.toml has no field training; it has: model, data, loss, train, aids"),
        ("kimg = 3", r"run\.toml has no field kimg; it has: model"),
        ("train = 3", r"run\.toml: train must be a table, not int"),
        ("[[train]]\nseed = 3", r"run\.toml: train must be a table, not list"),
        ("[train]\nseed = 'x'", r"run\.toml: train\.seed: 'x' is not a whole number"),
        ("[train]\nseed = 2024-01-01", r"train\.seed: .* is not a whole number"),
        ("[train]\nkimg = inf", r"train\.kimg is inf; use a finite number"),
        ("[model]\nencoding = 'nrom'", r"run\.toml: model\.encoding is 'nrom'; use none or concat or norm"),
        ("[model]\nresolution = 100", r"model\.resolution is 100; use a power of two"),
        ("[model]\nencoding = 'multi'", r"model\.encoding=multi needs model\.layout=multi"),
        ("[train\nseed = 3", r"run\.toml is not TOML: .*line 1"),
        ("a = " + "[" * 100_000, r"run\.toml is not TOML: "),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, text: str, said: str):
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(SpatialGANError, match=said):
        with_settings(RunConfig(), [], file=path)


def test_files_that_cannot_be_read_are_named(tmp_path):
    for name, content, said in (
        ("missing.toml", None, r"--config: there is no file or folder .*missing\.toml"),
        ("binary.toml", b"\xff\xfe\x00", r"binary\.toml is not TOML"),
        ("config.json", b"{", r"config\.json is not JSON"),
        ("list.json", b"[]", r"list\.json must be a JSON object, not list"),
        ("run.yaml", b"", r"--config .*run\.yaml: give a file that ends in \.toml"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(SpatialGANError, match=said):
            with_settings(RunConfig(), [], file=tmp_path / name)


def test_derived_sizes():
    m = ModelConfig(resolution=64, channel_base=1024, channel_max=100)
    assert m.block_resolutions == (4, 8, 16, 32, 64)
    assert (m.num_layers, m.num_ws) == (9, 10)
    assert [m.channels(r) for r in m.block_resolutions] == [100, 100, 64, 32, 16]
    assert m.num_styles == 1
    assert ModelConfig(layout="multi", encoding="multi", num_objects=4).num_styles == 5
    assert ModelConfig(layout="multi", encoding="norm", num_objects=4).num_styles == 1
