"""What was acknowledged, and was not there when it was looked for during the load (`harness.monitor.looks`)."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.monitor import LOOKS
from harness.run import Run
from verification.arrays import Array, Mask
from verification.ledger import Ledger, find


@dataclass(frozen=True)
class Looks:
    """What was looked for during the load, item by item, in one table under one column of keys."""

    at: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    """For each item that was looked for, when its query was not sent yet: ns of the master's clock, which is that of
    the monitor, too."""
    op: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    """The operation that made its key."""
    item: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    there: Mask = field(default_factory=lambda: np.zeros(0, bool))
    """Whether a row was there."""
    why: str = ""
    """Why there are none, or not all of them."""


@dataclass(frozen=True)
class Seen:
    """What looks say of the operations of a run."""

    looks: Array
    """When each query that asked for something that had to be there was sent (ns of the master's clock)."""
    operations: int
    """For how many operations they asked."""
    key: Array
    """The lines of the ledger's keys of which something had to be there, and was not …"""
    item: Array
    """… the item, …"""
    at: Array
    """… when (ns of the master's clock), …"""
    line: Array
    """… in which line of the looks, …"""
    late: Array
    """… and how many ns after the answer that said so, or the time that it has."""


def read(run: Run, table: str, key: str) -> Looks:
    """The looks in the folder of `run`, if they were at `key` of `table`, where its effects are read now.

    A line that can't be read is left out: the monitor was ended while it wrote it.
    """
    try:
        lines = (run.folder / LOOKS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return Looks(why="the monitor left none")
    at, op, item, there, why = [], [], [], [], ""
    for line in lines:
        try:
            found: Any = json.loads(line)
            if "none" in found:
                why = str(found["none"])
            elif "table" in found:
                if (found["table"], found["key"]) != (table, key):
                    return Looks(why=f"they were at {found['table']} ({found['key']}), not at {table} ({key})")
            else:
                missing = set(found["missing"])
                named = [[int(part, 16) for part in one.split(".")] for one in found["asked"]]
                op += [number for number, _ in named]
                item += [place for _, place in named]
                there += [one not in missing for one in found["asked"]]
                at += [int(found["at"])] * len(named)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return Looks(np.array(at, np.int64), np.array(op, np.int64), np.array(item, np.int64), np.array(there, bool), why)


def judged(ledger: Ledger, looks: Looks, deadlines: Array) -> Seen:
    """What of `looks` had to be there: what the ledger says must be stored, once its `deadlines` (ns of the master's
    clock, for each of its keys) were over when the query was sent.
    """
    key, known = find(ledger.keys["key"].to_numpy(), looks.op)
    line = np.where(known, ledger.possible.lines(key, looks.item), -1)
    due = (line >= 0) & (deadlines[key] < looks.at) if len(ledger.keys) else np.zeros(len(line), bool)
    due[due] = ledger.possible.must[line[due]]
    missing = np.flatnonzero(due & ~looks.there)
    return Seen(
        np.unique(looks.at[due]),
        len(np.unique(looks.op[due])),
        key[missing],
        looks.item[missing],
        looks.at[missing],
        missing,
        looks.at[missing] - deadlines[key[missing]] if len(missing) else np.zeros(0, np.int64),
    )
