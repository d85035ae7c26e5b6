"""Pictures with instance masks: the format, its errors, merging into roots, and resizing."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import encode, noise, zip_folder
from PIL import Image

from spatialgan.data.images import ImageDataset
from spatialgan.data.instances import STRUCTURE, ObjectDataset, RootObject, fit_instances, mask_name
from spatialgan.errors import SpatialGANError

ROOMS = Path(__file__).parents[1] / "rooms"
BED = [
    {"id": 1, "parent": 0, "class": "wall"},
    {"id": 2, "class": "bed"},
    {"id": 3, "parent": 2, "class": "pillow"},
    {"id": 4, "parent": 3, "class": "button"},
    {"id": 6, "parent": 9, "class": "curtain"},
    {"id": 7, "parent": 9, "class": "rod"},
]


def mask(width: int = 8, height: int = 8) -> np.ndarray:
    """Wall on the left, bed with pillow and button on the right; two parts of a hidden window; one pixel of nothing."""
    ids = np.ones((height, width), np.uint8)
    ids[:, 4:] = 2
    ids[0, 4:] = 3
    ids[0, 7] = 4
    ids[7, 0], ids[7, 1], ids[7, 2] = 6, 7, 0
    return ids


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of 8x8."""
    root = tmp_path / "set"
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    lines = []
    for i in range(3):
        (root / f"images/{i}.png").write_bytes(encode(noise(i)))
        (root / f"masks/{i}.png").write_bytes(encode(Image.fromarray(mask())))
        lines.append(json.dumps({"file": f"images/{i}.png", "index": i, "objects": BED}))
    (root / "objects.jsonl").write_text("\n".join(lines) + "\n\n")
    return root


def change_line(folder: Path, number: int, **changes: object) -> None:
    """Set fields of a line; those that are None are taken out."""
    lines = (folder / "objects.jsonl").read_text().splitlines()
    line = json.loads(lines[number - 1]) | changes
    lines[number - 1] = json.dumps({k: v for k, v in line.items() if v is not None})
    (folder / "objects.jsonl").write_text("\n".join(lines))


def test_children_belong_to_their_root(folder: Path) -> None:
    item = ObjectDataset.open(folder)[1]
    assert item.name == "images/1.png" and item.image.shape == (3, 8, 8) and item.image.dtype == torch.uint8
    assert torch.equal(item.image, torch.from_numpy(np.asarray(noise(1)).transpose(2, 0, 1).copy()))
    # The window that both curtain and rod belong to is out of sight, and not listed: they are one object.
    assert item.objects == (RootObject(1, "wall"), RootObject(2, "bed"), RootObject(9, "curtain"))
    expected = np.where(mask() >= 6, 9, np.minimum(mask(), 2))
    assert item.instances.dtype == torch.int64 and np.array_equal(item.instances.numpy(), expected)
    assert item.masks().sum(dim=(1, 2)).tolist() == [29, 32, 2]
    assert torch.equal(item.masks([item.objects[1]])[0], item.instances == 2)


def test_objects_without_a_pixel_are_not_there(folder: Path) -> None:
    (folder / "masks/1.png").write_bytes(encode(Image.fromarray(np.full((8, 8), 4, np.uint8))))
    assert ObjectDataset.open(folder)[1].objects == (RootObject(2, "bed"),)


def test_a_zip_a_folder_in_a_zip_and_a_folder_are_the_same(folder: Path, tmp_path: Path) -> None:
    sets = [
        ObjectDataset.open(p)
        for p in (folder, zip_folder(folder, tmp_path / "a.zip"), zip_folder(folder, tmp_path / "b.zip", inside="in/"))
    ]
    for other in sets[1:]:
        assert torch.equal(other[2].instances, sets[0][2].instances) and other[2].objects == sets[0][2].objects
        assert torch.equal(other[2].image, sets[0][2].image)
    assert sets[0].fingerprint == sets[1].fingerprint != sets[2].fingerprint  # names count


def test_masks_of_folders_whose_names_end_in_images() -> None:
    assert mask_name("images/a.jpg") == "masks/a.png" and mask_name("set/images/b/a.jpg") == "set/masks/b/a.png"
    assert mask_name("images/my_images/a.b.jpg") == "masks/my_images/a.b.png"
    assert mask_name("images/images/a.jpg") == "images/masks/a.png" and mask_name("b/a.jpg") == "masks/b/a.png"


