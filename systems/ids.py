"""The id schemes: everything has a number, and its id is computed from that number.

So a journal holds numbers only, and its readers compute the ids again.
"""

import hashlib
import re
from datetime import UTC, datetime

COUNT_BITS = 40
"""An operation's number holds its place in its load process's journal in the low bits, up to 2**40 of them, and the
number of the process in the 23 above: together they fit into a signed 64-bit integer."""

UUID_PREFIX = "00000000-0000-4000-8000-"
"""What every seeded UUID begins with; the number follows in twelve decimal digits."""

POOL_SQL = f"BETWEEN '{UUID_PREFIX}000000000000' AND '{UUID_PREFIX}ffffffffffff'"
"""What is true of each seeded UUID, and of none that a target makes; in SQL, to follow a column."""

BORN = "%Y%m%dT%H%M%S"
"""How the moment of a run's birth (UTC) is written at the beginning of its id, …"""
BORN_LENGTH = 15
"""… in so many characters; six hex digits of chance follow."""
_RUN = "[0-9]{8}T[0-9]{6}[0-9a-f]{6}"
SAMPLE_RUN = "20261120T235501a1b2c3"
"""The id of a run that never was, for requests that are shown and not sent."""

OPERATION_DIGITS = 16
"""In a key, the hex digits of the operation's number, which is below 2**63; in lower case."""
ITEM_MARK, ITEM_DIGITS = ".", 4
"""In the key of an item, what follows them: a mark, and the hex digits of the item's number."""
MOST_ITEMS = 16**ITEM_DIGITS
"""So many items an operation can have at most."""
PLAIN_SUFFIX = f"[0-7][0-9a-f]{{{OPERATION_DIGITS - 1}}}"
SUFFIX = f"{PLAIN_SUFFIX}([{ITEM_MARK}][0-9a-f]{{{ITEM_DIGITS}}})?"
"""What follows the run and a hyphen in a key, without and perhaps with an item: regular expressions for Python and
PostgreSQL, without anchors."""

PLAIN_KEY = f"{_RUN}-{PLAIN_SUFFIX}"
"""What a key without an item looks like: a regular expression for PostgreSQL, without anchors."""

KEY_SQL = f"~ '^{_RUN}-{SUFFIX}$'"
"""What is true of each key that `key` and `item_key` make, whatever the run; in SQL, to follow a column."""


def uuid_of(n: int) -> str:
    """The UUID of the seeded thing number `n` (1 ≤ n < 10**12), e.g. 1 → …-000000000001."""
    return f"{UUID_PREFIX}{n:012d}"


def run_of(born: datetime, chance: str) -> str:
    """The id of a run born at a moment (UTC), e.g. 20261120T235501a1b2c3; `chance`: six hex digits."""
    return f"{born.strftime(BORN)}{chance}"


def born(run: str) -> datetime:
    """When a run was born; its id begins with it."""
    return datetime.strptime(run[:BORN_LENGTH], BORN).replace(tzinfo=UTC)


def operation(worker: int, count: int) -> int:
    """The number of the operation at place `count` of the journal of load process `worker`; unique in a run."""
    return worker << COUNT_BITS | count


def key(run: str, op: int) -> str:
    """The idempotency key that operation `op` of `run` makes: unique over all runs. As a key of an item, that of 0."""
    return f"{run}-{op:016x}"


def item_key(run: str, op: int, item: int) -> str:
    """The key of item number `item` (0 ≤ item < MOST_ITEMS) of what operation `op` leaves."""
    return f"{run}-{op:016x}.{item:04x}"


def parse(run: str, key: str) -> tuple[int, int] | None:
    """Operation and item of a key of `run`: the inverse of `key` and `item_key`; None if they didn't make it."""
    prefix, suffix = f"{run}-", key[len(run) + 1 :]
    if not key.startswith(prefix) or not re.fullmatch(SUFFIX, suffix):
        return None
    op, _, item = suffix.partition(ITEM_MARK)
    return int(op, 16), int(item or "0", 16)


def canonical(said: object) -> str:
    """An id as text, the same however it is written: a UUID in lower case with hyphens, a whole number in digits.

    TypeError for what is no id.
    """
    if type(said) is int:
        return str(said)
    if not isinstance(said, str):
        raise TypeError(f"{said!r} is no id: expected text or a whole number")
    if len(said) == 36 and said[8] == "-" and said == said.lower():
        return said  # as PostgreSQL writes UUIDs: most are
    found = _UUID.fullmatch(said)
    return "-".join(found.groups()).lower() if found else said


_PARTS = "-?".join(f"([0-9a-f]{{{digits}}})" for digits in (8, 4, 4, 4, 12))
_UUID = re.compile(f"(?:urn:uuid:)?[{{]?{_PARTS}[}}]?", re.ASCII | re.IGNORECASE)


DIGEST_BYTES = 8
NIL = "00000000-0000-0000-0000-000000000000"
"""The id of nothing."""


def digest(said: object) -> int:
    """63 bits that stand for an id or a text in a journal record, which holds only numbers; the same in every process,
    and for every way to write an id. TypeError for what is neither.
    """
    return int.from_bytes(hashed(said), "big") >> 1


def hashed(said: object) -> bytes:
    """The 8 bytes that `digest` makes its number of, big-endian, without the last bit."""
    return hashlib.blake2b(canonical(said).encode(), digest_size=DIGEST_BYTES).digest()


NOTHING = digest("\0nothing is there")
"""What stands in a journal for the answer to a read that there is nothing."""
