"""A percentile is a value that was observed: the smallest that at least this share of all values does not exceed."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.statistics.parts import parts
from reports.statistics.ranked import Ranked


def rank(quantile: float, n: int) -> int:
    """The place, from 0, of the `quantile` among `n` > 0 sorted values (nearest rank, the inverted distribution)."""
    # In decimals: in floats 0.07 × 100 is above 7, and 99.9 / 100 above 0.999, which would be one place too far.
    place = Decimal(repr(round(quantile, 12))) * n
    return max(int(place.to_integral_value(ROUND_CEILING)), 1) - 1


def percentiles(values: npt.NDArray[Any], quantiles: Sequence[float]) -> list[float]:
    """The `quantiles` of `values`, of which there must be at least one; none of them is interpolated."""
    return Ranked(values).at([rank(quantile, len(values)) for quantile in quantiles])


def percentile(values: npt.NDArray[Any], quantile: float) -> float:
    """One quantile of `values`, of which there must be at least one."""
    return percentiles(values, [quantile])[0]


_BITS = 44
"""Bits that hold nanoseconds up to almost five hours; what takes longer counts as infinitely long."""
_MOST = 2**_BITS - 1


def binned(
    durations: npt.NDArray[np.float64], bins: npt.NDArray[np.int64], count: int, quantiles: Sequence[float]
) -> list[npt.NDArray[np.float64]]:
    """For each quantile, that of the `durations` (s, not negative) in each of `count` bins; NaN where there is none."""
    found = np.empty(len(durations), np.int64)
    for own in parts(len(found)):
        found[own] = keys(durations[own], bins[own])
    return of_bins(found, count, quantiles)


def keys(durations: npt.NDArray[np.float64], bins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What sorts durations (s) by their bins, and in these by their length: the bin above nanoseconds."""
    ns = np.clip(np.rint(durations * 1e9), 0, _MOST).astype(np.int64)
    return ns | bins << _BITS


def of_bins(keys: npt.NDArray[np.int64], count: int, quantiles: Sequence[float]) -> list[npt.NDArray[np.float64]]:
    """The same as `binned`, of these `keys`, which are sorted where they are."""
    keys.sort()
    bounds = np.searchsorted(keys, np.arange(count + 1) << _BITS).tolist()
    found = []
    for quantile in quantiles:
        ordered = keys[[a + rank(quantile, b - a) for a, b in pairwise(bounds) if b > a]] & _MOST
        values = np.full(count, np.nan)
        values[np.diff(bounds) > 0] = np.where(ordered == _MOST, np.inf, ordered / 1e9)
        found.append(values)
    return found
