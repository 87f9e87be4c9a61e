"""Whether a series has settled, and whether it drifts: MSER-5 and the Theil-Sen slope (statistics.md §1.3)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

BATCH = 5
"""MSER-5: five neighbouring values make one."""
TAIL = 5
"""So few batches can be alike by chance: a cut that would leave no more is not considered."""
NOISE = 3.0
"""A difference below this multiple of that between neighbouring batches (its median) is noise."""
PARTS = 10
"""The parts of a series among which a trend is looked for; they are all but independent of each other."""
AGREEING = 23
"""Of their 45 pairs, the excess of growing over shrinking ones, or the reverse, with a chance of 5 % (Mann-Kendall)."""

Values = npt.NDArray[Any]


def warm_up(series: Values, least: float) -> int:
    """How many values at the beginning of `series` are still its warm-up: MSER-5.

    The cut after which the mean of the rest is known best: the least variance of the rest over its
    length. It is none if what it cuts off differs from the rest by less than `least`, or than noise.
    """
    batches = len(series) // BATCH
    if batches <= TAIL:
        return 0
    means = series[: batches * BATCH].reshape(batches, BATCH).mean(axis=1)
    rest = batches - np.arange(batches - TAIL + 1)
    # The variance of means[cut:], for all cuts at once; about the last value, so that nothing is lost to rounding.
    around = means - means[-1]
    sums, squares = (np.cumsum(values[::-1])[::-1][: len(rest)] for values in (around, around * around))
    cut = int(np.argmin((squares / rest - (sums / rest) ** 2) / rest))
    if not cut:
        return 0
    before, after = np.median(means[:cut]), np.median(means[cut:])
    return cut * BATCH if abs(after - before) > max(least, NOISE * float(np.median(np.abs(np.diff(means))))) else 0


class Trend(NamedTuple):
    """By how much something grows in a second, and between what, with 95 % confidence."""

    slope: float
    low: float
    high: float


def trend(moments: Values, values: Values, begin: float, end: float) -> Trend | None:
    """The Theil-Sen slope of `values` from `begin` to `end` (s), from the means of ten parts; None if one is empty.

    The interval holds each slope that could be the true one: the parts less it neither grow nor shrink (Mann-Kendall).
    """
    place = np.clip(((moments - begin) / (end - begin) * PARTS).astype(np.int64), 0, PARTS - 1)
    number = np.bincount(place, minlength=PARTS)
    if not number.all():
        return None
    parts = np.bincount(place, values, PARTS) / number
    first, second = np.triu_indices(PARTS, 1)
    slopes = np.sort((parts[second] - parts[first]) / (second - first)) * PARTS / (end - begin)
    outside = (len(slopes) - AGREEING) // 2
    return Trend(float(np.median(slopes)), float(slopes[outside]), float(slopes[-1 - outside]))


def drift(series: Values) -> float:
    """By how much `series` grows from its beginning to its end: its Theil-Sen slope, times its length; 0 if by chance.

    Both the slope and whether it is one are seen from the means of ten parts: those of single values would
    be taken in by how much neighbouring ones depend on each other.
    """
    if len(series) < PARTS:
        return 0.0
    bounds = np.arange(PARTS + 1) * len(series) // PARTS
    parts = np.add.reduceat(series, bounds[:-1]) / np.diff(bounds)
    first, second = np.triu_indices(PARTS, 1)
    grown = parts[second] - parts[first]
    if abs(int(np.sign(grown).sum())) < AGREEING:
        return 0.0
    return float(np.median(grown / (second - first))) * PARTS
