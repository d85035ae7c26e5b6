import gc
import pickle
import weakref

import pytest
import torch

from spatialgan.api import SpatialGAN
from spatialgan.config import ModelConfig, RunConfig
from spatialgan.editing.interpolation import interpolate
from spatialgan.errors import SpatialGANError
from spatialgan.networks.generator import Generator
from spatialgan.networks.tuning import RANK, Tuning, new_tuning, tunable, tuned, tuning_from_json, tuning_to_json


def make_model(**config: int) -> SpatialGAN:
    torch.manual_seed(0)
    tiny = {"resolution": 32, "z_dim": 8, "w_dim": 8, "mapping_layers": 1, "channel_base": 128, "channel_max": 16}
    run = RunConfig(model=ModelConfig(**(tiny | config)))
    return SpatialGAN(run, Generator(run.model), name="tiny")


def changed(tuning: Tuning) -> Tuning:
    return Tuning({n: (a, torch.full_like(b, 0.01)) for n, (a, b) in tuning.factors.items()})


@pytest.fixture(scope="module")
def model():
    return make_model()


def test_a_new_one_changes_nothing_and_one_with_numbers_does(model):
    scene = model.sample(3)
    new = new_tuning(model.generator)
    assert torch.equal(model.tuned(new).sample(3).tensor, scene.tensor)
    other = model.tuned(changed(new))
    assert (other.sample(3).tensor - scene.tensor).abs().mean() > 1e-3
    assert torch.equal(model.sample(3).tensor, scene.tensor)  # the model itself stays


def test_the_difference_is_the_product_of_its_factors(model):
    tuning = changed(new_tuning(model.generator))
    generator = tuned(model.generator, tuning)
    before, after = dict(model.generator.named_parameters()), dict(generator.named_parameters())
    names = {f"blocks.{n}" for n in tuning.factors}
    assert names == {f"blocks.{n}" for n in tunable(model.generator)}
    for name, weight in after.items():
        difference = weight - before[name]
        if name not in names:
            assert not difference.any()
            continue
        left, right = tuning.factors[name.removeprefix("blocks.")]
        assert left.shape[1] == right.shape[0] <= RANK
        torch.testing.assert_close(difference, (left @ right).reshape(weight.shape), atol=1e-6, rtol=0)
    assert not [n for n in names if ".sel." in n] and [n for n in before if ".sel." in n]


def test_json_is_exact(model):
    tuning = changed(new_tuning(model.generator))
    again = tuning_from_json(tuning_to_json(tuning))
    assert again.factors.keys() == tuning.factors.keys()
    assert all(torch.equal(x, y) for x, y in zip(again.tensors, tuning.tensors, strict=True))


def test_another_models_is_refused(model):
    with pytest.raises(SpatialGANError, match=r"the tuning of .* has shapes"):
        model.tuned(new_tuning(make_model(channel_max=8).generator))
    with pytest.raises(SpatialGANError, match="the tuning changes nonsense, which this model has not"):
        model.tuned(Tuning({"nonsense": (torch.zeros(1, 1), torch.zeros(1, 1))}))


@pytest.mark.parametrize("data", [3, {"a": 1}, {"a": [{}, {}]}, {"a": [1, 2, 3]}])
def test_damaged_json_is_named(data):
    with pytest.raises(SpatialGANError, match="the scene's tuning is not readable"):
        tuning_from_json(data)


def test_scenes_of_one_photograph_share_their_model_and_its_memory_goes_with_the_last(model):
    scene = model.tuned(changed(new_tuning(model.generator))).sample(3)
    saved = scene.to_json()
    a, b = (type(scene).from_json(model, saved) for _ in range(2))
    assert a.model is b.model is scene.model
    assert torch.equal(interpolate(a, b.move(0, dx=0.1), frames=3)[0].tensor, scene.tensor)
    weights = weakref.ref(scene.model.generator)
    del scene, a, b
    gc.collect()
    assert weights() is None


def test_a_tuned_model_is_tuned_anew_from_the_one_that_it_is_from(model):
    first, second = changed(new_tuning(model.generator)), new_tuning(model.generator)
    again = model.tuned(first).tuned(second)
    assert again is model.tuned(second)
    assert torch.equal(again.sample(3).tensor, model.sample(3).tensor)  # a new tuning changes nothing


def test_models_and_scenes_can_be_pickled(model):
    """Joblib and spawned processes do so."""
    scene = model.tuned(changed(new_tuning(model.generator))).sample(3)
    assert torch.equal(pickle.loads(pickle.dumps(scene)).tensor, scene.tensor)
