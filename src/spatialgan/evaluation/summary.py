"""Mean and median of measured values, with bootstrap intervals."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

NUM_RESAMPLES = 2000
Interval = tuple[float, float]


@dataclass(frozen=True)
class Summary:
    """Of the finite values among those measured; all None where there are none."""

    count: int
    """Finite values."""
    share: float
    """``count`` as a share of all, in 0..1."""
    mean: float | None
    mean_interval: Interval | None
    """95 %, percentile bootstrap."""
    median: float | None
    median_interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def summarize(values: Tensor, *, seed: int = 0) -> Summary:
    """Sum up ``(N,)`` values, of which NaN means: could not be measured. The same values give the same intervals."""
    finite = values[values.isfinite()].double().cpu().numpy()
    count, share = len(finite), len(finite) / max(len(values), 1)
    if count == 0:
        return Summary(0, share, None, None, None, None)
    rows = np.random.default_rng(seed).integers(count, size=(NUM_RESAMPLES, count))
    resampled = finite[rows]  # (NUM_RESAMPLES, count)
    return Summary(
        count,
        share,
        float(finite.mean()),
        _interval(resampled.mean(axis=1)),
        float(np.median(finite)),
        _interval(np.median(resampled, axis=1)),
    )


def summarize_groups(groups: Sequence[Tensor], *, seed: int = 0) -> Summary:
    """Sum up the values ``(N_i,)`` of several trainings of one recipe, to say what another training of it would give.

    Mean and median are the means of the groups' own, so that each training counts alike. Each resample draws groups,
    with replacement, and for each of them values of its own. Of M groups that spread among them is too small by a
    factor of sqrt(1 - 1/M), as a bootstrap's is: of two or three, take intervals for the least that can be said.

    A single group is summed up by :func:`summarize`. A group without finite values does not count.
    """
    if len(groups) == 1:
        return summarize(groups[0], seed=seed)
    finite = [values[values.isfinite()].double().cpu().numpy() for values in groups]
    present = [values for values in finite if len(values) > 0]
    count = sum(len(values) for values in present)
    share = count / max(sum(len(values) for values in groups), 1)
    if count == 0:
        return Summary(0, share, None, None, None, None)
    rng = np.random.default_rng(seed)
    means, medians = np.zeros((2, NUM_RESAMPLES))
    for _ in present:  # as many are drawn as there are
        drawn = rng.integers(len(present), size=NUM_RESAMPLES)
        for i, values in enumerate(present):
            of_group = drawn == i
            resampled = rng.choice(values, size=(of_group.sum(), len(values)))
            means[of_group] += resampled.mean(axis=1) / len(present)
            medians[of_group] += np.median(resampled, axis=1) / len(present)
    return Summary(
        count,
        share,
        float(np.mean([v.mean() for v in present])),
        _interval(means),
        float(np.mean([np.median(v) for v in present])),
        _interval(medians),
    )


def spread(values: Sequence[float | None]) -> float | None:
    """Standard deviation of what several sets or trainings gave, with N - 1; None of fewer than two."""
    known = [value for value in values if value is not None]
    return float(np.std(known, ddof=1)) if len(known) > 1 else None


def _interval(statistics: np.ndarray) -> Interval:
    low, high = np.quantile(statistics, [0.025, 0.975])
    return float(low), float(high)
