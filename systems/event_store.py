"""The event store: an engine on PostgreSQL, whose users append events, load aggregates and follow the stream.

What seeding, users, engine and verification must agree on; `systems/event_store_pool.py` has which events there are,
and `systems/event_store_sql.py` the statements.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from zlib import crc32

from systems import event_store_pool, ids
from systems.effect import Effect
from systems.event_store_pool import LARGEST, LEAST_EVENTS, MOST_EVENTS, SMALLEST
from systems.event_store_sql import STATEMENTS, statements

BATCHES = {"append_1": 1, "append_10": 10, "append_100": 100}
"""The kinds that append to a stream which nobody else writes, and how many events each appends at once."""

MIX = {
    "append_1": 28,
    "append_10": 8,
    "append_100": 2,
    "slow": 4,
    "rollback": 4,
    "contend": 6,
    "stale": 3,
    "repeat": 3,
    "reuse": 1,
    "load": 8,
    "load_snapshot": 8,
    "load_live": 4,
    "stream": 10,
    "follow": 1,
    "restart": 1,
    "store_snapshot": 3,
    "early_snapshot": 1,
    "read_snapshot": 3,
    "head": 2,
    "tail": 1,
    "token_at": 1,
}
"""Of every 100 operations, how many are of which kind.

slow            one event, whose transaction commits a while after it drew its number: meanwhile its number is a gap
rollback        one event, whose transaction is rolled back after that: a gap for ever
contend         one event for a stream that all write: of those who expect the same version one is served
stale           events with a version that is passed, or is not reached by this stream, though by another: refused
repeat          an append that was acknowledged, sent again with the same ids: stored before
reuse           the ids of such an append for events of another stream, at its version: refused
load            all events of one of the longest streams; load_snapshot: its last snapshot, and the events since
load_live       all events of a stream that others write meanwhile
stream          a processor reads its next batch, and stores its token
follow          a processor reads to the end, waits for an event, and reads that
restart         a processor reads a batch, and is gone before it has handled it: it begins again where its token is
store_snapshot  what a stream adds up to is stored; read_snapshot: the last of a stream is read
early_snapshot  what it will add up to, of events that it does not have: refused
head            the last position, of all or of a tenant; tail: the one before the first; token_at: that before a time
"""

APPENDS = (*BATCHES, "slow", "contend")
"""The kinds that leave events."""
WRITES = (*APPENDS, "rollback", "stale", "repeat", "reuse")
"""The kinds that send events."""
LOADS = ("load", "load_snapshot", "load_live")
TOKENS = ("head", "tail", "token_at")
STREAMS = ("stream", "follow", "restart")

NEEDS = {"repeat": tuple(BATCHES), "reuse": tuple(BATCHES), "restart": ("stream",)}
"""The kinds that can be done only if one of these is done, too."""

EXPECTED = {
    **dict.fromkeys(MIX, ("ACK",)),
    "contend": ("ACK", "REJECT"),
    "rollback": ("REJECT",),
    "stale": ("REJECT",),
    "repeat": ("REPLAY",),
    "reuse": ("REJECT",),
    "early_snapshot": ("REJECT",),
}
"""The outcomes that an operation of each kind may have."""

_PROCESSOR = (
    *("stream", "stream_tenant", "stream_xmin", "stream_xmin_tenant", "gaps", "gaps_tenant", "numbers", "token"),
    *("new_token", "save_token", "running", "now", "listen"),
)
SENDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((*WRITES,), ("append", "same", "version", "notify")),
    **dict.fromkeys(("load", "load_live"), ("load",)),
    "load_snapshot": ("snapshot", "load"),
    "read_snapshot": ("snapshot",),
    **dict.fromkeys(("store_snapshot", "early_snapshot"), ("store_snapshot", "same_snapshot")),
    **dict.fromkeys(STREAMS, _PROCESSOR),
    "head": ("head", "head_tenant"),
    "tail": ("tail",),
    "token_at": ("token_at",),
}
"""The statements that an operation of each kind may send, besides those that begin and end its transaction."""

EFFECTS: dict[str, dict[str, Effect]] = {
    kind: {"ACK": Effect(BATCHES.get(kind, 1))} if kind in APPENDS else {} for kind in MIX
}
"""What an acknowledged append leaves: as many events as it has, all in one transaction."""

VOLUME = "events"
"""What of the pool is made larger to see what grows with it."""

POINTS = ("stored",)
ITEMS = "events"
ROWS = ("domain_events", "event_id")

GAP_TOKEN, XMIN, SERIAL, NONE, SOURCE = "gap_token", "xmin", "serial", "none", "source"
STRATEGIES = (GAP_TOKEN, XMIN, SERIAL, NONE, SOURCE)
"""How a stream is read while numbers below its end are not committed.

