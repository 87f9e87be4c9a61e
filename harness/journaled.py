"""The journals of a run, read back: of one load process, or of all of them on the master's clock.

Times in a journal are ns of the CLOCK_MONOTONIC of the process's machine. The header's `shift` and `doubt` say how they
relate to the clock of the load's master: its time is the process's + shift, to within ± doubt; of a process on another
machine the round trips beside it do (`harness.machines.clocks`), for clocks drift. `read_all` applies the shift, once
and for all: what it gives is on the master's clock. The doubt is for those who compare times of different processes.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from harness import mapped
from harness.errors import JournalError
from harness.journal import (
    ARRIVING,
    HEADER_BYTES,
    MAGIC,
    RECORD,
    REFUSED,
    Name,
    labels,
    named_beside,
    refused_beside,
)
from harness.machines import clocks
from harness.machines.clocks import Clock
from systems import ids

PIECE = 1 << 20
"""So many operations of a journal are read at a time where it is read in pieces."""


@dataclass(frozen=True)
class Journaled:
    """A journal read back: its header, and one record for each operation that was begun, in order."""

    path: Path
    header: dict[str, Any]
    records: npt.NDArray[np.void]
    clock: Clock | None = None
    """How far the master's clock was ahead in the course of the load, of a process on another machine; None: by `shift`
    all the time."""
    slipped: npt.NDArray[np.int64] | None = None
    """By how many ns more than second 0 the times of each operation were shifted, as clocks drift; None: by none. What
    was planned for a second is in that second without it."""
    first: int = 0
    """The place of the first of `records` in the journal."""

    def ahead(self, at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """By how many ns the master's clock is ahead of the process's at each time `at` of that."""
        return self.clock.shift(at) if self.clock else np.full(len(at), self.shift)

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
        return ids.operation(self.worker, self.first) + np.arange(len(self.records), dtype=np.int64)


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
    why = _cut(journal, len(journal.records))
    if why:
        raise CutError(f"{path}: it {why}. Run the load again")
    return journal


def _cut(journal: Journaled, held: int) -> str:
    """What is missing of a journal that holds so many, if it was cut; "" = nothing: it was closed, or its process was
    killed.
    """
    header = journal.header
    if header.get(ARRIVING):
        return f"did not arrive whole: {held:,} operations of it are here"
    if header["closed"]:
        count = header["count"]
        return f"was cut: it was closed with {count:,} operations and holds {held:,}" if count != held else ""
    steps, rest = divmod(journal.path.stat().st_size - HEADER_BYTES, header["grow"] * RECORD.itemsize)
    if steps and not rest:
        return ""
    return f"was cut: it holds {held:,} operations and ends within a step of {header['grow']:,}"


def read_records(path: Path, first: int = 0, most: int | None = None) -> npt.NDArray[np.void]:
    """The records of the journal at `path` from place `first` on, `most` at most, as far as they are begun; it may be
    being written.
    """
    offset = HEADER_BYTES + first * RECORD.itemsize
    whole = max((path.stat().st_size - offset) // RECORD.itemsize, 0)
    records = np.fromfile(path, RECORD, whole if most is None else min(whole, most), offset=offset)
    empty = np.flatnonzero(records["start"] == 0)
    return records[: empty[0]] if len(empty) else records


SCANNED = 1 << 18
"""So many records of a mapping are looked through at a time."""


def map_records(path: Path) -> npt.NDArray[np.void]:
    """The records of the journal at `path`, whose load is over, where they lie; as far as they are begun."""
    records = mapped.records(path, RECORD, HEADER_BYTES)
    for at in range(0, len(records), SCANNED):
        empty = np.flatnonzero(records["start"][at : at + SCANNED] == 0)
        if len(empty):
            return records[: at + int(empty[0])]
        mapped.forget(records)
    return records


def on_masters_clock(journal: Journaled) -> Journaled:
    """A journal as it was written, with the times that the master's clock had. Not to be done twice."""
    machine = journal.header.get("machine")
    clock = clocks.read(journal.path.with_name(clocks.name(machine))) if machine is not None else None
    if clock is None and not journal.shift:
        return journal
    journal = replace(journal, clock=clock)
    records, header = journal.records.copy(), dict(journal.header)
    # One shift for all times of an operation: how long it took is known by one clock.
    shift = journal.ahead(records["start"])
    for name in ("sched", "start", "end"):
        # 0 is no time: the operation is open.
        records[name] += np.where(records[name] != 0, shift, 0)
    slipped = shift - journal.ahead(np.array([header["began"]])) if "began" in header else None
    for name in {"began", "mono_ns"} & set(header):
        header[name] += int(journal.ahead(np.array([header[name]]))[0])
    if clock is not None:
        times = np.concatenate([[journal.header.get("began", 0)], journal.records["start"], journal.records["end"]])
        header["doubt"] = int(clock.doubt(times[times > 0]).max(initial=0))
    return replace(journal, header=header, records=records, slipped=slipped)


def read_all(
    folder: Path, processes: int | None = None, reading: Callable[[Path], npt.NDArray[np.void]] | None = read_records
) -> Journals:
    """The journals in the folder of a run with so many load processes (None: not known), on the master's clock.

    `reading` is how their records are read: `map_records` of a load that is over leaves them where they are. With None
    they are without, and `pieces` gives them.
    JournalError if none can be read, one is of another format, two are of one worker, or they are of several runs.
    """
    paths = sorted(folder.glob("journal-*.bin"))
    if not paths:
        raise JournalError(f"{folder}: no journal-*.bin in it: expected the folder of a run that put load on")
    found, lost, workers = [], [], []
    for path in paths:
        try:
            journal = Journaled(path, read_header(path), reading(path) if reading else np.zeros(0, RECORD))
        except CutError:
            workers.append(_worker(path))
            lost.append(Lost(workers[-1], 0, "was cut: its header can't be read"))
            continue
        workers.append(journal.worker)
        found.append(on_masters_clock(journal))
        held = len(journal.records)
        if reading is None:
            held, found[-1].header["doubt"] = _scanned(journal)
        if why := _cut(journal, held):
            lost.append(Lost(journal.worker, held, why))
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


def pieces(journal: Journaled, size: int = PIECE) -> Iterator[Journaled]:
    """The operations of a journal that was read without them, so many at a time, on the master's clock."""
    first = 0
    while True:
        records = read_records(journal.path, first, size)
        if len(records):
            yield on_masters_clock(Journaled(journal.path, read_header(journal.path), records, first=first))
        first += len(records)
        if len(records) < size:
            return


def _scanned(journal: Journaled) -> tuple[int, int]:
    """How many operations a journal holds, and by how many ns the master's time of them may be wrong, either way."""
    held, doubt = 0, on_masters_clock(journal).doubt
    for piece in pieces(journal):
        held, doubt = held + len(piece.records), max(doubt, piece.doubt)
    return held, doubt


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
