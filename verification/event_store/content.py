"""What must be stored of appended events, a million of them in seconds: as `systems.event_store.appended` has them.

The chances that types and sizes follow from are computed for all at once, and a checksum is taken over the parts of an
event, so that the text of none is ever there as a whole.
"""

from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd

from systems import event_store, event_store_pool, ids
from systems.event_store_pool import FILLER, LIFE, SIZES, STARTS, TYPES, Pool
from verification.arrays import Array

_FILLER = memoryview(FILLER.encode())
_FIRST = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
_CHANGES = [LIFE[one][1] for one in TYPES]

Words = npt.NDArray[np.uint64]


def content(pool: Pool, run: str, items: pd.DataFrame) -> pd.DataFrame:
    """Of these items: stream, tenant, seq, and the checksum of all that an event says."""
    stream, version = event_store.about(items["subject"].to_numpy())
    seq = version + 1 + items["item"].to_numpy()
    chance = mixed(stream, seq, pool.seed)
    columns = (
        items["key"].tolist(),
        items["item"].tolist(),
        stream.tolist(),
        seq.tolist(),
        mixed(stream, seq, 0).tolist(),
        sizes(chance, pool.largest).tolist(),
        (chance % np.uint64(STARTS)).tolist(),
        (1 + (stream * 48_271 + seq * 69_621) % 99_999).tolist(),
    )
    checksums, tenants = np.zeros(len(items), np.int64), np.zeros(len(items), np.int64)
    last, own, about, tenant, length, changes = (-1, -1), "", "", 0, 0, _CHANGES[0]
    for place, (op, item, number, at, drawn, size, start, cents) in enumerate(zip(*columns, strict=True)):
        if last != (op, number):
            last, own, tenant = (op, number), ids.key(run, op), pool.tenant(number)
            type_ = event_store_pool.aggregate_type(number)
            about = f"{event_store_pool.tenant_id(tenant)}\t{type_}\t{event_store.aggregate_id(number)}"
            length, changes = pool.length(number), _CHANGES[number % len(TYPES)]
        tenants[place] = tenant
        # What is appended comes behind the seeded events, and neither begins nor ends a life but in a new stream.
        kind = changes[drawn % len(changes)] if at > max(length, 1) else pool.event_type(number, at)
        payload = (
            f'{{"amount":{cents // 100}.{cents % 100:02d},"zip":"{number % 100_000:05d}","at":[{at},"{kind}"],"note":"'
        )
        before = f"{own}.{item - 1:04x}" if item else own
        found = crc32(f"{own}.{item:04x}\t{about}\t{at}\t{kind}\t{payload}".encode())
        found = crc32(_FILLER[start : start + size - len(payload) - 2], found)
        checksums[place] = crc32(f'"}}\t{{"correlation":"{own}","causation":"{before}"}}'.encode(), found)
    return pd.DataFrame({"stream": stream, "tenant": tenants, "seq": seq, "checksum": checksums})


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
