"""Segmenters: what they promise, their files, and Mask R-CNN on a stand-in for torchvision."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from urllib.error import URLError

import pytest
import torch
from torch import Tensor, nn

from spatialgan.data.instances import STRUCTURE, ObjectDataset
from spatialgan.errors import SpatialGANError
from spatialgan.files import file_hash
from spatialgan.model import bundled_models
from spatialgan.segmenter.network import Classes, Heads, SegmenterNetwork
from spatialgan.segmenter.panoptic import MIN_AREA
from spatialgan.segmenter.quality import measure_segmenter
from spatialgan.segmenter.segmentation import (
    MaskRCNNSegmenter,
    PanopticSegmenter,
    Segmenter,
    averaged,
    bundled_segmenters,
    pooled_features,
    save_segmenter,
    segmenter_of,
)

ROOMS = Path(__file__).parents[1] / "rooms"
CLASSES = Classes(("bed", "lamp"), ("wall", "none"))


@pytest.fixture(scope="module")
def bundled() -> PanopticSegmenter:
    return PanopticSegmenter(device="cpu")


@pytest.fixture
def images() -> Tensor:
    """uint8 (3, 3, 64, 64)."""
    dataset = ObjectDataset.open(ROOMS, resolution=64)
    return torch.stack([dataset[i].image for i in range(3)])


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A segmenter's file, of random weights."""
    path = tmp_path / "tiny.safetensors"
    save_segmenter(path, SegmenterNetwork(CLASSES), CLASSES, {"seed": 0})
    return path


def test_the_mirrored_look_is_mirrored_back_before_it_is_averaged() -> None:
    ahead = Heads(torch.rand(2, 4, 8, 8), torch.rand(2, 2, 8, 8), torch.rand(2, 2, 8, 8), (torch.rand(2, 3, 4, 4),))
    turned = torch.stack([-ahead.offsets[:, 0], ahead.offsets[:, 1]], dim=1)  # what is to the right is to the left
    there_and_back = Heads(
        *(torch.cat([x, x.flip(-1)]) for x in (ahead.semantic, ahead.centers)),
        torch.cat([ahead.offsets, turned.flip(-1)]),
        (torch.cat([ahead.maps[0], ahead.maps[0].flip(-1)]),),
    )
    found = averaged(there_and_back)
    for part in ("semantic", "centers", "offsets"):
        torch.testing.assert_close(getattr(found, part), getattr(ahead, part))
    torch.testing.assert_close(found.maps[0], ahead.maps[0])


# ---------------------------------------------------------------- the bundled one


def test_quality_of_the_bundled_segmenter(bundled: PanopticSegmenter) -> None:
    quality = measure_segmenter(bundled, ObjectDataset.open(ROOMS, resolution=64))
    assert quality.num_images == 26 and quality.num_objects == 155
    assert quality.mean_iou > 0.45
    assert quality.mean_ap > 0.4
    assert quality.iou["bed"] > 0.85 and quality.ap["bed"] > 0.9 and quality.ap["window"] > 0.8
    assert quality.recall > 0.65 and quality.precision > 0.6
    assert quality.found_again > 0.95 > 3 * quality.found_again_by_chance


def test_quality_of_the_one_for_floors() -> None:
    floors = ObjectDataset.open(ROOMS.parent / "floors", resolution=64)
    quality = measure_segmenter(PanopticSegmenter("floors", device="cpu"), floors)
    assert quality.num_images == 20
    assert quality.mean_iou > 0.6
    assert quality.mean_ap > 0.6
    assert quality.recall > 0.8 and quality.precision > 0.7
    assert quality.found_again > 0.8 > 2 * quality.found_again_by_chance


def test_a_models_data_set_chooses_its_segmenter() -> None:
    assert segmenter_of({"data_set": "floors128.zip"}) == "floors"
    assert segmenter_of({"data_set": "rooms128.zip"}) == "rooms"
    assert segmenter_of({"data_set": "gardens.zip"}) is segmenter_of({}) is None


def test_instances(bundled: PanopticSegmenter, images: Tensor) -> None:
    segmenter: Segmenter = bundled
    found = segmenter(images)
    assert len(found) == 3 and all(len(instances) >= 3 for instances in found)
    for instances in found:
        masks = torch.stack([i.mask for i in instances])
        assert masks.dtype == torch.bool and masks.shape[1:] == (64, 64)
        assert int(masks.sum(dim=0).max()) == 1  # no two overlap
        assert float(masks.float().mean(dim=(1, 2)).min()) >= MIN_AREA
        assert not {i.label for i in instances} & {*STRUCTURE, "none"}
        scores = [i.score for i in instances]
        assert scores == sorted(scores, reverse=True) and scores[-1] >= 0 and scores[0] <= 1
        for i in instances:
            assert i.feature.dtype == torch.float32 and float(i.feature.norm()) == pytest.approx(1, abs=1e-4)


