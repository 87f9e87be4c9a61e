"""The events that seeding makes: which streams there are, what each event says, and in which order they were stored.

All of it follows from numbers, so that users, target and verification compute it again: of a stream its number (from 1,
over all tenants), of an event the number of its stream and its place in it (`seq`, from 1).
"""

import heapq
import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from systems import ids
from systems.event_store_time import moments

TENANTS = 10
BIG = 2
"""The first so many tenants …"""
BIG_SHARE = 0.8
"""… have that share of all events, …"""
STREAMS = 1_000
"""… and each tenant has so many streams at least, where its events suffice."""
MEAN_LENGTH = 40
"""How many events a stream has on average, where they are more than that takes."""
LONGEST = 1_000
"""Streams have 1 to so many events."""
UNEVEN = 1.7
"""The k-th longest stream of a tenant has k^-UNEVEN times the events of the longest, but never more than LONGEST."""
SNAPSHOT_EVERY = 100
LEAST_EVENTS, MOST_EVENTS = 10_000, 100_000_000
SMALLEST, LARGEST = 100, 10_000
"""How many bytes a payload has."""
SIZES = ((70, 100, 500), (25, 1_000, 5_000), (5, 5_001, 10_000))
"""Of a hundred payloads, so many have from … to … bytes."""

LIFE: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "User": ("UserRegistered", ("EmailChanged", "NameChanged", "PasswordChanged", "AddressAdded"), "UserClosed"),
    "Order": ("OrderPlaced", ("ItemAdded", "ItemRemoved", "AddressSet", "OrderPaid"), "OrderDelivered"),
    "Product": ("ProductCreated", ("PriceChanged", "StockCounted", "ImageAdded"), "ProductRetired"),
    "Invoice": ("InvoiceIssued", ("ReminderSent", "PaymentBooked"), "InvoiceSettled"),
    "Shipment": ("ShipmentPacked", ("ShipmentScanned", "ShipmentRerouted"), "ShipmentReceived"),
}
"""Of each type of aggregate the event that creates it, those that change it, and the one that ends it."""
TYPES = tuple(LIFE)
FINISHED, OF = 3, 5
"""FINISHED of OF streams with three events or more have come to their end."""

_WORDS = re.findall(
    r"\w+",
    "alpha bravo carbon delta ember fjord granite harbour island juniper kettle lantern meadow north orchard pebble "
    "quartz river saffron timber umber valley willow yarrow zephyr amber birch copper dune elm fern gravel hazel iris",
)


def _filler() -> str:
    """Text without anything that JSON escapes, longer than any payload from wherever it is begun."""
    words: list[str] = []
    state = 1
    while len(words) < 4_000:
        state = (state * 1_103_515_245 + 12_345) % 2**31
        words.append(_WORDS[(state >> 16) % len(_WORDS)])
    return " ".join(words)


FILLER = _filler()
STARTS = 4_096
"""From so many places of FILLER on a payload may begin."""
_MASK = 2**64 - 1


def mixed(number: int, seq: int, seed: int = 0) -> int:
    """64 bits that look like chance, the same for the same event and seed."""
    found = ((number + (seed << 44)) * 0x9E3779B97F4A7C15 ^ seq * 0xC2B2AE3D27D4EB4F) & _MASK
    found = (found ^ found >> 29) * 0xBF58476D1CE4E5B9 & _MASK
    return found ^ found >> 32


def aggregate_type(number: int) -> str:
    """The type of a stream's aggregate."""
    return TYPES[number % len(TYPES)]


def event_type(number: int, seq: int, last: bool = False) -> str:
    """What an event of a stream is; `last`: the one that ends the aggregate."""
    first, changes, end = LIFE[TYPES[number % len(TYPES)]]
    return first if seq == 1 else end if last else changes[mixed(number, seq) % len(changes)]


def amount(number: int, seq: int) -> int:
    """The amount that an event has, in cents: what a fold of a stream adds up."""
    return 1 + (number * 48_271 + seq * 69_621) % 99_999