gap_token  numbers that are missing are kept in the token, and looked for until nobody can store them any more
xmin       events are read by transaction, and only of those than which none that still runs is older
serial     appends wait for each other, so that numbers are committed in their order
none       what is stored below the token later is never read: events are lost
source     as gap_token, without the index on tenant and position, as in the system that this stands for
"""

HOT = 10**11 + 3
"""The first stream that all write; there are HOTS of them. Each has the aggregate id of one of the first seeded ones,
which are long, and another tenant: what leaves the tenant out of account takes the one for the other."""
HOTS = 2
STALE = 3
"""How many events are sent with a version that is passed: some of their places are free, and must stay so."""
SETTINGS = {"processors": 4, "batch": 1_000, "behind": 0, "slow_ms": 40, "notify": 0, "besides": 0}
"""What [service.engine] sets, and what it is without a plan: how many processors each load process has, how many events
one reads at once, how many of the seeded ones are still to be read when they begin, how long a slow commit takes;
whether appends notify processors that wait (1), or these look again after WAIT_S at the latest only; and how many
tenants, the first of all, no operation is about.
"""
WAIT_S = 0.2
"""How long a processor waits for an event at most."""
DAYS = range(1, 25)
"""`token_at` asks for noon of one of these days …"""


def begin(events: int, settings: Mapping[str, Any]) -> int:
    """The position at which a new processor begins, in a pool of so many events."""
    return max(events - int({**SETTINGS, **settings}["behind"]), 0)


def aggregate_id(stream: int) -> str:
    """The id of a stream's aggregate."""
    return ids.uuid_of(stream - HOT + 1 if stream >= HOT else stream)


def noon(day: int) -> str:
    """… of the last month of the pool."""
    return f"2024-06-{day:02d} 12:00:00+00"


def tenant_of(processor: int) -> int:
    """The tenant whose events a processor of a load process reads, of all if it is -1: large ones and small ones."""
    return (-1, 0, -1, 5, -1, 1, -1, 7)[processor % 8]


_PLACE_BITS = 40
_LENGTH_BITS = 20


def subject(stream: int, seq: int = 0) -> int:
    """What an operation is about, as one number for its journal: a stream, and the version that it expects."""
    return seq << _PLACE_BITS | stream


def about(subject: Any) -> tuple[Any, Any]:
    """Stream and version of a subject, or of an array of them."""
    return subject & (1 << _PLACE_BITS) - 1, subject >> _PLACE_BITS


def seen(checksum: int, last: int) -> int:
    """What the read of a snapshot answered, for a journal: a checksum of its text, and how many events it is of."""
    return (checksum & 0xFFFFFFFF) << _LENGTH_BITS | last


def saw(answer: Any) -> tuple[Any, Any]:
    """The two of an answer, or of an array of them."""
    return answer >> _LENGTH_BITS, answer & (1 << _LENGTH_BITS) - 1


def line(fields: Any) -> bytes:
    """An event as the checksum of it is made of it: its fields but its position, as text."""
    return "\t".join(map(str, fields)).encode()


RECEIVED = (("processor", "<u4"), ("batch", "<u4"), ("position", "<i8"), ("checksum", "<u4"), ("what", "<u4"))
"""What a processor leaves beside the journal of each event that it received: received-<worker>.bin. `processor` is its
number, with that of its load process above PROCESSORS; `checksum` that of the event."""
DELIVERED, PERHAPS, MISSING, AT = 0, 1, 2, 3
"""What it was: received in a transaction that was committed, or of which that is not known; a number that was missing;
or no event, but where the token was after a batch."""
PROCESSORS = 1 << 16

