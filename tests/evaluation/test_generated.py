"""Seeds mean the same pictures in batches of any size, and the same as ``model.sample``."""

import pytest
import torch
from fakes import tiny_model

from spatialgan.evaluation.generated import draw_inputs, generate_seeds
from spatialgan.levels import Raster


@pytest.mark.parametrize("settings", [{}, {"encoding": "none"}, {"layout": "multi", "encoding": "multi"}])
def test_seed_gives_the_picture_of_model_sample(settings: dict[str, str]) -> None:
    model = tiny_model(**settings)
    (images,) = generate_seeds(model, [3, 11])
    for image, seed in zip(images, (3, 11), strict=True):
        assert torch.allclose(image, model.sample(seed).tensor, atol=1e-4)
    assert (images[0] - images[1]).abs().max() > 1e-2


def test_impulse_noise_is_for_pictures_as_in_training() -> None:
    clean, noisy = tiny_model(), tiny_model(impulse_noise=0.3)
    inputs = [draw_inputs(model.config.model, [3]) for model in (clean, noisy)]
    assert torch.equal(inputs[0].layout.centers, inputs[1].layout.centers)
    assert isinstance(draw_inputs(noisy.config.model, [3], impulse_noise=True).layout.levels[0], Raster)
    (image,) = generate_seeds(noisy, [3])
    assert (image[0] - noisy.sample(3).tensor).abs().max() > 1e-3


def test_batches_do_not_change_pictures() -> None:
    model = tiny_model()
    parts = list(generate_seeds(model, range(5), batch_size=2))
    assert [len(p) for p in parts] == [2, 2, 1]
    (whole,) = generate_seeds(model, range(5))
    assert torch.allclose(torch.cat(parts), whole, atol=1e-4)


def test_truncation_reaches_the_generator() -> None:
    model = tiny_model()
    (full,), (mean,) = (list(generate_seeds(model, [1], truncation=t)) for t in (1.0, 0.0))
    assert (full - mean).abs().max() > 1e-3


def test_plain_models_have_no_layout() -> None:
    model = tiny_model(encoding="none")
    inputs = draw_inputs(model.config.model, [0, 1])
    assert inputs.layout.kind == "none" and inputs.z.shape == (2, 1, 8)
