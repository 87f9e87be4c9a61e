"""Events that were appended, one, ten and a hundred at once, and received by processors of all and of one tenant."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from benchmarks.histories.records import ID, TOOK_NS, Made, drawn, moments
from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from systems import event_store, event_store_pool, ids
from systems.event_store import AT, BATCHES, DELIVERED, MISSING

BATCH = 1_000
"""So many events a processor received at once."""
COLUMNS = (
    "global_seq, event_id, tenant_id, aggregate_type, aggregate_id, seq, event_type, payload, metadata, occurred_at"
)


def appended(scenario: Scenario, count: int, draw: np.random.Generator) -> Made:
    """About `count` events. What was rolled back left numbers that nobody has."""
    kinds = list(scenario.mix)
    pool = event_store_pool.pool(scenario.pool["events"], scenario.pool["largest"], 1)
    shares = np.array(list(scenario.mix.values())) / sum(scenario.mix.values())
    items = np.array([BATCHES.get(name, int(name == "rollback")) for name in kinds])
    stored = np.array([BATCHES.get(name, 0) for name in kinds])
    records = drawn(scenario.mix, (), round(count / float(shares @ stored)), draw)
    kind = records["kind"].astype(np.int64)
    streams, versions = _streams(pool, kind, stored)
    polls = kind == kinds.index("stream")
    records["subject"] = np.where(polls, 0, versions << 40 | streams)
    known, undone = records["outcome"] != Outcome.UNKNOWN, kind == kinds.index("rollback")
    records["outcome"][known & ~undone] = Outcome.ACK
    last = pool.events + np.cumsum(items[kind])
    records["answer"] = np.where(undone, versions, np.where(polls, 1, last)) * known
    lines, position, tenant, checksum = _rows(pool, records, stored[kind], streams, versions, last)
    gaps = last[undone]
    of_each = (np.ones(len(position), bool), tenant == event_store.tenant_of(1))
    received = [_received(place, position[own], checksum[own], gaps) for place, own in enumerate(of_each)]
    named = ids.key(ID, ids.operation(0, 0))
    tokens = ", ".join(
        f"('{named}.{place:04x}', {one['position'][-1]}, '{{}}', {last[-1]}, 0, {one['batch'][-1]})"
        for place, one in enumerate(received)
    )
    then = f"INSERT INTO tracking_tokens (processor, position, gaps, settled, tx, batches) VALUES {tokens}"
    beside = {"received-0.bin": b"".join(one.tobytes() for one in received)}
    return Made(records, f"domain_events ({COLUMNS})", lines, f"{then}; ANALYZE domain_events", beside)


def _streams(pool: event_store_pool.Pool, kind: Any, stored: Any) -> tuple[Any, Any]:
    """For each operation a stream that goes on, and the version that it has by then."""
    going = cycle([number for number in range(1, pool.streams + 1) if not pool.finished(number)])
    streams, versions = np.zeros(len(kind), np.int64), np.zeros(len(kind), np.int64)
    reached: dict[int, int] = {}
    for op, count in enumerate(stored[kind].tolist()):
        streams[op] = number = next(going)
        versions[op] = version = reached.get(number, pool.length(number))
        reached[number] = version + count
    return streams, versions


def _rows(
    pool: event_store_pool.Pool, records: Any, items: Any, streams: Any, versions: Any, last: Any
) -> tuple[list[str], Any, Any, Any]:
    """The rows as COPY reads them; and of each its position, tenant and checksum."""
    lines, positions, tenants, checksums = [], [], [], []
    at = moments((records["start"] + TOOK_NS // 2) // 1000)
    columns = (items.tolist(), streams.tolist(), versions.tolist(), last.tolist(), at)
    for op, (count, number, version, end, moment) in enumerate(zip(*columns, strict=True)):
        tenant = pool.tenant(number)
        own = (event_store_pool.tenant_id(tenant), event_store_pool.aggregate_type(number), ids.uuid_of(number))
        for place, event in enumerate(_events(pool, op, number, version, count)):
            id_, type_, payload, metadata = event
            line = event_store.line((id_, *own, version + 1 + place, type_, payload, metadata))
            position = end - count + 1 + place
            lines.append(f"{position}\t{line.decode()}\t{moment}\n")
            positions.append(position)
            tenants.append(tenant)
            checksums.append(crc32(line))
    return lines, *(np.array(one, np.int64) for one in (positions, tenants, checksums))


def _events(pool: event_store_pool.Pool, op: int, number: int, version: int, count: int) -> Iterator[Any]:
    return event_store.appended(pool, ID, op, number, version, count) if count else iter(())


def _received(place: int, position: Any, checksum: Any, gaps: Any) -> npt.NDArray[np.void]:
    """What a processor left beside the journal: events, what was missing below them, and where its token was."""
    batches = np.arange(len(position)) // BATCH + 1
    events = np.zeros(len(position), list(event_store.RECEIVED))
    events["batch"], events["position"], events["checksum"], events["what"] = batches, position, checksum, DELIVERED
    ends = np.append(np.flatnonzero(np.diff(batches)), len(position) - 1)
    missing = np.zeros(len(gaps), events.dtype)
    missing["position"], missing["what"] = gaps, MISSING
    missing["batch"] = batches[np.searchsorted(position, gaps).clip(max=len(position) - 1)]
    tokens = np.zeros(len(ends), events.dtype)
    tokens["batch"], tokens["position"], tokens["what"] = batches[ends], position[ends], AT
    found = np.concatenate([events, missing, tokens])
    found["processor"] = place
    return found[np.lexsort((found["what"], found["batch"]))]
