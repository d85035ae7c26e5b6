"""The data set, its splits and fingerprint, the order of its images and the range of their values."""

import os

import numpy as np
import pytest
import torch
from pictures import decoded, make_folder, noise

from spatialgan.data import images as images_module
from spatialgan.data.images import ImageDataset, epoch_indices, split_indices, to_float, to_uint8
from spatialgan.errors import SpatialGANError

torch.set_num_threads(1)


def test_lazy_equals_in_memory(tmp_path):
    folder = make_folder(tmp_path / "set")
    eager = ImageDataset.open(folder, resolution=8)
    assert ImageDataset.open(folder, resolution=8, cache_bytes=6 * 3 * 64).images is not None  # at most
    lazy = ImageDataset.open(folder, resolution=8, cache_bytes=6 * 3 * 64 - 1)
    assert lazy.images is None and eager.fingerprint == lazy.fingerprint
    flips = [True, False, True]
    assert torch.equal(eager.batch([4, 0, 0], flips), lazy.batch(torch.tensor([4, 0, 0]), np.array(flips)))


def test_batch_mirrors_where_asked_and_copies(tmp_path):
    dataset = ImageDataset.open(make_folder(tmp_path / "set"), resolution=8)
    before = dataset.images.clone()
    batch = dataset.batch([1, 2], [True, False])
    assert batch.dtype == torch.uint8 and batch.shape == (2, 3, 8, 8)
    assert torch.equal(batch[0], before[1].flip(2)) and torch.equal(batch[1], before[2])
    batch.zero_()
    assert torch.equal(dataset.images, before)


def test_shown_mirrors_only_with_mirror(tmp_path):
    folder = make_folder(tmp_path / "set")
    plain, mirrored = (ImageDataset.open(folder, resolution=8, mirror=mirror) for mirror in (False, True))
    indices, flips = epoch_indices(3, 20, num_images=6, seed=1)
    assert flips.any() and not flips.all()
    assert torch.equal(plain.shown(3, 20, seed=1), plain.images[indices])
    assert torch.equal(mirrored.shown(3, 20, seed=1), plain.batch(indices, flips))
    assert plain.fingerprint == mirrored.fingerprint


def test_bad_files_are_skipped_and_listed_in_order(tmp_path):
    folder = make_folder(tmp_path / "set")
    (folder / "002.png").write_bytes(b"")
    (folder / "004.png").write_bytes(b"text")
    clean = [np.asarray(noise(i)).transpose(2, 0, 1) for i in (0, 1, 3, 5)]
    calls: list[tuple[int, int]] = []
    dataset = ImageDataset.open(folder, resolution=8, on_progress=lambda *call: calls.append(call))
    assert [name for name, _ in dataset.skipped] == ["002.png", "004.png"]
    assert "empty" in dataset.skipped[0][1] and "not an image" in dataset.skipped[1][1]
    assert dataset.names == ["000.png", "001.png", "003.png", "005.png"] and dataset.num_images == 4
    np.testing.assert_array_equal(dataset.images.numpy(), np.stack(clean))
    assert calls == [(i, 6) for i in range(1, 7)]


def test_lazy_meets_a_bad_file_and_names_it(tmp_path):
    folder = make_folder(tmp_path / "set")
    (folder / "002.png").write_bytes(b"text")
    dataset = ImageDataset.open(folder, resolution=8, cache_bytes=0)
    assert dataset.batch([1]).shape == (1, 3, 8, 8)
    with pytest.raises(SpatialGANError, match=r"002\.png.*data check"):
        dataset.batch([1, 2])


def test_nothing_usable_is_an_error(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"text")
    with pytest.raises(SpatialGANError, match=r"none of 1 images.*a\.jpg"):
        ImageDataset.open(tmp_path, resolution=8)


@pytest.mark.parametrize(
    "wrong",
    [{"resolution": 0}, {"channels": 4}, {"fit": "cover"}, {"holdout": -1}, {"split": "val"}, {"holdout": 1}],
)
def test_wrong_settings_name_the_setting(tmp_path, wrong):
    make_folder(tmp_path, count=2)
    with pytest.raises(SpatialGANError, match=next(iter(wrong))):
        ImageDataset.open(tmp_path, **{"resolution": 8, **wrong})


def test_test_split_needs_a_holdout(tmp_path):
    with pytest.raises(SpatialGANError, match="holdout=0"):
        ImageDataset.open(make_folder(tmp_path), resolution=8, split="test")


@pytest.mark.parametrize("count", [1, 5, 6, 23])
def test_holdout_is_disjoint_and_complete(count):
    train, test, everything = (split_indices(count, 5, split) for split in ("train", "test", "all"))
    assert test == list(range(0, count, 5))
    assert not set(train) & set(test) and sorted(train + test) == everything == list(range(count))
    assert split_indices(count, 0, "train") == everything


