"""The load of one process: its plan, its journal, the arrivals still to come, and what has been counted so far."""

import gc
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gevent.event import Event
from locust.env import Environment

from harness.journal import PARTNER, Journal
from harness.load import arrivals
from harness.load.http import Origin
from harness.load.schedule import Schedule
from harness.load.tally import Tally
from harness.outcomes import Outcome
from harness.plan import Scenario
from harness.run import Run

HEAD_START_NS = 200_000_000
"""Between the last user's start and second 0 of the plan, so that no user is late for the first arrivals."""


class Session:
    """What all users of this process share. Without a run (a bare `locust -f …`) there is no schedule, and the
    journal is a temporary file: nobody will verify it.
    """

    def __init__(
        self,
        environment: Environment,
        run: Run | None,
        system: str,
        expected: Mapping[str, Sequence[str]],
        worker: int = 0,
    ) -> None:
        """`expected`: the kinds of operations of the system, and the outcomes that each may have."""
        kinds = list(expected)
        self.run = run
        self.scenario: Scenario | None = run.scenario if run else None
        self.id = run.id if run else time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "bare"
        self.seed: int = run.facts["seed"] if run else 1
        self.kinds = kinds
        self.worker = worker
        self.began: int | None = None
        self.start = Event()
        self.exceptions = self.users = 0
        self.closed = False
        self.ended_by = "plan"
        self.acknowledged: deque[tuple[int, int]] = deque(maxlen=1000)
        """The latest acknowledged operations that can be sent again: (number, subject)."""
        self.owed: deque[str] = deque()
        """Kinds whose turn came before they could be done: for a later arrival."""
        self._origins: dict[str, Origin] = {}
        self.schedule: Schedule | None = None
        """None in a closed load, whose users go at their own pace."""
        if self.scenario and self.scenario.open:
            times = arrivals.times(self.scenario.stages)
            drawn = arrivals.kinds(self.scenario.mix, len(times), self.seed)
            length = round(self.scenario.seconds * 1e9)
            self.schedule = Schedule((times * 1e9).astype(int).tolist(), drawn.tolist(), length)
        self._folder = None if run else tempfile.TemporaryDirectory(prefix="proofload-")
        folder = run.folder if run else Path(self._folder.name if self._folder else "")
        header = {
            "run": self.id,
            "system": system,
            "scenario": self.scenario.name if self.scenario else None,
            "worker": worker,
            "kinds": kinds,
            "arrivals": self.planned,
            "wall_ns": time.time_ns(),
            "mono_ns": time.monotonic_ns(),
        }
        self.journal = Journal(folder / f"journal-{worker}.bin", header)
        self.expected = [frozenset(Outcome[name] for name in names) for names in expected.values()]
        self.tally = Tally(environment, self.journal, kinds, self.expected)

    def origin(self, url: str, timeout: float) -> Origin:
        """The origin at `url`, the same for all users."""
        if url not in self._origins:
            self._origins[url] = Origin(url, timeout)
        return self._origins[url]

    @property
    def planned(self) -> int:
        """How many arrivals this process has."""
        return len(self.schedule.times) if self.schedule else 0

    def begin(self) -> None:
        """All users are there: second 0 of the plan is now, or nearly."""
        if self.began is None:
            # What is there now stays to the end: it need not be looked through again and again.
            gc.collect()
            gc.freeze()
            self.began = time.monotonic_ns() + HEAD_START_NS
            self.journal.amend(began=self.began)
            if self.schedule is not None:
                self.schedule.began = self.began
            self.start.set()

    def over(self) -> bool:
        """Whether the load is done, by plan or before."""
        if self.ended_by != "plan":
            return True
        if self.began is None or self.scenario is None:
            return False
        if self.schedule is not None:
            return self.schedule.over()
        return time.monotonic_ns() > self.began + self.scenario.seconds * 1e9

    def end(self, why: str) -> None:
        """End the load before its time: nothing new is begun."""
        self.ended_by = why
        if self.schedule is not None:
            self.schedule.ended = True

    @property
    def in_flight(self) -> int:
        """Operations that were begun and have not ended, at the last count."""
        return self.journal.count - self.tally.ended

    def close(self, requests: dict[str, tuple[int, int]]) -> None:
        """End the journal, and store what this process counted beside it. `requests`: Locust's own count by name."""
        partners = int((self.journal.records(0)["flags"] & PARTNER > 0).sum())
        planned, arrived = self.planned, self.journal.count - partners
        self.journal.close()
        self.closed = True
        if self.run is None:
            return
        summary: dict[str, Any] = {
            "requests": sum(count for count, _ in requests.values()),
            "failures": sum(failed for _, failed in requests.values()),
            "names": requests,
            "planned": planned,
            "taken": arrived,
            "dropped": planned - arrived if self.schedule else 0,
            "exceptions": self.exceptions,
            "finished": self.ended_by == "plan" and self.over(),
            "ended_by": self.ended_by,
        }
        self.run.write("load.json", summary)
