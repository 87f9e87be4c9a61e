"""A simulated user: takes an arrival when it is free, does the operation that is due, and records it on both sides.

A system's users (locustfiles/) subclass one with a transport, e.g. HttpUser: one @task a kind of operation, named like
the kind. A transport gives `perform` a call; the frame around it is the same for all.
"""

import logging
import random
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from gevent import GreenletExit, get_hub
from gevent.event import Event
from greenlet import getcurrent
from locust import User, constant
from locust.exception import StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from harness.errors import JournalError, ProofloadError
from harness.load.feed import feed
from harness.load.frame import Frame
from harness.load.plugin import end_load, session_of
from harness.load.session import Session
from harness.load.tally import failure_text
from harness.load.transport import Meaning
from harness.outcomes import Failure, Outcome
from harness.plan.plans import reference

T = TypeVar("T")

log = logging.getLogger(__name__)


class UnexpectedOutcome(Exception):
    """An outcome that this kind of operation must not have; what Locust's web UI lists as a failure."""


def _await(start: Event) -> None:
    """What `start.wait()` does, with less on the stack: all users wait there at once, and each keeps what it had."""
    if start.is_set():
        return
    go = getcurrent().switch
    start.rawlink(go)
    try:
        get_hub().switch()
    except BaseException:
        start.unlink(go)
        raise


