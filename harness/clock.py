"""How far another clock is ahead of this machine's CLOCK_MONOTONIC, and how surely that is known."""

from collections.abc import Callable
from time import monotonic_ns

ROUND_TRIPS = 9


def ahead(there: Callable[[], int]) -> tuple[int, int]:
    """By how many ns the clock that `there` reads (ns) is ahead of CLOCK_MONOTONIC: at least, and at most.

    The bounds of the quickest of some round trips: it was read at some moment between its two ends.
    """
    trips = []
    for _ in range(ROUND_TRIPS):
        left = monotonic_ns()
        moment = there()
        back = monotonic_ns()
        trips.append((back - left, moment - back, moment - left))
    _, least, most = min(trips)
    return least, most
