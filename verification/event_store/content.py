"""What must be stored of appended events, a million of them in a second: as `systems.event_store.appended` has them.

What types and sizes follow from is computed for all at once. Of the text of an event there are parts only, each once
for all events that have it, and the checksum is computed of theirs.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from systems import event_store, event_store_pool
from systems.event_store_pool import FILLER, FINISHED, LIFE, OF, SIZES, STARTS, TENANTS, TYPES, Pool
from verification.arrays import Array
from verification.event_store import crc
from verification.event_store.crc import Texts, hexes, joined, slices, texts

_FIRST = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
_KINDS = [(first, *changes, end) for first, changes, end in LIFE.values()]
_NAMES = [name for kinds in _KINDS for name in kinds]
_COUNTS: Array = np.array([len(kinds) for kinds in _KINDS])
_BEGINS: Array = np.cumsum(_COUNTS) - _COUNTS
"""Where the kinds of a type begin in _NAMES: what creates it, what changes it, what ends it."""

Words = npt.NDArray[np.uint64]


def content(pool: Pool, run: str, items: pd.DataFrame) -> pd.DataFrame:
    """Of these items: stream, tenant, seq, and the checksum of all that an event says."""
    stream, version = event_store.about(items["subject"].to_numpy())
    item, seq = items["item"].to_numpy(), version + 1 + items["item"].to_numpy()
    tenants = _tenants(pool, stream)
    found = _texts(pool, run, items["key"].to_numpy(), item, stream, seq, tenants)
    return pd.DataFrame({"stream": stream, "tenant": tenants, "seq": seq, "checksum": crc.checksums(found)})


def _texts(pool: Pool, run: str, op: Array, item: Array, stream: Array, seq: Array, tenant: Array) -> Texts:
    """The lines of events: `systems.event_store.line` of what is appended."""
    kind = _kinds(pool, stream, seq)
    cents = 1 + (stream * 48_271 + seq * 69_621) % 99_999

    def type_and_place(both: int) -> tuple[int, str]:
        return both // len(_NAMES), _NAMES[both % len(_NAMES)]

    def about(number: int) -> str:
        own = event_store_pool.tenant_id(int(tenant_of[number]))
        return f"\t{own}\t{event_store_pool.aggregate_type(number)}\t{event_store.aggregate_id(number)}\t"

    tenant_of = dict(zip(stream.tolist(), tenant.tolist(), strict=True))
    places = seq * len(_NAMES) + kind
    own = joined(_one(f"{run}-"), hexes(op, 16))
    dot = _one(".")
    payload = joined(
        _each(cents, lambda number: f'{{"amount":{number // 100}.{number % 100:02d},"zip":"'),
        _each(stream % 100_000, lambda number: f'{number:05d}","at":['),
        _each(places, lambda both: '{},"{}"],"note":"'.format(*type_and_place(both))),
    )
    chance = mixed(stream, seq, pool.seed)
    start = (chance % np.uint64(STARTS)).astype(np.int64)
    note = slices(FILLER.encode(), start, sizes(chance, pool.largest) - payload.lengths - len('"}'))
    before = joined(dot, hexes((item - 1).clip(min=0), 4))
    first = np.where(item == 0, 0, 1)
    before = Texts(before.sums * first.astype(np.uint32), before.lengths * first)
    return joined(
        joined(own, dot, hexes(item, 4)),
        _each(stream, about),
        _each(places, lambda both: "{}\t{}\t".format(*type_and_place(both))),
        payload,
        note,
        joined(_one('"}\t{"correlation":"'), own, _one('","causation":"'), own),
        before,
        _one('"}'),
    )


def _one(text: str) -> Texts:
    return texts([text.encode()])


def _each(values: Array, said: Callable[[int], str]) -> Texts:
    """What is said of each value, once for all that are alike."""
    places, alike = pd.factorize(values)
    return texts([said(value).encode() for value in alike.tolist()]).at(places)


def _tenants(pool: Pool, stream: Array) -> Array:
    """`Pool.tenant` of each."""
    firsts = np.array(pool.firsts)
    seeded = np.searchsorted(firsts, stream, side="right") - 1
    return np.where(stream < firsts[-1], seeded, stream % TENANTS)


def _kinds(pool: Pool, stream: Array, seq: Array) -> Array:
    """`Pool.event_type` of each, as its place in _NAMES."""
    lengths = np.array([0, *pool.lengths])
    length = lengths[np.where(stream < len(lengths), stream, 0)]
    type_ = stream % len(TYPES)
    count = _COUNTS[type_]
    change = 1 + (mixed(stream, seq, 0) % (count - 2).astype(np.uint64)).astype(np.int64)
    ends = (seq == length) & (length > 2) & (stream % OF < FINISHED)
    place: Array = np.where(seq == 1, 0, np.where(ends, count - 1, change))
    return _BEGINS[type_] + place


def mixed(number: Array, seq: Array, seed: int) -> Words:
    """`event_store_pool.mixed` of each."""
    first, second = (np.uint64(one) for one in _FIRST)
    found: Words = (number.astype(np.uint64) + np.uint64(seed << 44)) * first ^ seq.astype(np.uint64) * second
    found = (found ^ found >> np.uint64(29)) * np.uint64(0xBF58476D1CE4E5B9)
    return found ^ found >> np.uint64(32)


def sizes(chance: Words, largest: int) -> Array:
    """How many bytes the payload of an event of each chance has."""
    of_hundred, rest = (chance % np.uint64(100)).astype(np.int64), chance >> np.uint64(8)
    found = np.zeros(len(chance), np.int64)
    above = 0
    for share, least, most in SIZES:
        own = (of_hundred >= above) & (of_hundred < above + share)
        found[own] = least + (rest[own] % np.uint64(most - least + 1)).astype(np.int64)
        above += share
    return found.clip(max=largest)
