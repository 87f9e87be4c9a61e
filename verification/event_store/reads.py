"""What loads answered was so at that time."""

from dataclasses import replace

import numpy as np

from verification.arrays import Array, Mask
from verification.event_store import crc
from verification.event_store.case import Events
from verification.event_store.crc import Texts
from verification.event_store.received import Records
from verification.found import Found, Part
from verification.ledger import find

BETWEEN = crc.texts([b"\n"])
"""What is between two events, in what the checksum of several is of."""


def loaded(case: Events) -> Part:
    """LOADED. A load is a beginning of the stream as it is in the end: no shorter than what was acknowledged before it
    began, no longer than what had been begun when it ended.
    """
    ledger, records = case.ledger, case.seen.loaded
    line, there = find(ledger.ops["op"].to_numpy(), records["op"].astype(np.int64))
    records, line = records[there], line[there]
    stream = case.about[0][line]
    least, most = bounds(case, stream, ledger.earliest[line], ledger.latest[line])
    right = _as_stored(case, stream, records, least, most)
    wrong = line[~right]
    part = case.of_operations(_loaded, len(line), wrong)
    return replace(part, sums={"wrong": len(wrong)})


def _loaded(part: Part) -> Found:
    return part.found(
        f"{part.sums['wrong']:,} of {part.compared:,} loads answered what their stream was not at that time"
    )


def _as_stored(case: Events, stream: Array, records: Records, least: Array, most: Array) -> Mask:
    """Which loads answered a snapshot that there is, and the events that follow, up to a place within these bounds."""
    of, seq, checksum, length = (case.seen.lines[name].to_numpy() for name in ("stream", "seq", "checksum", "length"))
    order = np.lexsort((checksum, seq, of))
    of = of[order]
    begin, end = np.searchsorted(of, stream), np.searchsorted(of, stream, "right")
    snapshot, last, events = (records[name].astype(np.int64) for name in ("snapshot", "last", "events"))
    states = _states(case)
    before = [states.get(one) if one[1] else "" for one in zip(stream.tolist(), snapshot.tolist(), strict=True)]
    right: Mask = np.array([one is not None for one in before], bool)
    right &= (least <= last) & (last <= np.minimum(most, end - begin)) & (events == last - snapshot)
    places = np.flatnonzero(right)
    begin, snapshot, last = begin[places], snapshot[places], last[places]
    # Each event with what is before it; of the first one it is none of the answer.
    chain = crc.chained(crc.joined(BETWEEN, crc.known(checksum[order], length[order])))
    found = chain.taken(begin + snapshot, begin + last)
    lengths = np.where(found.lengths > 0, found.lengths - 1, 0)
    first = np.where(found.lengths > 0, crc.joined(BETWEEN, Texts(np.zeros(len(places), np.uint32), lengths)).sums, 0)
    answered = Texts(found.sums ^ first.astype(np.uint32), lengths)
    told = crc.texts([(before[place] or "").encode() for place in places.tolist()])
    right[places] = crc.checksums(crc.joined(told, answered)) == records["checksum"][places]
    return right


def _states(case: Events) -> dict[tuple[int, int], str]:
    frame = case.seen.snapshots
    columns = (frame[name].tolist() for name in ("stream", "seq", "state"))
    return {(stream, seq): state for stream, seq, state in zip(*columns, strict=True)}


def bounds(case: Events, stream: Array, began: Array, ended: Array) -> tuple[Array, Array]:
    """How many events each stream had at least when something began, and at most when it ended."""
    rows = case.rows
    streams = rows["stream"].to_numpy()
    seeded = np.array([case.pool.length(int(one)) for one in stream], np.int64)
    found = []
    for times, at in ((case.row_done, began), (case.row_begun, ended)):
        order = np.lexsort((times, streams))
        of, time = streams[order], times[order]
        first, last = np.searchsorted(of, stream), np.searchsorted(of, stream + 1)
        pairs = zip(first.tolist(), last.tolist(), at.tolist(), strict=True)
        counts = [int(np.searchsorted(time[low:high], moment, "right")) for low, high, moment in pairs]
        found.append(seeded + np.array(counts, np.int64))
    return found[0], found[1]
