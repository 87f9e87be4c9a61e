"""A percentile is a value that was observed: the smallest that at least this share of all values does not exceed."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

import numpy as np
import numpy.typing as npt


def rank(quantile: float, n: int) -> int:
    """The place, from 0, of the `quantile` among `n` > 0 sorted values (nearest rank, the inverted distribution)."""
    # In decimals: in floats 0.07 × 100 is above 7, and 99.9 / 100 above 0.999, which would be one place too far.
    place = Decimal(repr(round(quantile, 12))) * n
    return max(int(place.to_integral_value(ROUND_CEILING)), 1) - 1


def percentiles(values: npt.NDArray[Any], quantiles: Sequence[float]) -> list[float]:
    """The `quantiles` of `values`, of which there must be at least one; none of them is interpolated."""
    places = [rank(quantile, len(values)) for quantile in quantiles]
    ordered = np.partition(values, sorted(set(places)))
    return [float(ordered[place]) for place in places]


def percentile(values: npt.NDArray[Any], quantile: float) -> float:
    """One quantile of `values`, of which there must be at least one."""
    return percentiles(values, [quantile])[0]