class LoadUser(User):
    """A user of the system under test. `system` is its facts module, whose EXPECTED says what each kind may end as."""

    abstract = True
    system: Any = None
    first = ""
    """The kind that makes what others send again …"""
    again: frozenset[str] = frozenset()
    """… and those others: as long as nothing is acknowledged, `first` is done and they are owed."""
    contract: Mapping[str, Any] = {}
    """How the target speaks: the plan's, or that of the reference target."""
    pool: Mapping[str, Any] = {}
    """What seeding made, in the words of [pool]."""
    method = "CALL"
    """How Locust's statistics name what it does, unless a transport tells it of each operation."""
    wait_time = constant(1)
    """Only for a bare `locust -f …`: with a plan, the arrivals decide."""
    together = ""
    """The kind that all users of the class begin at one instant, in a plan with rounds; "" if it knows none."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.session = session_of(environment)
        scenario = self.session.scenario
        self.timeout = self.session.timeout
        """How many seconds an answer may take."""
        try:
            self.prepare(self.session)
            self.connect(environment)
        except ProofloadError as error:
            log.error("%s", error)
            environment.process_exit_code = 2
            raise StopTest(str(error)) from None
        if scenario is not None:
            self.contract = scenario.contract
            self.pool = scenario.pool
        elif not self.contract:
            name = self.system.__name__.rpartition(".")[2]
            self.contract, self.pool = reference(name, "contract"), reference(name, "pool")
        if self.session.users == 0:
            self.session.tally.routes = [f"{self.method} "] * len(self.session.kinds)
        self.number = self.session.users
        self.session.users += 1
        # A stream of its own: no two users, of this process or another, draw the same.
        self.random = random.Random(f"{self.session.seed}/{self.session.worker}/{self.number}")
        shared = self.session.shared
        if type(self) not in shared:
            tasks: list[Any] = self.tasks
            shared[type(self)] = {task.__name__: task for task in tasks}, [task.__name__ for task in tasks]
        self._tasks: Mapping[str, Callable[[LoadUser], Any]]
        self._draw: Sequence[str]
        """The kinds, each as often as its weight says."""
        self._tasks, self._draw = shared[type(self)]
        self.kinds = self.session.places
        """The place of each kind in the journal's list of them."""
        self.frame = self.framed()
        self._paused = self._leaving = False

    def prepare(self, session: Session) -> None:
        """What a system's user needs before it can begin; ProofloadError if it isn't there."""

    def connect(self, environment: Any) -> None:
        """What the transport needs before the load; ProofloadError if it isn't there."""

    def framed(self) -> Frame:
        """What surrounds each operation of this user."""
        return Frame(self)

    def open(self) -> None:
        """Make the connections, right before the load."""

    def close(self) -> None:
        """Give back what `connect` and `open` took."""

    def status_of(self, answer: Any) -> int:
        """The HTTP status of an answer; 0 where there is no such thing."""
        return 0

    def excerpt(self, answer: Any) -> str:
        """What to show of an answer that can't be read; "" = nothing."""
        return ""

    def whole(self, answer: Any) -> str:
        """An answer of which it is not known what it means, for people; "" = nothing."""
        return ""

    # Locust's own loop begins with a task and waits after it; an arrival has to be waited for before.
    def run(self) -> None:  # type: ignore[misc]
        """The life of a user, in a greenlet of its own."""
        self._state = LOCUST_STATE_WAITING
        try:
            self.open()
            _await(self.session.start)
            self.on_start()
            while True:
                self._do(self._next())
        except (GreenletExit, StopUser, StopTest):
            self.on_stop()
        finally:
            self.close()

    def stop(self, force: bool = False) -> bool:
        """End this user: at once if it waits or by `force`, else after its operation; whether it was at once."""
        # A user that waits may wake up before the kill reaches it: it must not begin what would then be killed.
        self._leaving = self._state == LOCUST_STATE_WAITING
        return bool(super().stop(force))

    def _next(self) -> str:
        """Wait until the next operation of this user is due; its kind. While it waits, a user can be ended at once."""
        self._state = LOCUST_STATE_WAITING
        kind = self._due()
        if kind is None or self._leaving:
            Event().wait()  # nothing left to do; until the runner ends this user
            raise StopUser
        return kind

    def _due(self) -> str | None:
        """The kind of the next operation, once it is due; None if there is none for this user."""
        session = self.session
        if session.schedule is not None:
            arrival = session.schedule.arrival()
            if arrival is None:
                return None
            self.frame.sched, kind, self.frame.waited_us = arrival
            return session.kinds[kind]
        self._pause()
        if self.together and session.rounds is not None:
            self.frame.sched = session.rounds.meet()
            return self.together
        if session.draws is None:
            return self._draw[int(self.random.random() * len(self._draw))]
        return session.kinds[next(session.draws)] if not self._leaving and session.take() else None

    def _pause(self) -> None:
        """In a closed load: think, before the first operation for a part of it only, so that users don't go in step; or
        until all begin at one instant.
        """
        session, scenario = self.session, self.session.scenario
        together = session.in_step and session.in_step.until_next((time.monotonic_ns() - (session.began or 0)) / 1e9)
        if together is not None:
            seconds = together
        else:
            seconds = scenario.think_seconds if scenario else self.wait_time()
            if not self._paused:
                # Nothing is begun before second 0: of a load that a number bounds it would be too much.
                seconds *= self.random.random()
                seconds += max(((session.began or 0) - time.monotonic_ns()) / 1e9, 0.0)
        self._paused = True
        if seconds:
            session.sleepers.sleep(seconds)

    def _do(self, kind: str) -> None:
        self._state = LOCUST_STATE_RUNNING
        session = self.session
        if kind in self.again:
            if not session.acknowledged:
                session.owed.append(kind)
                kind = self.first
        elif session.owed and session.acknowledged and kind == self.first:
            kind = session.owed.popleft()
        try:
            self._tasks[kind](self)
        except JournalError as error:
            log.error("%s", error)
            end_load(self.environment, str(error), exit_code=2)
            raise StopUser from None
        except (GreenletExit, StopUser, StopTest):
            raise
        except Exception as error:
            self.session.exceptions += 1
            log.error("a user failed at %r:\n%s", kind, traceback.format_exc())
            self.environment.events.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)
        if self._state == LOCUST_STATE_STOPPING:
            raise StopUser

    def perform(
        self,
        kind: str,
        subject: int,
        call: Callable[..., T] | None,
        judge: Callable[[T], Meaning],
        key_of: int | None = None,
        flags: int = 0,
        how: tuple[Any, ...] = (),
    ) -> tuple[int, Outcome]:
        """Do one operation: its intent is recorded, then it is called, then its outcome is recorded, whatever happens.

        `subject`, `key_of` and `flags` go into the journal. `call` gets the operation's number and `how`, and gives an
        answer or raises NotSent or NoAnswer (None, as `send` has it: the transport does what `how` says); `judge` says
        what the answer means. Gives number and outcome. JournalError, with nothing called, if
        the intent can't be recorded.
        """
        return self.frame.perform(kind, subject, call, judge, key_of, flags, how)

    def metric(self, name: str, value: object = None, *, count: int | None = None) -> None:
        """Record a value of the metric `name`: a number, or True or False; or with `count=` that so many were counted.

        ValueError if it is none of them, or the name is malformed or that of another kind.
        """
        self.session.metrics.record(time.monotonic_ns(), name, value, count)

    feed = staticmethod(feed)
    """The next row of the plan's feed, or with a number so many (`harness.load.feed.feed`)."""

    def tell(self, kind: str, index: int, outcome: Outcome, status: int, failure: Failure, milliseconds: float) -> None:
        """Tell those who listen to Locust's event themselves; its own statistics among them."""
        expected = outcome in self.session.expected[index]
        self.environment.events.request.fire(
            request_type=self.session.tally.routes[index].partition(" ")[0],
            name=kind,
            response_time=milliseconds,
            response_length=0,
            response=None,
            context={},
            exception=None if expected else UnexpectedOutcome(failure_text(outcome, failure, status)),
        )
