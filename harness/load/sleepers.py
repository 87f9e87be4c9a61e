"""Users that think, each until a moment of its own, which is kept as well as that of an arrival."""

import heapq
import time
from itertools import count

from gevent import get_hub
from greenlet import getcurrent, greenlet

from harness.load.alarm import Alarm

WOKEN = 64
"""How many are woken at a time before others get their turn."""


class Sleepers:
    """Those of one process."""

    def __init__(self) -> None:
        self._moments: list[tuple[int, int]] = []
        """A heap of when (ns of CLOCK_MONOTONIC), and of whose sleep: those too that have been ended meanwhile."""
        self._asleep: dict[int, greenlet] = {}
        self._numbers = count()
        self._alarm: Alarm | None = None

    def sleep(self, seconds: float) -> None:
        """Wait for so long, at least."""
        moment, number = time.monotonic_ns() + int(seconds * 1e9), next(self._numbers)
        heapq.heappush(self._moments, (moment, number))
        self._asleep[number] = getcurrent()
        if self._moments[0][1] == number:
            self._set(moment)
        try:
            get_hub().switch()
        finally:
            self._asleep.pop(number, None)

    def _set(self, moment: int) -> None:
        if self._alarm is None:
            self._alarm = Alarm(self._wake)
        self._alarm.at(moment)

    def _wake(self) -> None:
        """Called in the hub: those whose moment has come, but let others in between."""
        for _ in range(WOKEN):
            if not self._moments or self._moments[0][0] > time.monotonic_ns():
                break
            _, number = heapq.heappop(self._moments)
            user = self._asleep.pop(number, None)
            if user is not None:
                user.switch()
        if self._moments:
            self._set(self._moments[0][0])
