"""The load of one process: its plan, its journal, the arrivals still to come, and what has been counted so far."""

import bisect
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

from gevent import get_hub
from gevent.event import Event
from greenlet import getcurrent, greenlet

from harness.journal import PARTNER, Journal
from harness.load import arrivals
from harness.load.http import Origin
from harness.plan import Scenario
from harness.run import Run

HEAD_START_NS = 200_000_000
"""Between the last user's start and second 0 of the plan, so that no user is late for the first arrivals."""

GRACE_NS = 1_000_000_000
"""How long after the plan's end an arrival may still be begun; later it is dropped."""


HAND_OUT = 64
"""How many arrivals are begun at a time before others get their turn."""

Arrival = tuple[int, str, int]
"""When an operation is due (ns), its kind, and for how long (µs) no user was free for it."""


class Session:
    """What all users of this process share. Without a run (a bare `locust -f …`) there is no schedule, and the
    journal is a temporary file: nobody will verify it.
    """

    def __init__(self, run: Run | None, kinds: list[str], system: str, worker: int = 0) -> None:
        self.run = run
        self.scenario: Scenario | None = run.scenario if run else None
        self.id = run.id if run else time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "bare"
        self.seed: int = run.facts["seed"] if run else 1
        self.kinds = kinds
        self.worker = worker
        self.began: int | None = None
        self.start = Event()
        self.begun = self.partners = self.ended = self.errors = self.in_flight = 0
        self.exceptions = self.users = self.taken = 0
        self.closed = False
        self.ended_by = "plan"
        self.acknowledged: deque[tuple[int, int]] = deque(maxlen=1000)
        """The latest acknowledged operations that can be sent again: (number, subject)."""
        self.owed: deque[str] = deque()
        """Kinds whose turn came before they could be done: for a later arrival."""
        self._origins: dict[str, Origin] = {}
        self._times: list[int] = []
        self._kinds: list[int] = []
        self._free: dict[greenlet, None] = {}
        """Users that wait for an arrival, longest first."""
        self._armed = False
        if self.scenario:
            times = arrivals.times(self.scenario.stages)
            self._times = (times * 1e9).astype(int).tolist()
            self._kinds = arrivals.kinds(self.scenario.mix, len(times), self.seed).tolist()
        self._folder = None if run else tempfile.TemporaryDirectory(prefix="proofload-")
        folder = run.folder if run else Path(self._folder.name if self._folder else "")
        header = {
            "run": self.id,
            "system": system,
            "scenario": self.scenario.name if self.scenario else None,
            "worker": worker,
            "kinds": kinds,
            "arrivals": len(self._times),
            "wall_ns": time.time_ns(),
            "mono_ns": time.monotonic_ns(),
        }
        self.journal = Journal(folder / f"journal-{worker}.bin", header)

    def origin(self, url: str, timeout: float) -> Origin:
        """The origin at `url`, the same for all users."""
        if url not in self._origins:
            self._origins[url] = Origin(url, timeout)
        return self._origins[url]

    @property
    def open(self) -> bool:
        """Whether the load is an open one, with a schedule; else each user goes at its own pace."""
        return self.scenario is not None

    def begin(self) -> None:
        """All users are there: second 0 of the plan is now, or nearly."""
        if self.began is None:
            self.began = time.monotonic_ns() + HEAD_START_NS
            self.journal.amend(began=self.began)
            self.start.set()

    def arrival(self) -> Arrival | None:
        """Wait until the next arrival is due; None if there is none left for this user.

        Users ask when they are free, so the next free user gets the next arrival. One that is not
        begun a moment after the plan's end is left, and counts as dropped.
        """
        assert self.began is not None
        if self.taken < len(self._times) and (late := time.monotonic_ns() - self.began - self._times[self.taken]) >= 0:
            return self._take(late // 1000)
        user = getcurrent()
        self._free[user] = None
        if not self._armed:
            self._arm()
        try:
            given: Arrival | None = get_hub().switch()
        finally:
            self._free.pop(user, None)
        return given

    def _take(self, waited_us: int) -> Arrival | None:
        assert self.began is not None
        if self.ended_by != "plan" or time.monotonic_ns() > self._end + GRACE_NS:
            return None
        place = self.taken
        self.taken = place + 1
        return self.began + self._times[place], self.kinds[self._kinds[place]], waited_us

    def _arm(self) -> None:
        """Wake up when the next arrival is due."""
        if self.taken < len(self._times):
            assert self.began is not None
            wait = (self.began + self._times[self.taken] - time.monotonic_ns()) / 1e9
            self._timer = get_hub().loop.timer(max(wait, 0))
            self._timer.start(self._hand_out, update=True)
            self._armed = True

    def _hand_out(self) -> None:
        """Called in the hub: give what is due to users that are free, longest first, but let others in between."""
        assert self.began is not None
        self._armed = False
        for _ in range(HAND_OUT):
            if not self._free or self.taken == len(self._times):
                return
            if self.began + self._times[self.taken] > time.monotonic_ns():
                break
            user = next(iter(self._free))
            del self._free[user]
            user.switch(self._take(0))
        self._arm()

    @property
    def _end(self) -> int:
        assert self.began is not None
        assert self.scenario is not None
        return self.began + round(self.scenario.seconds * 1e9)

    def over(self) -> bool:
        """Whether the load is done: the plan's time is up, and so is the grace of arrivals that are late, if any."""
        if self.ended_by != "plan":
            return True
        if self.began is None:
            return False
        now = time.monotonic_ns()
        return now > self._end and (self.taken == len(self._times) or now > self._end + GRACE_NS)

    def begin_one(self, flags: int) -> None:
        """Count an operation that is begun."""
        self.begun += 1
        self.in_flight += 1
        if flags & PARTNER:
            self.partners += 1

    def end_one(self, expected: bool) -> None:
        """Count its end."""
        self.ended += 1
        self.in_flight -= 1
        if not expected:
            self.errors += 1

    def due(self) -> int:
        """How many arrivals have been due by now."""
        if self.began is None:
            return 0
        return bisect.bisect_right(self._times, time.monotonic_ns() - self.began)

    def close(self, requests: dict[str, tuple[int, int]]) -> None:
        """End the journal, and store what this process counted beside it. `requests`: Locust's own count by name."""
        self.journal.close()
        self.closed = True
        if self.run is None:
            return
        planned, arrived = len(self._times), self.begun - self.partners
        summary: dict[str, Any] = {
            "requests": sum(count for count, _ in requests.values()),
            "failures": sum(failed for _, failed in requests.values()),
            "names": requests,
            "planned": planned,
            "taken": arrived,
            "dropped": planned - arrived,
            "exceptions": self.exceptions,
            "finished": self.ended_by == "plan" and self.over(),
            "ended_by": self.ended_by,
        }
        self.run.write("load.json", summary)
