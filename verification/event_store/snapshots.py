"""Snapshots are what their events add up to, and no newer than these."""

from collections.abc import Iterator, Sized
from dataclasses import replace
from zlib import crc32

import numpy as np

from harness.outcomes import Outcome
from systems import event_store, event_store_pool
from systems.event_store_pool import SNAPSHOT_EVERY
from verification.arrays import Array
from verification.event_store.case import Events
from verification.found import Found, Part, Witness

States = dict[tuple[int, int], tuple[str, int]]
"""By stream and number of events what a snapshot says, and the tenant that it is stored for."""


def judged(case: Events) -> Part:
    """SNAPSHOT. Each is what the events up to it add up to, of events that there are, and its tenant's; what was seeded
    or stored is there; what was read is one of them, and no older than what had been stored before.
    """
    ledger = case.ledger
    states: States = {}
    frame = case.seen.snapshots
    columns = (frame[name].tolist() for name in ("stream", "tenant", "seq", "state"))
    for stream, tenant, seq, state in zip(*columns, strict=True):
        states[stream, seq] = state, tenant
    wrong = list(_wrong(case, states))
    seeded = _seeded(case)
    gone = [one for one in seeded if one not in states]
    stream, version = case.about
    stored = np.flatnonzero(ledger.kind("store_snapshot") & ledger.outcome(Outcome.ACK))
    pairs = zip(stream[stored].tolist(), version[stored].tolist(), strict=True)
    lost = stored[[pair not in states for pair in pairs]] if len(stored) else stored
    read = np.flatnonzero(ledger.kind("read_snapshot") & ledger.outcome(Outcome.ACK))
    bad = read[_misread(case, states, stored, read)]
    part = case.of_operations(
        _judged,
        len(states) + len(seeded) + len(stored) + len(read),
        np.concatenate([lost, bad]).astype(np.int64),
    )
    each: dict[str, Sized] = {"wrong": wrong, "gone": gone, "states": states, "seeded": seeded}
    each |= {"lost": lost, "stored": stored, "bad": bad, "read": read}
    return replace(
        part,
        sums={name: len(some) for name, some in each.items()},
        each={name: _witness(states, *min(some)) for name, some in (("wrong", wrong), ("gone", gone)) if some},
    )


def _witness(states: States, number: int, seq: int) -> Witness:
    return Witness(
        (number, seq),
        {"stream": number, "seq": seq, "state": states.get((number, seq), ("", -1))[0]},
        f"SELECT * FROM snapshots WHERE aggregate_id = '{event_store.aggregate_id(number)}' ORDER BY seq;",
    )


def _judged(part: Part) -> Found:
    sums = part.sums
    detail = (
        f"{sums['wrong']:,} of {sums['states']:,} snapshots are not what their events add up to, or of events that "
        f"there are not; {sums['gone']:,} of {sums['seeded']:,} seeded and {sums['lost']:,} of {sums['stored']:,} "
        f"stored ones are not there; {sums['bad']:,} of {sums['read']:,} answers are none of them, or an older one"
    )
    if part.witnesses or not part.each:
        return part.found(detail)
    first = part.each.get("wrong", part.each.get("gone"))
    assert first is not None
    return Found(part.compared, sums["wrong"] + sums["gone"], detail, first.shown, sql=first.sql)


def _seeded(case: Events) -> list[tuple[int, int]]:
    """The streams and places of which there was a snapshot before."""
    lengths = np.array(case.pool.lengths)
    numbers = np.flatnonzero(lengths >= SNAPSHOT_EVERY) + 1
    return [
        (number, seq)
        for number in numbers[case.has_streams(numbers)].tolist()
        for seq in range(SNAPSHOT_EVERY, case.pool.length(number) + 1, SNAPSHOT_EVERY)
    ]


def _wrong(case: Events, states: States) -> Iterator[tuple[int, int]]:
    """The snapshots that are not what they must be, in the order of streams and places."""
    pool, length = case.pool, _lengths(case)
    running: dict[int, tuple[int, int]] = {}
    for (number, seq), (state, tenant) in states.items():
        at, cents = running.get(number, (0, 0))
        if number < 1 or seq > length.get(number, pool.length(number)) or tenant != pool.tenant(number):
            yield number, seq
            continue
        cents += sum(event_store_pool.amount(number, place) for place in range(at + 1, seq + 1))
        running[number] = seq, cents
        if state != event_store_pool.state(seq, cents, pool.event_type(number, seq)):
            yield number, seq


def _lengths(case: Events) -> dict[int, int]:
    """How many events the streams have to which something was appended."""
    last = case.rows.groupby("stream")["seq"].max()
    return dict(zip(last.index.tolist(), last.tolist(), strict=True))


def _misread(case: Events, states: States, stored: Array, read: Array) -> Array:
    """Which of the answers are none of the snapshots, or older than what had been stored by then."""
    ledger, (stream, version) = case.ledger, case.about
    checksum, told = event_store.saw(ledger.ops["answer"].to_numpy()[read])
    bad = np.zeros(len(read), bool)
    for place, line in enumerate(read.tolist()):
        number, seq = int(stream[line]), int(told[place])
        earlier = stored[(stream[stored] == number) & (ledger.latest[stored] < ledger.earliest[line])]
        least = max([case.pool.length(number) // SNAPSHOT_EVERY * SNAPSHOT_EVERY, *version[earlier].tolist()])
        text = states.get((number, seq), ("\0", -1))[0]
        right = seq == 0 or crc32(text.encode()) == int(checksum[place])
        bad[place] = not right or seq < least
    return bad
