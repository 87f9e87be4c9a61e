"""All users meet, and go on at one instant: the last one to come lets all of them go."""

import time
from collections.abc import Callable

from gevent.event import Event


class _Meeting:
    def __init__(self) -> None:
        self.gate = Event()
        self.here = 0
        self.moment = 0


class Rounds:
    """Where `users` of one process meet, again and again, until `over`."""

    def __init__(self, users: int, over: Callable[[], bool]) -> None:
        self.users, self._over = users, over
        self._next = _Meeting()
        self.held = 0
        """How many meetings there have been."""

    def meet(self, to_begin: bool = True) -> int:
        """Wait until all are here; the moment (ns of CLOCK_MONOTONIC) at which they go on, the same for all.

        No user goes on `to_begin` a round once the load is over: then users wait until they are ended.
        """
        meeting = self._next
        meeting.here += 1
        try:
            if meeting.here == self.users and not (to_begin and self._over()):
                # A quick user may come to the next meeting before the slow ones have left this.
                self._next = _Meeting()
                self.held += 1
                meeting.moment = time.monotonic_ns()
                meeting.gate.set()
            else:
                meeting.gate.wait()
        except BaseException:
            meeting.here -= 1
            raise
        return meeting.moment
