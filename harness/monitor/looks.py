"""Whether what was acknowledged a moment ago is in the database: asked during the load, for afterwards nothing tells.

A look reads the journals of this machine, picks some of the operations that were acknowledged last, and asks for their
rows by key. What was answered before the query was sent, and is not in it, was not stored when its answer said so:
no clock of the target's is believed for that. `verification.looks` is the judge.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg2
from psycopg2.extensions import connection as Driver

from harness import database, journaled
from harness.errors import DatabaseError, JournalError
from harness.journal import HEADER_BYTES, PARTLY, RECORD
from harness.monitor import LOOKS
from harness.outcomes import DONE, Outcome
from harness.plan.scenario import Scenario
from systems import ids
from systems.effect import Effect

PERIOD_S = (0.1, 0.3)
"""The time between two looks: by chance, so that nothing that is done at regular intervals stays between them."""
MOST = 20
"""A look asks for the rows of so many operations at most."""
SPAN = 2_048
"""… of the last so many that each load process began, …"""
TRIED = 5 * MOST
"""… and of these of the so many that were answered last."""
TOLD = (*DONE, Outcome.REJECT)
"""The outcomes that may say that something is stored."""
CHUNK = 16_384
"""So many records of a journal are read at once."""
TIMEOUT_MS = 500
"""A query that takes longer is given up; …"""
RETRY_S = 5.0
"""… and after one that failed the database is left alone for so long."""

BOUNDED = f"SET LOCAL enable_seqscan = off; SET LOCAL statement_timeout = {TIMEOUT_MS};"
"""Before a query, in one message with it and so in one transaction: nothing of it stays in the session."""
INDEXED = """
SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE c.relname = ANY(%(indexes)s) AND lower(a.attname) = lower(%(key)s)
"""
"""How many of `indexes` begin with the column of keys."""

Records = npt.NDArray[np.void]
Effects = Mapping[str, Mapping[str, Effect]]


class Tail:
    """The last operations in a journal that is being written."""

    def __init__(self, path: Path) -> None:
        """JournalError if it can't be read, or not yet."""
        header = journaled.read_header(path)
        self.kinds: list[str] = header["kinds"]
        self.run, self.worker = str(header["run"]), int(header["worker"])
        self.path, self._begun = path, 0
        self._shift: int | None = None

    @property
    def shift(self) -> int:
        """By how many ns the master's clock is ahead of the journal's, once that is told."""
        if self._shift is None:
            header = journaled.read_header(self.path)
            self._shift = int(header["shift"]) if "shift" in header else None
        return self._shift or 0

    def latest(self) -> tuple[int, Records]:
        """The last SPAN operations that were begun, or all, and the place of the first of them."""
        with self.path.open("rb", buffering=0) as file:
            while True:
                records = self._read(file.fileno(), self._begun, CHUNK)
                empty = np.flatnonzero(records["start"] == 0)
                self._begun += int(empty[0]) if len(empty) else len(records)
                if len(empty) or len(records) < CHUNK:
                    break
            first = max(self._begun - SPAN, 0)
            return first, self._read(file.fileno(), first, self._begun - first)

    def one(self, place: int) -> Records:
        """The record at that place; none if it is not begun."""
        with self.path.open("rb", buffering=0) as file:
            found = self._read(file.fileno(), place, 1)
        return found[found["start"] > 0]

    @staticmethod
    def _read(file: int, first: int, count: int) -> Records:
        page = os.pread(file, count * RECORD.itemsize, HEADER_BYTES + first * RECORD.itemsize)
        return np.frombuffer(page, RECORD, len(page) // RECORD.itemsize)


def acknowledged(tails: Mapping[int, Tail], effects: Effects) -> Iterator[tuple[int, int]]:
    """The operations whose effects are stored by the time of their answer, those first that were answered last: the
    operation that made the key, and how many items it leaves.

    A repeat speaks of what the operation that made its key leaves. One of which some items were refused is left out.
    """
    ended: list[tuple[int, int, int, str, Outcome]] = []
    for tail in tails.values():
        first, records = tail.latest()
        told = (records["end"] > 0) & (records["flags"] & PARTLY == 0) & np.isin(records["outcome"], TOLD)
        places = np.flatnonzero(told)
        places = places[np.argsort(records["end"][places])][-TRIED:]
        columns = (records[name][places].tolist() for name in ("end", "key_of", "kind", "outcome"))
        for place, end, key_of, kind, outcome in zip(places.tolist(), *columns, strict=True):
            op = ids.operation(tail.worker, first + place)
            ended.append((end + tail.shift, op, key_of, tail.kinds[kind], Outcome(outcome)))
    known: set[int] = set()
    for _, op, key, kind, outcome in sorted(ended, reverse=True):
        maker = kind if op == key or outcome is Outcome.REJECT else _kind(tails, key)
        left = effects.get(maker, {}).get("REJECT" if outcome is Outcome.REJECT else "ACK")
        if key not in known and left is not None and left.items and not left.within:
            known.add(key)
            yield key, left.items


def _kind(tails: Mapping[int, Tail], op: int) -> str:
    """The kind of operation `op`; "" if it is not in a journal of this machine."""
    tail = tails.get(op >> ids.COUNT_BITS)
    found = tail.one(op & (1 << ids.COUNT_BITS) - 1) if tail else None
    return tail.kinds[int(found["kind"][0])] if tail and found is not None and len(found) else ""


class Looks:
    """Looks at the rows of a run, and writes a line of each into its folder."""

    def __init__(self, folder: Path, scenario: Scenario, connected: Callable[[], Driver | None]) -> None:
        """`connected` gives a connection in autocommit, or None while there is none."""
        self._folder, self._scenario, self._connected = folder, scenario, connected
        self._tails: dict[int, Tail] = {}
        self._names: tuple[str, str] | None = None
        self._asked: tuple[Driver, bool] | None = None
        """The connection that was asked for an index on the keys, and whether there is one."""
        self._again, self._why = 0.0, ""

    def take(self) -> None:
        """A look, unless there is nothing to look for, or nowhere; why there is none is written down, once."""
        if time.monotonic() < self._again:
            return
        try:
            why = self._take()
        except (DatabaseError, JournalError, psycopg2.Error, OSError) as error:
            self._again, self._asked = time.monotonic() + RETRY_S, None
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
        if why and why != self._why:
            self._why = why
            with suppress(OSError):
                self._write({"none": why})

    def _take(self) -> str:
        """Why there was no look, if that is worth a word."""
        if not all(self._scenario.rows):
            return f"systems/{self._scenario.system}.py does not state ROWS"
        self._find()
        wanted = []
        for op, items in acknowledged(self._tails, self._scenario.effects):
            wanted.append((op, random.randrange(1, items) if items > 1 else 0))
            if len(wanted) == MOST:
                break
        connection = self._connected() if wanted else None
        if connection is None:
            return ""
        if self._names is None:
            self._names = self._named()
            self._write(dict(zip(("table", "key"), self._names, strict=True)))
        table, key = self._names
        if not table:
            return "the plan has no table for what operations leave"
        if not key:
            return "the plan has no column of keys"
        run = next(iter(self._tails.values())).run
        keys = {name: f"{op:x}.{item:x}" for op, item in wanted for name in _keys(run, op, item)}
        query = f"SELECT {key} FROM {table} WHERE {key} = ANY(%(keys)s)"
        if self._asked is None or self._asked[0] is not connection:
            self._asked = (connection, _by_index(connection, query, list(keys), key))
        if not self._asked[1]:
            return f"no index on {table} ({key}) finds a key"
        at = time.monotonic_ns()
        with connection.cursor() as cursor:
            cursor.execute(f"{BOUNDED}{query}", {"keys": list(keys)})
            there = {keys[one] for (one,) in cursor if one in keys}
        asked = dict.fromkeys(keys.values())
        self._write({"at": at, "asked": list(asked), "missing": [one for one in asked if one not in there]})
        return ""

    def _find(self) -> None:
        """The journals that are there by now."""
        for path in self._folder.glob("journal-*.bin"):
            if all(tail.path != path for tail in self._tails.values()):
                try:
                    tail = Tail(path)
                except JournalError:
                    continue  # just being written
                self._tails[tail.worker] = tail

    def _named(self) -> tuple[str, str]:
        """Table and column in SQL, under the names that the plan has for them."""
        names, quote = self._scenario.database, database.quoted
        table, key = ((quote(names[one]) if names[one] else "") if one in names else one for one in self._scenario.rows)
        return table, key

    def _write(self, line: Mapping[str, Any]) -> None:
        with (self._folder / LOOKS).open("a") as file:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def _by_index(connection: Driver, query: str, keys: list[str], key: str) -> bool:
    """Whether `query` reads nothing but what an index on `key` leads to, however long the table becomes."""
    with connection.cursor() as cursor:
        cursor.execute(f"{BOUNDED}EXPLAIN (FORMAT JSON) {query}", {"keys": keys})
        (((plan,),),) = cursor.fetchall()
    scans = _scans(plan["Plan"])
    indexes = {scan.get("Index Name") for scan in scans if "Index Cond" in scan}
    if not indexes or not all("Index Cond" in scan for scan in scans):
        return False
    with connection.cursor() as cursor:
        cursor.execute(INDEXED, {"indexes": list(indexes), "key": key.strip('"')})
        ((known,),) = cursor.fetchall()
    return int(known) >= len(indexes)


def _scans(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parts of a plan that have none below them."""
    below = plan.get("Plans", [])
    return [scan for part in below for scan in _scans(part)] if below else [plan]


def _keys(run: str, op: int, item: int) -> tuple[str, ...]:
    """The keys under which an item may be stored: the only one of an operation has its key, or one of its own."""
    own = ids.item_key(run, op, item)
    return (own,) if item else (ids.key(run, op), own)
