"""Mean and median of measured values, with bootstrap intervals."""

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
    return Summary(count, share, float(finite.mean()), _interval(resampled.mean(axis=1)),
                   float(np.median(finite)), _interval(np.median(resampled, axis=1)))


def _interval(statistics: np.ndarray) -> Interval:
    low, high = np.quantile(statistics, [0.025, 0.975])
    return float(low), float(high)
