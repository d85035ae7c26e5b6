"""The measures of a segmenter, on cases counted by hand."""

import pytest
import torch

from spatialgan.segmenter.quality import Verdict, average_precision, judge, overlaps
from spatialgan.segmenter.segmentation import Instance


def region(left: int, right: int) -> torch.Tensor:
    mask = torch.zeros(4, 20, dtype=torch.bool)
    mask[:, left:right] = True
    return mask


def instance(left: int, right: int, label: str, score: float) -> Instance:
    return Instance(region(left, right), label, score, torch.zeros(1))


def test_overlaps() -> None:
    found = overlaps([instance(0, 10, "a", 1)], torch.stack([region(0, 10), region(5, 15), region(15, 20)]))
    assert found.tolist() == [[1, pytest.approx(1 / 3), 0]]
    assert overlaps([], torch.zeros(3, 4, 20, dtype=torch.bool)).shape == (0, 3)
    assert overlaps([instance(0, 1, "a", 1)], torch.zeros(0, 4, 20, dtype=torch.bool)).shape == (1, 0)


def test_each_object_is_hit_once_by_its_class() -> None:
    objects = torch.stack([region(0, 8), region(8, 12), region(12, 20)])
    instances = [
        instance(0, 8, "a", 0.9),
        instance(0, 7, "a", 0.8),
        instance(8, 12, "b", 0.7),
        instance(12, 20, "a", 0.6),
        instance(12, 15, "b", 0.5),
    ]
    large = torch.tensor([True, False, True])
    judged = judge(instances, objects, ["a", "b", "b"], large)
    # The second comes too late; the third is right but too small to count; the fourth has the wrong class; the last
    # overlaps too little.
    assert [(v.score, v.hit) for v in judged] == [(0.9, True), (0.8, False), (0.6, False), (0.5, False)]


def test_average_precision_by_hand() -> None:
    def verdicts(*hits: bool) -> list[Verdict]:
        return [Verdict("a", 1 - i / 10, hit) for i, hit in enumerate(hits)]

    assert average_precision(verdicts(True, True), 2) == 1
    assert average_precision(verdicts(True), 2) == 0.5
    assert average_precision([], 2) == 0
    # Precision at the hits is 1, 2/4; made monotonic 1, 3/5 where a later hit does better.
    assert average_precision(verdicts(True, False, False, True, True), 4) == pytest.approx((1 + 0.6 + 0.6) / 4)
    assert average_precision(list(reversed(verdicts(True, False))), 1) == 1  # sorted by score, not as given
