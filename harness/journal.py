"""The journal of one load process: an operation's intent is on record before its first byte, its outcome after.

A file of fixed-size records behind a header page, memory-mapped, so that what was recorded survives
`kill -9` of the process and needs no parsing. The operation at place `count` has the number
`systems.ids.operation(worker, count)`; a record holds numbers only, and ids are computed from them.
Space is allocated before it is used: on a full disk `begin` fails before anything is sent.

Times are ns of the CLOCK_MONOTONIC of the process's machine. The header's `shift` and `doubt` say how they relate to
the clock of the load's master: its time is the process's + shift, to within ± doubt. `read_all` applies the shift, once
and for all: what it gives is on the master's clock. The doubt is for those who compare times of different processes.
"""

import errno
import json
import mmap
import os
import re
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt

from harness.errors import JournalError
from harness.outcomes import Failure, Outcome
from systems import ids

MAGIC = b"PROOFLOAD JOURNAL 2\n"
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

_BEGIN = struct.Struct("<qqqqIIHBB")
_END = struct.Struct("<BHHqq")
_FLAGS_OFFSET, _END_OFFSET = 42, 43
_MAX_WAITED_US = 2**32 - 1
# To look up a member of an enum takes 0.1 µs in Python 3.11, and this is done for each operation.
_OPEN = Outcome.OPEN


class Journal:
    """A journal being written, by one process only."""

    def __init__(self, path: Path, header: dict[str, Any], grow: int = GROW_RECORDS) -> None:
        """A new journal at `path`; `header` must have run, worker and kinds. JournalError if it can't be made."""
        self.path, self.count, self._grow, self._room = path, 0, grow, 0
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
            waited_us if waited_us < _MAX_WAITED_US else _MAX_WAITED_US,
            kind,
            flags,
            _OPEN,
        )
        self.count = place + 1
        return number

    def end(self, number: int, outcome: Outcome, status: int, failure: Failure, answer: int, end: int) -> None:
        """Record the outcome of operation `number`, known at `end` ns; stored last, for it makes the record closed."""
        place = number - self._base
        _END.pack_into(self._map, HEADER_BYTES + place * 64 + _END_OFFSET, outcome, status, failure, answer, end)

    def refuse(self, number: int, items: Sequence[int]) -> None:
        """Record that of operation `number` these of its items were refused: once, and before its end is recorded.

        Like the journal it survives the kill of the process. JournalError if there is no room.
        """
        if not items:
            return
        refused = np.zeros(len(items), REFUSED)
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


@dataclass(frozen=True)
class Journaled:
    """A journal read back: its header, and one record for each operation that was begun, in order."""

    path: Path
    header: dict[str, Any]
    records: npt.NDArray[np.void]

    @cached_property
    def refused(self) -> npt.NDArray[np.void]:
        """The items that were refused, as REFUSED, as far as they are on record: of operations that are PARTLY."""
        path = refused_beside(self.path)
        return np.fromfile(path, REFUSED) if path.exists() else np.zeros(0, REFUSED)

    @property
    def worker(self) -> int:
        """The number of its load process."""
        return int(self.header["worker"])

    @property
    def closed(self) -> bool:
        """Whether its process ended in order."""
        return bool(self.header["closed"])

    @property
    def shift(self) -> int:
        """By how many ns the master's clock is ahead of the process's."""
        return int(self.header.get("shift", 0))

    @property
    def doubt(self) -> int:
        """By how many ns the shift may be wrong, either way."""
        return int(self.header.get("doubt", 0))

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """The number of each operation."""
        return ids.operation(self.worker, 0) + np.arange(len(self.records), dtype=np.int64)


@dataclass(frozen=True)
class Lost:
    """A load process of which some operations are not on record: its journal is missing, or was cut."""

    worker: int
    held: int
    """How many of its operations are on record: the first ones."""
    why: str

    def __str__(self) -> str:
        return f"the journal of load process {self.worker} {self.why}"


@dataclass(frozen=True)
class Journals(Sequence[Journaled]):
    """The journals of a run that can be read, by worker, on the master's clock; and of which processes some is lost."""

    found: tuple[Journaled, ...]
    lost: tuple[Lost, ...]
    """The processes whose journal is missing or was cut; of a cut one, what it still holds is among `found`."""
    expected: int
    """How many load processes there were."""

    @overload
    def __getitem__(self, place: int) -> Journaled: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Journaled]: ...
    def __getitem__(self, place: int | slice) -> Journaled | Sequence[Journaled]:
        return self.found[place]

    def __len__(self) -> int:
        return len(self.found)


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


def _named(path: Path) -> list[Name]:
    """The kinds that were named beside the journal at `path`; a torn line, which has no operation, is left out."""
    try:
        lines = named_beside(path).read_bytes().split(b"\n")[:-1]
        return [(str(method), str(name)) for method, name in map(json.loads, lines)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise CutError(f"{named_beside(path)}: {error}: expected a kind a line. Run the load again") from None


class CutError(JournalError):
    """A journal that was cut: a part of it is gone."""


def read_header(path: Path) -> dict[str, Any]:
    """The header of the journal at `path`; JournalError if it isn't one of this format, CutError if it is not whole."""
    try:
        with path.open("rb") as file:
            page = file.read(HEADER_BYTES)
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}: expected a journal") from None
    if not page.startswith(MAGIC) and not MAGIC.startswith(page.rstrip(b"\0")):
        found = page[: len(MAGIC)].split(b"\n")[0].decode("ascii", "replace")
        raise JournalError(
            f"{path}: begins with {found!r}, expected {MAGIC.decode().strip()!r}: it is not a journal of this version. "
            "Run the load again"
        )
    try:
        header: dict[str, Any] = json.loads(page[len(MAGIC) :].rstrip(b"\0"))
    except ValueError:
        raise CutError(f"{path}: its header is cut; expected {HEADER_BYTES} bytes. Run the load again") from None
    named = _named(path)
    return {**header, "named": named, "kinds": labels(named)} if named else header


