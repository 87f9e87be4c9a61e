"""Long arrays are read a part at a time: beside them, what is computed of one part only is in memory."""

from collections.abc import Iterator

PART = 1 << 18
"""So many values are read at a time; not fewer than numpy adds in one go (`sums`)."""


def parts(count: int) -> Iterator[slice]:
    """`count` values, a part at a time."""
    return (slice(at, min(at + PART, count)) for at in range(0, count, PART))
