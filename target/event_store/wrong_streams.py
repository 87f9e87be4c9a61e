"""Faults of processors."""

# ruff: noqa: D102 (the clean class documents each method)

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from target.event_store.processor import Batch, Processor, State
from target.event_store.store import Event
from target.event_store.tokens import Token


class GapSkipped(Processor):
    """A number that is missing is taken for one that was rolled back."""

    def missing(self, cursor: Any, fresh: Sequence[Event], after: int, last: int) -> list[int]:
        super().missing(cursor, fresh, after, last)
        return []


class GivenUpTooSoon(Processor):
    """A number that is missing is looked for once, and given up then."""

    def _with_gaps(self, cursor: Any, state: State) -> tuple[list[Event], State, list[int]]:
        events, after, opened = super()._with_gaps(cursor, state)
        return events, replace(after, token=Token(after.token.position, frozenset(opened))), opened


class TokenSavedFirst(Processor):
    """The token is committed before the batch was handled."""

    def save(self, cursor: Any, state: State) -> None:
        super().save(cursor, state)
        cursor.connection.commit()


class TokenSavedLate(Processor):
    """The token is stored after every third batch."""

    def save(self, cursor: Any, state: State) -> None:
        if state.batches % 3 == 0:
            super().save(cursor, state)


class AtOrAfter(Processor):
    """Events are read from the token on, and not behind it."""

    def _after(self, cursor: Any, position: int, limit: int) -> list[Event]:
        found = super()._after(cursor, position, limit)
        return super()._after(cursor, position - 1, limit) if found else found


class OrderByTime(Processor):
    """A batch is handled in the order of its times, which are kept to the second."""

    def poll(self, cursor: Any) -> Batch:
        batch = super().poll(cursor)
        cursor.execute(
            "SELECT global_seq FROM domain_events WHERE global_seq = ANY(%s) "
            "ORDER BY date_trunc('second', occurred_at), event_id DESC",
            ([one[0] for one in batch.events],),
        )
        place = {number: place for place, (number,) in enumerate(cursor.fetchall())}
        return replace(batch, events=sorted(batch.events, key=lambda one: place[one[0]]))


class PayloadCut(Processor):
    """A payload of more than 5,000 characters comes without the last one of them."""

    def poll(self, cursor: Any) -> Batch:
        batch = super().poll(cursor)
        return replace(batch, events=[_cut(one) for one in batch.events])


def _cut(event: Event) -> Event:
    return (*event[:7], event[7][:-1], event[8]) if len(event[7]) > 5_000 else event


class WaitsForGap(Processor):
    """A batch of all events ends before the first number that is missing, though that may have been rolled back."""

    def read(self, cursor: Any, state: State) -> tuple[list[Event], State, list[int]]:
        if self.tenant:
            return super().read(cursor, state)
        position, events = state.token.position, list[Event]()
        for event in self._after(cursor, position, self.size):
            if event[0] != position + 1:
                break
            events.append(event)
            position += 1
        return events, replace(state, token=Token(position)), []