def test_holdout_counts_bad_files_so_that_no_image_changes_sides(tmp_path):
    folder = make_folder(tmp_path)
    (folder / "001.png").write_bytes(b"")
    train, test = (ImageDataset.open(folder, resolution=8, holdout=3, split=s) for s in ("train", "test"))
    assert test.names == ["000.png", "003.png"] and train.names == ["002.png", "004.png", "005.png"]
    assert torch.equal(test.images[1], torch.from_numpy(decoded((folder / "003.png").read_bytes(), size=8)))


def test_fingerprint_follows_content_names_and_settings(tmp_path):
    folder = make_folder(tmp_path / "set")

    def fingerprint(**settings: object) -> str:
        return ImageDataset.open(folder, **{"resolution": 8, **settings}).fingerprint

    first = fingerprint()
    assert first == fingerprint() and len(first) == 64
    settings = [
        {"resolution": 4},
        {"channels": 1},
        {"fit": "pad"},
        {"holdout": 3},
        {"holdout": 3, "split": "test"},
    ]
    assert len({first, *(fingerprint(**one) for one in settings)}) == 6
    assert fingerprint(split="all") == first  # the same images by another name
    path = folder / "003.png"
    data = bytearray(path.read_bytes())
    stat = path.stat()
    data[-30] ^= 1  # the same length, the same times
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    changed = fingerprint()
    assert changed != first
    path.rename(folder / "003b.png")
    assert fingerprint() not in {first, changed}


# ---------------------------------------------------------------- order


def test_each_epoch_is_a_permutation_and_epochs_differ():
    indices, _ = epoch_indices(0, 150, num_images=50, seed=3)
    epochs = indices.reshape(3, 50)
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(50))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 3
    assert epochs[0].tolist() != list(range(50))


@pytest.mark.parametrize("num_images", [1, 7, 100])
def test_chunks_joined_equal_one_long_call(num_images):
    indices, flips = epoch_indices(0, 64, num_images=num_images, seed=5)
    assert indices.dtype == torch.int64 and flips.dtype == torch.bool
    chunks, position = [], 0
    for count in (1, 0, 13, 30, 20):
        chunks.append(epoch_indices(position, count, num_images=num_images, seed=5))
        position += count
        images_module._epoch.cache_clear()  # a resumed run has an empty cache
    assert torch.equal(torch.cat([c[0] for c in chunks]), indices)
    assert torch.equal(torch.cat([c[1] for c in chunks]), flips)


def test_seeds_differ_and_results_may_be_written_to():
    a, flips_a = epoch_indices(0, 50, num_images=50, seed=0)
    b, flips_b = epoch_indices(0, 50, num_images=50, seed=1)
    assert not torch.equal(a, b) and not torch.equal(flips_a, flips_b)
    expected = a.clone()
    a.zero_()
    assert torch.equal(epoch_indices(0, 50, num_images=50, seed=0)[0], expected)


def test_flips_are_fair_coins_of_their_own():
    indices, flips = epoch_indices(0, 20_000, num_images=1000, seed=0)
    assert 0.48 < flips.float().mean() < 0.52
    one = flips[indices == 17]
    assert one.any() and not one.all()  # the same image is shown both ways
    # Independent of where in the epoch the image stands.
    first_half = (torch.arange(20_000) % 1000) < 500
    assert abs(flips[first_half].float().mean() - flips[~first_half].float().mean()) < 0.03


def test_order_is_the_promised_one():
    # Frozen: a change here makes every resumed run show other images.
    indices, flips = epoch_indices(8, 6, num_images=10, seed=42)
    assert indices.tolist() == [2, 5, 1, 2, 8, 5]
    assert flips.tolist() == [True, True, False, True, True, False]


@pytest.mark.parametrize("wrong", [{"num_images": 0}, {"seed": -1}, {"start": -1}, {"count": -1}])
def test_order_refuses_nonsense(wrong):
    settings = {"start": 0, "count": 1, "num_images": 3, "seed": 0, **wrong}
    with pytest.raises(SpatialGANError, match=next(iter(wrong))):
        epoch_indices(settings["start"], settings["count"], num_images=settings["num_images"], seed=settings["seed"])


# ---------------------------------------------------------------- ranges


def test_float_and_back():
    levels = torch.arange(256, dtype=torch.uint8)
    floats = to_float(levels)
    assert floats.dtype == torch.float32 and floats[0] == -1 and floats[255] == 1
    assert torch.equal(to_uint8(floats), levels)
    assert to_uint8(torch.tensor([-9.0, 9.0, 0.0])).tolist() == [0, 255, 128]
