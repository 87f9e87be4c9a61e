"""Where a series of runs changed its level: the best split, if chance would seldom make one as good; then beside it.

The largest difference of means over its standard error, as in the E-divisive family that Hunter and Otava use
(statistics.md §2); its p comes from permutations, so that having chosen the best of all splits is counted in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FEWEST = 8
"""Runs of the same thing that are needed to say anything."""
SHORTEST = 3
"""Runs on either side of a change."""
ALPHA = 0.001
LEAST = 0.05
"""The least relative change that is reported."""
SHUFFLES = 2_000

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChangePoint:
    """From run `at` on (a place in the series) the mean is `ratio` times what it was before."""

    at: int
    ratio: float
    p: float


def change_points(values: Sequence[float]) -> list[ChangePoint]:
    """The changes of level in `values`, in order; none if there are too few."""
    if len(values) < FEWEST:
        return []
    found = _split(np.asarray(values, float), 0, np.random.default_rng(1))
    return sorted(found, key=lambda point: point.at)


def _split(values: Values, offset: int, draw: np.random.Generator) -> list[ChangePoint]:
    if len(values) < 2 * SHORTEST:
        return []
    for begin, end in _windows(len(values)):
        place, ratio, p = _look(values[begin:end], draw)
        if p < ALPHA and abs(ratio - 1) >= LEAST:
            place += begin
            return [
                *_split(values[:place], offset, draw),
                ChangePoint(offset + place, ratio, p),
                *_split(values[place:], offset + place, draw),
            ]
    return []


def _windows(n: int) -> list[tuple[int, int]]:
    """The whole, and then its halves, the middle one too: a level that comes back hides the change from the whole."""
    half = n // 2
    halves = [(0, half), (n // 4, n // 4 + half), (n - half, n)] if half >= FEWEST else []
    return [(0, n), *halves]


def _look(values: Values, draw: np.random.Generator) -> tuple[int, float, float]:
    """The best split of `values`: its place, how many times the mean before the mean after is, and its p."""
    at, best = _best(values[None, :])
    shuffled = draw.permuted(np.tile(values, (SHUFFLES, 1)), axis=1)
    p = (1 + np.count_nonzero(_best(shuffled)[1] >= best[0])) / (1 + SHUFFLES)
    before, after = values[: at[0]].mean(), values[at[0] :].mean()
    return int(at[0]), float(after / before) if before > 0 else 1.0, float(p)


def _best(rows: Values) -> tuple[npt.NDArray[np.int64], Values]:
    """For each row the split with the largest difference of means over its standard error, and that."""
    n = rows.shape[1]
    place = np.arange(SHORTEST, n - SHORTEST + 1)
    sums, squares = rows.cumsum(axis=1), (rows**2).cumsum(axis=1)
    left, left2 = sums[:, place - 1], squares[:, place - 1]
    right, right2 = sums[:, -1:] - left, squares[:, -1:] - left2
    after = n - place
    # The rest of the variance after both means are taken out, shared by both sides.
    inner = (left2 - left**2 / place) + (right2 - right**2 / after)
    error = np.sqrt(np.maximum(inner, 1e-24) / (n - 2) * (1 / place + 1 / after))
    t = np.abs(right / after - left / place) / error
    best = t.argmax(axis=1)
    return place[best], t[np.arange(len(rows)), best]