def test_features_of_its_own_masks_are_those_of_its_instances(bundled: PanopticSegmenter, images: Tensor) -> None:
    found = bundled(images)
    again = bundled.features(images, [torch.stack([i.mask for i in instances]) for instances in found])
    for instances, features in zip(found, again, strict=True):
        assert torch.allclose(torch.stack([i.feature for i in instances]), features, atol=1e-5)
    empty = bundled.features(images[:1], [torch.zeros(0, 64, 64, dtype=torch.bool)])[0]
    assert empty.shape == (0, features.shape[1])
    with pytest.raises(SpatialGANError, match="masks of 2 pictures were given for 3 pictures"):
        bundled.features(images, again[:2])


def test_batches_do_not_matter_and_any_size_is_taken(bundled: PanopticSegmenter, images: Tensor) -> None:
    together, alone = bundled(images)[1], bundled(images[1:2])[0]
    assert [i.label for i in together] == [i.label for i in alone]
    assert all(float((a.mask ^ b.mask).float().mean()) < 0.002 for a, b in zip(together, alone, strict=True))
    oblong = bundled(torch.randint(0, 256, (1, 3, 50, 90), dtype=torch.uint8))[0]
    assert all(i.mask.shape == (50, 90) for i in oblong)
    assert bundled.semantic(images).shape == (3, 64, 64)
    assert bundled(images[:1, :1])[0]  # grey


def test_it_finds_a_bed_where_the_mirrored_one_is(bundled: PanopticSegmenter, images: Tensor) -> None:
    """An x that were a y, or a mirrored offset, would break this."""
    straight, mirrored = (next(i for i in bundled(x)[0] if i.label == "bed").mask for x in (images, images.flip(3)))
    assert float((straight & mirrored.flip(1)).sum() / (straight | mirrored.flip(1)).sum()) > 0.85


def test_it_is_small_and_no_model() -> None:
    path = bundled_segmenters()["rooms"]
    assert path.stat().st_size < 10e6
    assert "rooms" not in bundled_models() and not any("segmenters" in str(p) for p in bundled_models().values())
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["weights_sha256"] == file_hash(path) and card["card"]["holdout"] == 20


# ---------------------------------------------------------------- files


def test_written_and_read(written: Path, images: Tensor) -> None:
    segmenter = PanopticSegmenter(written, device="cpu")
    assert segmenter.classes == CLASSES and segmenter.card == {"seed": 0}
    assert segmenter.weights_hash == file_hash(written) and segmenter.name.startswith("tiny ")
    assert len(segmenter(images)) == 3


def test_wrong_files_are_named(written: Path, tmp_path: Path) -> None:
    card = written.with_suffix(".json")
    data = json.loads(card.read_text())

    def fails(message: str, path: Path = written) -> None:
        with pytest.raises(SpatialGANError, match=message):
            PanopticSegmenter(path, device="cpu")

    fails("nowhere.safetensors is not a segmenter", tmp_path / "nowhere.safetensors")
    fails("there is no segmenter .*tiny.json; use floors, rooms", card)
    fails("cats-64.json does not describe a segmenter", bundled_models()["cats-64"])
    card.write_text(json.dumps(data | {"classes": {"objects": ["bed"]}}))
    fails("tiny.json: classes must hold the lists objects and surroundings")
    card.write_text(json.dumps(data | {"classes": {"objects": ["bed"], "surroundings": ["wall"]}}))
    fails("tiny.json: the surroundings are wall; one of them must be none")
    card.write_text(json.dumps(data | {"classes": {"objects": ["bed"], "surroundings": ["none"]}}))
    fails("does not fit its configuration: semantic.weight has shape")
    card.write_text(json.dumps(data))
    written.write_bytes(written.read_bytes()[:-2] + b"\0\1")
    fails("is not the file that tiny.json describes")
    card.unlink()
    fails("tiny.json is not readable")
    with pytest.raises(SpatialGANError, match=r"ends in \.safetensors"):
        save_segmenter(tmp_path / "a.pt", SegmenterNetwork(CLASSES), CLASSES, {})


def test_a_segmenter_lies_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    save_segmenter(Path("~/seg.safetensors"), SegmenterNetwork(CLASSES), CLASSES, {"seed": 0})
    assert (tmp_path / "seg.json").is_file()
    assert PanopticSegmenter("~/seg.safetensors", device="cpu").classes == CLASSES


