"""The id schemes: everything has a number, and its id is computed from that number.

So a journal holds numbers only, and its readers compute the ids again.
"""

import hashlib

COUNT_BITS = 40
"""An operation's number holds its place in its load process's journal in the low bits, up to 2**40 of them, and the
number of the process in the 23 above: together they fit into a signed 64-bit integer."""

UUID_PREFIX = "00000000-0000-4000-8000-"
"""What every seeded UUID begins with; the number follows in twelve decimal digits."""


POOL_SQL = f"BETWEEN '{UUID_PREFIX}000000000000' AND '{UUID_PREFIX}ffffffffffff'"
"""What is true of each seeded UUID, and of none that a target makes; in SQL, to follow a column."""

KEY_SQL = "~ '^[0-9]{8}T[0-9]{6}[0-9a-f]{6}-[0-9a-f]{16}$'"
"""What is true of each key that `key` makes, whatever the run; likewise."""


def uuid_of(n: int) -> str:
    """The UUID of the seeded thing number `n` (1 ≤ n < 10**12), e.g. 1 → …-000000000001."""
    return f"{UUID_PREFIX}{n:012d}"


def operation(worker: int, count: int) -> int:
    """The number of the operation at place `count` of the journal of load process `worker`; unique in a run."""
    return worker << COUNT_BITS | count


def key(run: str, op: int) -> str:
    """The idempotency key that operation `op` of `run` makes: unique over all runs; `op` is its last 16 hex digits."""
    return f"{run}-{op:016x}"


def digest(text: str) -> int:
    """63 bits that stand for `text` in a journal record, which holds only numbers; the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
