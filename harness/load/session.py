"""The load of one process: its plan, its journal, the arrivals still to come, and what has been counted so far."""

import gc
import logging
import math
import os
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gevent.event import Event
from locust.env import Environment

from harness import steered
from harness.journal import PARTNER, Journal
from harness.load import table
from harness.load.following import Following
from harness.load.in_step import InStep
from harness.load.meeting import Rounds
from harness.load.quota import Quota
from harness.load.schedule import Schedule
from harness.load.sleepers import Sleepers
from harness.load.tally import Tally
from harness.machines import MACHINE
from harness.outcomes import Failure, Outcome
from harness.own_metrics import Recorder
from harness.plan import arrivals
from harness.plan.scenario import Scenario
from harness.run import UNREAD, Run
from systems import ids, traces

BARE_TIMEOUT_S = 10.0
"""How long an answer may take when there is no plan to say so."""

HEAD_START_NS = 200_000_000
"""Between the last user's start and second 0 of the plan, so that no user is late for the first arrivals."""

EXPLAINED = 5
"""How many reasons of one kind of failure are logged."""

Times = npt.NDArray[np.float64]
Kinds = npt.NDArray[np.uint16]

log = logging.getLogger(__name__)


class Session:
    """What all users of this process share. Without a run (a bare `locust -f …`) there is no schedule, and the
    journal is a temporary file that is never verified.
    """

    alone = True
    """Whether its end is that of the load; of several processes the master ends all of them."""
    lead = 0.5
    """How many seconds ahead a change is for: what is due until then is as it was planned."""

    def __init__(
        self,
        environment: Environment,
        run: Run | None,
        system: str,
        expected: Mapping[str, Sequence[str]],
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        """`expected`: the kinds of operations of the system, and the outcomes that each may have.

        Of `workers` processes, this is number `worker`: it has every `workers`-th arrival of the plan.
        """
        kinds = list(expected)
        outcomes = [frozenset(Outcome[name] for name in names) for names in expected.values()]
        self.run = run
        self.scenario: Scenario | None = run.scenario if run else None
        self.timeout = self.scenario.timeout_seconds if self.scenario else BARE_TIMEOUT_S
        """How many seconds an answer may take."""
        self.id = run.id if run else time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "bare"
        self.seed: int = run.facts["seed"] if run else 1
        self.traced = traces.header(run.id) if run and run.facts.get("trace") is not None else None
        """Makes the header with the trace id of an operation; None: requests have none."""
        self.kinds = kinds
        self.places = {kind: place for place, kind in enumerate(kinds)}
        self.worker = worker
        self.began: int | None = None
        self.start = Event()
        self.exceptions = self.users = 0
        self.raised: Counter[str] = Counter()
        """What ended the load, and is no error of a user's code: a feed that has no more rows."""
        self.closed = False
        self.rows: list[dict[str, Any]] = []
        """Without a run, once it is closed: what there is to show of it."""
        self.watchers: list[Any] = []
        """Greenlets that watch the load while it lasts."""
        self.ended_by = "plan"
        self.by_hand: tuple[int, float] | None = None
        """Users and spawn rate, once a person has changed them: they take the place of the plan's."""
        self.acknowledged: deque[tuple[int, int]] = deque(maxlen=1000)
        """The latest acknowledged operations that can be sent again: (number, subject)."""
        self.owed: deque[str] = deque()
        """Kinds whose turn came before they could be done: for a later arrival."""
        self._understood = True
        """Whether no answer was met of which it is not known what it means."""
        self._explained: dict[Failure, set[str]] = {}
        self.crowd: Any = None
        """Another's users, if they are the ones."""
        self.shaped_over = False
        """Whether another's shape has ended the load."""
        self.shared: dict[object, Any] = {}
        """What the users of a class or a transport share, by a name of theirs."""
        closed = self.scenario is not None and not self.scenario.open
        self._mine = slice(worker, None, workers)
        """Which arrivals are of this process."""
        self._parts: list[int] = []
        """In a search of an open load, how many arrivals of this process there are by the end of each stage."""
        self.following = (
            Following(run.folder, self.scenario) if run and self.scenario and self.scenario.search else None
        )
        """In a search: its steps, as they are decided."""
        self.schedule = self._schedule()
        """None in a closed load, whose users go at their own pace."""
        self.draws = _draws(self.scenario.mix, self.seed * workers + worker) if self.scenario and closed else None
        """In a closed load: the kinds of its operations, in the same even blocks as those of arrivals."""
        self.sleepers = Sleepers()
        self.quota = Quota(self.scenario, worker, workers)
        rounds = self.scenario is not None and self.scenario.rounds
        self.rounds = Rounds(self.scenario.max_users, self.over) if self.scenario and rounds else None
        """In a closed load in which all users meet before each operation: where."""
        stepping = self.scenario is not None and any(stage.in_step for stage in self.scenario.stages)
        self.in_step = InStep(self.scenario) if self.scenario and stepping else None
        """In a closed load some of whose stages have users in step: when."""
        self._folder = None if run else tempfile.TemporaryDirectory(prefix="proofload-")
        folder = run.folder if run else Path(self._folder.name if self._folder else "")
        self.journal = Journal(folder / f"journal-{worker}.bin", self._header(system))
        self.metrics = Recorder(self.journal.path)
        self.expected = outcomes
        self.tally = Tally(environment, self.journal, kinds, outcomes)
        self.follow()

    def _header(self, system: str) -> dict[str, Any]:
        """What the journal says of itself."""
        return {
            "run": self.id,
            "system": system,
            "scenario": self.scenario.name if self.scenario else None,
            "worker": self.worker,
            "kinds": self.kinds,
            "arrivals": self.planned,
            "http": False,
            "mono_ns": time.monotonic_ns(),
            **({"machine": int(machine)} if (machine := os.environ.get(MACHINE)) else {}),
        }

    @property
    def flying(self) -> int:
        """Operations that are begun and have not ended, at this moment."""
        return self.journal.count - self.journal.ended

    @property
    def planned(self) -> int:
        """How many operations the plan has for this process; 0 if users go on until their time is up."""
        return len(self.schedule.times) if self.schedule else self.quota.size

    def begin(self, at: int | None = None, shift: int = 0, doubt: int = 0) -> None:
        """All users are there: second 0 of the plan is `at` (ns of this process's clock), or nearly now.

        The master's clock is ahead of ours by `shift` ± `doubt` ns.
        """
        if self.began is None:
            # What is there now stays to the end: it need not be looked through again and again.
            gc.collect()
            gc.freeze()
            self.began = at or time.monotonic_ns() + HEAD_START_NS
            self.journal.amend(began=self.began, shift=shift, doubt=doubt)
            if self.schedule is not None:
                self.schedule.began = self.began
            self.start.set()

    def over(self) -> bool:
        """Whether the load is done, by plan or before."""
        if self.ended_by != "plan" or self.shaped_over:
            return True
        if self.began is None or self.scenario is None:
            return False
        if self.schedule is not None:
            return self.schedule.over()
        if self.following is not None and not self.following.over:
            return False
        if self.quota.done(self.journal.count, self.flying):
            return True
        return time.monotonic_ns() > self.began + self.scenario.seconds * 1e9

    def take(self) -> bool:
        """Whether a user at its own pace may begin another operation: then it is one of those that the plan bounds."""
        return not self.over() and self.quota.take(self.began or 0, self.journal.count)

    def end(self, why: str) -> None:
        """End the load before its time: nothing new is begun."""
        self.ended_by = why
        if self.schedule is not None:
            self.schedule.ended = True

    def exhausted(self, why: str) -> None:
        """A feed has no more rows: the load ends, and is no valid one."""
        self.exceptions += 1
        self.raised[why] += 1
        self.end(why)

    def explain(self, kind: str, number: int, failure: Failure, detail: str) -> None:
        """Log what was wrong with operation `number`, of which the journal has only the name: the first few reasons."""
        known = self._explained.setdefault(failure, set())
        if detail and detail not in known and len(known) < EXPLAINED:
            known.add(detail)
            log.warning("%s %s: %s: %s", kind, ids.key(self.id, number), failure.name, detail)

    def not_understood(self, kind: str, number: int, answer: str) -> None:
        """Keep the first `answer` that was not understood, for those who have to correct the contract."""
        if self._understood and self.run is not None and answer:
            self._understood = False
            text = f"{kind} {ids.key(self.id, number)}: {answer}"
            with suppress(OSError):
                (self.run.folder / UNREAD.format(self.worker)).write_text(text, encoding="utf-8")

    def change(self, change: steered.Change) -> None:
        """Take over what a person changed: arrivals from a second of the plan on that is not over, or users."""
        if "users" in change:
            self.by_hand = change["users"], change["spawn"]
            return
        assert self.scenario is not None
        assert self.schedule is not None
        if time.monotonic_ns() > (self.began or 0) + change["second"] * 1e9:
            self.end("a change by hand was heard of too late")
            return
        # Of the same seed and the same stages there are the same arrivals, until they differ.
        self.scenario = steered.followed(self.scenario, [change])
        self.schedule.change(*self._own(*arrivals.planned(self.scenario, self.seed)))
        self.journal.amend(arrivals=self.planned)

    def _schedule(self) -> Schedule | None:
        """The arrivals of an open load that are of this process; of a search those that are known by now."""
        scenario = self.scenario
        if scenario is None or not scenario.open:
            return None
        if self.following is not None:
            return Schedule([], [], math.inf)
        times, drawn = arrivals.planned(scenario, self.seed)
        return Schedule(*self._own(times, drawn), round(scenario.seconds * 1e9))

    def _own(self, times: Times, drawn: Kinds) -> tuple[list[int], list[int]]:
        """Which of these arrivals are of this process: when they are due (ns), and their kinds."""
        return (times[self._mine] * 1e9).astype(int).tolist(), drawn[self._mine].tolist()

    def follow(self) -> None:
        """In a search, take over what has been decided meanwhile, and give up what is too late."""
        following = self.following
        if following is None:
            return
        if following.look():
            self.scenario = following.scenario
            if self.schedule is not None:
                for number in range(len(self._parts), len(self.scenario.stages)):
                    self.schedule.extend(*self._own(*arrivals.of_stage(self.scenario, number, self.seed)))
                    self._parts.append(len(self.schedule.times))
                self.journal.amend(arrivals=self.planned)
                if following.over:
                    self.schedule.length = round(self.scenario.seconds * 1e9)
        if self.schedule is not None and self.began is not None:
            late = following.late((time.monotonic_ns() - self.began) / 1e9)
            if late:
                self.schedule.drop(self._parts[late - 1])

    def close(self, requests: dict[str, tuple[int, int]]) -> dict[str, Any]:
        """End the journal; what this process counted. `requests`: Locust's own count by name, and failures."""
        partners = int((self.journal.records(0)["flags"] & PARTNER > 0).sum())
        planned = self.planned
        arrived = self.quota.taken if self.quota.size else self.journal.count - partners
        self.rows = [] if self.run else table.rows(self)
        self.journal.close()
        self.metrics.close()
        self.closed = True
        users = self.crowd.summary() if self.crowd else {}
        if self.raised:
            users["raised"] = {**users.get("raised", {}), **self.raised}
        return {
            "requests": sum(count for count, _ in requests.values()),
            "failures": sum(failed for _, failed in requests.values()),
            "names": requests,
            "planned": planned,
            "taken": arrived,
            "dropped": planned - arrived if planned else 0,
            "exceptions": self.exceptions,
            "finished": self.ended_by == "plan",
            "ended_by": self.ended_by,
            **users,
        }


def _draws(mix: Mapping[str, int], seed: int) -> Iterator[int]:
    for block in count():
        yield from arrivals.kinds(mix, sum(mix.values()), seed + (block << 32)).tolist()
