"""What clients of the event store do as its processors: they read batches, wait for events, and record what came."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import gevent
import gevent.socket

from harness.load.postgres import Reply
from harness.load.postgres_user import PostgresUser
from harness.load.session import Session
from harness.load.transport import Failed, Meaning
from harness.outcomes import Failure, Outcome
from locustfiles.event_store_known import DRAIN_S, SHARED, Known, Noting
from systems import event_store
from systems.event_store import BATCHES
from target.event_store.processor import Batch, Processor


class Follower(PostgresUser):
    """Shares with the other users of its process what is known, the processors among it."""

    abstract = True
    listening: Any = None
    """The connection that hears of appends."""

    def prepare(self, session: Session) -> None:
        """An append can be sent again only after one of the kinds that the plan has was acknowledged."""
        self.first = next((kind for kind in BATCHES if kind in session.kinds), "append_1")
        if session.scenario and SHARED not in session.shared:
            # Before the load, which computing half a million streams would hold up.
            session.shared[SHARED] = Known(session, session.scenario.contract, session.scenario.pool)

    @property
    def known(self) -> Known:
        """Made once in this process."""
        shared = self.session.shared
        if SHARED not in shared:
            shared[SHARED] = Known(self.session, self.contract, {**self.pool, "events": self.pool["events"]["smoke"]})
        found: Known = shared[SHARED]
        return found

    def _poll(self, kind: str, work: Callable[[Processor, Any], Batch | None], waiting: int | None = None) -> None:
        """Do something with the next processor, which nobody else has meanwhile; or with that which waits."""
        known = self.known
        place = known.next() if waiting is None else waiting
        processor = known.processors[place]
        batches: list[Batch] = []

        held = False

        def call(_: int) -> Reply:
            nonlocal held
            held = known.locks[place].acquire()
            if waiting is not None:
                self._listen()
            reply = self.transaction(read)
            while waiting is not None and batches and batches[0].events:
                self._received(place, batches.pop(), Outcome.ACK)
                self._listen()
                reply = self.transaction(read)
            if waiting is not None and batches:
                processor.handled(batches.pop())
                self._await()
                reply = self.transaction(read)
            return reply

        def read(cursor: Any) -> None:
            batch = work(processor, Noting(cursor, known.statements))
            if batch is not None:
                batches.append(batch)

        def judge(reply: Reply) -> Meaning:
            if reply.sqlstate:
                return Outcome.UNKNOWN, Failure.NONE, 0
            return Outcome.ACK, Failure.NONE, len(batches[0].events) + 1 if batches else 0

        outcome = Outcome.UNKNOWN
        try:
            _, outcome = self.perform(kind, place, call, judge)
        finally:
            if held:
                self._received(place, batches[0] if batches else None, outcome)
                known.locks[place].release()
        self._explain()

    def _listen(self) -> None:
        """Have this connection hear of appends."""
        driver = self.engine.open()
        if driver is not self.listening:
            self.transaction(lambda cursor: cursor.execute(self.known.store.sql["listen"]))
            self.listening = driver
        driver.notifies.clear()

    def _await(self) -> None:
        """Wait until there is word of an append, or for WAIT_S."""
        driver = self.engine.open()
        with contextlib.suppress(TimeoutError):
            if not driver.notifies:
                gevent.socket.wait_read(driver.fileno(), event_store.WAIT_S, TimeoutError())
        now = time.monotonic_ns()
        driver.poll()
        if driver.notifies:
            self.metric("wake_ms", (now - int(driver.notifies[-1].payload)) / 1e6)

    def _received(self, place: int, batch: Batch | None, outcome: Outcome) -> None:
        """Record what a processor has received; one whose batch was not committed for sure begins again."""
        known, processor = self.known, self.known.processors[place]
        if batch is None or outcome is not Outcome.ACK:
            processor.forget()
        if batch is None or outcome not in (Outcome.ACK, Outcome.UNKNOWN):
            return
        sure = outcome is Outcome.ACK
        if sure:
            token, before, began = batch.state.token, processor.state, time.perf_counter()
            assert before is None or token.upper_bound(before.token).covers(token)
            self.metric("token_ms", (time.perf_counter() - began) * 1_000)
            self.metric("delivered", count=len(batch.events))
            processor.handled(batch)
        known.record(place, batch, sure)

    def _explain(self) -> None:
        """Take the plan of a statement, now and then."""
        statements = self.known.statements
        due = statements.due()
        if due is None:
            return

        def work(cursor: Any) -> Any:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {due[0]}", due[1])
            return cursor.fetchall()[0][0]

        reply = self.transaction(work)
        if not reply.sqlstate:
            statements.write(*due, reply.value)

    def on_stop(self) -> None:
        """What was stored reaches the processors, also that of the last operations."""
        known, until = self.known, time.monotonic() + DRAIN_S
        if "stream" not in self.session.kinds or not self.session.run:
            return
        for place in range(len(known.processors)):
            quiet = False
            while not quiet and time.monotonic() < until:
                quiet = self.session.flying == 0
                try:
                    batch = self._drained(place)
                except Failed:
                    return
                quiet = quiet and batch is not None and not batch.events and not batch.state.token.gaps
                if batch is None or not batch.events:
                    gevent.sleep(0.005)

    def _drained(self, place: int) -> Batch | None:
        known = self.known
        with known.locks[place]:
            reply = self.transaction(known.processors[place].poll)
            self._received(place, reply.value, Outcome.UNKNOWN if reply.sqlstate else Outcome.ACK)
            batch: Batch | None = reply.value
            return batch
