"""Metrics of one's own: what users record beside their requests, in two files beside the journal of their process.

metrics-<worker>.bin has a record a value; metrics-<worker>.jsonl names the metrics, a line each: the number of a metric
is the place of its line. Both are made with the first value. A value is written through at once, so that it survives
the kill of its process, and is not kept in memory. Times are those of the journal.
"""

import errno
import json
import math
import os
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import JournalError
from harness.journaled import Journaled

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
NAMING = "a letter, then up to 63 letters, digits and _ . -"
MOST_NAMES = 1000
"""How many metrics a process may have: a name is that of a kind of values, and no value itself."""

TREND, RATE, COUNTER = KINDS = ("trend", "rate", "counter")
"""trend    numbers, of which mean, percentiles and extremes say something
rate     True or False: how often it is True, and which share of all
counter  whole numbers that are added up
"""

PATTERNS = ("metrics-*.bin", "metrics-*.jsonl")

RECORD = np.dtype([("at", "<i8"), ("value", "<f8"), ("metric", "<i8")])
_RECORD = struct.Struct("<qdq")


class Recorder:
    """Writes the metrics of one load process."""

    def __init__(self, journal: Path) -> None:
        """Beside the `journal` of the process."""
        self._values, self._names = _beside(journal)
        self._known: dict[tuple[str, str], int] = {}
        self._file: int | None = None
        self._closed = False

    def record(self, at: int, name: str, value: object = None, count: int | None = None) -> None:
        """Record, at `at` ns of CLOCK_MONOTONIC, a `value`, a number or True or False; or that `count` were counted.

        ValueError if name or value are none, or the name is that of another kind; JournalError if there is no room.
        """
        kind, number = require(name, value, count)
        if self._closed:
            return
        metric = self._known.get((name, kind))
        if metric is None:
            metric = self._add(name, kind)
        assert self._file is not None
        _write(self._values, self._file, _RECORD.pack(at, number, metric))

    def _add(self, name: str, kind: str) -> int:
        other = next((had for known, had in self._known if known == name), None)
        if other is not None:
            raise ValueError(f"metric {name!r}: it is a {other}, and can't be a {kind} too: expected one kind a name")
        if len(self._known) == MOST_NAMES:
            raise ValueError(f"metric {name!r}: there are {MOST_NAMES:,} already: expected no value in a name")
        try:
            named = os.open(self._names, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                _write(self._names, named, json.dumps({"name": name, "kind": kind}).encode() + b"\n")
            finally:
                os.close(named)
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._file = os.open(self._values, flags, 0o644)
        except OSError as error:
            raise JournalError(f"{self._names}: {error.strerror}: expected to write a new file there") from None
        return self._known.setdefault((name, kind), len(self._known))

    def close(self) -> None:
        """The load is over: what is recorded after it is no part of it, and left out."""
        self._closed = True
        if self._file is not None:
            os.close(self._file)
            self._file = None


def require(name: str, value: object, count: int | None) -> tuple[str, float]:
    """The kind of what is to be recorded, and its number; ValueError if name or value are none."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"metric {name!r}: expected {NAMING}")
    if (value is None) == (count is None):
        raise ValueError(f"metric {name!r}: expected a value, or count=…")
    if count is not None:
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise ValueError(f"metric {name!r}: count={count!r}: expected a whole number, 0 or more")
        return COUNTER, float(count)
    if isinstance(value, bool):
        return RATE, float(value)
    number = float(value) if isinstance(value, Real) else math.nan
    if not math.isfinite(number):
        raise ValueError(f"metric {name!r}: {value!r}: expected a number, or True or False")
    return TREND, number


def _write(path: Path, file: int, data: bytes) -> None:
    try:
        if os.write(file, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise JournalError(f"{path}: can't record a metric: {error.strerror}; free some disk space") from None


@dataclass(frozen=True)
class Recorded:
    """All values of a metric of one name and kind, in the order of time."""

    name: str
    kind: str
    values: npt.NDArray[np.float64]
    moments: npt.NDArray[np.float64]
    """When each was recorded: seconds since the plan began."""
    workers: npt.NDArray[np.int32]
    """The load process of each."""


def read_all(journals: Sequence[Journaled], usable: Callable[[str], bool] = lambda name: True) -> tuple[Recorded, ...]:
    """The metrics beside these journals, which are on the master's clock, by name; JournalError if a file is damaged.

    Those of files that are not `usable`, by name, are left out; so are those of a process whose load never began.
    """
    found: dict[tuple[str, str], list[tuple[npt.NDArray[np.void], Journaled]]] = {}
    for journal in journals:
        if "began" in journal.header and all(usable(path.name) for path in _beside(journal.path)):
            for name, records in _of(journal.path):
                found.setdefault(name, []).append((records, journal))
    return tuple(_together(name, kind, found[name, kind]) for name, kind in sorted(found))


def read_since(journal: Journaled, first: int) -> tuple[tuple[Recorded, ...], int]:
    """What was recorded beside a journal from record `first` on, and how many records there are now.

    JournalError if something is just being written: then the next try has it.
    """
    if "began" not in journal.header:
        return (), first
    parts = list(_of(journal.path, first))
    found = tuple(_together(name, kind, [(records, journal)]) for (name, kind), records in parts if len(records))
    return found, first + sum(len(records) for _, records in parts)


def _of(journal: Path, first: int = 0) -> Iterator[tuple[tuple[str, str], npt.NDArray[np.void]]]:
    """Name and kind of each metric beside a journal, and its records from `first` on; none, if there are no files."""
    values, names = _beside(journal)
    if not values.exists():
        return
    again = "the file is damaged. Run the load again"
    try:
        # What a process that was killed wrote of its last line has no record.
        named = [(str(one["name"]), str(one["kind"])) for one in map(json.loads, names.read_bytes().split(b"\n")[:-1])]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise JournalError(f"{names}: {error}: expected a name and a kind a line: {again}") from None
    records = np.fromfile(values, RECORD, offset=first * RECORD.itemsize)
    unknown = (records["metric"] < 0) | (records["metric"] >= len(named))
    if unknown.any() or not np.isfinite(records["value"]).all() or any(kind not in KINDS for _, kind in named):
        raise JournalError(f"{values}: a value that is none, or of no metric of {names.name}: {again}")
    for number, name in enumerate(named):
        yield name, records[records["metric"] == number]


def _together(name: str, kind: str, parts: Sequence[tuple[npt.NDArray[np.void], Journaled]]) -> Recorded:
    moments = np.concatenate(
        [(records["at"] + journal.ahead(records["at"]) - journal.header["began"]) / 1e9 for records, journal in parts]
    )
    order = np.argsort(moments, kind="stable")
    values = np.concatenate([records["value"] for records, _ in parts])
    workers = np.concatenate([np.full(len(records), journal.worker, np.int32) for records, journal in parts])
    return Recorded(name, kind, values[order], moments[order], workers[order])


def _beside(journal: Path) -> tuple[Path, Path]:
    """Where the values and the names of a journal's process are."""
    values = journal.with_name(journal.name.replace("journal", "metrics"))
    return values, values.with_suffix(".jsonl")
