"""What every value keeps by a wide margin is proven by how many there are: order statistics of independent values.

If more than a share 1 − q of all operations were beyond a limit, n independent ones would all be within it with a
chance below qⁿ: 59 prove a p95, 299 a p99. So many must be independent, and operations seldom are; what is
taken for independent here, and when it is not, is in docs/verdict.md.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.plan.sample_sizes import APART_S, BATCHES, kept_by_all
from reports.statistics.confidence import Interval, effective
from reports.statistics.parts import parts

Array = npt.NDArray[Any]

WIDE = 2.0
"""A margin is wide if no value is more than the limit over this."""
NEAR = (4.0, 3.0)
"""At the limit over these, values must not come in clusters, …"""
FAR = (30.0, 20.0, 14.0, 10.0, 7.0, 5.0)
"""… nor over these, unless the limit is out of reach of a level that swings: …"""
SWINGS = 2
"""… of the longest value, after so many times the factor between the least and the greatest median of ten batches."""


def against(limit: float, q: float, interval: Interval, values: Array, moments: Array) -> Interval:
    """The interval of the `q` quantile of `values` to be judged by an upper `limit`.

    Only an upper end that `interval` lacks is filled in: by the greatest value, if that keeps the limit by a
    wide margin, and enough of the values are independent at the height of the limit.
    """
    longest = float(values.max())
    if interval.high < math.inf or longest * WIDE > limit:
        return interval
    independent, needed = worth(values, moments, limit), kept_by_all(q)

    def longer(other: float) -> float:
        return min(interval.longer(other), needed / independent)

    if independent < needed:
        return interval._replace(longer=longer)
    return Interval(interval.low, longest, independent, longer)


def worth(values: Array, moments: Array, limit: float) -> float:
    """How many independent values `values` are worth at the height of `limit`; `moments` (s) ascend.

    As many neighbours make a group as at most are planned within APART_S, or within the longest value: what waits in
    one queue or meets one hiccup is in one group or two. Of a group its longest value counts. Where groups that
    come near the limit come together, they count for fewer still.
    """
    longest = float(values.max())
    apart = max(APART_S, longest)
    size = max(_together(moments, own, apart) for own in parts(len(moments)))
    groups = np.maximum.reduceat(values, np.arange(max(len(values) // size, 1)) * size)
    heights = NEAR if longest * _swing(values) ** SWINGS <= limit else NEAR + FAR
    counts = [effective(groups > limit / height) for height in heights]
    return min(len(groups) if count is None else count for count in counts)


def _together(moments: Array, own: slice, apart: float) -> int:
    """The most that are planned within `apart` from one of a part of them on."""
    after = np.searchsorted(moments, moments[own] + (apart - 1e-9)) - np.arange(own.start, own.stop)
    return int(after.max())


def _swing(values: Array) -> float:
    """How many times the least median of ten batches the greatest is; infinite if that is nothing."""
    medians = [float(np.median(batch)) for batch in np.array_split(values, BATCHES) if len(batch)]
    return max(medians) / min(medians) if min(medians) > 0 else math.inf
