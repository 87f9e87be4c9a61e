"""Rows go to PostgreSQL as they are made, and are compared as they come back: no more than a piece is in memory."""

import io
from collections.abc import Callable, Iterable, Iterator
from hashlib import md5
from itertools import islice

from psycopg2.extensions import cursor as Cursor

PIECE = 1_000
"""So many lines are made, hashed and sent at a time: enough that the calls cost nothing beside the rows."""

Told = Callable[[int], None]
"""Is told after each piece how many rows are done."""

AS_TEXT = "SET LOCAL DateStyle = ISO; SET LOCAL TimeZone = UTC; SET LOCAL client_encoding = UTF8"
"""What makes PostgreSQL write a row as seeding does, whatever session and database say."""


class Source(io.BufferedIOBase):
    """`lines`, each ending in a newline, as a file that COPY reads; `digest` is the md5 of what was read."""

    def __init__(self, lines: Iterable[str], told: Told) -> None:
        self._lines, self._told = iter(lines), told
        self._md5, self._rows = md5(usedforsecurity=False), 0

    def read(self, _size: int | None = None, /) -> bytes:
        """The next piece, empty at the end; its size is ours, not the reader's."""
        lines = list(islice(self._lines, PIECE))
        piece = "".join(lines).encode()
        self._md5.update(piece)
        self._rows += len(lines)
        if lines:
            self._told(self._rows)
        return piece

    @property
    def digest(self) -> str:
        """Of all that was read so far."""
        return self._md5.hexdigest()


class _Sink:
    """A file that COPY writes; it keeps nothing but the md5."""

    def __init__(self, told: Told) -> None:
        self.md5, self._rows, self._told = md5(usedforsecurity=False), 0, told

    def write(self, row: bytes) -> None:
        self.md5.update(row)
        self._rows += 1
        if self._rows % PIECE == 0:
            self._told(self._rows)


def load(cursor: Cursor, into: str, lines: Iterable[str], told: Told) -> str:
    """Copy `lines` into the table and columns of `into` (SQL), in the session of AS_TEXT; their md5."""
    source = Source(lines, told)
    cursor.copy_expert(f"COPY {into} FROM STDIN", source)
    return source.digest


def digest(lines: Iterator[str], told: Told) -> str:
    """The md5 of `lines`, which are made for it and forgotten."""
    source = Source(lines, told)
    while source.read():
        pass
    return source.digest


def stored(cursor: Cursor, query: str, told: Told) -> str:
    """The md5 of the rows of `query` in its order, in the session of AS_TEXT: of the very text that would load them."""
    sink = _Sink(told)
    cursor.copy_expert(f"COPY ({query}) TO STDOUT", sink)
    return sink.md5.hexdigest()
