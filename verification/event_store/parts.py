"""A run in parts by its streams, by the positions of its events, by time, and by the order in which events were
received: what is made of what was handed on, and what these hand on to each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from verification.arrays import Array, Mask
from verification.divided.columns import unpacked
from verification.divided.division import Division, table_of
from verification.divided.piece import concatenated
from verification.divided.ranges import ranges
from verification.divided.splitting import ledger_of
from verification.divided.store import Store
from verification.event_store import order, received
from verification.event_store.case import OfStreams, OfTimes, events
from verification.event_store.delivery import NEVER, Delivery, by_processor
from verification.event_store.ends import End
from verification.event_store.handing import (
    ANSWERED,
    ASKED,
    CERTAIN,
    OF_RUN,
    OWN,
    POSSIBLE,
    QUESTIONS,
    REACHED,
    ROW,
    ROWS,
    Handing,
    windows,
)
from verification.event_store.kept import (
    EVENT,
    LINES,
    LOADED,
    MISSED,
    OTHERS,
    POSITION,
    RECEIPT,
    RECEIVED,
    SNAPSHOTS,
    STREAM,
    TIME,
)
from verification.event_store.observation import EventStore
from verification.event_store.order import IN_ALL, IN_STREAM, Receipts
from verification.event_store.received import Records
from verification.ledger import ELSEWHERE, Ledger

STREAM_RECEIVED = table_of(STREAM, "received")
IN_ORDER, PASSED = table_of(RECEIPT, "lines"), table_of(RECEIPT, "passed")
"""The tables that are handed on from here."""


def of_part(seen: EventStore, tables: Mapping[str, pd.DataFrame]) -> EventStore:
    """What was read of a part of the keys, which `seen` has already: in the order of positions, as in a whole run."""
    place = np.argsort(seen.rows["position"].to_numpy())
    rows = seen.rows.iloc[place].reset_index(drop=True)
    loaded = _records(tables[LOADED], seen.loaded.dtype) if LOADED in tables else seen.loaded
    return replace(seen, rows=rows, order=rows["position"].to_numpy(), loaded=loaded)


def _records(frame: pd.DataFrame, dtype: np.dtype[np.void]) -> Records:
    found = np.zeros(len(frame), dtype)
    for name in dtype.names or ():
        found[name] = frame[name].to_numpy()
    return found


def _handed(store: Store, table: str, number: int) -> list[dict[str, npt.NDArray[Any]]]:
    """What all parts handed on."""
    return [piece for writer in range(store.parts) for piece in store.read(f"{table}.{writer}", number)]


def _lines(pieces: Sequence[Mapping[str, npt.NDArray[Any]]], dtype: np.dtype[np.void]) -> Records:
    found: Records = concatenated((piece[""] for piece in pieces), dtype)
    return found


def _joined_positions(seen: EventStore, learnt: Sequence[Records]) -> EventStore:
    return replace(seen, learnt=replace(seen.learnt, highest=order.highest_of(np.concatenate(learnt))))


def operations_about(store: Store, last: Ledger, number: int) -> pd.DataFrame:
    """The operations of a part of the streams."""
    return ledger_of(last, _handed(store, ASKED, number), np.zeros(0, ELSEWHERE)).ops


def _by_operation(pieces: Sequence[Mapping[str, npt.NDArray[Any]]], name: str, dtype: type) -> npt.NDArray[Any]:
    """A column that was handed on with operations, in the order of a ledger's."""
    numbers = np.concatenate([np.zeros(0, np.int64), *(piece["numbers"] for piece in pieces)])
    found: npt.NDArray[Any] = np.concatenate([np.zeros(0, dtype), *(piece[name] for piece in pieces)])
    return found[np.argsort(numbers)]


def _frame(lines: Records) -> pd.DataFrame:
    return pd.DataFrame({name: lines[name].astype(np.int64) for name in lines.dtype.names or ()})


def _positions(last: Ledger, seen: EventStore, store: Store, number: int) -> Delivery:
    """A range of positions."""
    own = _lines(_handed(store, OWN, number), OF_RUN)
    own = own.take(np.argsort(own["position"]))
    others = _lines(store.read(OTHERS, number), EVENT)
    every = np.concatenate([others, np.zeros(len(own), EVENT)])
    for name in EVENT.names or ():
        every[name][len(others) :] = own[name]
    every = every.take(np.argsort(every["position"]))
    lines = _lines(store.read(RECEIVED, number), received.LINE)
    missed = _lines(store.read(MISSED, number), received.MISSED)
    return Delivery(
        seen.policy,
        last.ended,
        _frame(every),
        own["position"].astype(np.int64),
        own["done"].astype(np.int64),
        by_processor(seen.processors, lines, missed),
        int(seen.learnt.done[number + 1 :].min(initial=NEVER)),
        number == 0,
        seen.span.records if seen.span else 0,
    )