# ---------------------------------------------------------------- features


def test_pooled_features_are_means_within_the_mask() -> None:
    maps = torch.zeros(2, 4, 4)
    maps[0, :, :2], maps[1, :, 2:] = 3.0, 5.0
    masks = torch.zeros(3, 8, 8, dtype=torch.bool)
    masks[0, :, :4], masks[1, :, 4:], masks[2, :, 2:6] = True, True, True
    first, second, both = pooled_features([maps], masks)
    assert first.tolist() == [1, 0] and second.tolist() == [0, 1]
    assert both.tolist() == pytest.approx([3 / 34**0.5, 5 / 34**0.5])
    doubled = pooled_features([maps, 100 * maps], masks)  # each map weighs the same
    assert torch.allclose(doubled[2, :2], doubled[2, 2:]) and float(doubled[2].norm()) == pytest.approx(1)


# ---------------------------------------------------------------- Mask R-CNN


@dataclass
class ImageList:
    tensors: Tensor
    image_sizes: list[tuple[int, int]]


class FakeDetector(nn.Module):
    """Torchvision's interface: ``transform`` enlarges and pads, ``backbone`` gives a pyramid, the call detects."""

    def transform(self, images: list[Tensor]) -> tuple[ImageList, None]:
        large = nn.functional.interpolate(torch.stack(images), scale_factor=4)
        h, w = large.shape[-2:]
        return ImageList(nn.functional.pad(large, (0, -w % 32, 0, -h % 32)), [(h, w)] * len(images)), None

    def backbone(self, x: Tensor) -> dict[str, Tensor]:
        return {str(i): nn.functional.avg_pool2d(x, 4 * 2**i) for i in range(4)} | {"pool": x[..., :1, :1]}

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        (image,) = images
        assert image.dtype == torch.float32 and image.min() >= 0 and image.max() <= 1
        bright = (image[:1] > 0.5).float() * 0.9
        return [
            {
                "masks": torch.stack([bright, bright * 0.1, 1 - bright, bright]),
                "scores": torch.tensor([0.9, 0.8, 0.6, 0.3]),
                "labels": torch.tensor([1, 2, 2, 1]),
            }
        ]


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    weights = SimpleNamespace(meta={"categories": ["__background__", "cat", "sofa"]}, url="https://x.org/w-1.pth")
    detection = ModuleType("torchvision.models.detection")
    detection.MaskRCNN_ResNet50_FPN_V2_Weights = SimpleNamespace(COCO_V1=weights)
    detection.maskrcnn_resnet50_fpn_v2 = lambda *, weights: FakeDetector()
    for name in ("torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "torchvision.models.detection", detection)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/w-1.pth").write_bytes(b"weights")


def test_mask_rcnn_on_a_stand_in(torchvision: None, tmp_path: Path) -> None:
    segmenter: Segmenter = MaskRCNNSegmenter(device="cpu")
    assert segmenter.weights_hash == file_hash(tmp_path / "checkpoints/w-1.pth")
    images = torch.zeros(2, 3, 40, 48, dtype=torch.uint8)
    images[:, 0, 8:24, 8:24], images[:, 1, 8:24, 8:24], images[:, 2] = 200, 100, 30
    found = segmenter(images)
    assert [[i.label for i in instances] for instances in found] == [["cat", "sofa"]] * 2  # one empty, one unsure
    cat, sofa = found[1]
    assert torch.equal(cat.mask, images[1, 0] > 0) and torch.equal(sofa.mask, ~cat.mask)
    assert cat.score == pytest.approx(0.9)
    features = segmenter.features(images, [torch.stack([cat.mask, sofa.mask])] * 2)
    assert torch.allclose(features[1], torch.stack([cat.feature, sofa.feature]))
    # All levels are averages of the picture here, and their padding is cut off: the colour comes through. The finest
    # level has pixels of the picture's own size, so there it is exact.
    colour = cat.feature.reshape(4, 3)
    assert colour[0].tolist() == pytest.approx([v / (200**2 + 100**2 + 30**2) ** 0.5 / 2 for v in (200, 100, 30)])


def test_without_a_network_the_message_names_the_weights(torchvision: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*, weights: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(sys.modules["torchvision.models.detection"], "maskrcnn_resnet50_fpn_v2", offline)
    with pytest.raises(SpatialGANError, match=r"cannot be had from https://x.org/w-1.pth \(.*no route to host"):
        MaskRCNNSegmenter(device="cpu")


def test_without_torchvision_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models.detection", None)
    with pytest.raises(SpatialGANError, match=r"pip install 'spatialgan\[maskrcnn\]'"):
        MaskRCNNSegmenter()
