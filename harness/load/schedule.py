"""Arrivals of an open load, handed to users that are free, each at the moment when it is due."""

import bisect
import time
from collections.abc import Sequence

from gevent import get_hub
from greenlet import getcurrent, greenlet

from harness.load.alarm import Alarm

GRACE_NS = 1_000_000_000
"""How long after the plan's end an arrival may still be begun; later it is dropped."""

HAND_OUT = 64
"""How many arrivals are begun at a time before others get their turn."""

EARLY_NS, IDLE_NS = 100_000, 1_000_000
"""A loop that has waited for IDLE_NS and more is so late to wake up: it is woken earlier, and waits for the moment
itself. At most that is a tenth of a core, of the 1,000 arrivals a second that are so far apart.
"""

Arrival = tuple[int, int, int]
"""When an operation is due (ns), its kind (an index), and for how long (µs) no user was free for it."""


class Schedule:
    """The arrivals of one process: `times` in ns from the beginning, ascending, and for each its kind."""

    def __init__(self, times: Sequence[int], kinds: Sequence[int], length: float) -> None:
        """`length` is that of the whole plan, in ns; infinite while more may come."""
        self.times, self.kinds, self.length = list(times), list(kinds), length
        self.began = 0
        self.taken = 0
        self.ended = False
        """Set to end before the plan does: nothing more is handed out."""
        self._free: dict[greenlet, None] = {}
        """Users that wait for an arrival, longest first."""
        self._none_since = 0
        """Since when (ns) none waits, if none does."""
        self._armed = False
        self._alarm: Alarm | None = None
        self._awaited = 0
        """The moment (ns) before which the alarm rings; 0: it rings at the moment itself."""

    def arrival(self) -> Arrival | None:
        """Wait until the next arrival is due; None if there is none left for this user.

        Users ask when they are free, so the next free user gets the next arrival. One that is not
        begun a moment after the plan's end is left, and counts as dropped.
        """
        place = self.taken
        if place < len(self.times):
            sched = self.began + self.times[place]
            now = time.monotonic_ns()
            late = now - sched
            if late >= 0:
                if self.ended or self.times[place] + late > self.length + GRACE_NS:
                    return None
                self.taken = place + 1
                # As long as somebody waited here that was free before it was due, it is late because of us.
                return sched, self.kinds[place], 0 if self._free else min(late, now - self._none_since) // 1000
        user = getcurrent()
        self._free[user] = None
        if not self._armed:
            self._arm()
        try:
            given: Arrival | None = get_hub().switch()
        finally:
            self._free.pop(user, None)
            if not self._free:
                self._none_since = time.monotonic_ns()
        return given

    def extend(self, times: Sequence[int], kinds: Sequence[int]) -> None:
        """More arrivals, after those that are there."""
        self.times += times
        self.kinds += kinds
        if self._free and not self._armed:
            self._arm()

    def change(self, times: Sequence[int], kinds: Sequence[int]) -> None:
        """Other arrivals than before, of which those that were due are the same."""
        self.times, self.kinds = list(times), list(kinds)
        if self._free:
            self._arm()  # in the place of the moment that it was armed for

    def drop(self, count: int) -> None:
        """Begin none of the first `count` arrivals any more."""
        self.taken = max(self.taken, count)

    def due(self) -> int:
        """How many arrivals have been due by now."""
        return bisect.bisect_right(self.times, time.monotonic_ns() - self.began) if self.began else 0

    def over(self) -> bool:
        """Whether nothing more will be handed out."""
        late = time.monotonic_ns() - self.began - self.length
        return self.ended or (late > 0 and (self.taken == len(self.times) or late > GRACE_NS))

    def _arm(self) -> None:
        """Wake up when the next arrival is due."""
        if self.taken < len(self.times):
            if self._alarm is None:
                self._alarm = Alarm(self._hand_out)
            moment = self.began + self.times[self.taken]
            idle = moment - time.monotonic_ns() > IDLE_NS
            self._alarm.at(moment - EARLY_NS if idle else moment)
            self._awaited, self._armed = moment if idle else 0, True

    def _hand_out(self) -> None:
        """Called in the hub: give what is due to users that are free, longest first, but let others in between."""
        self._armed = False
        while time.monotonic_ns() < self._awaited:
            pass
        for _ in range(HAND_OUT):
            place = self.taken
            if not self._free or place == len(self.times) or self.ended:
                return
            sched = self.began + self.times[place]
            if sched > time.monotonic_ns():
                break
            self.taken = place + 1
            user = next(iter(self._free))
            del self._free[user]
            user.switch((sched, self.kinds[place], 0))
        self._arm()
