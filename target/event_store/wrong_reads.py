"""Faults of loads, snapshots and tokens."""

# ruff: noqa: D102 (the clean class documents each method)

import json
from collections.abc import Mapping
from typing import Any

from systems import event_store_pool
from target.event_store.store import Event, Store, Stream
from target.event_store.wrong_appends import Often


class LoadedLate(Often):
    """Every third load lacks the last event of the stream."""

    often = 3

    def load(self, cursor: Any, stream: Stream, first: int = 1) -> list[Event]:
        found = super().load(cursor, stream, first)
        return found[:-1] if next(self.turns) else found


class ReserialisedWhenRead(Often):
    """Every third load has payloads that were read as JSON and written again."""

    often = 3

    def load(self, cursor: Any, stream: Stream, first: int = 1) -> list[Event]:
        found = super().load(cursor, stream, first)
        if not next(self.turns):
            return found
        return [(*one[:7], json.dumps(json.loads(one[7])), one[8]) for one in found]


class SnapshotAhead(Store):
    """A snapshot is stored as one of an event fewer: it is newer than it says."""

    def store_snapshot(self, cursor: Any, stream: Stream, seq: int, state: str) -> bool:
        return super().store_snapshot(cursor, stream, max(seq - 1, 1), state)


class SnapshotOfAnother(Store):
    """A snapshot says what another stream adds up to."""

    def store_snapshot(self, cursor: Any, stream: Stream, seq: int, state: str) -> bool:
        other = event_store_pool.state(seq, event_store_pool.total(1, seq), "EmailChanged")
        return super().store_snapshot(cursor, stream, seq, other)


class SnapshotOfNothing(Store):
    """A snapshot is stored of events that the stream does not have."""

    def __init__(self, statements: Mapping[str, str], *more: Any) -> None:
        text = statements["store_snapshot"]
        begin, end = text.index(" WHERE EXISTS ("), text.index("ON CONFLICT")
        super().__init__({**statements, "store_snapshot": f"{text[:begin]} {text[end:]}"}, *more)


class StaleHead(Often):
    """Every third head is that of some events before."""

    often = 3

    def head(self, cursor: Any, tenant: str = "") -> int:
        found = super().head(cursor, tenant)
        return found - 500 if next(self.turns) else found


class WrongTail(Store):
    """The tail is the position of the first event, so that it is never read."""

    def tail(self, cursor: Any) -> int:
        return super().tail(cursor) + 1
