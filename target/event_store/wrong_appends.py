"""Faults of how events are appended."""

# ruff: noqa: D102 (the clean class documents each method)

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from target.event_store.preparation import Preparation
from target.event_store.store import REFUSED, STORED, Appended, New, Store, Stream
from target.faults import every


class Often(Store):
    """Knows when its turn is."""

    often = 10

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.turns: Iterator[bool] = every(self.often)


class RolledBackAcknowledged(Often):
    """Every tenth append is rolled back, and acknowledged."""

    def append(self, cursor: Any, stream: Stream, expected: int, events: Sequence[New]) -> Appended:
        done = super().append(cursor, stream, expected, events)
        if done.how == STORED and len(events) == 1 and next(self.turns):
            cursor.connection.rollback()
        return done


class HalfStored(Often):
    """Of every third append of several events the second half is not stored."""

    often = 3

    def append(self, cursor: Any, stream: Stream, expected: int, events: Sequence[New]) -> Appended:
        if len(events) > 1 and next(self.turns):
            done = super().append(cursor, stream, expected, events[: len(events) // 2])
            if done.how == STORED:
                return Appended(STORED, expected + len(events), done.last)
        return super().append(cursor, stream, expected, events)


class BatchInTwo(Often):
    """Every third append of several events is stored in two transactions, with a moment between them."""

    often = 3

    def append(self, cursor: Any, stream: Stream, expected: int, events: Sequence[New]) -> Appended:
        half = len(events) // 2
        if half and next(self.turns):
            done = super().append(cursor, stream, expected, events[:half])
            if done.how == STORED:
                cursor.connection.commit()
                cursor.execute("SELECT pg_sleep(0.05)")
                return super().append(cursor, stream, expected + half, events[half:])
        return super().append(cursor, stream, expected, events)


class StoredAllTheSame(Store):
    """What comes with a version that is passed is stored behind the last event, and refused."""

    def append(self, cursor: Any, stream: Stream, expected: int, events: Sequence[New]) -> Appended:
        done = super().append(cursor, stream, expected, events)
        if done.how == REFUSED:
            super().append(cursor, stream, done.version, events)
        return done


class NotTakenBack(Store):
    """Of events that are refused those stay whose places were free."""

    def _not_stored(self, cursor: Any, given: Mapping[str, Any], count: int) -> Appended:
        cursor.connection.commit()
        return super()._not_stored(cursor, given, count)


class AheadAccepted(Store):
    """A version that the stream has not reached is accepted: nothing but the key on its places is asked."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        text = statements["append"]
        begin, end = text.index("WHERE %(expected)s = 0"), text.index("ORDER BY place")
        super().__init__({**statements, "append": text[:begin] + text[end:]}, *more)


class WrongPosition(Often):
    """Every tenth append is told the position before that of its event."""

    def append(self, cursor: Any, stream: Stream, expected: int, events: Sequence[New]) -> Appended:
        done = super().append(cursor, stream, expected, events)
        if done.how == STORED and next(self.turns):
            return Appended(STORED, done.version, done.last - 1)
        return done


class InventedEvent(Often):
    """With every tenth append an event is stored that nobody sent."""

    def append(self, cursor: Any, stream: Stream, expected: int, events: Sequence[New]) -> Appended:
        done = super().append(cursor, stream, expected, events)
        if done.how == STORED and len(events) == 1 and next(self.turns):
            id_, kind, payload, metadata = events[0]
            super().append(cursor, stream, expected + 1, [(f"{id_}-audit", kind, payload, metadata)])
        return done


class DuplicateAccepted(Store):
    """Events that were stored before are stored again, behind the last one of their stream."""

    def append(self, cursor: Any, stream: Stream, expected: int, events: Sequence[New]) -> Appended:
        done = super().append(cursor, stream, expected, events)
        if done.how == "replayed":
            super().append(cursor, stream, self.version(cursor, stream), events)
        return done


class WithoutIdKey(Preparation):
    """No key keeps ids of events unique."""

    def statements(self) -> tuple[str, ...]:
        return (*super().statements(), "ALTER TABLE domain_events DROP CONSTRAINT domain_events_event_id_key")


class Reserialised(Often):
    """Every tenth payload is read as JSON and written again: a number loses its zeros, and keys are in order."""

    def _given(self, stream: Stream, expected: int, events: Sequence[New]) -> dict[str, Any]:
        given = super()._given(stream, expected, events)
        given["payloads"] = [
            json.dumps(json.loads(one), sort_keys=True) if next(self.turns) else one for one in given["payloads"]
        ]
        return given


class VersionUnchecked(Store):
    """The version is read and compared, and no key keeps two from appending at the same one."""

    def _insert(self, cursor: Any, given: Mapping[str, Any]) -> list[int]:
        if self.version(cursor, Stream(given["tenant"], "", given["aggregate"])) != given["expected"]:
            return []
        if len(given["ids"]) == 1:
            cursor.execute("SELECT pg_sleep(0.2)")
        return super()._insert(cursor, given)


class WithoutStreamKey(Preparation):
    """No key keeps the places of a stream unique."""

    def statements(self) -> tuple[str, ...]:
        return (
            *super().statements(),
            "ALTER TABLE domain_events DROP CONSTRAINT domain_events_stream",
            "CREATE INDEX domain_events_stream ON domain_events (tenant_id, aggregate_id, seq)",
        )


class SeqSkipped(Often):
    """Every tenth append leaves a place of its stream out."""

    def append(self, cursor: Any, stream: Stream, expected: int, events: Sequence[New]) -> Appended:
        done = super().append(cursor, stream, expected, events)
        if done.how == STORED and len(events) == 1 and next(self.turns):
            cursor.execute("UPDATE domain_events SET seq = seq + 1 WHERE global_seq = %s", (done.last,))
        return done


class PoolChanged(Often):
    """With every tenth append an event of the pool is changed."""

    def append(self, cursor: Any, stream: Stream, expected: int, events: Sequence[New]) -> Appended:
        done = super().append(cursor, stream, expected, events)
        if done.how == STORED and len(events) == 1 and next(self.turns):
            cursor.execute("UPDATE domain_events SET metadata = metadata WHERE global_seq = 17")
            cursor.execute("UPDATE domain_events SET event_type = event_type || '!' WHERE global_seq = 18")
        return done
