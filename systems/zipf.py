"""Some things are chosen much more often than others: the k-th k^−ZIPF times as often as the first."""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate

ZIPF = 1.1


class Zipf:
    """Chooses among `numbers`, the first of them most often."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers
        self._sums = list(accumulate((place + 1) ** -ZIPF for place in range(len(numbers))))

    def draw(self, chance: float) -> int:
        """One of them, by a number from 0 to 1."""
        return self.numbers[bisect(self._sums, chance * self._sums[-1], hi=len(self.numbers) - 1)]
