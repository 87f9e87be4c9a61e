"""A journal that grows, each of its operations told once, when it has ended: so a step costs as much after an hour as
in the first second.
"""

import math
from pathlib import Path

import numpy as np

from harness import journaled
from harness.journal import PARTNER
from harness.journaled import Journaled


class Tail:
    """A journal that grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first = 0
        """Everything before this place has been reported, …"""
        self._told = np.zeros(0, bool)
        """… and of the places from there on, these."""
        self.pending = math.inf
        """When (ns) the first of those that are begun and have not ended was planned."""
        self.arrived = self.flying = 0
        """How many arrivals of the plan were begun so far, and how many operations have not ended."""
        self._arrived = 0

    def ended(self) -> Journaled:
        """What has ended since the last time; JournalError if the journal isn't there yet."""
        header = journaled.read_header(self._path)
        found = journaled.on_masters_clock(
            Journaled(self._path, header, journaled.read_records(self._path, self._first))
        )
        records = found.records
        told = np.zeros(len(records), bool)
        told[: len(self._told)] = self._told
        closed = records["end"] > 0
        fresh = records[closed & ~told]
        self.flying = int((~closed).sum())
        arrivals = (records["flags"] & PARTNER) == 0
        self.arrived = self._arrived + int(arrivals.sum())
        behind = int(np.argmin(closed)) if not closed.all() else len(closed)
        self._first, self._told = self._first + behind, closed[behind:]
        self._arrived += int(arrivals[:behind].sum())
        self.pending = float(records["sched"][~closed].min()) if not closed.all() else math.inf
        return Journaled(self._path, found.header, fresh)
