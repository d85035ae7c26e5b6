"""Means, medians and bootstrap intervals."""

import math

import pytest
import torch

from spatialgan.evaluation.summary import summarize


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
