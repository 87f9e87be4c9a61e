"""Feeds: rows of the user's own that operations draw from, and that no two load processes share.

A row is known by its number, from 1 in the order of its file. The processes of a load lease numbers from a counter in
the run folder; nothing of a file is kept in memory but where its rows are.
"""

import csv
import fcntl
import hashlib
import json
import os
from array import array
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from random import Random
from typing import Any, BinaryIO, Protocol

import numpy as np

from harness.errors import FeedError

SEQUENTIAL, RANDOM, UNIQUE = ORDERS = ("sequential", "random", "unique")
"""sequential  the rows in the order of the file, each once
random      any row by chance, however often
unique      the rows in an order by chance, each once
Each over all load processes together.
"""

ONLY = "feed"
"""What the only feed of a plan is called."""

EXHAUSTED = "feed "
"""How what is said of a feed without more rows begins."""

FORMATS = (".csv", ".jsonl")
LEASE = "feed-{}.lease"
"""Where the processes of a load count what they have leased, in the run folder: 8 bytes."""
BOM = b"\xef\xbb\xbf"
MOST_LEASED = 1000
"""So many numbers are leased at once at most, …"""
TURNS = 16
"""… and of what is left so small a part that each process can come as often as that: hardly any are left over."""


class Row(dict[str, Any]):
    """A row of a feed, by the names of its columns: texts of a CSV, whatever it has of a JSONL."""

    number: int
    """Its place in the file, from 1."""