def test_numbers_and_splits_are_those_of_the_images(folder: Path) -> None:
    for split in ("train", "test", "all"):
        images = ImageDataset.open(folder, resolution=4, holdout=2, split=split)
        objects = ObjectDataset.open(folder, resolution=4, holdout=2, split=split)
        assert objects.names == images.names and len(objects) == images.num_images
        for i in range(len(objects)):
            assert torch.equal(objects[i].image, images.batch([i])[0])
    with pytest.raises(SpatialGANError, match="leaves none of 3 images"):
        ObjectDataset.open(folder, split="test")


@pytest.mark.parametrize("kind", ["P", "I;16"])
def test_palettes_and_16_bits_hold_ids_too(folder: Path, kind: str) -> None:
    before = ObjectDataset.open(folder)[0].instances
    if kind == "P":
        image = Image.fromarray(mask())
        image.putpalette([255 - v for v in range(256) for _ in range(3)])
        assert image.mode == "P"
    else:
        image = Image.fromarray(mask().astype(np.uint16))
    (folder / "masks/0.png").write_bytes(encode(image))
    assert torch.equal(ObjectDataset.open(folder)[0].instances, before)


def test_a_pixel_goes_to_what_covers_most_of_it() -> None:
    ids = np.zeros((8, 8), np.int64)
    ids[:, 3:] = 5  # the second column of pixels of 2x2 is half 0, half 5
    ids[4:, :4] = 70000
    small = fit_instances(ids, 4, "crop")
    assert small.dtype == np.int64
    assert small[:2, 0].tolist() == [0, 0] and small[:2, 2:].tolist() == [[5, 5], [5, 5]]
    assert small[2:, :2].tolist() == [[70000, 70000], [70000, 70000]]
    assert np.array_equal(fit_instances(ids, 8, "crop"), ids)
    assert np.array_equal(fit_instances(ids, 16, "crop"), ids.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
def test_masks_are_fitted_as_pictures_are(tmp_path: Path, fit: str) -> None:
    ids = np.ones((8, 16), np.uint8)
    ids[2:6, 5:9] = 2
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    # The picture shows the mask itself: 2 is white.
    (tmp_path / "images/a.png").write_bytes(encode(Image.fromarray(np.where(ids == 2, 255, 100).astype(np.uint8))))
    (tmp_path / "masks/a.png").write_bytes(encode(Image.fromarray(ids)))
    objects = [{"id": 1, "class": "wall"}, {"id": 2, "class": "box"}]
    (tmp_path / "objects.jsonl").write_text(json.dumps({"file": "images/a.png", "objects": objects}))
    item = ObjectDataset.open(tmp_path, resolution=32, fit=fit)[0]
    assert torch.equal(item.instances == 2, item.image[0] > 177)
    black = (item.image[0] < 40).float().mean()
    assert float((item.instances == 0).float().mean()) == pytest.approx(0.5 if fit == "pad" else 0.0) == float(black)


def test_fingerprint_follows_masks_objects_and_settings(folder: Path) -> None:
    first = ObjectDataset.open(folder, resolution=8).fingerprint
    assert ObjectDataset.open(folder, resolution=8).fingerprint == first
    assert ObjectDataset.open(folder, resolution=4).fingerprint != first
    change_line(folder, 1, objects=[*BED[:-1], {"id": 7, "parent": 2, "class": "rod"}])
    second = ObjectDataset.open(folder, resolution=8).fingerprint
    (folder / "masks/0.png").write_bytes(encode(Image.fromarray(mask()[::-1].copy())))
    assert len({first, second, ObjectDataset.open(folder, resolution=8).fingerprint}) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"file": 3}, "line 2: file=3: must be the image's path"),
        ({"file": "images/9.png"}, "line 2: there is no image images/9.png"),
        ({"file": "images/0.png"}, "line 2: images/0.png has a line already, number 1"),
        ({"objects": None}, "line 2: objects=null: must be a list"),
        ({"objects": [3]}, "line 2: 3 must be a JSON object"),
        ({"objects": [{"id": 0, "class": "bed"}]}, r"line 2: id=0: must be a whole number in 1\.\.65535"),
        ({"objects": [{"id": True, "class": "bed"}]}, "line 2: id=true: must be a whole number"),
        ({"objects": [{"id": 1, "class": ""}]}, 'line 2: class="": must be a name'),
        ({"objects": [{"id": 1, "class": "a", "parent": "b"}]}, 'line 2: parent="b": must be the id of another object'),
        ({"objects": [{"id": 1, "class": "a"}, {"id": 1, "class": "b"}]}, "line 2: id=1 is there twice"),
        (
            {"objects": [{"id": 1, "class": "a", "parent": 2}, {"id": 2, "class": "b", "parent": 1}]},
            "line 2: id=1 is its own ancestor",
        ),
    ],
)
def test_a_wrong_line_is_named(folder: Path, changes: dict[str, object], message: str) -> None:
    change_line(folder, 2, **changes)
    with pytest.raises(SpatialGANError, match=f"objects.jsonl, {message}"):
        ObjectDataset.open(folder)


