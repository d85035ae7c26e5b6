"""The Co-move ratio's self-test on rooms: 1 where it has to be 1, and not 1 where something is wrong."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spatialgan.coords import centroid_xy
from spatialgan.data.instances import STRUCTURE, AnnotatedImage, ObjectDataset, RootObject
from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.comove import object_at
from spatialgan.evaluation.self_test import (
    EXACT_TOLERANCE,
    MIN_AREA,
    TOLERANCE,
    ExactMasks,
    displaced,
    draw_displacement,
    draw_displacements,
    fill_hole,
    movable_objects,
    passes,
    room_to_move,
    self_test,
)
from spatialgan.segmenter.segmentation import Instance, PanopticSegmenter

ROOMS = Path(__file__).parents[1] / "rooms"


@pytest.fixture(scope="module")
def rooms() -> ObjectDataset:
    return ObjectDataset.open(ROOMS)


class Wrong(ExactMasks):
    """Knows the exact masks, and mistakes every object for the next one."""

    def __call__(self, images: torch.Tensor) -> list[list[Instance]]:
        found = super().__call__(images)
        half = len(found) // 2
        return found[:half] + [
            [replace(i, feature=f.feature) for i, f in zip(r, r[1:] + r[:1], strict=True)] for r in found[half:]
        ]


def made_of(objects: dict[int, tuple[slice, slice]], labels: dict[int, str] | None = None) -> AnnotatedImage:
    """A grey picture of 32 pixels with a bright rectangle for each object."""
    image = torch.full((3, 32, 32), 100, dtype=torch.uint8)
    instances = torch.zeros(32, 32, dtype=torch.int64)
    for i, region in objects.items():
        instances[region] = i
        image[(slice(None), *region)] = 150 + 10 * i
    labels = labels or {}
    return AnnotatedImage("p", image, instances, tuple(RootObject(i, labels.get(i, "box")) for i in objects))


def test_with_exact_masks_the_ratio_is_one(rooms: ObjectDataset) -> None:
    done: list[tuple[int, int]] = []
    result = self_test(rooms, num_samples=60, on_progress=lambda *a: done.append(a))
    assert result.ratio.mean == pytest.approx(1, abs=EXACT_TOLERANCE) and passes(result, EXACT_TOLERANCE)
    assert (result.ratio.count, result.no_object, result.no_match, result.label_changed) == (60, 0, 0, 0)
    assert abs(result.control.mean) < 0.3
    assert result.identity.mean == pytest.approx(1) and result.locality.mean == 0
    assert done == [(i, 60) for i in range(1, 61)]


def test_with_the_bundled_segmenter_it_is_one_within_the_tolerance(rooms: ObjectDataset) -> None:
    result = self_test(rooms, PanopticSegmenter(device="cpu"), num_samples=60)
    assert passes(result, TOLERANCE)
    assert result.ratio.share > 0.9


def test_with_wrong_matches_it_is_not(rooms: ObjectDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatialgan.evaluation.self_test.ExactMasks", Wrong)
    result = self_test(rooms, num_samples=60)
    assert not passes(result, 0.05) and result.identity.mean == pytest.approx(1)


def test_a_few_samples_measured_are_not_enough(rooms: ObjectDataset) -> None:
    exact = self_test(rooms, num_samples=4)
    assert passes(exact, EXACT_TOLERANCE)
    assert not passes(replace(exact, ratio=replace(exact.ratio, share=0.4)), EXACT_TOLERANCE)
    assert not passes(replace(exact, ratio=replace(exact.ratio, mean=0.98)), EXACT_TOLERANCE)
    assert not passes(replace(exact, ratio=replace(exact.ratio, mean=None)), EXACT_TOLERANCE)


def test_displacements_are_what_they_say(rooms: ObjectDataset) -> None:
    moves = []
    for seed, d in draw_displacements(rooms, 20, 0.1, 0.3):
        exact = ExactMasks()
        exact.learn([d.before, d.after])
        before, after = exact(torch.stack([d.before.image, d.after.image]))
        subject = object_at(before, d.center)
        assert subject is not None and subject.label not in STRUCTURE
        assert 0.1 <= d.move.norm() <= 0.3
        (match,) = [i for i in after if torch.equal(i.feature, subject.feature)]
        shift = centroid_xy(match.mask.double()) - centroid_xy(subject.mask.double())
        assert torch.allclose(shift, d.move, atol=1e-6)
        changed = (d.before.image != d.after.image).any(dim=0)
        assert changed.any() and 0 < changed.float().mean() < 0.9
        moves.append((seed, *d.move.tolist()))
    assert len({m[1:] for m in moves}) > 15
    again = [(seed, *d.move.tolist()) for seed, d in draw_displacements(rooms, 20, 0.1, 0.3)]
    assert again == moves


def test_only_whole_large_objects_clear_of_all_others_move() -> None:
    picture = made_of(
        {
            1: (slice(12, 20), slice(12, 20)),
            2: (slice(0, 8), slice(10, 20)),
            3: (slice(25, 26), slice(3, 5)),
            4: (slice(22, 30), slice(22, 32)),
            5: (slice(20, 31), slice(8, 20)),
        },
        {5: "floor"},
    )
    assert [o.id for o in movable_objects(picture)] == [1]
    assert MIN_AREA > 2 / 32**2
    beside = made_of({1: (slice(10, 20), slice(10, 14)), 2: (slice(10, 20), slice(15, 19))})
    apart = made_of({1: (slice(10, 20), slice(10, 14)), 2: (slice(10, 20), slice(16, 20))})
    assert movable_objects(beside) == [] and len(movable_objects(apart)) == 2


def test_room_to_move_is_all_that_stays_clear_of_the_edge() -> None:
    picture = made_of({1: (slice(4, 8), slice(2, 28))})
    moves = room_to_move(picture, picture.objects[0], 0.1, 0.3)
    assert moves[:, 0].min() == -1 and moves[:, 0].max() == 3  # columns 1 to 30
    assert moves[:, 1].min() == -3 and moves[:, 1].max() == 9  # rows; 0.3 * 32 = 9.6
    lengths = moves.double().norm(dim=1) / 32
    assert lengths.min() >= 0.1 and lengths.max() <= 0.3
    neighbour = made_of({1: (slice(4, 8), slice(2, 28)), 2: (slice(20, 22), slice(5, 9))})
    below = room_to_move(neighbour, neighbour.objects[0], 0.1, 0.5)[:, 1]
    assert below.max() == 10  # rows 14 to 17, and two free ones before row 20; further down there is no room


def test_an_object_is_moved_in_front_of_the_others_and_its_hole_is_filled() -> None:
    picture = made_of({1: (slice(10, 14), slice(10, 14)), 2: (slice(10, 14), slice(20, 24))})
    moved = displaced(picture, picture.objects[0], 10, 0)
    assert [o.id for o in moved.objects] == [1]  # it hides the other one
    there = torch.zeros(32, 32, dtype=torch.bool)
    there[10:14, 20:24] = True
    assert torch.equal(moved.instances == 1, there) and int(moved.instances.sum()) == 16
    assert (moved.image[:, there] == 160).all()
    assert (moved.image[:, ~there].int() - 100).abs().max() <= 15  # the other object shines a little into the hole
    assert (picture.image[:, 10:14, 10:14] == 160).all()  # the original is left alone
    down = displaced(picture, picture.objects[0], 0, 5)
    assert (down.instances[15:19, 10:14] == 1).all()


def test_a_hole_continues_what_is_around_it() -> None:
    ramp = (torch.arange(64) * 3).to(torch.uint8).expand(3, 64, 64).contiguous()
    hole = torch.zeros(64, 64, dtype=torch.bool)
    hole[20:40, 20:40] = True
    spoilt = ramp.masked_fill(hole, 255)
    filled = fill_hole(spoilt, hole)
    assert torch.equal(filled[:, ~hole], ramp[:, ~hole])
    assert (filled.int() - ramp.int()).abs()[:, hole].float().mean() < 12
    assert (fill_hole(spoilt, torch.ones(64, 64, dtype=torch.bool)) == 0).all()  # nothing is known: black


def test_exact_masks_know_only_what_they_were_told() -> None:
    exact, a, b = ExactMasks(), made_of({1: (slice(2, 9), slice(2, 9))}), made_of({})
    exact.learn([a, b])
    (one,), none = exact(torch.stack([a.image, b.image]))
    assert torch.equal(one.mask, a.instances == 1) and one.feature.norm() == pytest.approx(1) and none == []
    exact.learn([b])
    with pytest.raises(KeyError):
        exact(a.image[None])


def test_pictures_without_an_object_to_move_are_passed_over_and_named_where_all_are_so(rooms: ObjectDataset) -> None:
    empty, good = made_of({}), rooms[0]
    assert draw_displacement(empty, 0.1, 0.3, 0) is None

    class Pictures(list):
        num_images = 2

    assert [seed for seed, _ in draw_displacements(Pictures([empty, good]), 3, 0.1, 0.3)] == [1, 3, 5]
    with pytest.raises(SpatialGANError, match="no object of these 2 pictures"):
        self_test(Pictures([empty, empty]), num_samples=3)
    with pytest.raises(SpatialGANError, match="1 sample or more"):
        self_test(rooms, num_samples=0)
