"""Export is import the other way round, to the bit; heatmaps have no place in it."""

import sys
from pathlib import Path

import pytest
import torch
from parity import FIXTURES

from spatialgan.errors import SpatialGANError
from spatialgan.importing.official import _flat
from spatialgan.importing.pickles import read_pickle
from spatialgan.importing.reading import read_model
from spatialgan.importing.writing import export_model

sys.path.append(str(Path(__file__).parents[1] / "editing"))
from tiny_models import make_model


def assert_same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert set(ours) == set(theirs)
    for name, tensor in theirs.items():
        assert ours[name].shape == tensor.shape and torch.equal(ours[name], tensor), name


def same_weights(a, b) -> bool:
    return all(torch.equal(t, b.state_dict()[n]) for n, t in a.state_dict().items())


def test_rosinalitys_checkpoint_is_written_as_it_was(tmp_path):
    path = FIXTURES / "rosinality-style.pt"
    assert export_model(read_model(path), tmp_path / "a.pt", "rosinality") == []
    ours, theirs = (torch.load(p, weights_only=True) for p in (tmp_path / "a.pt", path))
    assert_same(ours["g_ema"], theirs["g_ema"])
    assert torch.equal(ours["latent_avg"], theirs["latent_avg"]) and set(ours) == set(theirs)


@pytest.mark.parametrize("name", ["ada-style", "stylegan3-style"])
def test_the_official_state_dicts_are_written_as_they_were(name, tmp_path):
    path = FIXTURES / f"{name}.pkl"
    assert export_model(read_model(path), tmp_path / "a.pt", "stylegan2-state-dict") == []
    ours, theirs = torch.load(tmp_path / "a.pt", weights_only=True), read_pickle(path)
    assert_same(ours["G_ema"], _flat(theirs["G_ema"])[0])
    assert_same(ours["D"], _flat(theirs["D"])[0])


@pytest.mark.parametrize("to", ["rosinality", "stylegan2-state-dict"])
def test_a_model_of_ours_comes_back_as_it_went(to, tmp_path):
    model = make_model(encoding="none", minibatch_std_group=4)
    export_model(model, tmp_path / "a.pt", to)
    again = read_model(tmp_path / "a.pt")
    assert again.config.model.noise == "constant"  # those programs know no other
    for own, other in ((model.generator, again.generator), (model.discriminator, again.discriminator)):
        assert same_weights(own, other)
    export_model(model, tmp_path / "b.pt", to)
    assert same_weights(again.generator, read_model(tmp_path / "b.pt").generator)


def test_a_models_size_of_groups_travels_or_is_noted(tmp_path):
    model = make_model(encoding="none", minibatch_std_group=2)
    assert export_model(model, tmp_path / "a.pt", "stylegan2-state-dict") == []
    assert read_model(tmp_path / "a.pt").config.model.minibatch_std_group == 2
    (note,) = export_model(model, tmp_path / "a.pt", "rosinality")
    assert "2 pictures" in note


def test_without_noise_inputs_the_strengths_are_zero(tmp_path):
    model = make_model(encoding="none", noise_inputs=False)
    export_model(model, tmp_path / "a.pt", "rosinality")
    stored = torch.load(tmp_path / "a.pt", weights_only=True)["g_ema"]
    strengths = [t for n, t in stored.items() if n.endswith("noise.weight")]
    assert len(strengths) == 7 and not any(t.any() for t in strengths)


def test_another_discriminator_is_left_out_with_a_note(tmp_path):
    model = make_model(encoding="none")
    model.discriminator = torch.nn.Linear(2, 2)
    (note,) = export_model(model, tmp_path / "a.pt", "stylegan2-state-dict")
    assert "left out" in note and "D" not in torch.load(tmp_path / "a.pt", weights_only=True)


def test_models_that_read_heatmaps_and_unknown_formats_are_refused(tmp_path):
    with pytest.raises(SpatialGANError, match="reads heatmaps"):
        export_model(make_model(), tmp_path / "a.pt", "rosinality")
    with pytest.raises(SpatialGANError, match="--to tensorflow: use rosinality or stylegan2-state-dict"):
        export_model(make_model(encoding="none"), tmp_path / "a.pt", "tensorflow")
    assert not list(tmp_path.iterdir())
