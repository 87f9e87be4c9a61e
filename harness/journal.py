"""The journal of one load process: an operation's intent is on record before its first byte, its outcome after.

A file of fixed-size records behind a header page, memory-mapped, so that what was recorded survives
`kill -9` of the process and needs no parsing. The operation at place `count` has the number
`systems.ids.operation(worker, count)`; a record holds numbers only, and ids are computed from them.
Space is allocated before it is used: on a full disk `begin` fails before anything is sent.

Times are ns of the CLOCK_MONOTONIC of the process's machine. `harness.journaled` reads it back.
"""

import contextlib
import errno
import json
import mmap
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self, SupportsIndex

import numpy as np
import numpy.typing as npt

from harness import journal_record
from harness.errors import JournalError
from systems import ids

MAGIC = b"PROOFLOAD JOURNAL 2\n"
"""The format's number is its last word; a reader refuses any other."""
HEADER_BYTES: Final = 4096
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

ARRIVING = "arriving"
"""Of a header: its process is on another machine, and it is not known that all of the journal has come from there."""

PARTNER = 1
"""Flag: not an arrival of the plan, but the second half of a race."""
PARTLY = 2
"""Flag: some of its items were refused, though not all. Which ones is beside the journal, in the order of refusal."""

UNTIMED = 4
"""Flag: it was reported without a time, so that it has none, and is not to be taken for 0."""

Name = tuple[str, str]
"""Method and name of what another's user does: both of any length, and both together make a kind."""

REFUSED = np.dtype(
    [
        ("op", "<i8"),  # the number of the operation
        ("item", "<u4"),  # the number of an item of it that was refused
        ("of", "<u4"),  # how many of its items were: so many records belong together
    ]
)

_FLAGS_OFFSET: Final = 42
_MAX_WAITED_US: Final = 2**32 - 1
_RECORD_BYTES: Final = 64
assert RECORD.itemsize == _RECORD_BYTES
_intent: Final = journal_record.write_intent
_outcome: Final = journal_record.write_outcome


class Journal:
    """A journal being written, by one process only."""

    _map: mmap.mmap

    def __init__(self, path: Path, header: dict[str, Any], grow: int = GROW_RECORDS) -> None:
        """A new journal at `path`; `header` must have run, worker and kinds. JournalError if it can't be made."""
        self.path, self._grow, self._room = path, grow, 0
        self.count = self.ended = 0
        """How many operations were begun, and how many of them have ended."""
        self._refused: int | None = None
        self._named: list[Name] = []
        self._header = {**header, "pid": os.getpid(), "grow": grow, "closed": False}
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
            self._stretch(size)
        except OSError as error:
            raise JournalError(
                f"{self.path}: no room for more of the journal: {error.strerror}. "
                "The load stops here, for without an intent nothing is sent; free some disk space and run again"
            ) from None
        self._room += self._grow

    def _stretch(self, size: int) -> None:
        """Have so many bytes of the file in memory. To map all of it anew takes as long as 20 operations."""
        if self._room:
            with contextlib.suppress(BufferError):  # somebody still looks at `records`
                self._map.resize(size)
                # What is written stays written, but need not be counted as memory of this process.
                done = (self._room - self._grow) * RECORD.itemsize // mmap.PAGESIZE * mmap.PAGESIZE
                if done > 0:
                    self._map.madvise(mmap.MADV_DONTNEED, 0, done)
                return
        self._map = mmap.mmap(self._file, size)
        # Else the first byte of each MiB would have all of it zeroed, at once: that takes half a millisecond.
        self._map.madvise(mmap.MADV_RANDOM)

    def _write_header(self) -> None:
        page = MAGIC + json.dumps(self._header).encode() + b"\n"
        if len(page) > HEADER_BYTES:
            raise JournalError(f"{self.path}: header of {len(page)} bytes: expected at most {HEADER_BYTES}")
        self._map[:HEADER_BYTES] = page.ljust(HEADER_BYTES, b"\0")

    @property
    def kinds(self) -> list[str]:
        """The names of the kinds of operations, by number."""
        return labels(self._named) if self._named else list(self._header["kinds"])

    def name(self, name: Name) -> int:
        """The number of another kind, which is only known now: on record, beside the journal, before its operations.

        JournalError if there is no room.
        """
        path = named_beside(self.path)
        line = json.dumps(name).encode() + b"\n"
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                if os.write(file, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(file)
        except OSError as error:
            raise JournalError(f"{path}: can't record a kind: {error.strerror}; free some disk space") from None
        self._named.append(name)
        return len(self._named) - 1

    def amend(self, **header: Any) -> None:
        """Add to the header, e.g. when the load began."""
        self._header.update(header)
        self._write_header()

    def begin(
        self,
        kind: int,
        sched: int,
        start: int,
        user: int,
        waited_us: int,
        subject: SupportsIndex,
        key_of: SupportsIndex | None,
        flags: SupportsIndex,
    ) -> int:
        """Record the intent of an operation; its number. JournalError, and nothing may be sent, if there is no room.

        Times in ns of CLOCK_MONOTONIC. `key_of` is the number of the operation whose key is sent; None: its own.
        """
        place = self.count
        if place == self._room:
            self._extend()
        number = self._base + place
        _intent(
            self._map,
            HEADER_BYTES + place * _RECORD_BYTES,
            sched,
            start,
            subject,
            number if key_of is None else key_of,
            user,
            waited_us if waited_us < _MAX_WAITED_US else _MAX_WAITED_US,
            kind,
            flags,
        )
        self.count = place + 1
        return number

    def end(
        self,
        number: int,
        outcome: SupportsIndex,
        status: SupportsIndex,
        failure: SupportsIndex,
        answer: SupportsIndex,
        end: int,
    ) -> None:
        """Record the outcome of operation `number`, known at `end` ns; stored last, for it makes the record closed."""
        # It has ended, also if what a user says of it can't be recorded.
        self.ended += 1
        place = HEADER_BYTES + (number - self._base) * _RECORD_BYTES
        _outcome(self._map, place, outcome, status, failure, answer, end)

    def refuse(self, number: int, items: Sequence[int]) -> None:
        """Record that of operation `number` these of its items were refused: once, and before its end is recorded.

        Like the journal it survives the kill of the process. JournalError if there is no room.
        """
        if not items:
            return
        refused: npt.NDArray[np.void] = np.zeros(len(items), REFUSED)
        refused["op"], refused["item"], refused["of"] = number, items, len(items)
        path = refused_beside(self.path)
        try:
            if self._refused is None:
                self._refused = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            if os.write(self._refused, refused.tobytes()) < refused.nbytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise JournalError(f"{path}: can't record refused items: {error.strerror}; free some disk space") from None
        self._map[HEADER_BYTES + (number - self._base) * RECORD.itemsize + _FLAGS_OFFSET] |= PARTLY

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
        if self._refused is not None:
            os.close(self._refused)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refused_beside(path: Path) -> Path:
    """Where the refused items of the operations in the journal at `path` are."""
    return path.with_name(path.name.replace("journal", "refused"))


def named_beside(path: Path) -> Path:
    """Where the kinds of the journal at `path` are that were named while it was written."""
    return path.with_name(path.name.replace("journal", "kinds")).with_suffix(".jsonl")


def labels(named: Sequence[Name]) -> list[str]:
    """What each kind is called: its name, and its method before it where others have the same name."""
    shared = Counter(name for _, name in named)
    return [name if shared[name] == 1 else f"{method} {name}" for method, name in named]
