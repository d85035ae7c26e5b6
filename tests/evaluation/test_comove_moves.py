"""The moves of the Co-move ratio's two protocols: their lengths and directions, and what of a layout they move."""

import math

import pytest
import torch
from fakes import SquaresModel

from spatialgan.evaluation.comove_moves import Trials, draw_trials, move_both_ways
from spatialgan.evaluation.response import move_inside
from spatialgan.layout import Layout

CENTERS = [(0.5, 0.5), (0.02, 0.5), (0.93, 0.4), (0.12, 0.03), (0.0, 0.3), (1.0, 0.85), (0.08, 0.92)]


def draw(model: SquaresModel, count: int, shortest: float = 0.1, longest: float = 0.3) -> tuple[Trials, list[Layout]]:
    """Trials, and the layouts that pictures were drawn of: before, and moved by the paper's v, by v and by -v."""
    trials = draw_trials(model, model.config.model, range(count), shortest, longest)
    (z, _, noise), *others = model.calls
    for other_z, _, other_noise in others:
        assert torch.equal(z, other_z) and all(torch.equal(a, b) for a, b in zip(noise, other_noise, strict=True))
    return trials, [layout for _, layout, _ in model.calls]


def both_ways(center: tuple[float, float], count: int, shortest: float = 0.1, longest: float = 0.3) -> torch.Tensor:
    """(count, 2)."""
    generator = torch.Generator().manual_seed(0)
    return torch.stack([move_both_ways(torch.tensor(center), shortest, longest, generator) for _ in range(count)])


def test_moves_have_their_lengths_and_stay_inside_and_only_one_centre_moves() -> None:
    trials, (before, *after) = draw(SquaresModel(), 64)
    single, antithetic = trials.protocols
    assert len(single.after) == 1 and len(antithetic.after) == 2
    moved = [(layout.centers - before.centers).double() for layout in after]  # three of (B, 3, 2)
    for shift, v in zip(moved, (single.v, antithetic.v, -antithetic.v), strict=True):
        there = v.isfinite().all(dim=1)
        point = shift.norm(dim=-1) > 0
        assert (point.sum(dim=1) == there).all() and point.any(dim=0).all()  # one in each picture, and each somewhere
        assert torch.equal(before.centers[point], trials.centers[there])  # the same one in all pictures
        assert torch.allclose(shift.sum(dim=1)[there], v[there], atol=1e-6)
        end = (trials.centers + v)[there]
        assert (end >= 0).all() and (end <= 1).all()
        lengths = v[there].norm(dim=1)
        assert lengths.min() >= 0.1 - 1e-6 and lengths.max() <= 0.3 + 1e-6 and lengths.std() > 0.04
        assert len({(bool(x > 0), bool(y > 0)) for x, y in v[there]}) == 4


def test_the_control_is_at_right_angles_to_the_moves_to_either_side() -> None:
    """Drawn freely, they leaned against the moves of seeds 0 to 499, and the control was below 0."""
    for moves in draw(SquaresModel(), 64)[0].protocols:
        there = moves.v.isfinite().all(dim=1)
        (vx, vy), (ux, uy) = moves.v[there].T, moves.unrelated[there].T
        assert torch.allclose(moves.unrelated[there].norm(dim=1), torch.ones(int(there.sum()), dtype=torch.float64))
        assert (ux * vx + uy * vy).abs().max() < 1e-12
        left = vx * uy - vy * ux > 0
        assert 0.3 < float(left.double().mean()) < 0.7


def test_a_single_objects_levels_all_move_alike() -> None:
    trials, (before, *after) = draw(SquaresModel(layout="single", encoding="norm"), 8, 0.2, 0.2)
    single, antithetic = trials.protocols
    for layout, v in zip(after, (single.v, antithetic.v, -antithetic.v), strict=True):
        expected = v.nan_to_num().float()[:, None].expand(-1, 7, -1)
        assert torch.allclose(layout.centers - before.centers, expected, atol=1e-6)


def test_where_there_is_no_room_for_both_moves_nothing_moves() -> None:
    trials, (before, papers, plus, minus) = draw(SquaresModel(), 64, 0.5, 0.5)
    cramped = trials.protocols[1].v.isnan().all(dim=1)
    assert 0 < cramped.sum() < 64 and not trials.protocols[0].v.isnan().any()
    for layout in (plus, minus):
        assert torch.equal((layout.centers != before.centers).flatten(1).any(dim=1), ~cramped)
    assert (papers.centers != before.centers).flatten(1).any(dim=1).all()


@pytest.mark.parametrize("center", CENTERS)
def test_both_ends_are_inside_and_the_moves_do_not_lean(center: tuple[float, float]) -> None:
    v = both_ways(center, 1000)
    for end in (torch.tensor(center) + v, torch.tensor(center) - v):
        assert (end >= 0).all() and (end <= 1).all()
    assert (v.norm(dim=1) >= 0.1 - 1e-6).all() and (v.norm(dim=1) <= 0.3 + 1e-6).all()
    assert v.mean(dim=0).abs().max() < 0.02  # of about 0.15: the paper's, which only look to one side, lean inwards
    generator = torch.Generator().manual_seed(0)
    papers = torch.stack([move_inside(torch.tensor(center), 0.2, generator) for _ in range(300)]).mean(dim=0)
    if center != (0.5, 0.5):
        assert papers @ (0.5 - torch.tensor(center)) > 0.01


def test_in_the_middle_lengths_and_directions_are_uniform() -> None:
    v = both_ways((0.5, 0.5), 4000)
    lengths, angles = v.norm(dim=1), torch.atan2(v[:, 1], v[:, 0])
    for values, low, high in ((lengths, 0.1, 0.3), (angles, -math.pi, math.pi)):
        shares = torch.histc(values, bins=8, min=low, max=high) / len(values)
        assert shares.tolist() == pytest.approx([1 / 8] * 8, abs=0.02)


def test_near_an_edge_directions_are_those_of_redrawing_until_both_ends_are_inside() -> None:
    center, generator = torch.tensor([0.9, 0.4]), torch.Generator().manual_seed(1)
    drawn: list[float] = []
    while len(drawn) < 2000:
        v = move_inside(center, 0.25, generator)
        if ((center - v >= 0) & (center - v <= 1)).all():
            drawn.append(abs(v[0].item()))
    ours = both_ways((0.9, 0.4), 2000, 0.25, 0.25)[:, 0].abs()
    levels = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    assert ours.quantile(levels).tolist() == pytest.approx(torch.tensor(drawn).quantile(levels).tolist(), abs=0.006)


@pytest.mark.parametrize(("center", "longest"), [((0.12, 0.03), math.hypot(0.12, 0.03)), ((1.0, 0.85), 0.15)])
def test_near_a_corner_moves_are_as_long_as_there_is_room(center: tuple[float, float], longest: float) -> None:
    lengths = both_ways(center, 500).norm(dim=1)
    assert lengths.max() <= longest + 1e-6
    shares = torch.histc(lengths, bins=4, min=0.1, max=longest) / 500
    assert shares.tolist() == pytest.approx([1 / 4] * 4, abs=0.07)


@pytest.mark.parametrize("center", [(0.05, 0.05), (0.95, 0.08), (0.0, 1.0), (-0.2, 0.5)])
def test_nearer_to_a_corner_than_the_shortest_move_there_is_none(center: tuple[float, float]) -> None:
    assert both_ways(center, 3).isnan().all()