class Rows:
    """The rows of a file; FeedError with file and line for what is none of them."""

    def __init__(self, path: Path, check: bool = True) -> None:
        """Unless `check`, no row is read yet: one who knows the `digest` of the file knows that they were."""
        self._check = check
        self.path, self._file = path, -1
        self.columns: tuple[str, ...] = ()
        self._from = array("Q")
        self._size = array("L")
        if path.suffix not in FORMATS:
            raise FeedError(f"{path}: expected a file that ends in {' or '.join(FORMATS)}")
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                self._index(file, digest)
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise FeedError(f"{path}: {error.strerror}: expected a feed (CSV or JSONL)") from None
        if not self._from:
            raise FeedError(f"{path}: no rows: expected at least one{' below the names of columns' * self._is_csv}")
        self.digest = digest.hexdigest()

    def __len__(self) -> int:
        return len(self._from)

    def row(self, number: int) -> Row:
        """Row `number`, from 1; IndexError if there is none, FeedError if the file was changed meanwhile."""
        if not 1 <= number <= len(self._from):
            raise IndexError(f"{self.path}: row {number}: expected 1 to {len(self._from):,}")
        text = os.pread(self._file, self._size[number - 1], self._from[number - 1])
        try:
            found = self._parsed(text)
        except ValueError as error:
            raise FeedError(f"{self.path}: row {number}: {error}: the file was changed meanwhile") from None
        found.number = number
        return found

    def close(self) -> None:
        """No more rows are asked for."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    __del__ = close

    @property
    def _is_csv(self) -> bool:
        return self.path.suffix == ".csv"

    def _index(self, file: BinaryIO, digest: Any) -> None:
        """Where each row is."""
        for line, at, text in self._records(file, digest):
            try:
                if self._is_csv and not self.columns:
                    self.columns = self._named(text)
                    continue
                if self._check:
                    self._parsed(text)
            except ValueError as error:
                raise FeedError(f"{self.path}:{line}: {error}") from None
            self._from.append(at)
            self._size.append(len(text))

    def _records(self, file: BinaryIO, digest: Any) -> Iterator[tuple[int, int, bytes]]:
        """First line (from 1), place and bytes of each record: of a CSV, a line break in quotes does not end it."""
        at = begun_at = 0
        first, parts, open_ = 1, list[bytes](), False
        for line, text in enumerate(file, 1):
            digest.update(text)
            if line == 1 and text.startswith(BOM):
                at, begun_at, text = len(BOM), len(BOM), text[len(BOM) :]
            parts.append(text)
            at += len(text)
            open_ ^= self._is_csv and text.count(b'"') % 2 == 1
            if open_:
                continue
            begun = b"".join(parts).rstrip(b"\r\n")
            if begun.strip():
                yield first, begun_at, begun
            begun_at, first = at, line + 1
            parts.clear()
        if parts:
            raise FeedError(f"{self.path}:{first}: a quote is never closed")

    def _named(self, text: bytes) -> tuple[str, ...]:
        names = tuple(self._fields(text))
        for place, name in enumerate(names, 1):
            if not name.strip():
                raise ValueError(f"column {place} has no name")
            if name in names[: place - 1]:
                raise ValueError(f"two columns are called {name!r}")
        return names

    def _parsed(self, text: bytes) -> Row:
        """The row of a record; ValueError if it is none."""
        if not self._is_csv:
            try:
                found = json.loads(_decoded(text), parse_constant=_no_number)
            except RecursionError:
                raise ValueError("nested too deeply") from None
            if not isinstance(found, dict):
                raise ValueError(f"{type(found).__name__}: expected an object")
            return Row(found)
        fields = self._fields(text)
        if len(fields) != len(self.columns):
            raise ValueError(f"{len(fields)} fields, expected {len(self.columns)} ({', '.join(self.columns)})")
        return Row(zip(self.columns, fields, strict=True))

    @staticmethod
    def _fields(text: bytes) -> list[str]:
        try:
            [fields] = csv.reader([_decoded(text)], strict=True)
        except csv.Error as error:
            raise ValueError(str(error)) from None
        return fields


def _decoded(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start + 1} of the line)") from None


def _no_number(word: str) -> float:
    raise ValueError(f"{word}: expected a number")


class Leasing(Protocol):
    """What gives numbers from 0 on, each to one process only."""

    alone: AbstractContextManager[Any]
    """Held while numbers are taken: who had to wait for it may find that there are some."""

    def take(self, of: int) -> range:
        """The next numbers below `of`, at least one; none if all are taken."""

    def close(self) -> None:
        """No more numbers are asked for."""


class Lease:
    """Numbers from 0 on, each given to one process only. FeedError if they can't be counted."""

    def __init__(self, path: Path | None, processes: int) -> None:
        """The counter at `path`, which all `processes` share; None: this process has all of them."""
        self.alone: AbstractContextManager[Any] = nullcontext()  # it takes no time
        self._processes, self._file, self._counted = processes, -1, 0
        self._path = path
        if path is not None:
            try:
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise FeedError(f"{path}: {error.strerror}: expected leave to write it") from None

    def take(self, of: int) -> range:
        """The next numbers below `of`, at least one; none if all are taken."""
        if self._file < 0:
            first = self._counted
            self._counted = min(first + self._share(of - first), of)
            return range(first, self._counted)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                first = int.from_bytes(os.pread(self._file, 8, 0), "little")
                end = min(first + self._share(of - first), of)
                os.pwrite(self._file, end.to_bytes(8, "little"), 0)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        except OSError as error:
            raise FeedError(f"{self._path}: {error.strerror}: can't count what is leased") from None
        return range(first, end)

    def _share(self, left: int) -> int:
        return max(min(left // (TURNS * self._processes), MOST_LEASED), 1)

    def close(self) -> None:
        """No more numbers are asked for."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    __del__ = close


class Feed:
    """What a load process draws of a feed."""

    def __init__(self, rows: Rows, order: str, lease: Leasing, seed: str) -> None:
        """`seed`: of the run, alike in all processes, and after a slash what tells this one."""
        self.rows, self.order, self._lease = rows, order, lease
        self._leased: range = range(0)
        self._chance = Random(f"feed/{seed}")
        self._places = None
        if order == UNIQUE:
            self._places = np.random.default_rng(Random(seed.partition("/")[0]).getrandbits(63)).permutation(len(rows))

    def draw(self) -> Row | None:
        """The next row; None if all of them were handed out."""
        if self.order == RANDOM:
            return self.rows.row(self._chance.randrange(len(self.rows)) + 1)
        while not self._leased:
            with self._lease.alone:
                if not self._leased:
                    self._leased = self._lease.take(len(self.rows))
                    if not self._leased:
                        return None
        place, self._leased = self._leased[0], self._leased[1:]
        return self.rows.row(int(self._places[place] if self._places is not None else place) + 1)

    def close(self) -> None:
        """Nothing more is drawn."""
        self._lease.close()
        self.rows.close()
