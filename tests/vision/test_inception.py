"""Inception against torch-fidelity itself, on random weights of the published format."""

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from spatialgan.errors import SpatialGANError
from spatialgan.vision.inception import (
    NUM_FEATURES,
    WEIGHTS_NAME,
    InceptionFeatures,
    find_weights,
    resize_like_tensorflow,
)


@pytest.fixture(scope="module")
def fidelity() -> ModuleType:
    """torch-fidelity's module of Inception; the package as a whole would import torchvision, which this has no use for,
    and which fails beside a PyTorch of another build."""
    with pytest.MonkeyPatch.context() as patch:
        package = ModuleType("torch_fidelity")
        package.__path__ = find_spec("torch_fidelity").submodule_search_locations
        patch.setitem(sys.modules, "torch_fidelity", package)
        return importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")


@pytest.fixture(scope="module")
def weights(fidelity: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torch-fidelity publishes it: random, of a scale that no block amplifies."""
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity, "load_state_dict_from_url", lambda *_, **__: None)
        patch.setattr(nn.Module, "load_state_dict", lambda *_: None)
        network = fidelity.FeatureExtractorInceptionV3("random", ["2048"])
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.normal_(module.bias, 0, 0.1)
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.7, 1.3)
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def ours(weights: Path) -> InceptionFeatures:
    return InceptionFeatures(weights)


def pictures(count: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("size", [(32, 32), (299, 299), (310, 40)])
def test_features_are_torch_fidelitys(
    ours: InceptionFeatures, weights: Path, fidelity: ModuleType, size: tuple[int, int]
) -> None:
    theirs = fidelity.FeatureExtractorInceptionV3("random", ["2048"], feature_extractor_weights_path=str(weights))
    images = pictures(2, *size)
    (expected,) = theirs(images)
    found = ours(images)
    assert found.shape == (2, NUM_FEATURES) and found.dtype == torch.float32
    assert expected.std() > 0.1 and (expected[0] - expected[1]).abs().max() > 0.1  # weights that hide nothing
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(5, 7), (299, 299), (640, 300)])
def test_pictures_are_resized_as_torch_fidelity_does(fidelity: ModuleType, size: tuple[int, int]) -> None:
    images = pictures(1, *size).float()
    expected = fidelity.interpolate_bilinear_2d_like_tensorflow1x(images, size=(299, 299), align_corners=False)
    assert (resize_like_tensorflow(images, 299) - expected).abs().max() < 1e-3  # of 255


def test_grey_counts_as_three_equal_channels(ours: InceptionFeatures) -> None:
    grey = pictures(1, 32, 32)[:, :1]
    assert torch.equal(ours(grey), ours(grey.repeat(1, 3, 1, 1)))


def test_other_weights_are_not_taken_for_the_published_ones(ours: InceptionFeatures, weights: Path) -> None:
    assert not ours.published and len(ours.weights_hash) == 64


def test_weights_are_found_by_their_published_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpatialGANError, match=r"not here; get https://.*--weights"):
        InceptionFeatures()
    kept = tmp_path / "hub/checkpoints" / WEIGHTS_NAME
    kept.touch()
    assert find_weights() == kept
    Path(WEIGHTS_NAME).touch()
    assert find_weights().resolve() == tmp_path / WEIGHTS_NAME


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    with pytest.raises(SpatialGANError, match=r"w\.pth is not readable"):
        InceptionFeatures(path)
    path.write_bytes(b"no weights")
    with pytest.raises(SpatialGANError, match=r"w\.pth holds no PyTorch weights"):
        InceptionFeatures(path)
    for other in ({"Conv2d_1a_3x3.conv.weight": torch.zeros(1)}, torch.zeros(3), [1]):
        torch.save(other, path)
        with pytest.raises(SpatialGANError, match=r"w\.pth holds weights of another network"):
            InceptionFeatures(path)