def read(path: Path) -> Journaled:
    """The journal at `path` as it was written, also that of a process that was killed.

    JournalError if it isn't one of this format; CutError if it was cut.
    """
    journal = Journaled(path, read_header(path), read_records(path))
    why = _cut(journal)
    if why:
        raise CutError(f"{path}: it {why}. Run the load again")
    return journal


def _cut(journal: Journaled) -> str:
    """What is missing of a journal, if it was cut; "" = nothing: it was closed, or its process was killed."""
    header, held = journal.header, len(journal.records)
    if header["closed"]:
        count = header["count"]
        return f"was cut: it was closed with {count:,} operations and holds {held:,}" if count != held else ""
    steps, rest = divmod(journal.path.stat().st_size - HEADER_BYTES, header["grow"] * RECORD.itemsize)
    if steps and not rest:
        return ""
    return f"was cut: it holds {held:,} operations and ends within a step of {header['grow']:,}"


def read_records(path: Path, first: int = 0) -> npt.NDArray[np.void]:
    """The records of the journal at `path` from place `first` on, as far as they are begun; it may be being written."""
    offset = HEADER_BYTES + first * RECORD.itemsize
    whole = (path.stat().st_size - offset) // RECORD.itemsize
    records = np.fromfile(path, RECORD, max(whole, 0), offset=offset)
    empty = np.flatnonzero(records["start"] == 0)
    return records[: empty[0]] if len(empty) else records


def on_masters_clock(journal: Journaled) -> Journaled:
    """A journal as it was written, with the times that the master's clock had. Not to be done twice."""
    shift = journal.shift
    if not shift:
        return journal
    records = journal.records.copy()
    for name in ("sched", "start", "end"):
        # 0 is no time: the operation is open.
        records[name][records[name] != 0] += shift
    header = dict(journal.header)
    for name in {"began", "mono_ns"} & set(header):
        header[name] += shift
    return replace(journal, header=header, records=records)


def read_all(folder: Path, processes: int | None = None) -> Journals:
    """The journals in the folder of a run with so many load processes (None: not known), on the master's clock.

    JournalError if none can be read, one is of another format, two are of one worker, or they are of several runs.
    """
    paths = sorted(folder.glob("journal-*.bin"))
    if not paths:
        raise JournalError(f"{folder}: no journal-*.bin in it: expected the folder of a run that put load on")
    found, lost, workers = [], [], []
    for path in paths:
        try:
            journal = Journaled(path, read_header(path), read_records(path))
        except CutError:
            workers.append(_worker(path))
            lost.append(Lost(workers[-1], 0, "was cut: its header can't be read"))
            continue
        workers.append(journal.worker)
        found.append(on_masters_clock(journal))
        if why := _cut(journal):
            lost.append(Lost(journal.worker, len(journal.records), why))
    runs = {journal.header["run"] for journal in found}
    if len(set(workers)) < len(workers) or len(runs) > 1:
        raise JournalError(
            f"{folder}: journals of workers {workers} of runs {sorted(runs)}: expected each worker once, of one run"
        )
    if not found:
        raise JournalError(f"{folder}: no journal in it can be read: {'; '.join(map(str, lost))}. Run the load again")
    found = _alike(found)
    lost += [Lost(worker, 0, "is missing") for worker in range(processes or 0) if worker not in workers]
    return Journals(
        tuple(sorted(found, key=lambda journal: journal.worker)),
        tuple(sorted(lost, key=lambda one: one.worker)),
        max(processes or 0, len(workers)),
    )


def _alike(found: list[Journaled]) -> list[Journaled]:
    """The journals with the same kinds in the same order, of a load whose processes named theirs as they came."""
    named = list(dict.fromkeys(name for journal in found for name in journal.header.get("named", ())))
    if not named:
        return found
    kinds, place = labels(named), {name: number for number, name in enumerate(named)}
    alike = []
    for journal in found:
        own = np.array([place[name] for name in journal.header.get("named", ())], np.uint16)
        records = journal.records.copy()
        known = records["kind"] < len(own)
        records["kind"][known] = own[records["kind"][known]]
        records["kind"][~known] = len(named)
        alike.append(replace(journal, header={**journal.header, "named": named, "kinds": kinds}, records=records))
    return alike


def none(folder: Path, run: str, processes: int) -> Journals:
    """What stands for the journals of a run of which none can be read: no operation is on record."""
    header = {"run": run, "worker": 0, "kinds": [], "closed": False}
    empty = Journaled(folder / "journal-0.bin", header, np.zeros(0, RECORD))
    lost = tuple(Lost(worker, 0, "is missing or can't be read") for worker in range(processes))
    return Journals((empty,), lost, processes)


def _worker(path: Path) -> int:
    """The worker whose journal is at `path`, by its name."""
    named = re.fullmatch(r"journal-(\d+)\.bin", path.name)
    if not named:
        raise JournalError(f"{path}: expected the name journal-<number of the load process>.bin")
    return int(named.group(1))
