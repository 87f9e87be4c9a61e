"""Events reach each processor in their order: those of a stream always, all of them but for those that were missing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from systems.event_store import XMIN
from verification.arrays import Array, Mask
from verification.event_store.delivery import Delivery, told, witnesses
from verification.event_store.received import Processor, Records
from verification.found import Part
from verification.ledger import find

IN_ALL = np.dtype(
    [("place", "<i8"), ("position", "<i8"), ("tx", "<i8"), ("processor", "<u4"), ("opened", "?")],
)
"""Where an event was received first, and whether it was missing when what is above it was read. What comes before it:
by its position, or first by its transaction; `tx` is 0 where that does not matter."""
IN_STREAM = np.dtype([("place", "<i8"), ("stream", "<i8"), ("seq", "<i8"), ("processor", "<u4")])
"""The same, and its place in its stream."""
HIGHEST = np.dtype([("processor", "<u4"), ("range", "<i8"), ("tx", "<i8"), ("position", "<i8")])
"""The last event, by their order, of those that a processor received first in a range of places."""


@dataclass(frozen=True)
class Receipts:
    """What was received first: in a run, or in a range of places."""

    processors: tuple[Processor, ...]
    lines: Mapping[int, Records]
    """IN_ALL of each processor that received anything, by its number, in the order of their places."""
    passed: Array
    """The places, in order, of those that came after a later event of their stream."""
    before: Records
    """HIGHEST of what was received before; of each processor one at most."""


def received(case: Delivery) -> tuple[dict[int, Records], list[Records]]:
    """IN_ALL of each processor, and IN_STREAM: what was received of the events, each once, in the order of places."""
    position, stream, seq, tx = (case.events[name].to_numpy() for name in ("position", "stream", "seq", "tx"))
    every, streams = dict[int, Records](), list[Records]()
    for one in case.received:
        _, first = np.unique(one.position, return_index=True)
        first = np.sort(first)
        event, there = find(position, one.position[first])
        first, event = first[there], event[there]
        lines, of_stream = np.zeros(len(first), IN_ALL), np.zeros(len(first), IN_STREAM)
        for found in (lines, of_stream):
            found["place"], found["processor"] = one.place[first], one.of.number
        lines["position"], lines["opened"] = position[event], np.isin(position[event], one.opened)
        if case.policy == XMIN:
            lines["tx"] = tx[event]
        of_stream["stream"], of_stream["seq"] = stream[event], seq[event]
        every[one.of.number] = lines
        streams.append(of_stream)
    return every, streams


def by_processor(lines: Records) -> dict[int, Records]:
    """Lines of each processor, in the order of their places."""
    lines = lines.take(np.argsort(lines["place"]))
    return {number: lines.compress(lines["processor"] == number) for number in np.unique(lines["processor"]).tolist()}


def whole(case: Delivery) -> Receipts:
    """All that was received."""
    lines, of_streams = received(case)
    of = tuple(one.of for one in case.received)
    return Receipts(of, lines, passed(of_streams), np.zeros(0, HIGHEST))


def passed(lines: Iterable[Records]) -> Array:
    """The places, in order, of those that came after a later event of their stream; `lines`: IN_STREAM of each
    processor, in the order of their places.
    """
    found = [np.zeros(0, np.int64)]
    for own in lines:
        place, stream, seq = (own[name].astype(np.int64) for name in ("place", "stream", "seq"))
        order = np.argsort(stream, kind="stable")
        its, at = stream[order], seq[order]
        found.append(place[order[1:]][(its[1:] == its[:-1]) & (at[1:] < at[:-1])])
    return np.sort(np.concatenate(found))


def ordered(case: Receipts) -> Part:
    """ORDER. Of a stream by its places; of all by their positions, but for those that were missing when what is above
    them was read: only these may come late.
    """
    sets, wrong = dict[str, frozenset[int]](), 0
    for one in case.processors:
        if one.number not in case.lines:
            continue
        own = case.lines[one.number]
        place, position = own["place"].astype(np.int64), own["position"].astype(np.int64)
        bad = _after_higher(own, case.before[case.before["processor"] == one.number]) & ~own["opened"]
        bad |= find(case.passed, place)[1]
        wrong += int(bad.sum())
        sets |= witnesses(one, position[bad], place[bad])
    detail, why = "events reached a processor after a later one", "an event that comes after it was received before it"
    return Part(partial(told, detail=detail, why=why), sum(map(len, case.lines.values())), wrong, sets=sets)


def _after_higher(own: Records, before: Records) -> Mask:
    """Which of the lines of a processor came after one that comes behind them; `before`: what was highest by then."""
    position, tx = (np.concatenate([before[name], own[name]]) for name in ("position", "tx"))
    # By transaction the order is that of transactions first, as ranks.
    rank = np.argsort(np.lexsort((position, tx))) if tx.any() else position
    after: Mask = np.maximum.accumulate(rank) > rank
    return after[len(before) :]


def highest(lines: Records, ranges: Array) -> Records:
    """HIGHEST of IN_ALL, in the order of processors and places; `ranges` tells in which range of places each is."""
    first = np.ones(len(lines), bool)
    first[1:] = (lines["processor"][1:] != lines["processor"][:-1]) | (ranges[1:] != ranges[:-1])
    begins = np.flatnonzero(first)
    found = np.zeros(len(begins), HIGHEST)
    if len(begins):
        order = np.lexsort((lines["position"], lines["tx"]))
        last = order[np.maximum.reduceat(np.argsort(order), begins)]
        found["range"] = ranges[begins]
        for name in ("processor", "tx", "position"):
            found[name] = lines[name][last]
    return found


def highest_of(some: Records) -> Records:
    """Of several HIGHEST of a processor and range the highest."""
    some = some[np.lexsort((some["position"], some["tx"], some["range"], some["processor"]))]
    last = np.ones(len(some), bool)
    last[:-1] = (some["processor"][1:] != some["processor"][:-1]) | (some["range"][1:] != some["range"][:-1])
    return some[last]
