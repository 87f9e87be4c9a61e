"""What loads answered was so at that time."""

from collections import defaultdict
from zlib import crc32

import numpy as np

from verification.arrays import Array
from verification.case import Found
from verification.event_store.case import Events
from verification.ledger import find


def loaded(case: Events) -> Found:
    """LOADED. A load is a beginning of the stream as it is in the end: no shorter than what was acknowledged before it
    began, no longer than what had been begun when it ended.
    """
    ledger, records = case.ledger, case.seen.loaded
    line, there = find(ledger.ops["op"].to_numpy(), records["op"].astype(np.int64))
    records, line = records[there], line[there]
    texts, states = _texts(case), _states(case)
    stream = case.about[0][line]
    least, most = bounds(case, stream, ledger.earliest[line], ledger.latest[line])
    wrong = np.zeros(len(line), bool)
    sums: dict[tuple[int, str, int, int], int] = {}
    for place, (number, record) in enumerate(zip(stream.tolist(), records.tolist(), strict=True)):
        _, checksum, snapshot, last, events = record
        lines = texts.get(number, [])
        before = states.get((number, snapshot)) if snapshot else ""
        right = (
            least[place] <= last <= min(most[place], len(lines)) and events == last - snapshot and before is not None
        )
        if right:
            wanted = (number, before or "", snapshot, last)
            if wanted not in sums:
                sums[wanted] = _checksum(lines, *wanted[1:])
            right = sums[wanted] == checksum
        wrong[place] = not right or before is None
    return case.broken(
        len(line),
        np.unique(ledger.key_place[line[wrong]]),
        f"{int(wrong.sum()):,} of {len(line):,} loads answered what their stream was not at that time",
    )


def _checksum(lines: list[bytes], before: str, first: int, last: int) -> int:
    """The checksum of what a load answers: the snapshot, and the events after `first` up to `last`."""
    return crc32(b"\n".join(lines[first:last]), crc32(before.encode()) if before else 0)


def _texts(case: Events) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = defaultdict(list)
    frame = case.seen.texts
    for stream, line in zip(frame["stream"].tolist(), frame["line"].tolist(), strict=True):
        found[stream].append(line.encode())
    return found


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
