"""The journal of one load process: an operation's intent is on record before its first byte, its outcome after.

A file of fixed-size records behind a header page, memory-mapped, so that what was recorded survives
`kill -9` of the process and needs no parsing. The operation at place `count` has the number
`systems.ids.operation(worker, count)`; a record holds numbers only, and ids are computed from them.
Space is allocated before it is used: on a full disk `begin` fails before anything is sent.
"""

import json
import mmap
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from harness.errors import JournalError
from harness.outcomes import Failure, Outcome
from systems import ids

MAGIC = b"PROOFLOAD JOURNAL 1\n"
"""The format's number is its last word; a reader refuses any other."""
HEADER_BYTES = 4096
GROW_RECORDS = 16_384
"""Records that the file grows by: 1 MiB."""

RECORD = np.dtype(
    [
        ("sched", "<i8"),  # ns, CLOCK_MONOTONIC: when the plan wanted it begun
        ("start", "<i8"),  # ns: when it was begun; 0 = this place is empty
        ("subject", "<i8"),  # the number of the thing it is about (a user, an authorization)
        ("key_of", "<i8"),  # the operation whose key it sends: its own number, or that of an earlier one
        ("user", "<u4"),  # the simulated user that did it
        ("waited", "<u4"),  # µs after sched at which a user was free for it: late because of the target, not of us
        ("kind", "<u2"),  # index into the header's kinds
        ("flags", "u1"),
        ("outcome", "u1"),  # Outcome
        ("status", "<u2"),  # HTTP status, 0 = none
        ("failure", "<u2"),  # Failure
        ("answer", "<i8"),  # what the answer said, as a number (ids.digest of the returned id); 0 = nothing
        ("end", "<i8"),  # ns: when the outcome was known; written last: 0 = open
    ]
)
assert RECORD.itemsize == 64

PARTNER = 1
"""Flag: not an arrival of the plan, but the second half of a race."""

_BEGIN = struct.Struct("<qqqqIIHBB")
_END = struct.Struct("<BHHqq")
_END_OFFSET = 43
_MAX_WAITED_US = 2**32 - 1


class Journal:
    """A journal being written, by one process only."""

    def __init__(self, path: Path, header: dict[str, Any], grow: int = GROW_RECORDS) -> None:
        """A new journal at `path`; `header` must have run, worker and kinds. JournalError if it can't be made."""
        self.path, self.count, self._grow, self._room = path, 0, grow, 0
        self._header = {**header, "pid": os.getpid(), "closed": False}
        self._base = ids.operation(header["worker"], 0)
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}: expected to write a new journal there") from None
        self._extend()
        self._write_header()

    def _extend(self) -> None:
        """Room for more records, or JournalError. Takes the disk's blocks now: a full disk would kill us later."""
        size = HEADER_BYTES + (self._room + self._grow) * RECORD.itemsize
        try:
            os.posix_fallocate(self._file, 0, size)
            self._map = mmap.mmap(self._file, size)
        except OSError as error:
            raise JournalError(
                f"{self.path}: no room for more of the journal: {error.strerror}. "
                "The load stops here, for without an intent nothing is sent; free some disk space and run again"
            ) from None
        self._room += self._grow

    def _write_header(self) -> None:
        page = MAGIC + json.dumps(self._header).encode() + b"\n"
        if len(page) > HEADER_BYTES:
            raise JournalError(f"{self.path}: header of {len(page)} bytes: expected at most {HEADER_BYTES}")
        self._map[:HEADER_BYTES] = page.ljust(HEADER_BYTES, b"\0")

    @property
    def kinds(self) -> list[str]:
        """The names of the kinds of operations, by number."""
        return list(self._header["kinds"])

    def amend(self, **header: Any) -> None:
        """Add to the header, e.g. when the load began."""
        self._header.update(header)
        self._write_header()

    def begin(
        self, kind: int, sched: int, start: int, user: int, waited_us: int, subject: int, key_of: int | None, flags: int
    ) -> int:
        """Record the intent of an operation; its number. JournalError, and nothing may be sent, if there is no room.

        Times in ns of CLOCK_MONOTONIC. `key_of` is the number of the operation whose key is sent; None: its own.
        """
        place = self.count
        if place == self._room:
            self._extend()
        number = self._base + place
        _BEGIN.pack_into(
            self._map,
            HEADER_BYTES + place * 64,
            sched,
            start,
            subject,
            number if key_of is None else key_of,
            user,
            min(waited_us, _MAX_WAITED_US),
            kind,
            flags,
            Outcome.OPEN,
        )
        self.count = place + 1
        return number

    def end(self, number: int, outcome: Outcome, status: int, failure: Failure, answer: int, end: int) -> None:
        """Record the outcome of operation `number`, known at `end` ns; stored last, for it makes the record closed."""
        place = number - self._base
        _END.pack_into(self._map, HEADER_BYTES + place * 64 + _END_OFFSET, outcome, status, failure, answer, end)

    def records(self, first: int) -> npt.NDArray[np.void]:
        """The records from place `first` on, as they are. Not to be kept: the journal can't be closed meanwhile."""
        return np.frombuffer(self._map, RECORD, self.count - first, HEADER_BYTES + first * RECORD.itemsize)

    def close(self) -> None:
        """Record that this process ended in order, with its number of operations. Without it, the process was lost."""
        self.amend(closed=True, count=self.count)
        self._map.flush()
        self._map.close()
        os.ftruncate(self._file, HEADER_BYTES + self.count * RECORD.itemsize)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Journaled:
    """A journal read back: its header, and one record for each operation that was begun, in order."""

    path: Path
    header: dict[str, Any]
    records: npt.NDArray[np.void]

    @property
    def closed(self) -> bool:
        """Whether its process ended in order."""
        return bool(self.header["closed"])

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """The number of each operation."""
        return ids.operation(self.header["worker"], 0) + np.arange(len(self.records), dtype=np.int64)


