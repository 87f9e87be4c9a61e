"""Values in the order of their size, though none of them is moved: those at some places are found by counting.

It is exact, like sorting, and needs no memory for a copy: values are counted in bins, and only those of the bins that
are asked for are looked at. A bin is a range of bit patterns, which ascend with the numbers that they stand for: it is
as fine for microseconds as for minutes.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.statistics.parts import parts

FEW = 1 << 20
"""So few values are copied and parted, which is quicker."""
BITS = 16
"""Values are counted in 2 ** BITS bins."""
MOST = 1 << 22
"""Of so many values in the bins that are asked for, they are copied; of more they are counted anew, in finer bins."""

TOP = np.uint64(1 << 63)
Values = npt.NDArray[Any]
Keys = npt.NDArray[np.uint64]


def _keys(values: Values) -> Keys:
    """Whole numbers that ascend with the values."""
    bits = (values + 0.0).view(np.int64)  # a copy, in which -0 is 0
    return bits.view(np.uint64) ^ ((bits >> 63).view(np.uint64) | TOP)


def _value(key: int) -> float:
    bits = np.array([key], np.uint64)
    found = bits ^ TOP if key >> 63 else ~bits
    return float(found.view(np.float64)[0])


class _Bins:
    """How many values, from key `low` to key `high`, are in each bin."""

    def __init__(self, values: Values, low: int, high: int) -> None:
        self._values, self._low, self._high = values, low, high
        self._shift = np.uint64(max((high - low).bit_length() - BITS, 0))
        self.counts = np.zeros(((high - low) >> int(self._shift)) + 1, np.int64)
        for bins, _ in self._parts():
            self.counts += np.bincount(bins, minlength=len(self.counts))
        self.ends = np.cumsum(self.counts)

    def _parts(self) -> Iterator[tuple[npt.NDArray[np.int64], Values]]:
        """The bin of each value that is within, a part at a time, and the values."""
        for own in parts(len(self._values)):
            part = self._values[own]
            keys = _keys(part)
            inside = (keys >= np.uint64(self._low)) & (keys <= np.uint64(self._high))
            if not inside.all():
                part, keys = part[inside], keys[inside]
            yield ((keys - np.uint64(self._low)) >> self._shift).astype(np.int64), part

    def at(self, places: Sequence[int]) -> dict[int, float]:
        """The values at these places."""
        bins = np.searchsorted(self.ends, places, "right")
        if not self._shift:
            return {place: _value(self._low + one) for place, one in zip(places, bins.tolist(), strict=True)}
        found = dict[int, float]()
        full = {one for one in bins.tolist() if self.counts[one] > MOST // BITS}
        for one in full:
            begin = int(self.ends[one] - self.counts[one])
            low = self._low + (one << int(self._shift))
            high = min(low + (1 << int(self._shift)) - 1, self._high)
            own = [place - begin for place, other in zip(places, bins.tolist(), strict=True) if other == one]
            finer = _Bins(self._values, low, high).at(own)
            found |= {begin + place: value for place, value in finer.items()}
        wanted = np.zeros(len(self.counts), bool)
        wanted[[one for one in bins.tolist() if one not in full]] = True
        if wanted.any():
            ordered = np.sort(np.concatenate([part[wanted[own]] for own, part in self._parts()]))
            before = np.cumsum(np.where(wanted, self.counts, 0)) - self.counts
            for place, one in zip(places, bins.tolist(), strict=True):
                if wanted[one]:
                    within = place - int(self.ends[one] - self.counts[one])
                    found[place] = float(ordered[int(before[one]) + within])
        return found


class Ranked:
    """Some values, none of which is NaN."""

    def __init__(self, values: Values) -> None:
        self._values = values

    @cached_property
    def _bins(self) -> _Bins:
        low, high = (int(_keys(np.array([end], float))[0]) for end in (self._values.min(), self._values.max()))
        return _Bins(self._values, low, high)

    def at(self, places: Sequence[int]) -> list[float]:
        """The values at these places, from 0, of the smallest."""
        if len(self._values) <= FEW or self._values.dtype != np.float64:
            ordered = np.partition(self._values, sorted(set(places)))
            return [float(ordered[place]) for place in places]
        found = self._bins.at(sorted(set(places)))
        return [found[place] for place in places]

    def until(self, limit: float, inclusive: bool) -> int:
        """How many are smaller than `limit`, or equal to it."""
        return int(np.count_nonzero(self._values <= limit if inclusive else self._values < limit))
