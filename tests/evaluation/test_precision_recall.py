import pytest
import torch

from spatialgan.errors import SpatialGANError
from spatialgan.evaluation.precision_recall import PrecisionRecall, precision_recall


def by_loops(real: torch.Tensor, generated: torch.Tensor, neighbours: int) -> PrecisionRecall:
    def share(points: torch.Tensor, centers: torch.Tensor) -> float:
        radii = [sorted(float((c - d).norm()) for d in centers)[neighbours] for c in centers]
        inside = [any(float((p - c).norm()) <= r for c, r in zip(centers, radii, strict=True)) for p in points]
        return sum(inside) / len(inside)

    return PrecisionRecall(share(generated, real), share(real, generated))


@pytest.mark.parametrize("neighbours", [1, 3])
def test_against_loops(neighbours: int, monkeypatch):
    monkeypatch.setattr("spatialgan.evaluation.precision_recall.ROWS", 7)  # chunks that do not divide the sets
    real, generated = torch.randn(30, 4), torch.randn(25, 4) * 0.6 + 0.5
    found = precision_recall(real, generated, neighbours=neighbours)
    expected = by_loops(real, generated, neighbours)
    assert found.precision == pytest.approx(expected.precision) and found.recall == pytest.approx(expected.recall)
    assert found.precision != pytest.approx(found.recall)


def test_few_kinds_of_good_pictures_are_precise_and_recall_little():
    real = torch.randn(400, 2)
    found = precision_recall(real, torch.randn(400, 2) * 0.02)
    assert found.precision > 0.95 and found.recall < 0.1


def test_what_is_too_few_or_of_another_width_is_refused():
    with pytest.raises(SpatialGANError, match="3 generated pictures are too few"):
        precision_recall(torch.randn(9, 2), torch.randn(3, 2))
    with pytest.raises(SpatialGANError, match="features of 2 and of 3 numbers"):
        precision_recall(torch.randn(9, 2), torch.randn(9, 3))
