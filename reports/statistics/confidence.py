"""How sure a figure is: its 95 % interval, from how much the parts of a run differ (statistics.md §1.3).

Operations that follow each other wait in the same queues, so that a thousand of them are worth less than a thousand
independent ones. How many independent ones they are worth, `n_eff`, is seen from ten batches in order of time.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.plan.sample_sizes import BATCHES, LEAST, NORMAL, STUDENT
from reports.statistics.percentiles import rank
from reports.statistics.ranked import Ranked
from reports.statistics.sums import variance

Array = npt.NDArray[Any]


class Interval(NamedTuple):
    """Where the true value is, with 95 % confidence; an end that the run is too short for is infinite."""

    low: float
    high: float
    n_eff: float | None
    """How many independent values the run is worth; None if it is too short."""
    longer: Callable[[float], float]
    """How many times as long a run would have to be to be sure on which side of a limit the value is."""


def effective(values: Array) -> float | None:
    """How many independent values `values` (in the order of time) are worth: s² over the variance of their mean.

    That variance is the one of the ten batches' means, over ten.
    """
    n = len(values)
    if n < LEAST:
        return None
    bounds = _bounds(n)
    if values.dtype == bool:
        sums = np.array([np.count_nonzero(values[begin:end]) for begin, end in pairwise(bounds)], float)
    else:
        sums = np.add.reduceat(values, bounds[:-1], dtype=float)
    means = sums / np.diff(bounds)
    of_mean = float(means.var(ddof=1)) / BATCHES
    # No more than there are: that batches are more alike than chance would make them is chance itself.
    return min(float(n), variance(values) / of_mean) if of_mean > 0 else float(n)


def _bounds(n: int) -> npt.NDArray[np.int64]:
    return np.arange(BATCHES + 1) * n // BATCHES


def quantile(values: Array, ordered: Ranked, q: float) -> Interval:
    """Of the `q` quantile of `values` (in the order of time; `ordered` by size): 0 < q < 1.

    The ranks between which the quantile lies, as for independent values (binomial), but of n_eff of
    them; coverage 0.9 to 0.96 where that of all n would be 0.1 to 0.5 (tests/reports/statistics/test_confidence.py).
    """
    n, found = len(values), ordered.at([rank(q, len(values))])[0]
    n_eff = effective(values <= found)
    spread = STUDENT * STUDENT * q * (1 - q)

    def longer(limit: float) -> float:
        below = ordered.until(limit, inclusive=limit > found) / n
        return spread / (below - q) ** 2 / (n_eff or n) if below != q else math.inf

    if n_eff is None:
        return Interval(-math.inf, math.inf, None, longer)
    reach = math.sqrt(spread / n_eff)
    low = ordered.at([rank(q - reach, n)])[0] if q - reach > 0 else -math.inf
    high = ordered.at([rank(q + reach, n)])[0] if q + reach < 1 else math.inf
    return Interval(low, high, n_eff, longer)


def share(values: Array) -> Interval:
    """Of the mean of `values` (in the order of time), each 0 or 1: Wilson's interval, with n_eff."""
    p, n = float(values.mean()), len(values)
    n_eff = effective(values)

    def longer(limit: float) -> float:
        # Wilson's interval holds the limits from which p is less than z standard errors away, as these limits have it.
        return NORMAL * NORMAL * limit * (1 - limit) / (p - limit) ** 2 / (n_eff or n) if p != limit else math.inf

    # In a short run each is taken for an independent one; there are so few that this favours no result.
    return Interval(*wilson(p, n_eff or n), n_eff, longer)


def wilson(p: float, n: float) -> tuple[float, float]:
    """Wilson's interval of a share `p` of `n`: for 0 of n still up to 3.8 / (n + 3.8)."""
    square = NORMAL * NORMAL
    middle = (p + square / (2 * n)) / (1 + square / n)
    reach = NORMAL * math.sqrt(p * (1 - p) / n + square / (4 * n * n)) / (1 + square / n)
    # At the very ends exactly so: what is left of the difference is rounding.
    return middle - reach if p > 0 else 0.0, middle + reach if p < 1 else 1.0


def mean(values: Array) -> Interval:
    """Of the mean of `values` (in the order of time): Student's, from the means of ten batches."""
    middle, n = float(values.mean()), len(values)
    n_eff = effective(values)
    if n_eff is None:
        return Interval(-math.inf, math.inf, None, lambda limit: LEAST / n)
    reach = STUDENT * math.sqrt(variance(values) / n_eff)
    return around(middle, reach, n_eff)


def rate(counts: Array, seconds: float) -> Interval:
    """Of a rate: Student's, from the `counts` of BATCHES parts of these `seconds`, which the plan loads alike.

    Of something that never happened up to 3.8 times in a run of this length, as `wilson` has it.
    """
    total = float(counts.sum())
    if not total:
        most = NORMAL * NORMAL / seconds
        return Interval(0.0, most, None, lambda limit: most / limit if limit > 0 else math.inf)
    of_mean = float(counts.var(ddof=1)) / len(counts) * (len(counts) / total) ** 2
    n_eff = min(total, 1 / of_mean) if of_mean > 0 else total
    value = total / seconds
    return around(value, STUDENT * value * math.sqrt(of_mean), n_eff)


def around(middle: float, reach: float, n_eff: float) -> Interval:
    """`middle` ± `reach`, which gets smaller with the root of the length of the run."""

    def longer(limit: float) -> float:
        return (reach / (limit - middle)) ** 2 if limit != middle else math.inf

    return Interval(middle - reach, middle + reach, n_eff, longer)


def scaled(interval: Interval, factor: float) -> Interval:
    """The interval of `factor` times as much."""
    low, high, n_eff, longer = interval
    return Interval(low * factor, high * factor, n_eff, lambda limit: longer(limit / factor))
