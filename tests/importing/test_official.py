"""Official pickles: parity with what their own programs drew, layer by layer, and a sentence for every other kind."""

import pytest
import torch
from parity import FIXTURES, TOLERANCE, draw, error, expected
from pickled import fixture, module, write
from reference import mapping, synthesis

from spatialgan.errors import SpatialGANError
from spatialgan.importing.official import from_pickle
from spatialgan.importing.pickles import Record, read_pickle
from spatialgan.importing.reading import read_model


@pytest.fixture(params=["ada-style", "stylegan3-style"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(name: str):
    return read_model(FIXTURES / f"{name}.pkl")


def test_settings_are_recognised(name, model):
    m = model.config.model
    assert (m.resolution, m.z_dim, m.w_dim, m.channel_base, m.channel_max) == (64, 32, 32, 512, 32)
    assert m.mapping_layers == {"ada-style": 8, "stylegan3-style": 2}[name]
    assert (m.encoding, m.noise, m.minibatch_std_group, m.image_channels) == ("none", "constant", 4, 3)
    assert model.name == name and model.card["imported_from"] == f"{name}.pkl"


def test_mapping(name, model):
    arrays = expected(name)
    ws = model.generator.ws(arrays["z"][:, None], None)
    assert error(ws[:, 0, 0], arrays["w"]) < TOLERANCE


@pytest.mark.parametrize(
    ("key", "options"),
    [("image", {}), ("image_truncated", {"truncation": 0.7}), ("image_without_noise", {"noise": False})],
)
def test_pictures(name, model, key, options):
    arrays = expected(name)
    assert error(draw(model, arrays["z"], **options), arrays[key]) < TOLERANCE


def test_noise_and_truncation_matter_in_these_pictures(name):
    arrays = expected(name)
    for key in ("image_truncated", "image_without_noise"):
        assert error(arrays[key], arrays["image"]) > 0.01


def test_the_discriminators_logits(name, model):
    arrays = expected(name)
    logits = model.discriminator(arrays["image"].repeat(2, 1, 1, 1)).logits
    assert error(logits, arrays["d_logits_of_the_two_images_twice"]) < TOLERANCE


def test_every_block_as_the_slow_reference_has_it_which_draws_the_expected_picture(name, model):
    arrays = expected(name)
    tensors = from_pickle(read_pickle(FIXTURES / f"{name}.pkl")).generator
    w = mapping(tensors, arrays["z"])
    assert error(w, arrays["w"]) < TOLERANCE
    ws = model.generator.ws(arrays["z"][:, None], None)
    ours = model.generator.synthesize(ws, None, model.generator.noise())
    for i in range(len(w)):
        features, image = synthesis(tensors, w[i])
        assert error(image, arrays["image"][i]) < TOLERANCE
        assert set(features) == set(ours.features) == {4, 8, 16, 32, 64}
        for r, expected_features in features.items():
            assert error(ours.features[r][i], expected_features) < TOLERANCE, f"block {r}"


def test_a_pickle_without_discriminator(monkeypatch, tmp_path):
    data = fixture() | {"D": None}
    assert read_model(write(monkeypatch, tmp_path / "a.pkl", data)).discriminator is None


@pytest.mark.parametrize("group", [3, 8, 100])
def test_groups_of_any_size(group, monkeypatch, tmp_path):
    data = fixture()
    module(data["D"], "b4", "mbstd").attributes["group_size"] = group
    model = read_model(write(monkeypatch, tmp_path / "a.pkl", data))
    assert model.config.model.minibatch_std_group == model.discriminator.group == group
    assert model.config.train.batch_size % group == 0


def test_a_generator_without_noise(monkeypatch, tmp_path):
    data = fixture()
    g = data["G_ema"]
    for r in (4, 8, 16, 32, 64):
        for conv in ("conv0", "conv1")[r == 4 :]:
            layer = module(g, "synthesis", f"b{r}", conv)
            del layer.attributes["_buffers"]["noise_const"], layer.attributes["_parameters"]["noise_strength"]
    model = read_model(write(monkeypatch, tmp_path / "a.pkl", data))
    assert not model.config.model.noise_inputs
    arrays = expected("ada-style")
    assert error(draw(model, arrays["z"]), arrays["image_without_noise"]) < TOLERANCE


def _stylegan3(data):
    data["G_ema"] = network = Record()
    layer = Record()
    layer.attributes = {"_parameters": {"weight": torch.zeros(4, 4)}}
    inner = Record()
    inner.attributes = {"_modules": {"L0_36_512": layer}}
    network.class_name, network.attributes = "Generator", {"_modules": {"synthesis": inner}}


def _conditional(data):
    data["G_ema"].attributes["c_dim"] = 10


def _other_class(data):
    data["G_ema"].class_name = "TriPlaneGenerator"


def _residual_generator(data):
    module(data["G_ema"], "synthesis", "b16").attributes["architecture"] = "resnet"


def _original_discriminator(data):
    module(data["D"], "b16").attributes["architecture"] = "orig"


def _other_activation(data):
    module(data["G_ema"], "synthesis", "b16", "conv1").attributes["activation"] = "relu"


def _other_filter(data):
    module(data["G_ema"], "synthesis", "b16").attributes["_buffers"]["resample_filter"] = torch.ones(4, 4) / 16


def _other_rate(data):
    module(data["G_ema"], "mapping", "fc0").attributes["bias_gain"] = 0.1


def _all_of_the_batch(data):
    module(data["D"], "b4", "mbstd").attributes["group_size"] = None


def _transparent(data):
    module(data["G_ema"], "synthesis", "b4", "torgb").attributes["_parameters"]["weight"] = torch.zeros(4, 32, 1, 1)


def _new_layer(data):
    data["G_ema"].attributes["_modules"]["attention"] = Record()
    data["G_ema"].attributes["_modules"]["attention"].attributes = {"_parameters": {"weight": torch.zeros(3)}}


def _wide_layer(data):
    module(data["G_ema"], "synthesis", "b16", "conv1").attributes["_parameters"]["weight"] = torch.zeros(24, 32, 3, 3)


def _not_finite(data):
    module(data["G_ema"], "mapping").attributes["_buffers"]["w_avg"] = torch.full((32,), torch.nan)


def _no_average(data):
    del data["G_ema"]


def _holds_itself(data):
    data["G_ema"].attributes["_modules"]["self"] = data["G_ema"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_stylegan3, "it is a StyleGAN3"),
        (_conditional, r"class-conditional \(c_dim=10\)"),
        (_other_class, "another architecture: its generator is a TriPlaneGenerator"),
        (_residual_generator, "its generator has architecture=resnet; only skip"),
        (_original_discriminator, "its discriminator has architecture=orig; only resnet"),
        (_other_activation, "activation=relu; only lrelu"),
        (_other_filter, r"synthesis.b16.resample_filter is not the filter \[1, 3, 3, 1\]"),
        (_other_rate, "learning-rate multiplier 0.1"),
        (_all_of_the_batch, "groups of None pictures"),
        (_transparent, "image_channels is 4"),
        (_new_layer, "another architecture: attention.weight is no part of it"),
        (_wide_layer, "its layers at 16x16 have 24 channels, where StyleGAN2's rule"),
        (_not_finite, "mapping.w_avg holds numbers that are not finite"),
        (_no_average, "holds no G_ema"),
    ],
)
def test_another_kind_is_refused_by_its_name(change, sentence, monkeypatch, tmp_path):
    data = fixture()
    change(data)
    path = write(monkeypatch, tmp_path / "a.pkl", data)
    with pytest.raises(SpatialGANError, match=sentence) as raised:
        read_model(path)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)


def test_modules_that_hold_themselves_end():
    data = fixture()
    _holds_itself(data)
    with pytest.raises(SpatialGANError, match="nested too deep"):
        from_pickle(data)