def total(number: int, seq: int) -> int:
    """The sum of the amounts of the first `seq` events of a stream."""
    return sum(1 + (number * 48_271 + place * 69_621) % 99_999 for place in range(1, seq + 1))


def size(number: int, seq: int, largest: int = LARGEST, seed: int = 1) -> int:
    """How many bytes the payload of an event has."""
    return _size(mixed(number, seq, seed), largest)


def _size(chance: int, largest: int) -> int:
    of_hundred, chance = chance % 100, chance >> 8
    for share, least, most in SIZES:
        if of_hundred < share:
            return min(least + chance % (most - least + 1), largest)
        of_hundred -= share
    raise AssertionError(SIZES)


def payload(number: int, seq: int, kind: str, largest: int = LARGEST, seed: int = 1) -> str:
    """The payload of an event, as JSON: neither its keys are in any order, nor its number as short as it could be."""
    cents = amount(number, seq)
    head = f'{{"amount":{cents // 100}.{cents % 100:02d},"zip":"{number % 100_000:05d}","at":[{seq},"{kind}"],"note":"'
    chance = mixed(number, seq, seed)
    start = chance % STARTS
    return f'{head}{FILLER[start : start + _size(chance, largest) - len(head) - 2]}"}}'


def metadata(correlation: str, causation: str) -> str:
    """What an event says of where it comes from: the id of the first event or command, and of the one before it."""
    return f'{{"correlation":"{correlation}","causation":"{causation}"}}'


def state(events: int, cents: int, last: str) -> str:
    """A snapshot: what the first `events` of a stream add up to, as JSON."""
    return f'{{"events":{events},"total":{cents // 100}.{cents % 100:02d},"last":"{last}"}}'


def drawn(chance: float) -> int:
    """A tenant, drawn by a number from 0 to 1: the large ones as often as they have events."""
    if chance < BIG_SHARE:
        return int(chance / BIG_SHARE * BIG)
    return min(BIG + int((chance - BIG_SHARE) / (1 - BIG_SHARE) * (TENANTS - BIG)), TENANTS - 1)


def tenant_id(tenant: int) -> str:
    """The id of a tenant."""
    return f"tenant-{tenant:02d}"


