"""The engine: events are appended and read over a cursor of psycopg2, in a transaction that the caller began.

The caller commits. What is refused is rolled back here, so that nothing of it can be committed by mistake.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from systems.event_store import GAP_TOKEN, SERIAL

STORED, REPLAYED, REFUSED = "stored", "replayed", "refused"
IN_TURN = "SELECT pg_advisory_xact_lock(hashtext('domain_events'))"
"""With the policy `serial`: who appends waits for all who append, before a number is drawn."""

Event = tuple[Any, ...]
"""As `systems.event_store_sql.EVENT` has it."""
New = tuple[str, str, str, str]
"""Of an event to be stored: id, type, payload and metadata."""


@dataclass(frozen=True)
class Stream:
    """The events of one aggregate."""

    tenant: str
    type: str
    id: str


@dataclass(frozen=True)
class Appended:
    """What became of an append."""

    how: str
    version: int
    """How many events the stream has now; if it was refused, the version that should have been expected."""
    last: int = 0
    """The position of the last event that was stored."""


class Store:
    """The statements, and what they mean."""

    def __init__(self, statements: Mapping[str, str], policy: str = GAP_TOKEN, notifies: bool = False) -> None:
        """`notifies`: whether an append tells those who listen, and when (ns of the monotonic clock) it did."""
        self.sql, self.policy, self.notifies = statements, policy, notifies

    def append(self, cursor: Any, stream: Stream, expected: int, events: Sequence[New]) -> Appended:
        """Store `events` as those after the first `expected` of the stream, all or none.

        The same events again, by their ids, are a replay; with any other version than that of the stream it is refused.
        """
        if self.policy == SERIAL:
            cursor.execute(IN_TURN)
        given = self._given(stream, expected, events)
        stored = self._insert(cursor, given)
        if len(stored) == len(events):
            if self.notifies:
                cursor.execute(self.sql["notify"], {"said": str(time.monotonic_ns())})
            return Appended(STORED, expected + len(events), stored[-1])
        return self._not_stored(cursor, given, len(events))

    def _given(self, stream: Stream, expected: int, events: Sequence[New]) -> dict[str, Any]:
        ids, types, payloads, metadata = (list(column) for column in zip(*events, strict=True))
        return {
            "tenant": stream.tenant,
            "aggregate_type": stream.type,
            "aggregate": stream.id,
            "expected": expected,
            "ids": ids,
            "types": types,
            "payloads": payloads,
            "metadata": metadata,
        }

    def _insert(self, cursor: Any, given: Mapping[str, Any]) -> list[int]:
        """The positions of the events that could be stored."""
        cursor.execute(self.sql["append"], given)
        return [number for (number,) in cursor.fetchall()]

    def _not_stored(self, cursor: Any, given: Mapping[str, Any], count: int) -> Appended:
        """Why not all could be: in a transaction of its own, after what could be stored was taken back."""
        cursor.connection.rollback()
        cursor.execute(self.sql["same"], given)
        there = {id_: (tenant, aggregate, seq) for id_, tenant, aggregate, seq in cursor.fetchall()}
        own = given["tenant"], given["aggregate"]
        if all(there.get(id_) == (*own, given["expected"] + 1 + n) for n, id_ in enumerate(given["ids"])):
            return Appended(REPLAYED, given["expected"] + count)
        return Appended(REFUSED, self.version(cursor, Stream(given["tenant"], "", given["aggregate"])))

    def version(self, cursor: Any, stream: Stream) -> int:
        """How many events a stream has."""
        cursor.execute(self.sql["version"], {"tenant": stream.tenant, "aggregate": stream.id})
        row = cursor.fetchone()
        return int(row[0]) if row else 0

    def load(self, cursor: Any, stream: Stream, first: int = 1) -> list[Event]:
        """The events of a stream from its `first` on."""
        cursor.execute(self.sql["load"], {"tenant": stream.tenant, "aggregate": stream.id, "first": first})
        events: list[Event] = cursor.fetchall()
        return events

    def snapshot(self, cursor: Any, stream: Stream) -> tuple[int, str] | None:
        """The last snapshot of a stream: after how many events it was taken, and what it says."""
        cursor.execute(self.sql["snapshot"], {"tenant": stream.tenant, "aggregate": stream.id})
        found: tuple[int, str] | None = cursor.fetchone()
        return found

    def load_by_snapshot(self, cursor: Any, stream: Stream) -> tuple[tuple[int, str] | None, list[Event]]:
        """The last snapshot of a stream, and the events since."""
        found = self.snapshot(cursor, stream)
        return found, self.load(cursor, stream, found[0] + 1 if found else 1)

    def store_snapshot(self, cursor: Any, stream: Stream, seq: int, state: str) -> bool:
        """Store what the first `seq` events of a stream add up to; one that is there stays.

        False, and nothing is stored, if the stream does not have so many events.
        """
        given = {"tenant": stream.tenant, "aggregate": stream.id, "seq": seq, "payload": state}
        cursor.execute(self.sql["store_snapshot"], given)
        if cursor.fetchone():
            return True
        cursor.execute(self.sql["same_snapshot"], given)
        return cursor.fetchone() is not None

    def head(self, cursor: Any, tenant: str = "") -> int:
        """The last position, of all events or of those of a tenant; 0 if there is none."""
        return self._value(cursor, "head_tenant" if tenant else "head", {"tenant": tenant})

    def tail(self, cursor: Any) -> int:
        """The position before the first event."""
        return self._value(cursor, "tail", {})

    def token_at(self, cursor: Any, at: Any) -> int:
        """The position before the first event of that time or later; the head if there is none."""
        cursor.execute(self.sql["token_at"], {"at": at})
        row = cursor.fetchone()
        return int(row[0]) if row else self.head(cursor)

    def _value(self, cursor: Any, name: str, given: Mapping[str, Any]) -> int:
        cursor.execute(self.sql[name], given)
        ((value,),) = cursor.fetchall()
        return int(value)
