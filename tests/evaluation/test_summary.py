"""Means, medians and bootstrap intervals."""

import math

import numpy as np
import pytest
import torch

from spatialgan.evaluation.summary import spread, summarize, summarize_groups


def test_values_that_could_not_be_measured_do_not_count() -> None:
    s = summarize(torch.tensor([1.0, math.nan, 2.0, 6.0, math.nan]))
    assert (s.count, s.share, s.mean, s.median) == (3, 0.6, 3.0, 2.0)


def test_nothing_measured() -> None:
    s = summarize(torch.full((4,), math.nan))
    assert (s.count, s.share, s.mean, s.mean_interval, s.median, s.median_interval) == (0, 0.0, None, None, None, None)
    assert summarize(torch.zeros(0)).share == 0


def test_interval_of_the_mean_is_that_of_the_central_limit() -> None:
    values = torch.randn(2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3 + 5
    s = summarize(values)
    half = 1.96 * values.std().item() / math.sqrt(2000)
    assert s.mean_interval == pytest.approx((s.mean - half, s.mean + half), abs=0.1 * half)
    # The median of a normal sample spreads sqrt(pi / 2) times as far.
    assert s.median_interval[1] - s.median_interval[0] == pytest.approx(2 * half * math.sqrt(math.pi / 2), rel=0.25)
    assert s.median_interval[0] < s.median < s.median_interval[1]


def test_repeatable() -> None:
    values = torch.rand(50, generator=torch.Generator().manual_seed(0))
    assert summarize(values) == summarize(values) != summarize(values, seed=1)


# ---------------------------------------------------------------- several trainings


def width(interval: tuple[float, float]) -> float:
    return interval[1] - interval[0]


def normal_groups(count: int, size: int, between: float, within: float) -> list[torch.Tensor]:
    """Values of groups whose means spread by ``between``, and their values about these by ``within``."""
    generator = torch.Generator().manual_seed(0)
    means = between * torch.randn(count, 1, generator=generator, dtype=torch.float64)
    return list(means + within * torch.randn(count, size, generator=generator, dtype=torch.float64))


@pytest.mark.parametrize(("between", "within"), [(1.0, 0.1), (0.0, 5.0), (1.0, 5.0)])
def test_the_interval_over_groups_has_the_variance_of_both_levels(between: float, within: float) -> None:
    count, size = 30, 40
    groups = normal_groups(count, size, between, within)
    of_means = torch.stack(groups).mean(dim=1).var(correction=0)
    of_values = torch.stack(groups).var(dim=1, correction=0).mean() / size
    half = 1.96 * math.sqrt((of_means + of_values) / count)
    s = summarize_groups(groups)
    assert s.mean == pytest.approx(torch.cat(groups).mean().item())
    assert s.mean_interval == pytest.approx((s.mean - half, s.mean + half), abs=0.1 * half)
    assert (s.count, s.share) == (count * size, 1)


def test_resamples_are_those_of_a_loop_over_groups_and_their_values() -> None:
    groups = [*normal_groups(3, 25, 1.0, 2.0), torch.tensor([0.0, 4.0, math.nan])]
    values = [g[g.isfinite()].numpy() for g in groups]
    rng = np.random.default_rng(1)
    drawn = [[rng.choice(values[i], len(values[i])) for i in rng.integers(4, size=4)] for _ in range(4000)]
    s = summarize_groups(groups)
    for interval, statistic in ((s.mean_interval, np.mean), (s.median_interval, np.median)):
        expected = np.quantile([np.mean([statistic(g) for g in d]) for d in drawn], [0.025, 0.975])
        assert interval == pytest.approx(tuple(expected), abs=0.1 * width(tuple(expected)))
    assert s.median == pytest.approx(np.mean([np.median(v) for v in values]))


def test_few_trainings_that_differ_say_less_than_as_many_samples_of_one() -> None:
    groups = normal_groups(4, 300, 1.0, 0.5)
    assert width(summarize_groups(groups).mean_interval) > 5 * width(summarize(torch.cat(groups)).mean_interval)


def test_groups_count_alike_and_those_without_values_not_at_all() -> None:
    s = summarize_groups([torch.zeros(90), torch.ones(10), torch.full((100,), math.nan), torch.zeros(0)])
    assert (s.count, s.share, s.mean, s.median) == (100, 0.5, 0.5, 0.5)
    assert s.mean_interval == s.median_interval == (0.0, 1.0)


def test_a_single_group_is_summed_up_as_any_values() -> None:
    values = torch.rand(50, generator=torch.Generator().manual_seed(0))
    assert summarize_groups([values]) == summarize(values)
    assert summarize_groups([values, values]) == summarize_groups([values, values])
    assert summarize_groups([values, values]) != summarize_groups([values, values], seed=1)


def test_groups_of_nothing() -> None:
    nothing = torch.full((4,), math.nan)
    s = summarize_groups([nothing, nothing])
    assert (s.count, s.share, s.mean, s.mean_interval, s.median, s.median_interval) == (0, 0.0, None, None, None, None)


def test_spread() -> None:
    assert spread([1.0, None, 3.0]) == pytest.approx(math.sqrt(2))
    assert spread([1.0]) is None and spread([None, 1.0]) is None and spread([]) is None
