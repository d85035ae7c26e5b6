"""Targets and regions: one undoes the other, and what may go wrong in between."""

import pytest
import torch
from torch import Tensor

from spatialgan.segmenter.panoptic import (
    MAX_GAP,
    MIN_AREA,
    UNKNOWN,
    Targets,
    find_peaks,
    find_regions,
    make_targets,
    parts_apart,
)

N = 3
LABELS = torch.tensor([3, 0, 0, 1, 2, 4, UNKNOWN])  # of the ids 0..6; 3 and 4 are surroundings


def scene() -> Tensor:
    """Two things of class 0 that touch, one of class 1 in two parts, a small one of class 2, surroundings, unknown."""
    ids = torch.zeros(64, 64, dtype=torch.int64)
    ids[40:] = 5
    ids[10:20, 5:20] = 1
    ids[10:25, 20:30] = 2
    ids[45:50, 40:60] = 3
    ids[55:60, 40:60] = 3
    ids[2:4, 2:4] = 4
    ids[0, :] = 6
    return ids


def perfect_heads(targets: Targets) -> tuple[Tensor, Tensor, Tensor]:
    """Logits that say what the targets say; unknown pixels are given to class 3."""
    classes = torch.where(targets.semantic == UNKNOWN, 3, targets.semantic)
    semantic = 20 * torch.nn.functional.one_hot(classes, N + 2).permute(2, 0, 1).float()
    return semantic, targets.centers.clamp(1e-6, 1 - 1e-6).logit(), targets.offsets


def test_targets() -> None:
    t = make_targets(scene(), LABELS, N)
    assert torch.equal(t.semantic, LABELS[scene()])
    assert [int((c == 1).sum()) for c in t.centers] == [2, 1, 0]  # the small one of class 2 has no centre
    assert t.centers[0, 14, 12] == 1 and t.centers[1, 52, 50] == 1
    # From pixel (row 10, column 5) to the middle of its object, x then y.
    assert t.offsets[:, 10, 5].tolist() == pytest.approx([7 / 64, 4.5 / 64])
    assert not t.offsets[:, 30:40].any() and not t.offsets[:, 0].any()


def test_perfect_heads_give_the_instances_back() -> None:
    ids = scene()
    regions = find_regions(*perfect_heads(make_targets(ids, LABELS, N)), (64, 64))
    assert sorted(r.label for r in regions) == [0, 0, 1]  # not the small one
    for i, label in ((1, 0), (2, 0), (3, 1)):
        assert sum(bool(torch.equal(r.mask, ids == i)) and r.label == label for r in regions) == 1
    assert all(r.score > 0.99 for r in regions)


@pytest.mark.parametrize("size", [(128, 128), (32, 32), (48, 96)])
def test_masks_have_the_size_of_the_picture(size: tuple[int, int]) -> None:
    ids = scene()
    regions = find_regions(*perfect_heads(make_targets(ids, LABELS, N)), size)
    assert len(regions) == 3 and all(r.mask.shape == size for r in regions)
    wanted = torch.nn.functional.interpolate((ids == 2)[None, None].float(), size=size, mode="nearest")[0, 0].bool()
    best = max(float((r.mask & wanted).sum() / (r.mask | wanted).sum()) for r in regions)
    assert best > 0.8


def test_smallest_area() -> None:
    heads = perfect_heads(make_targets(scene(), LABELS, N))
    assert (scene() == 4).float().mean() < MIN_AREA < (scene() == 3).float().mean()
    assert len(find_regions(*heads, (64, 64), min_area=0, min_score=0)) == 4
    assert len(find_regions(*heads, (64, 64), min_area=0.04)) == 1  # of 0.037, 0.037 and 0.049 of the picture


def test_a_class_without_a_peak_is_one_instance_of_little_score() -> None:
    semantic, centers, offsets = perfect_heads(make_targets(scene(), LABELS, N))
    unsure = torch.full_like(centers, -4.0)
    assert find_regions(semantic, unsure, offsets, (64, 64)) == []
    regions = find_regions(semantic, unsure, offsets, (64, 64), min_score=0)
    assert sorted(r.label for r in regions) == [0, 1] and all(r.score < 0.05 for r in regions)
    assert any(torch.equal(r.mask, (scene() == 1) | (scene() == 2)) for r in regions)


def test_the_surest_comes_first() -> None:
    semantic, centers, offsets = perfect_heads(make_targets(scene(), LABELS, N))
    centers[1] = torch.where(centers[1] > 0, 0.5, centers[1])
    regions = find_regions(semantic, centers, offsets, (64, 64))
    assert regions[-1].label == 1 and [r.score for r in regions] == sorted((r.score for r in regions), reverse=True)


def test_two_things_with_one_peak_are_two_instances_where_they_lie_apart() -> None:
    """What two windows of a generated room were: one instance, whose middle is on the wall between them."""
    ids = torch.zeros(64, 64, dtype=torch.int64)
    ids[10:20, 5:20], ids[12:22, 40:55] = 1, 2
    semantic, centers, offsets = perfect_heads(make_targets(ids, LABELS, N))
    centers[0, :, 32:] = -10  # the second one's centre was missed
    regions = find_regions(semantic, centers, torch.zeros_like(offsets), (64, 64))
    assert len(regions) == 2
    for i in (1, 2):
        assert any(torch.equal(r.mask, ids == i) for r in regions)


def test_parts_apart_equal_the_walk() -> None:
    generator = torch.Generator().manual_seed(0)
    for gap, reach in ((1 / 16, 2), (1 / 8, 4)):
        mask = torch.rand(24, 32, generator=generator) > 0.97
        pixels, parts = {tuple(p) for p in mask.nonzero().tolist()}, []
        while pixels:
            part, todo = set(), [pixels.pop()]
            while todo:
                y, x = todo.pop()
                part.add((y, x))
                near = {(b, a) for b, a in pixels if abs(b - y) <= reach and abs(a - x) <= reach}
                pixels -= near
                todo += near
            parts.append(part)
        found = parts_apart(mask, gap)
        assert {frozenset(map(tuple, m.nonzero().tolist())) for m in found} == {frozenset(p) for p in parts}
        assert len(found) > 1
    assert parts_apart(torch.zeros(4, 4, dtype=torch.bool), MAX_GAP) == []


def test_peaks() -> None:
    heat = torch.zeros(16, 32)
    heat[3, 8], heat[3, 10], heat[12, 31], heat[8, 20] = 0.9, 0.8, 0.5, 0.1
    places, heights = find_peaks(heat)  # (3, 10) is too near a higher one, (8, 20) too low
    assert places.tolist() == [[8.5 / 32, 3.5 / 16], [31.5 / 32, 12.5 / 16]]
    assert heights.tolist() == pytest.approx([0.9, 0.5])
