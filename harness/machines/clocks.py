"""How far the master's clock is ahead of that of another machine, at any time of a load, and how surely that is known.

Asked time and again from the join to the end: a round trip shows when the master read its clock, to within the trip's
length. The quickest trips are the surest, so that of each ten seconds the best one counts, and between two of them the
distance is a straight line: quartz clocks go apart evenly, by up to 3 ms a minute. All times are ns.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

WINDOW_NS = 10_000_000_000
"""Of as much time the best round trip counts."""
SELDOM_NS = 2_000_000_000
"""Clocks are asked for once a second. Where there was no round trip within that, …"""
BEYOND = 5e-4
"""… the distance may have changed by so much in proportion to time: a clock that is being corrected goes 0.5 ‰ off."""
DRIFT = 1e-3
"""Clocks that go apart faster don't drift: one of them was set."""

Times = npt.NDArray[np.int64]


class Trip(NamedTuple):
    """One question for the master's clock."""

    left: int
    """By our clock: when it was asked."""
    there: int
    """By the master's: its answer."""
    back: int
    """By ours: when the answer came."""

    @property
    def at(self) -> int:
        """The middle of the trip, by our clock."""
        return (self.left + self.back) // 2

    @property
    def shift(self) -> int:
        """By how much the master's clock is ahead, if both ways took as long."""
        return self.there - self.at

    @property
    def doubt(self) -> int:
        """By how much that may be wrong: all the time may have been spent on one way."""
        return (self.back - self.left + 1) // 2


@dataclass(frozen=True)
class Clock:
    """The distance of two clocks in the course of a load, by at least one round trip."""

    trips: tuple[Trip, ...]

    @cached_property
    def best(self) -> tuple[Trip, ...]:
        """The quickest trip of each window, in the order of time."""
        found: dict[int, Trip] = {}
        first = min(trip.at for trip in self.trips)
        for trip in self.trips:
            window = (trip.at - first) // WINDOW_NS
            if window not in found or trip.doubt < found[window].doubt:
                found[window] = trip
        return tuple(found[window] for window in sorted(found))

    def shift(self, at: Times) -> Times:
        """By how much the master's clock is ahead at each time `at` of ours."""
        origin = self.best[0].shift
        line = np.interp(at, [one.at for one in self.best], [one.shift - origin for one in self.best])
        return origin + np.rint(line).astype(np.int64)

    def doubt(self, at: Times) -> Times:
        """By how much that may be wrong, either way: half of the trips that it rests on, what other trips contradict it
        by, where there was none for long what the clocks may have done meanwhile, and by how much a clock was set: it
        is not known when.
        """
        half = np.interp(at, [one.at for one in self.best], [one.doubt for one in self.best])
        places = np.sort(np.array([one.at for one in self.trips], np.int64))
        after = np.searchsorted(places, at).clip(0, len(places) - 1)
        before = (after - 1).clip(0)
        away = np.minimum(np.abs(at - places[before]), np.abs(at - places[after]))
        seldom = np.maximum(away, places[after] - places[before]) > SELDOM_NS
        unseen = BEYOND * away * seldom
        found: Times = np.ceil(half + self._residual + unseen + self.stepped).astype(np.int64)
        return found

    @cached_property
    def _residual(self) -> int:
        """By how much the line misses what some trip shows for sure, at most."""
        line = self.shift(np.array([trip.at for trip in self.trips], np.int64)).tolist()
        misses = (abs(found - trip.shift) - trip.doubt for found, trip in zip(line, self.trips, strict=True))
        found: int = max([0, *misses])
        return found

    @cached_property
    def stepped(self) -> int:
        """By how much one of the clocks was set meanwhile, at least; 0: neither was.

        Any two trips may show it: one in whose middle a clock was set is long, and agrees with all others.
        """
        trips = sorted(self.trips, key=lambda trip: trip.at)
        drift = np.array([int(DRIFT * (trip.at - trips[0].at)) for trip in trips], np.int64)
        least = np.array([trip.shift - trip.doubt for trip in trips], np.int64)
        most = np.array([trip.shift + trip.doubt for trip in trips], np.int64)
        # Of all trips before the one that allows least: what a drift may have added since is taken from both.
        ahead = least - drift - np.minimum.accumulate(most - drift)
        behind = np.maximum.accumulate(least + drift) - (most + drift)
        return max(0, int(ahead.max()), int(behind.max()))


def clock(trips: Iterable[Sequence[int]]) -> Clock | None:
    """What round trips show; None if there are none. One that ends before it began shows nothing."""
    found = tuple(trip for trip in (Trip(*map(int, one)) for one in trips) if trip.back >= trip.left)
    return Clock(found) if found else None


def now(trips: Sequence[Trip]) -> tuple[int, int]:
    """By how much the master's clock is ahead at the end of the latest trip, and by how much that may be wrong."""
    found, at = Clock(tuple(trips)), np.array([trips[-1].back], np.int64)
    return int(found.shift(at)[0]), int(found.doubt(at)[0])


def name(machine: int) -> str:
    """The file in the run folder with the round trips of a machine, a line each."""
    return f"clock-{machine}.jsonl"


PATTERN = "clock-*.jsonl"
NOW = "clock.json"
"""In the own folder of a machine, for its load processes: the distance as it is known now."""


def read(path: Path) -> Clock | None:
    """What is on record at `path`; None if there is nothing. A torn line is left out: it is being written."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return None
    trips = []
    for line in lines:
        try:
            left, there, back = json.loads(line)
            trips.append((int(left), int(there), int(back)))
        except (ValueError, TypeError):
            continue
    return clock(trips)