def read_header(path: Path) -> dict[str, Any]:
    """The header of the journal at `path`; JournalError if it isn't one of this format."""
    try:
        with path.open("rb") as file:
            page = file.read(HEADER_BYTES)
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}: expected a journal") from None
    if not page.startswith(MAGIC):
        found = page[: len(MAGIC)].split(b"\n")[0].decode("ascii", "replace")
        raise JournalError(
            f"{path}: begins with {found!r}, expected {MAGIC.decode().strip()!r}: it is not a journal of this version. "
            "Run the load again"
        )
    try:
        header: dict[str, Any] = json.loads(page[len(MAGIC) :].rstrip(b"\0"))
    except ValueError:
        raise JournalError(f"{path}: its header is cut; expected {HEADER_BYTES} bytes. Run the load again") from None
    return header


def read(path: Path) -> Journaled:
    """The journal at `path`, also one that was cut short; JournalError if it isn't one of this format."""
    header, records = read_header(path), read_records(path)
    if header["closed"] and header["count"] != len(records):
        raise JournalError(
            f"{path}: holds {len(records)} operations, but was closed with {header['count']}: it was cut. "
            "Run the load again"
        )
    return Journaled(path, header, records)


def read_records(path: Path, first: int = 0) -> npt.NDArray[np.void]:
    """The records of the journal at `path` from place `first` on, as far as they are begun; it may be being written."""
    offset = HEADER_BYTES + first * RECORD.itemsize
    whole = (path.stat().st_size - offset) // RECORD.itemsize
    records = np.fromfile(path, RECORD, max(whole, 0), offset=offset)
    empty = np.flatnonzero(records["start"] == 0)
    return records[: empty[0]] if len(empty) else records


def read_all(folder: Path) -> Sequence[Journaled]:
    """The journals in a run folder, by worker; JournalError if there is none, two of one worker, or several runs."""
    journals = [read(path) for path in sorted(folder.glob("journal-*.bin"))]
    if not journals:
        raise JournalError(f"{folder}: no journal-*.bin in it: expected the folder of a run that put load on")
    workers = [journal.header["worker"] for journal in journals]
    runs = {journal.header["run"] for journal in journals}
    if len(set(workers)) < len(workers) or len(runs) > 1:
        raise JournalError(
            f"{folder}: journals of workers {workers} of runs {sorted(runs)}: expected each worker once, of one run"
        )
    return sorted(journals, key=lambda journal: int(journal.header["worker"]))
