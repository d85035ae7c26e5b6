"""Training the segmenter: the set in memory, augmentation, losses, and that it learns, repeats and resumes."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from spatialgan.coords import centroid_xy
from spatialgan.data.images import to_float
from spatialgan.data.instances import ObjectDataset
from spatialgan.errors import SpatialGANError
from spatialgan.segmenter import training as segmenter_training
from spatialgan.segmenter.augmentation import PASTED, degrade, paste_objects, warp
from spatialgan.segmenter.network import INPUT_SIZE, Heads
from spatialgan.segmenter.panoptic import UNKNOWN, Targets
from spatialgan.segmenter.training import (
    Losses,
    TrainingSet,
    class_weights,
    draw_batch,
    learning_rate_factor,
    read_training_set,
    segmentation_losses,
    train_segmenter,
)

ROOMS = Path(__file__).parents[1] / "rooms"


@pytest.fixture(scope="module")
def rooms() -> TrainingSet:
    return read_training_set(ObjectDataset.open(ROOMS, resolution=INPUT_SIZE))


def test_the_set_in_memory(rooms: TrainingSet) -> None:
    dataset = ObjectDataset.open(ROOMS, resolution=INPUT_SIZE)
    assert {"bed", "lamp", "window"} <= set(rooms.classes.objects)
    assert not {"curtain", "pillow", "wall"} & set(rooms.classes.objects)
    assert rooms.classes.surroundings == ("wall", "floor", "ceiling", "none")
    for row in (3, 25):
        item = dataset[row]
        assert torch.equal(rooms.images[row], item.image)
        shown = rooms.labels[row][rooms.ids[row].long()]
        for o in item.objects:
            name = "window" if o.label == "curtain" else o.label
            assert (shown[item.instances == o.id] == rooms.classes.names.index(name)).all()


def test_rare_classes_weigh_more(rooms: TrainingSet) -> None:
    weights = dict(zip(rooms.classes.names, class_weights(rooms).tolist(), strict=True))
    assert weights["plant"] > weights["window"] > weights["wall"] > 0.1


def test_a_set_without_objects_is_refused(tmp_path: Path) -> None:
    dataset = ObjectDataset.open(ROOMS, resolution=INPUT_SIZE)
    for roots in dataset.roots:
        for i, root in list(roots.items()):
            roots[i] = type(root)(root.id, "wall")
    with pytest.raises(SpatialGANError, match="there are no objects in the set to learn from, only wall"):
        read_training_set(dataset)


# ---------------------------------------------------------------- augmentation


def squares(count: int, size: int = 64) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures with a bright square of id 1, of class 0, at different places before a dark wall of id 0."""
    ids = torch.zeros(count, size, size, dtype=torch.int64)
    for b in range(count):
        ids[b, 10 + 3 * b : 26 + 3 * b, 20:36] = 1
    labels = torch.full((count, 2 * PASTED), UNKNOWN)
    labels[:, 0], labels[:, 1] = 1, 0
    return torch.where(ids == 1, 0.9, -0.9)[:, None].expand(-1, 3, -1, -1).contiguous(), ids, labels


def test_what_is_pasted_has_its_mask_and_class(rng: torch.Generator) -> None:
    images, ids, labels = squares(8)
    kept = ids.clone()
    pasted, new_ids, new_labels = paste_objects(images, ids, labels, 1, rng, share=1.0)
    assert torch.equal(ids, kept)
    assert torch.equal(pasted[:, 0] > 0, (new_ids == 1) | (new_ids == 1 + PASTED))
    there = (new_ids == 1 + PASTED).flatten(1).any(dim=1)
    assert there.sum() >= 5 and (new_labels[there, 1 + PASTED] == 0).all()
    assert torch.equal(paste_objects(images, ids, labels, 1, rng, share=0.0)[1], ids)


def test_picture_and_ids_are_bent_alike(rng: torch.Generator) -> None:
    images, ids, _ = squares(16)
    warped, moved = warp(images, ids, 32, rng)
    assert warped.shape == images.shape and moved.shape == (16, 32, 32)
    bright = torch.nn.functional.avg_pool2d(warped, 2)[:, 0] > 0
    assert float((bright == (moved == 1)).float().mean()) > 0.98
    before, after = centroid_xy((ids == 1).float()), centroid_xy((moved == 1).float())
    assert float((before - after).abs().amax(dim=0).min()) > 0.05  # they do move


def test_degraded_pictures_keep_size_and_range(rng: torch.Generator) -> None:
    images = to_float(torch.randint(0, 256, (12, 3, 64, 64), generator=rng, dtype=torch.uint8))
    changed = degrade(images, rng)
    assert changed.shape == images.shape and changed.isfinite().all()
    assert float(changed.min()) >= -1.01 and float(changed.max()) <= 1.01
    assert ((changed - images).abs().mean(dim=(1, 2, 3)) > 0.05).all()
    sharpness = (changed - changed.roll(1, 3)).abs().mean(dim=(1, 2, 3))
    assert float(sharpness.min()) < 0.5 * float(sharpness.max())  # some lost their detail, others did not