@pytest.mark.parametrize("resolution", [0, -1])
def test_wrong_resolutions_are_refused(folder: Path, resolution: int) -> None:
    with pytest.raises(SpatialGANError, match=f"resolution={resolution}: give the side"):
        ObjectDataset.open(folder, resolution=resolution)


def test_wrong_files_are_named(folder: Path) -> None:
    table = (folder / "objects.jsonl").read_text()
    (folder / "objects.jsonl").write_text(table.splitlines()[0])
    with pytest.raises(SpatialGANError, match=r"objects.jsonl: has no line for images/1.png"):
        ObjectDataset.open(folder)
    (folder / "objects.jsonl").write_text("{\n")
    with pytest.raises(SpatialGANError, match=r"objects.jsonl, line 1: is not JSON"):
        ObjectDataset.open(folder)
    (folder / "objects.jsonl").write_text("\n")
    with pytest.raises(SpatialGANError, match=r"objects.jsonl: is empty"):
        ObjectDataset.open(folder)
    (folder / "objects.jsonl").write_text(table)
    (folder / "masks/2.png").unlink()
    with pytest.raises(SpatialGANError, match=r"images/2.png: has no mask; masks/2.png is missing"):
        ObjectDataset.open(folder)
    (folder / "objects.jsonl").unlink()
    with pytest.raises(SpatialGANError, match=r"has one objects.jsonl beside images/ and masks/; there is none"):
        ObjectDataset.open(folder)


def test_damaged_masks_are_named(folder: Path) -> None:
    dataset = ObjectDataset.open(folder)
    path = folder / "masks/0.png"

    def fails(data: bytes, message: str) -> None:
        path.write_bytes(data)
        with pytest.raises(SpatialGANError, match=f"masks/0.png: {message}"):
            _ = dataset[0]

    fails(encode(Image.fromarray(mask(width=9))), r"is 9x8, but its image \(upright\) is 8x8")
    fails(encode(noise(0)), "has mode RGB; a mask is a grey PNG")
    fails(encode(Image.fromarray(mask() + 1)), "has pixels of the value 5, an id that the line of images/0.png")
    fails(encode(Image.fromarray(mask()))[:60], "is cut short or damaged")
    fails(b"", "is empty")


def test_the_rooms_of_the_tests() -> None:
    dataset = ObjectDataset.open(ROOMS, resolution=64)
    assert len(dataset) == 26
    items = [dataset[i] for i in range(len(dataset))]
    labels = {o.label for item in items for o in item.objects}
    assert {"bed", "window", "lamp", *STRUCTURE} <= labels and not {"pillow", "throw"} & labels
    for item in items:
        assert item.image.shape == (3, 64, 64) and item.instances.shape == (64, 64)
        assert sum(o.label == "bed" for o in item.objects) == 1
        assert item.masks().any(dim=(1, 2)).all()
    table = [json.loads(line) for line in io.StringIO((ROOMS / "objects.jsonl").read_text())]
    assert all(line["index"] % 20 == 0 for line in table)  # held out
