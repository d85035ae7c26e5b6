"""rosinality's checkpoints: parity with what that program drew, and a sentence for what is another network's."""

import argparse

import pytest
import torch
from parity import FIXTURES, TOLERANCE, draw, error, expected
from reference import mapping, synthesis

from spatialgan.errors import SpatialGANError
from spatialgan.importing.reading import read_model
from spatialgan.importing.writing import export_model

PATH = FIXTURES / "rosinality-style.pt"


@pytest.fixture
def checkpoint():
    return torch.load(PATH, weights_only=True)


@pytest.fixture
def saved(tmp_path):
    def save(data, **options):
        torch.save(data, tmp_path / "a.pt", **options)
        return tmp_path / "a.pt"

    return save


def test_settings_are_recognised():
    m = read_model(PATH).config.model
    assert (m.resolution, m.z_dim, m.w_dim, m.mapping_layers, m.channel_base, m.channel_max) == (64, 32, 32, 4, 512, 32)
    assert (m.encoding, m.noise) == ("none", "constant")


def test_mapping_and_pictures():
    model, arrays = read_model(PATH), expected("rosinality-style")
    assert error(model.generator.ws(arrays["z"][:, None], None)[:, 0, 0], arrays["w"]) < TOLERANCE
    assert error(draw(model, arrays["z"]), arrays["image"]) < TOLERANCE
    assert error(draw(model, arrays["z"], truncation=0.7), arrays["image_truncated"]) < TOLERANCE
    assert error(draw(model, arrays["z"], noise=False), arrays["image"]) > 0.01


def test_every_block_as_the_slow_reference_has_it_which_draws_the_expected_picture(tmp_path):
    model, arrays = read_model(PATH), expected("rosinality-style")
    export_model(model, tmp_path / "a.pt", "stylegan2-state-dict")  # the names that the reference reads
    tensors = torch.load(tmp_path / "a.pt", weights_only=True)["G_ema"]
    w = mapping(tensors, arrays["z"])
    ours = model.generator.synthesize(model.generator.ws(arrays["z"][:, None], None), None, model.generator.noise())
    for i in range(len(w)):
        features, image = synthesis(tensors, w[i])
        assert error(image, arrays["image"][i]) < TOLERANCE
        for r, expected_features in features.items():
            assert error(ours.features[r][i], expected_features) < TOLERANCE, f"block {r}"


def test_a_checkpoint_of_training_with_its_arguments(checkpoint, saved):
    data = checkpoint | {"args": argparse.Namespace(iter=800000, path="photos"), "g_optim": {"state": {}}}
    arrays = expected("rosinality-style")
    for legacy in (False, True):
        model = read_model(saved(data, _use_new_zipfile_serialization=not legacy))
        assert error(draw(model, arrays["z"]), arrays["image"]) < TOLERANCE


def test_a_state_dict_alone_without_noise_has_random_noise_and_a_measured_mean(checkpoint, saved):
    g = {n: t for n, t in checkpoint["g_ema"].items() if not n.startswith("noises")}
    model, again = read_model(saved(g)), read_model(saved(g))
    assert model.config.model.noise == "random" and model.generator.noise is None
    z = torch.randn(20_000, 1, 32, generator=torch.Generator().manual_seed(5))
    w = model.generator.mapping(z)
    assert (model.generator.mapping.w_mean - w.mean(dim=(0, 1))).norm() < 0.05 * w.std(dim=0).norm()
    assert torch.equal(model.generator.mapping.w_mean, again.generator.mapping.w_mean)


def _swagan(g):
    g["to_rgbs.0.dwt.ll"] = torch.zeros(2, 2)


def _without_a_layer(g):
    del g["convs.3.conv.weight"]


def _other_kernel(g):
    g["convs.0.conv.blur.kernel"] = torch.ones(4, 4) / 4


def _other_shape(g):
    g["convs.0.conv.modulation.bias"] = torch.zeros(8)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_swagan, "another architecture: to_rgbs.0.dwt.ll is no part of it"),
        (_without_a_layer, "another architecture: convs.3.conv.weight is missing"),
        (_other_kernel, r"convs.0.conv.blur.kernel is not the filter \[1, 3, 3, 1\]"),
        (_other_shape, r"convs.0.conv.modulation.bias has shape \(8,\) instead of \(32,\)"),
    ],
)
def test_another_network_is_refused(change, sentence, checkpoint, saved):
    change(checkpoint["g_ema"])
    with pytest.raises(SpatialGANError, match=sentence):
        read_model(saved(checkpoint))


@pytest.mark.parametrize("data", [{"params_ema": {"conv.weight": torch.zeros(2)}}, {}, [torch.zeros(2)]])
def test_other_files_are_refused_by_what_they_hold(data, saved):
    with pytest.raises(SpatialGANError, match=r"architecture: it holds no g_ema .* but (params_ema|nothing|list)"):
        read_model(saved(data))