LOADED = (("op", "<i8"), ("checksum", "<u4"), ("snapshot", "<i4"), ("last", "<i4"), ("events", "<i4"))
"""What a load answered, beside the journal: loaded-<worker>.bin. The operation, the checksum of all that it answered,
how many events the snapshot was of (0: none), the place of the last event, and how many events came."""


def checksum(events: Any, before: int = 0) -> int:
    """The checksum of events as they were answered, after that of what came before."""
    return crc32(b"\n".join(line(one[1:]) for one in events), before)


def appended(pool: event_store_pool.Pool, run: str, op: int, stream: int, expected: int, items: int) -> Iterator[Any]:
    """The events that operation `op` appends to a stream of `expected` events: id, type, payload, metadata."""
    before = ids.key(run, op)
    for item in range(items):
        yield one_appended(pool, run, op, stream, expected, item, before)
        before = ids.item_key(run, op, item)


def one_appended(
    pool: event_store_pool.Pool, run: str, op: int, stream: int, expected: int, item: int, before: str
) -> tuple[str, str, str, str]:
    """One of them; `before` is the id of the one before it, or of the command."""
    seq = expected + 1 + item
    kind = pool.event_type(stream, seq)
    return (
        ids.item_key(run, op, item),
        kind,
        event_store_pool.payload(stream, seq, kind, pool.largest, pool.seed),
        event_store_pool.metadata(ids.key(run, op), before),
    )


def pool_digest_sql() -> str:
    """SQL for how many seeded events there are, and for a digest of all that they say, whatever their order."""
    pooled = f"FILTER (WHERE event_id {ids.POOL_SQL})"
    return f"""
        count(*) {pooled}, coalesce(sum(hashtextextended(concat_ws(E'\\t', global_seq, event_id, tenant_id,
            aggregate_type, aggregate_id, seq, event_type, payload, metadata, occurred_at), 0)) {pooled}, 0)::text
    """


def pool(sizes: Mapping[str, Any], _operations: float, rounds: bool) -> dict[str, Any]:
    """What seeding is to make; ValueError if there can't be so many events."""
    if rounds:
        raise ValueError("its users do not meet for rounds")
    events, largest = sizes.get("events", LEAST_EVENTS), sizes.get("largest", LARGEST)
    if not LEAST_EVENTS <= events <= MOST_EVENTS:
        raise ValueError(f"{events:,} events: expected {LEAST_EVENTS:,} to {MOST_EVENTS:,}")
    if not SMALLEST <= largest <= LARGEST:
        raise ValueError(f"payloads of {largest:,} bytes at most: expected {SMALLEST:,} to {LARGEST:,}")
    return {"events": events, "largest": largest}


def calls(contract: Mapping[str, Any]) -> Iterator[str]:
    """The statements of the engine, a line each."""
    for name, text in statements(contract["statements"]).items():
        yield f"{name}: {' '.join(text.split())}"


_PARAMETER = re.compile(r"%\((\w+)\)s")


def wrong(
    contract: Mapping[str, Any], _database: Mapping[str, Any], _mix: Mapping[str, int], _rounds: bool, _given: bool
) -> Iterator[tuple[str, str, str]]:
    """What a plan can't mean: the table of the plan, the word in it, and what was expected."""
    for name, text in contract["statements"].items():
        if name not in STATEMENTS:
            yield "contract", name, f"unknown statement {name!r}: expected one of {', '.join(STATEMENTS)}"
        elif not isinstance(text, str):
            yield "contract", name, f"statements: {name} = {text!r}: expected SQL"
        else:
            known = set(_PARAMETER.findall(STATEMENTS[name]))
            for word in sorted(set(_PARAMETER.findall(text)) - known):
                yield "contract", name, f"{name} has %({word})s: expected some of {', '.join(sorted(known))}"