@dataclass(frozen=True)
class Pool:
    """The streams of a pool of so many events."""

    events: int
    largest: int
    seed: int
    lengths: tuple[int, ...]
    """How many events each stream has."""
    firsts: tuple[int, ...]
    """The number of the first stream of each tenant, and the one after the last of all."""

    @property
    def streams(self) -> int:
        """How many streams there are."""
        return len(self.lengths)

    def tenant(self, number: int) -> int:
        """The tenant of a stream; also of one that only the load makes."""
        return bisect_right(self.firsts, number) - 1 if number < self.firsts[-1] else number % TENANTS

    def length(self, number: int) -> int:
        """How many events a stream was seeded with; 0 for one that only the load makes."""
        return self.lengths[number - 1] if number <= len(self.lengths) else 0

    def finished(self, number: int) -> bool:
        """Whether the last event of a stream ended its aggregate."""
        return self.length(number) > 2 and number % OF < FINISHED

    def event_type(self, number: int, seq: int) -> str:
        """What an event of a stream is, a seeded one or one that the load appends."""
        return event_type(number, seq, seq == self.length(number) and self.finished(number))

    def payload(self, number: int, seq: int) -> str:
        """What an event of a stream says, a seeded one or one that the load appends."""
        return payload(number, seq, self.event_type(number, seq), self.largest, self.seed)

    def of_tenant(self, tenant: int) -> range:
        """The numbers of the streams of a tenant, the longest first."""
        return range(self.firsts[tenant], self.firsts[tenant + 1])

    def long(self, besides: int = 0) -> list[int]:
        """The streams of LONGEST events, or the longest of all; of all tenants but the first so many."""
        first = self.firsts[besides]
        longest = max(self.lengths[first - 1 :])
        return [number for number, length in enumerate(self.lengths, 1) if length == longest and number >= first]

    def stored(self) -> Iterator[tuple[int, int, int, str, int, int]]:
        """The events in the order in which they were stored: number (from 1), stream, seq, time, and the numbers of
        the stream's first event and of the one before (0: there is none). As much is in memory as there are streams.
        """
        streams, lengths = self.streams, self.lengths
        step = next(step for step in (7_919, 7_907, 7_901, 7_883) if math.gcd(step, streams) == 1)
        begun = 0
        when, number, active = moments(), 0, list[tuple[float, int, int, int, int]]()
        while begun < streams or active:
            start = begun / streams * 0.9
            if begun < streams and (not active or start <= active[0][0]):
                heapq.heappush(active, (start, begun * step % streams + 1, 1, 0, 0))
                begun += 1
                continue
            at, stream, seq, first, before = active[0]
            number += 1
            yield number, stream, seq, when(at), first, before
            if seq == lengths[stream - 1]:
                heapq.heappop(active)
                continue
            life = 0.02 + 0.08 * (stream * 0x9E3779B1 % 1024) / 1024
            after = at + life / lengths[stream - 1]
            heapq.heapreplace(active, (after, stream, seq + 1, first or number, number))

    def snapshots(self) -> Iterator[tuple[int, int, str]]:
        """The snapshots: stream, seq, state; in the order of streams and places."""
        for number, length in enumerate(self.lengths, 1):
            cents = 0
            for seq in range(1, length // SNAPSHOT_EVERY * SNAPSHOT_EVERY + 1):
                cents += 1 + (number * 48_271 + seq * 69_621) % 99_999
                if seq % SNAPSHOT_EVERY == 0:
                    yield number, seq, state(seq, cents, self.event_type(number, seq))


@lru_cache(maxsize=4)
def pool(events: int, largest: int = LARGEST, seed: int = 1) -> Pool:
    """The streams of `events` events; ValueError if there can't be so many."""
    if not LEAST_EVENTS <= events <= MOST_EVENTS:
        raise ValueError(f"{events:,} events: expected {LEAST_EVENTS:,} to {MOST_EVENTS:,}")
    if not SMALLEST <= largest <= LARGEST:
        raise ValueError(f"payloads of {largest:,} bytes at most: expected {SMALLEST:,} to {LARGEST:,}")
    small = round(events * (1 - BIG_SHARE) / (TENANTS - BIG))
    big = (events - small * (TENANTS - BIG)) // BIG
    shares = [events - big * (BIG - 1) - small * (TENANTS - BIG), *[big] * (BIG - 1), *[small] * (TENANTS - BIG)]
    lengths: list[int] = []
    firsts = [1]
    for share in shares:
        lengths += _lengths(share)
        firsts.append(len(lengths) + 1)
    return Pool(events, largest, seed, tuple(lengths), tuple(firsts))


def _lengths(events: int) -> list[int]:
    """How many events each stream of a tenant has, the longest first: together `events`."""
    count = max(events // MEAN_LENGTH, min(STREAMS, events // 2))
    weights = [(place + 1) ** -UNEVEN for place in range(count)]
    low, high = 0.0, float(LONGEST * count) ** 2
    # As long in proportion as they can be: whatever is left is less than one event for each.
    while high - low > high * 1e-9:
        each = (low + high) / 2
        if sum(1 + min(LONGEST - 1, int(each * weight)) for weight in weights) <= events:
            low = each
        else:
            high = each
    lengths = [1 + min(LONGEST - 1, int(low * weight)) for weight in weights]
    for place in range(events - sum(lengths)):
        lengths[next(n for n in range(place, count) if lengths[n] < LONGEST)] += 1
    return lengths


def event_id(number: int) -> str:
    """The id of a seeded event: by its place among all."""
    return ids.uuid_of(number)
