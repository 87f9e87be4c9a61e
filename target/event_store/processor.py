"""A processor follows the stream of all events or of one tenant: batch by batch, each once, in order.

Its token is stored in the transaction that reads a batch: what it does with the batch counts once that is committed,
and one that is gone before begins again with the same batch.

Numbers are drawn before they are committed, so that one below the end of the stream may be committed later. Such a gap
is looked for again, until nobody can commit it any more: a number that was drawn when a transaction `X` began is
settled once no transaction up to `X` runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from systems.event_store import NONE, SERIAL, XMIN
from target.event_store.store import Event, Store
from target.event_store.tokens import Token


@dataclass(frozen=True)
class State:
    """How far a processor is."""

    token: Token
    settled: int
    """Up to here no number can be committed any more that is not."""
    tx: int
    """With the policy `xmin`: the transaction of the last event."""
    batches: int
    """How many batches it has handled."""
    mark: tuple[int, int] = (0, 0)
    """A position that is settled once no transaction up to this number runs; 0: there is none."""


@dataclass(frozen=True)
class Batch:
    """What was read in a transaction that is not yet committed."""

    number: int
    events: Sequence[Event]
    opened: Sequence[int]
    """Numbers that were missing below the end, and may still be committed."""
    state: State
    """Where it is once it is committed."""


class Processor:
    """Reads its stream from where its token is."""

    def __init__(self, store: Store, name: str, tenant: str, begin: int, size: int) -> None:
        """`tenant`: "" for all; `begin`: the position of a new one; `size`: of a batch."""
        self.store, self.name, self.tenant, self.begin, self.size = store, name, tenant, begin, size
        self.state: State | None = None
        self._suffix = "_tenant" if tenant else ""

    def poll(self, cursor: Any) -> Batch:
        """Read the next batch and store the token, in the transaction of `cursor`."""
        state = self.state or self.claim(cursor)
        events, after, opened = self.read(cursor, state)
        after = replace(after, batches=state.batches + bool(events))
        if self.state is None:
            # To claim it has given this transaction its number before the stream was read: one of a higher number may
            # have drawn a lower position meanwhile, so that this number proves nothing.
            after = replace(after, mark=(0, 0))
        if events or after.token != state.token:
            self.save(cursor, after)
        return Batch(after.batches, events, opened, after)

    def handled(self, batch: Batch) -> None:
        """The transaction of a batch is committed."""
        self.state = batch.state

    def forget(self) -> None:
        """As if it began anew: where it is, is read again."""
        self.state = None

    def claim(self, cursor: Any) -> State:
        """Where it is by its stored token; a new one begins."""
        sql = self.store.sql
        cursor.execute(sql["new_token"], {"processor": self.name, "position": self.begin})
        cursor.execute(sql["token"], {"processor": self.name})
        ((position, gaps, settled, tx, batches),) = cursor.fetchall()
        return State(Token(position, frozenset(gaps)), settled, tx, batches)

    def save(self, cursor: Any, state: State) -> None:
        """Store the token."""
        given = {
            "processor": self.name,
            "position": state.token.position,
            "gaps": sorted(state.token.gaps),
            "settled": state.settled,
            "tx": state.tx,
            "batches": state.batches,
        }
        cursor.execute(self.store.sql["save_token"], given)

    def read(self, cursor: Any, state: State) -> tuple[list[Event], State, list[int]]:
        """The next events, where it is after them, and which numbers are missing."""
        if self.store.policy == XMIN:
            return self._by_transaction(cursor, state)
        if self.store.policy in (NONE, SERIAL):
            events = self._after(cursor, state.token.position, self.size)
            last = events[-1][0] if events else state.token.position
            return events, replace(state, token=Token(last)), []
        return self._with_gaps(cursor, state)

    def _with_gaps(self, cursor: Any, state: State) -> tuple[list[Event], State, list[int]]:
        token, settled, mark = state.token, state.settled, state.mark
        if mark[1] and self._value(cursor, "running") > mark[1]:
            settled, mark = max(settled, mark[0]), (0, 0)
        fresh = self._after(cursor, token.position, max(self.size - len(token.gaps), 1))
        # After the fresh ones: of two events of a stream the first was committed before the second was appended, so
        # that what is seen here is no less than what the second was seen with.
        late = self.late(cursor, sorted(token.gaps)) if token.gaps else []
        last = fresh[-1][0] if fresh else token.position
        opened = self.missing(cursor, fresh, max(settled, token.position), last)
        found = {one[0] for one in late}
        gaps = frozenset(gap for gap in (*token.gaps, *opened) if gap > settled and gap not in found)
        if not mark[1] and last > settled:
            mark = (last, self._value(cursor, "now"))
        return [*late, *fresh], replace(state, token=Token(last, gaps), settled=settled, mark=mark), opened

    def late(self, cursor: Any, gaps: Sequence[int]) -> list[Event]:
        """The events of these numbers that are there by now."""
        cursor.execute(self.store.sql[f"gaps{self._suffix}"], {"tenant": self.tenant, "gaps": list(gaps)})
        events: list[Event] = cursor.fetchall()
        return events

    def missing(self, cursor: Any, fresh: Sequence[Event], after: int, last: int) -> list[int]:
        """The numbers above `after` and below `last` that nobody has committed yet."""
        if last <= after:
            return []
        there = {one[0] for one in fresh}
        if self.tenant and last - after > len(there):
            # Most numbers are those of other tenants. One of its own that is there by now, and was not when the fresh
            # ones were read, has not been read: it is missing.
            cursor.execute(self.store.sql["numbers"], {"after": after, "until": last})
            there.update(number for number, tenant in cursor.fetchall() if tenant != self.tenant)
        return [number for number in range(after + 1, last) if number not in there]

    def _after(self, cursor: Any, position: int, limit: int) -> list[Event]:
        given = {"tenant": self.tenant, "position": position, "limit": limit}
        cursor.execute(self.store.sql[f"stream{self._suffix}"], given)
        events: list[Event] = cursor.fetchall()
        return events

    def _by_transaction(self, cursor: Any, state: State) -> tuple[list[Event], State, list[int]]:
        given = {"tenant": self.tenant, "tx": state.tx, "position": state.token.position, "limit": self.size}
        if not state.batches and not state.tx:
            given["position"], given["tx"] = state.token.position, self._first(cursor)
        cursor.execute(self.store.sql[f"stream_xmin{self._suffix}"], given)
        rows = cursor.fetchall()
        if not rows:
            return [], state, []
        events = [row[1:] for row in rows]
        return events, replace(state, token=Token(events[-1][0]), tx=rows[-1][0]), []

    def _first(self, cursor: Any) -> int:
        """The transaction of the event at which a new one begins."""
        cursor.execute("SELECT tx_id::text::bigint FROM domain_events WHERE global_seq = %s", (self.begin,))
        row = cursor.fetchone()
        return int(row[0]) if row else 0

    def _value(self, cursor: Any, name: str) -> int:
        cursor.execute(self.store.sql[name])
        ((value,),) = cursor.fetchall()
        return int(value)
