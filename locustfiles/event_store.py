"""Clients of the event store: they append, load aggregates, follow the stream as processors, and take snapshots.

The engine that is tested has no server: it is called here, which is why this locustfile imports a part of the target.
"""

import time
from collections.abc import Callable
from typing import Any

from locust import task

from harness.load.postgres import Reply
from harness.load.transport import Meaning
from harness.outcomes import Failure, Outcome
from locustfiles.event_store_follower import Follower
from locustfiles.event_store_known import Noting
from systems import event_store, event_store_pool
from systems.event_store import BATCHES, HOT, HOTS, MIX
from target.event_store.processor import Processor
from target.event_store.store import REFUSED, REPLAYED, STORED, Appended

MEANS = {STORED: Outcome.ACK, REPLAYED: Outcome.REPLAY, REFUSED: Outcome.REJECT}


class Client(Follower):
    """Does what systems/event_store.py says, as often as it says."""

    abstract = False
    system = event_store
    again = frozenset({"repeat", "reuse"})

    @task(MIX["append_1"])
    def append_1(self) -> None:
        """One event."""
        self._append_to_own("append_1")

    @task(MIX["append_10"])
    def append_10(self) -> None:
        """Ten events."""
        self._append_to_own("append_10")

    @task(MIX["append_100"])
    def append_100(self) -> None:
        """A hundred events."""
        self._append_to_own("append_100")

    @task(MIX["slow"])
    def slow(self) -> None:
        """One event, and a while until it is committed."""
        self._append_to_own("slow", self._wait)

    @task(MIX["rollback"])
    def rollback(self) -> None:
        """One event that is rolled back after a while."""

        def undo(cursor: Any, done: Appended) -> Appended:
            self._wait(cursor, done)
            cursor.connection.rollback()
            return Appended(REFUSED, done.version - 1)

        self._append_to_own("rollback", undo)

    @task(MIX["contend"])
    def contend(self) -> None:
        """One event for a stream that all write, at the version that was heard of last."""
        known = self.known
        number = HOT + self.random.randrange(HOTS)
        _, outcome, version = self._append("contend", number, known.hot[number], 1)
        if outcome in (Outcome.ACK, Outcome.REJECT):
            known.hot[number] = max(known.hot[number], version)

    @task(MIX["stale"])
    def stale(self) -> None:
        """Events at the version before the last, or at the next one; or at one that another tenant's stream has."""
        known = self.known
        if known.turn("twin", 2):
            number, seq = known.twin()
            self._append("stale", number, seq, 1)
            return
        number = known.take(self.random)
        self._append("stale", number, known.version(number) + (-1, 1)[known.turn("stale", 2)], event_store.STALE)
        known.unusable.discard(number)

    @task(MIX["repeat"])
    def repeat(self) -> None:
        """An acknowledged append again."""
        original, number, expected, items = self.random.choice(self.known.recent)
        self._append("repeat", number, expected, items, original=original)

    @task(MIX["reuse"])
    def reuse(self) -> None:
        """The ids of an acknowledged append for another stream."""
        known = self.known
        original, number, _, items = self.random.choice(known.recent)
        first = known.take(self.random)
        other = known.take(self.random) if first == number else first
        self._append("reuse", other, known.version(other), items, original=original)
        known.unusable -= {first, other}

    @task(MIX["load"])
    def load(self) -> None:
        """All of one of the longest streams."""
        self._load("load", next(self.known.in_turn))

    @task(MIX["load_snapshot"])
    def load_snapshot(self) -> None:
        """Its last snapshot, and what came since."""
        self._load("load_snapshot", self.known.with_snapshot("load_snapshot"), by_snapshot=True)

    @task(MIX["load_live"])
    def load_live(self) -> None:
        """One that is written meanwhile."""
        number = HOT + self.random.randrange(HOTS)
        if self.known.recent and self.random.random() < 0.5:
            _, number, _, _ = self.random.choice(self.known.recent)
        self._load("load_live", number)

    @task(MIX["stream"])
    def stream(self) -> None:
        """The next batch of a processor."""
        self._poll("stream", lambda processor, cursor: processor.poll(cursor))

    @task(MIX["follow"])
    def follow(self) -> None:
        """All batches of a processor up to the end, and the one that it waits for then."""
        self._poll("follow", lambda processor, cursor: processor.poll(cursor), self.known.following)

    @task(MIX["restart"])
    def restart(self) -> None:
        """A processor is gone before it has handled its batch."""

        def gone(processor: Processor, cursor: Any) -> None:
            processor.poll(cursor)
            cursor.connection.rollback()

        self._poll("restart", gone)

    @task(MIX["store_snapshot"])
    def store_snapshot(self) -> None:
        """What a stream adds up to."""
        known = self.known
        number = HOT + known.turn("store_snapshot", 2 * HOTS)
        if number >= HOT + HOTS or not known.hot[number]:
            number = known.take(self.random, least=2)
        seq = known.hot.get(number) or known.version(number)
        if self._store_snapshot("store_snapshot", number, seq) is Outcome.ACK:
            known.snapshots.append(number)
        known.unusable.discard(number)

    @task(MIX["early_snapshot"])
    def early_snapshot(self) -> None:
        """What a stream will add up to, when it has more events; or when it has as many as another tenant's."""
        known = self.known
        if known.turn("early_snapshot", 2):
            self._store_snapshot("early_snapshot", *known.twin())
            return
        number = known.take(self.random)
        self._store_snapshot("early_snapshot", number, known.version(number) + event_store.STALE)
        known.unusable.discard(number)

    @task(MIX["read_snapshot"])
    def read_snapshot(self) -> None:
        """The last snapshot of a stream."""
        known = self.known
        number = known.with_snapshot("read_snapshot")

        def said(found: tuple[int, str] | None) -> int:
            return event_store.seen(event_store.crc32(found[1].encode()), found[0]) if found else 0

        stream = known.stream(number)
        self._ask("read_snapshot", event_store.subject(number), lambda c: known.store.snapshot(c, stream), said)

    @task(MIX["head"])
    def head(self) -> None:
        """The last position, of all events or of a tenant's."""
        # Three of four are a tenant's: that its end is another one than that of all, a busy moment may hide.
        tenant = self.random.randrange(event_store_pool.TENANTS) if self.known.turn("head", 4) else -1
        of = event_store_pool.tenant_id(tenant) if tenant >= 0 else ""
        self._look_up("head", tenant + 1, lambda cursor: self.known.store.head(cursor, of), int)

    @task(MIX["tail"])
    def tail(self) -> None:
        """The one before the first."""
        self._look_up("tail", 0, lambda cursor: self.known.store.tail(cursor), lambda found: found + 1)

    @task(MIX["token_at"])
    def token_at(self) -> None:
        """The position of a time: late in the half year of the pool."""
        day = self.random.choice(event_store.DAYS)
        at = event_store.noon(day)
        self._look_up("token_at", day, lambda cursor: self.known.store.token_at(cursor, at), lambda found: found + 1)

    def _append_to_own(self, kind: str, then: Callable[[Any, Appended], Appended] | None = None) -> None:
        known, items = self.known, BATCHES.get(kind, 1)
        number = known.take(self.random)
        expected = known.version(number)
        op, outcome, version = self._append(kind, number, expected, items, then)
        if outcome is Outcome.ACK:
            known.versions[number] = version
            if kind in BATCHES:
                known.recent.append((op, number, expected, items))
                self.session.acknowledged.append((op, number))
        if outcome is Outcome.ACK or (kind == "rollback" and outcome is Outcome.REJECT):
            known.unusable.discard(number)

    def _append(
        self,
        kind: str,
        number: int,
        expected: int,
        items: int,
        then: Callable[[Any, Appended], Appended] | None = None,
        original: int | None = None,
    ) -> tuple[int, Outcome, int]:
        """Append; `then` is done before the commit. Gives operation, outcome, and the version that was told."""
        known, stream = self.known, self.known.stream(number)
        version = 0

        def call(op: int) -> Reply:
            first = op if original is None else original
            events = list(event_store.appended(known.pool, self.session.id, first, number, expected, items))

            def work(cursor: Any) -> Appended:
                done = known.store.append(Noting(cursor, known.statements), stream, expected, events)
                return then(cursor, done) if then and done.how == STORED else done

            return self.transaction(work)

        def judge(reply: Reply) -> Meaning:
            nonlocal version
            if reply.sqlstate:
                return Outcome.UNKNOWN, Failure.NONE, 0
            version = reply.value.version
            return MEANS[reply.value.how], Failure.NONE, reply.value.last or version

        subject = event_store.subject(number, expected)
        op, outcome = self.perform(kind, subject, call, judge, key_of=original)
        self._explain()
        return op, outcome, version

    def _wait(self, cursor: Any, done: Appended) -> Appended:
        cursor.execute("SELECT pg_sleep(%s)", (float(self.known.settings["slow_ms"]) / 1_000,))
        return done

    def _ask(
        self, kind: str, subject: int, work: Callable[[Any], Any], said: Callable[[Any], int] = lambda _: 0
    ) -> Outcome:
        """Ask in a transaction; `said` is what of the answer the journal has."""

        def judge(reply: Reply) -> Meaning:
            if reply.sqlstate:
                return Outcome.UNKNOWN, Failure.NONE, 0
            return Outcome.ACK, Failure.NONE, said(reply.value)

        statements = self.known.statements
        call = lambda _: self.transaction(lambda cursor: work(Noting(cursor, statements)))  # noqa: E731
        _, outcome = self.perform(kind, subject, call, judge)
        self._explain()
        return outcome

    def _look_up(self, kind: str, subject: int, work: Callable[[Any], int], said: Callable[[int], int]) -> None:
        """As `_ask`; how long the statement itself took is a metric of its own, without those that begin and commit."""

        def timed(cursor: Any) -> int:
            began = time.perf_counter()
            found = work(cursor)
            self.metric("lookup_ms", (time.perf_counter() - began) * 1_000)
            return found

        self._ask(kind, subject, timed, said)

    def _store_snapshot(self, kind: str, number: int, seq: int) -> Outcome:
        known = self.known
        state = event_store_pool.state(seq, event_store_pool.total(number, seq), known.pool.event_type(number, seq))
        stream, statements = known.stream(number), known.statements

        def judge(reply: Reply) -> Meaning:
            if reply.sqlstate:
                return Outcome.UNKNOWN, Failure.NONE, 0
            return Outcome.ACK if reply.value else Outcome.REJECT, Failure.NONE, 0

        def call(_: int) -> Reply:
            return self.transaction(lambda c: known.store.store_snapshot(Noting(c, statements), stream, seq, state))

        _, outcome = self.perform(kind, event_store.subject(number, seq), call, judge)
        self._explain()
        return outcome

    def _load(self, kind: str, number: int, by_snapshot: bool = False) -> None:
        known, stream = self.known, self.known.stream(number)
        found: Any = None

        def work(cursor: Any) -> Any:
            noting = Noting(cursor, known.statements)
            if by_snapshot:
                return known.store.load_by_snapshot(noting, stream)
            return None, known.store.load(noting, stream)

        def judge(reply: Reply) -> Meaning:
            nonlocal found
            if reply.sqlstate:
                return Outcome.UNKNOWN, Failure.NONE, 0
            found = snapshot, events = reply.value
            return Outcome.ACK, Failure.NONE, events[-1][5] if events else snapshot[0] if snapshot else 0

        op, outcome = self.perform(kind, event_store.subject(number), lambda _: self.transaction(work), judge)
        if outcome is Outcome.ACK:
            # After the operation: it is no part of it.
            snapshot, events = found
            before = event_store.crc32(snapshot[1].encode()) if snapshot else 0
            last = events[-1][5] if events else snapshot[0] if snapshot else 0
            checksum = event_store.checksum(events, before)
            known.loaded.add([(op, checksum, snapshot[0] if snapshot else 0, last, len(events))])
        self._explain()