# ---------------------------------------------------------------- losses


def test_losses_by_hand() -> None:
    semantic = torch.zeros(1, 3, 2, 2)
    targets = Targets(torch.tensor([[[0, 0], [2, UNKNOWN]]]), torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2))
    targets.centers[0, 0, 0, 0], targets.centers[0, 0, 0, 1] = 1, 0.5
    targets.offsets[0, 0, 0, 1] = -0.5
    heads = Heads(semantic, torch.zeros(1, 2, 2, 2), torch.full((1, 2, 2, 2), 0.25), ())
    losses = segmentation_losses(heads, targets, torch.ones(3))
    assert float(losses.semantic) == pytest.approx(torch.log(torch.tensor(3.0)).item())
    log2 = torch.log(torch.tensor(2.0)).item()
    # One centre, one pixel of value 0.5 with (1 - 0.5)^4, six others; p = 0.5 everywhere.
    assert float(losses.centers) == pytest.approx(0.25 * log2 * (1 + 0.5**4 + 6))
    assert float(losses.offsets) == pytest.approx(((0.25 + 0.25) + (0.75 + 0.25)) / 2)
    assert float(losses.total) == pytest.approx(
        float(losses.semantic) + 0.5 * float(losses.centers) + 10 * float(losses.offsets)
    )


def test_learning_rate() -> None:
    factors = [learning_rate_factor(i / 1000) for i in range(1000)]
    top = factors.index(max(factors))
    assert 20 < top < 40 and factors[top] == pytest.approx(1, abs=0.05) and factors[-1] < 1e-4 < factors[0] < 0.1
    assert factors[top:] == sorted(factors[top:], reverse=True)


# ---------------------------------------------------------------- training


@pytest.fixture
def small(rooms: TrainingSet) -> TrainingSet:
    """Two rooms, so that a few steps are enough to see them often."""
    return TrainingSet(rooms.classes, rooms.images[:2], rooms.ids[:2], rooms.labels[:2], "two rooms")


def test_a_batch_depends_on_its_position_only(small: TrainingSet) -> None:
    first, again, later = (draw_batch(small, start, 2, seed=0) for start in (4, 4, 6))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1].offsets, again[1].offsets)
    assert not torch.equal(first[0], later[0])
    assert first[0].shape == (2, 3, INPUT_SIZE, INPUT_SIZE) and first[1].semantic.shape == (2, 64, 64)


def test_a_few_steps_lower_the_loss(small: TrainingSet) -> None:
    losses: list[Losses] = []
    network = train_segmenter(small, num_images=24, batch=2, on_step=lambda shown, step: losses.append(step))
    assert len(losses) == 12 and not network.training
    totals = torch.stack([step.total for step in losses])
    assert float(totals[-3:].mean()) < 0.8 * float(totals[:3].mean())


def test_same_seed_same_weights_also_when_stopped_and_gone_on(
    small: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmenter_training, "STEPS_PER_CHECKPOINT", 2)
    settings = {"num_images": 8, "batch": 2, "checkpoints": tmp_path}
    whole = train_segmenter(small, num_images=8, batch=2).state_dict()

    def stop(shown: int, losses: Losses) -> None:
        if shown == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_segmenter(small, **settings, on_step=stop)
    positions: list[int] = []
    resumed = train_segmenter(small, **settings, on_step=lambda shown, _: positions.append(shown)).state_dict()
    assert positions == [6, 8]  # the checkpoint was at 4
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    with pytest.raises(SpatialGANError, match="is of a training with seed=0"):
        train_segmenter(small, **settings, seed=1)
    other = train_segmenter(small, num_images=2, batch=2)
    with pytest.raises(SpatialGANError, match="is of a training with start_from=ImageNet"):
        train_segmenter(small, **settings, start_from=other)


def test_a_signal_ends_it_after_the_step_at_hand_with_a_checkpoint(small: TrainingSet, tmp_path: Path) -> None:
    settings = {"num_images": 8, "batch": 2, "checkpoints": tmp_path}

    def stop(shown: int, losses: Losses) -> None:
        if shown == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_segmenter(small, **settings, on_step=stop)
    positions: list[int] = []
    train_segmenter(small, **settings, on_step=lambda shown, _: positions.append(shown))
    assert positions == [6, 8]
    with pytest.raises(SpatialGANError, match="is of a training with data_fingerprint=two rooms"):
        train_segmenter(replace(small, fingerprint="others"), **settings)


def test_a_loss_that_is_not_finite_stops(small: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmenter_training, "LEARNING_RATE", float("inf"))
    with pytest.raises(SpatialGANError, match="the loss is not finite after 2 images"):
        train_segmenter(small, num_images=4, batch=2)
