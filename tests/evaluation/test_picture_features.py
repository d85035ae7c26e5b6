"""Which real pictures are read, and what becomes of damaged ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import MeanColour, tiny_model

from spatialgan.data.images import ImageDataset
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation import picture_features
from spatialgan.evaluation.picture_features import generated_features, real_features, real_pictures

ALL = range(12)


def cut_short(folder: Path, *numbers: int) -> ImageDataset:
    for number in numbers:
        path = folder / f"{number:02d}.png"
        path.write_bytes(path.read_bytes()[:200])
    return ImageDataset.open(folder, resolution=32, cache_bytes=0)


def test_real_pictures_are_all_or_spread_evenly(images_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_features, "BATCH_SIZE", 5)
    dataset = ImageDataset.open(images_folder, resolution=32)
    batches = [images for images, _ in real_pictures(dataset)]
    assert [len(b) for b in batches] == [5, 5, 2] and torch.equal(torch.cat(batches), dataset.batch(ALL))
    ((some, damaged),) = real_pictures(dataset, count=3)
    assert torch.equal(some, dataset.batch([0, 6, 11])) and damaged == 0


def test_damaged_pictures_are_left_out_alone(images_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_features, "BATCH_SIZE", 4)
    cut_short(images_folder, 0, 1, 2, 3, 9)
    dataset = ImageDataset.open(images_folder, resolution=32, cache_bytes=0)
    done: list[tuple[str, int, int]] = []
    found = real_features(dataset, MeanColour(), on_progress=lambda *args: done.append(args))
    assert (found.features.shape, found.num_damaged) == ((7, 6), 5) and found.images_per_s > 0
    assert done[-1] == ("reference", 12, 12)


def test_where_all_pictures_are_damaged_it_is_said(images_folder: Path) -> None:
    with pytest.raises(SpatialGANError, match="all 12 pictures are damaged"):
        real_features(cut_short(images_folder, *ALL), MeanColour())


def test_generated_features_are_of_the_seeds_pictures_rounded() -> None:
    model, extractor = tiny_model(), MeanColour()
    found = generated_features(model, extractor, range(3, 40))
    assert found.features.shape == (37, 6) and found.images_per_s > 0
    picture = torch.from_numpy(np.asarray(model.sample(3).image).copy()).permute(2, 0, 1)
    assert torch.allclose(found.features[:1], extractor(picture[None]), atol=0.1)
