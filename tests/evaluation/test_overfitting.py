from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fakes import tiny_model

from spatialgan.data.images import ImageDataset, to_float
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.overfitting import mean_logits, measure_overfitting


class Pictures:
    """Grey pictures of one brightness, 0 to 255."""

    num_images = 5

    def __init__(self, brightness: int):
        self.brightness = brightness

    def batch(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.full((len(rows), 3, 32, 32), self.brightness, dtype=torch.uint8)


def model(verdict):
    m = tiny_model()
    m.discriminator = lambda images: SimpleNamespace(logits=verdict(images))
    return m


def test_a_d_that_knows_its_pictures_by_heart_and_one_that_does_not():
    generated = tiny_model().sample(0).tensor.mean()  # about 0
    brightness = model(lambda images: images.mean(dim=(1, 2, 3))[:, None].expand(-1, 2) / 2 * 2)
    by_heart = measure_overfitting(brightness, Pictures(255), Pictures(128), num_samples=4)
    assert by_heart.train == pytest.approx(1, abs=0.01) and by_heart.held_out == pytest.approx(0, abs=0.01)
    expected = (by_heart.train - by_heart.held_out) / (by_heart.train - by_heart.generated)
    assert by_heart.r_v == pytest.approx(expected) and abs(by_heart.generated) < abs(float(generated)) + 0.5
    fair = measure_overfitting(brightness, Pictures(255), Pictures(255), num_samples=4)
    assert fair.r_v == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("count, shown", [(4, 4), (6, 8)])
def test_d_judges_each_picture_in_as_much_company_as_in_training(count: int, shown: int):
    seen = []

    def verdict(images: torch.Tensor) -> torch.Tensor:
        seen.append(images)
        return images.mean(dim=(1, 2, 3))[:, None]

    images = torch.linspace(0, 1, count)[:, None, None, None].expand(-1, 3, 32, 32)
    found = mean_logits(lambda x: SimpleNamespace(logits=verdict(x)), images, group=4)
    torch.testing.assert_close(found, torch.linspace(0, 1, count))
    assert len(seen[0]) == shown and torch.equal(seen[0][count:], images[: shown - count])


def test_damaged_pictures_are_left_out(images_folder: Path):
    path = images_folder / "03.png"
    path.write_bytes(path.read_bytes()[:200])
    dataset = ImageDataset.open(images_folder, resolution=32, cache_bytes=0)
    found = measure_overfitting(model(lambda x: x.mean(dim=(1, 2, 3))[:, None]), dataset, dataset, num_samples=99)
    whole = [i for i in range(dataset.num_images) if i != 3]
    assert found.train == pytest.approx(float(to_float(dataset.batch(whole)).mean()), abs=1e-5)
    for path in images_folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(SpatialGANError, match="all pictures of the set are damaged"):
        measure_overfitting(model(lambda x: x), dataset, dataset)


def test_where_d_cannot_tell_at_all_there_is_no_share():
    assert measure_overfitting(model(lambda x: torch.zeros(len(x), 1)), Pictures(9), Pictures(1)).r_v is None


def test_a_model_without_discriminator_is_refused():
    with pytest.raises(SpatialGANError, match="tiny has no discriminator"):
        measure_overfitting(tiny_model(with_discriminator=False), Pictures(1), Pictures(2))
