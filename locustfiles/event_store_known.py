"""What the clients of the event store share in a process, and what they leave beside the journal."""

import json
import os
import time
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from itertools import count, cycle
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from gevent.lock import BoundedSemaphore

from harness.load.session import Session
from systems import event_store, event_store_pool, ids
from systems.event_store import AT, BATCHES, DELIVERED, HOT, HOTS, MISSING, PERHAPS, PROCESSORS, SETTINGS
from target.event_store import engine
from target.event_store.processor import Batch, Processor
from target.event_store.store import Stream

SHARED = "events of the load"
"""Where the users of a process share what they know."""
DRAIN_S = 10.0
"""How long processors go on after the load at most, until all that was stored has reached them."""
EXPLAINED = 4
"""How many plans are taken of a statement during the load, …"""
EVERY_S = 0.4
"""… and how long after one the next is taken at the soonest."""


class Statements:
    """The statements that are sent, and the last parameters of each: some of them are explained during the load."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._next = path, 0.0
        self.last: dict[str, Any] = {}
        self._taken: Counter[str] = Counter()

    def due(self) -> tuple[str, Any] | None:
        """The statement to be explained now, if any is."""
        now = time.monotonic()
        if self._path is None or now < self._next or not self.last:
            return None
        self._next = now + EVERY_S
        sql = min(self.last, key=lambda one: self._taken[one])
        self._taken[sql] += 1
        return (sql, self.last[sql]) if self._taken[sql] <= EXPLAINED else None

    def sent(self, sql: str, given: Any) -> None:
        """Note a statement; the first time on disk, too, so that it is explained after the load if not during it."""
        if sql not in self.last:
            self.write(sql, given, None)
        self.last[sql] = given

    def write(self, sql: str, given: Any, plan: Any) -> None:
        """Keep a plan; None: it is only known that the statement was sent."""
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps({"sql": sql, "given": given, "plan": plan}, default=str) + "\n")


class Noting:
    """A cursor that notes what it executes."""

    def __init__(self, cursor: Any, statements: Statements) -> None:
        self._cursor, self._statements = cursor, statements
        self.connection, self.fetchall, self.fetchone = cursor.connection, cursor.fetchall, cursor.fetchone

    def execute(self, sql: str, given: Any = None) -> None:
        """As a cursor does."""
        self._cursor.execute(sql, given)
        if sql.lstrip().startswith("SELECT") and "FROM" in sql and "FOR UPDATE" not in sql:
            self._statements.sent(sql, given)


class Beside:
    """A file of records beside the journal; none without a run."""

    def __init__(self, session: Session, name: str, fields: Any) -> None:
        self._fields = np.dtype(list(fields))
        path = session.run.folder / f"{name}-{session.worker}.bin" if session.run else Path(os.devnull)
        self._file = path.open("ab", buffering=0)

    def add(self, records: Sequence[tuple[int, ...]]) -> None:
        """Add records."""
        self._file.write(np.array(records, self._fields).tobytes())


class Known:
    """What the users of a process know: streams and their versions, and the processors."""

    def __init__(self, session: Session, contract: Any, sizes: Any) -> None:
        facts = (session.run.facts.get("target") or {}) if session.run else {}
        scenario = session.scenario
        self.settings = {**SETTINGS, **(scenario.services["engine"].settings if scenario else {})}
        self.pool = event_store_pool.pool(sizes["events"], sizes["largest"], session.seed)
        made = engine(facts.get("fault"), facts.get("strategy"), contract["statements"], bool(self.settings["notify"]))
        self.store = made.store
        folder = session.run.folder if session.run else None
        self.statements = Statements(folder and folder / f"plans-{session.worker}.jsonl")
        self.received = Beside(session, "received", event_store.RECEIVED)
        self.loaded = Beside(session, "loaded", event_store.LOADED)
        self.besides = int(self.settings["besides"])
        self.long = self.pool.long(self.besides)
        self.in_turn = cycle(self.long)
        """Each of the longest streams in turn: by chance some would be loaded for the first time at the very end."""
        self.versions: dict[int, int] = {}
        self.hot = dict.fromkeys(range(HOT, HOT + HOTS), 0)
        self.turns: defaultdict[str, count[int]] = defaultdict(count)
        """Of a kind that has several ways, which is next."""
        self.unusable: set[int] = set()
        """Streams of which a user is writing, or does not know the version."""
        self.recent: deque[tuple[int, int, int, int]] = deque(maxlen=200)
        """Acknowledged appends: operation, stream, version that was expected, number of events."""
        self.snapshots: deque[int] = deque(self.long[:8], maxlen=32)
        self.processes = session.run.processes if session.run else 1
        self.worker = session.worker
        begin = event_store.begin(self.pool.events, self.settings)
        named = ids.key(session.id, ids.operation(session.worker, 0))
        self.processors: list[Processor] = [
            made.processor(
                self.store,
                f"{named}.{number:04x}",
                event_store_pool.tenant_id(tenant) if (tenant := event_store.tenant_of(number)) >= 0 else "",
                begin,
                int(self.settings["batch"]),
            )
            for number in range(int(self.settings["processors"]))
        ]
        self.locks = [BoundedSemaphore() for _ in self.processors]
        self.polled = 0
        self.following = len(self.processors) - 1 if "follow" in session.kinds else None
        """The processor that waits for events: no other operation waits for it."""

    def stream(self, number: int) -> Stream:
        """The stream of that number."""
        tenant = event_store_pool.tenant_id(self.pool.tenant(number))
        return Stream(tenant, event_store_pool.aggregate_type(number), event_store.aggregate_id(number))

    def turn(self, kind: str, of: int) -> int:
        """Which of so many ways of a kind is next."""
        return next(self.turns[kind]) % of

    def twin(self) -> tuple[int, int]:
        """A stream that all write, and how many events it does not have, and the seeded stream of the same id does."""
        number = HOT + self.turn("which", HOTS)
        return number, self.pool.length(number - HOT + 1) // 2

    def with_snapshot(self, kind: str) -> int:
        """A stream of which a snapshot is known, the last one first; or every fifth time one that all write, which may
        have none, though that of the same id has.
        """
        turn = self.turn(kind, 5)
        if turn == 4:
            return HOT + self.turn("which", HOTS)
        return self.snapshots[-1 - turn * len(self.snapshots) // 5]

    def next(self) -> int:
        """The place of the processor whose turn it is."""
        self.polled = (self.polled + 1) % max(len(self.processors) - (self.following is not None), 1)
        return self.polled

    def version(self, number: int) -> int:
        """How many events a stream has, as far as is known here."""
        return self.versions.get(number, self.pool.length(number))

    def take(self, random: Random, least: int = 1) -> int:
        """A stream of `least` events or more that nobody else writes now, with room for more.

        It is unusable until it is given back.
        """
        most = event_store_pool.LONGEST - max(BATCHES.values())
        while True:
            tenant = event_store_pool.drawn(random.random())
            if tenant < self.besides:
                continue
            number = random.choice(self.pool.of_tenant(tenant))
            ours = number % self.processes == self.worker % self.processes
            open_ = number not in self.unusable and not self.pool.finished(number)
            if ours and open_ and least <= self.version(number) < most:
                self.unusable.add(number)
                return number

    def record(self, place: int, batch: Batch, sure: bool) -> None:
        """Record a batch that a processor received, in a transaction that was committed for `sure`, or perhaps."""
        number, token = self.worker * PROCESSORS + place, batch.state.token
        what = DELIVERED if sure else PERHAPS
        records = [(number, batch.number, one[0], event_store.checksum([one]), what) for one in batch.events]
        records += [(number, batch.number, gap, 0, MISSING) for gap in batch.opened]
        if sure:
            records.append((number, batch.number, token.position, len(token.gaps), AT))
        self.received.add(records)