def _hand_on_positions(case: Delivery, number: int, store: Store) -> Records:
    """Hand on what was received first to the parts by stream and by the order of receipt."""
    lines, streams = order.received(case)
    every, of_streams = concatenated(lines.values(), IN_ALL), concatenated(streams, IN_STREAM)
    handing = Handing(store, number)
    to = ranges(every["place"], 0, case.records - 1, store.parts)
    handing.to(IN_ORDER, to, {"": every})
    handing.to(STREAM_RECEIVED, store.part_of(of_streams["stream"]), {"": of_streams})
    return order.highest(every, to)


def _streams(last: Ledger, seen: EventStore, store: Store, number: int) -> OfStreams:
    """A part of the streams."""
    asked, rows = _handed(store, ASKED, number), _lines(_handed(store, ROWS, number), ROW)
    own = replace(
        seen.without_others(),
        rows=_frame(rows),
        loaded=np.concatenate([seen.loaded, *(piece[""] for piece in _handed(store, ANSWERED, number))]),
        snapshots=_table(store, SNAPSHOTS, number, seen.snapshots),
        lines=_table(store, LINES, number, seen.lines),
    )

    def mine(streams: Array) -> Mask:
        found: Mask = store.part_of(streams) == number
        return found

    return OfStreams(
        ledger_of(last, asked, np.zeros(0, ELSEWHERE)),
        own,
        events(last, own).content,
        thing="event",
        several=_by_operation(asked, "several", bool),
        begun=rows["begun"].astype(np.int64),
        done=rows["done"].astype(np.int64),
        ends_at=_by_operation(asked, "ends at", np.int64),
        mine=mine,
        received=_lines(_handed(store, STREAM_RECEIVED, number), IN_STREAM),
    )


def _table(store: Store, table: str, number: int, empty: pd.DataFrame) -> pd.DataFrame:
    pieces = store.read(table, number)
    return unpacked(pieces) if pieces else empty


def _hand_on_streams(case: OfStreams, number: int, store: Store) -> None:
    """Hand on what was received after a later event of its stream to the parts by the order of receipt."""
    assert case.seen.span is not None
    passed = order.passed(order.by_processor(case.received).values())
    Handing(store, number).to(PASSED, ranges(passed, 0, case.seen.span.records - 1, store.parts), {"": passed})


def _times(last: Ledger, seen: EventStore, store: Store, number: int) -> OfTimes:
    """A part of the time."""
    asked, learnt = _handed(store, QUESTIONS, number), seen.learnt

    def end(table: str, highest: Array) -> End:
        lines = _lines(_handed(store, table, number), REACHED)
        time, position, tenant = (lines[name].astype(np.int64) for name in ("time", "position", "tenant"))
        return End(time, position, tenant, highest[:number].max(axis=0, initial=0))

    def within(times: Array) -> Mask:
        found: Mask = windows(times, last, store.parts) == number
        return found

    own, ledger = seen.without_others(), ledger_of(last, asked, np.zeros(0, ELSEWHERE))
    return OfTimes(
        ledger,
        own,
        events(last, own).content,
        thing="event",
        # One that began in another part than it ended in is too low there or too high here, and can't be both.
        several=np.zeros(len(ledger.ops), bool),
        within=within,
        reached=(end(CERTAIN, learnt.certain), end(POSSIBLE, learnt.possible)),
        first=number == 0,
    )


def _receipts(_last: Ledger, seen: EventStore, store: Store, number: int) -> Receipts:
    """A part of what was received, in the order of its places."""
    lines = _lines(_handed(store, IN_ORDER, number), IN_ALL)
    passed = np.concatenate([np.zeros(0, np.int64), *(piece[""] for piece in _handed(store, PASSED, number))])
    before = seen.learnt.highest
    before = before[before["range"] < number]
    before["range"] = 0
    return Receipts(seen.processors, order.by_processor(lines), np.sort(passed), order.highest_of(before))


DIVISIONS = (
    (
        Division(POSITION, _positions, joined=_joined_positions, hand_on=_hand_on_positions),
        Division(TIME, _times),
    ),
    (Division(STREAM, _streams, hand_on=_hand_on_streams),),
    (Division(RECEIPT, _receipts),),
)
