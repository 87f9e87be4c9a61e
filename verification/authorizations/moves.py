"""Units and moves: what a move does to an authorization, and their numbers in a journal."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from systems.authorizations import DOCUMENTED, MOVES, SPREAD_FIRST, SPREAD_REPEATS, Pool
from systems.authorizations_given import Given
from verification.arrays import Array, Mask

# What one unit of each of MOVES adds to the counters. available = total − used − scheduled.
TO_USED = np.array([0, 0, 1])
TO_SCHEDULED = np.array([1, -1, -1])
RESERVE, RELEASE, CONSUME = range(3)
NOWHERE = -1
"""The place of an authorization that is not in the pool."""


@dataclass(frozen=True)
class Seeded:
    """The pool as seeding left it, line by line. The line of an authorization is its place."""

    number: Array
    organization: Array
    patient: Array
    total: Array
    used: Array
    scheduled: Array
    version: Array

    def at(self, places: Array) -> "Seeded":
        """Those at these places, which are numbered by their own then."""
        return Seeded(*(getattr(self, one.name)[places] for one in fields(self)))


@dataclass(frozen=True)
class Moves:
    """Moves, line by line: of the authorization at which place, of how many units, which of MOVES."""

    place: Array
    practitioner: Array
    units: Array
    move: Array

    def sums(self, places: int, which: Mask) -> Array:
        """The units of `which`, by place and move; those of no place or no move are left out."""
        which = which & (self.place >= 0) & (self.move >= 0)
        bins = self.place[which] * len(MOVES) + self.move[which]
        sums = np.bincount(bins, self.units[which], places * len(MOVES))
        return sums.astype(np.int64).reshape(places, len(MOVES))

    def counts(self, places: int, which: Mask) -> Array:
        """How many of `which` there are at each place."""
        return np.bincount(self.place[which & (self.place >= 0)], minlength=places)


@dataclass(frozen=True)
class Said:
    """The states in answers, operation by operation: the inverse of `systems.authorizations.state`."""

    used: Array
    scheduled: Array
    version: Array
    unbalanced: Mask
    another: Mask


def said(answers: Array) -> Said:
    """The states in `answers`."""
    units = 2**20 - 1
    return Said(
        answers & units,
        answers >> 20 & units,
        answers >> 40 & 2**21 - 1,
        (answers >> 61 & 1).astype(bool),
        (answers >> 62 & 1).astype(bool),
    )


def seeded(pool: Pool | Given, begins: Sequence[Sequence[int]] = ()) -> Seeded:
    """`pool`, as arrays; that of a file `begins` with used, scheduled and version as they were before the load."""
    if isinstance(pool, Given):
        lines = [
            (number, organization, 0, total, *state)
            for number, ((_, organization, total, _), state) in enumerate(zip(pool.given, begins, strict=True), 1)
        ]
        return _columns(np.array(lines, np.int64))
    return _of_pool(pool)


@lru_cache(maxsize=1)
def _of_pool(pool: Pool) -> Seeded:
    """Once in a process, which judges several parts of a run."""
    few = replace(pool, spread=min(pool.spread, SPREAD_REPEATS))
    lines = np.array(
        [(one.number, one.organization, one.patient, one.total, one.used, one.scheduled, 0) for one in few], np.int64
    )
    documented, alike = np.split(lines, [DOCUMENTED])
    spread = np.tile(alike, (-(-pool.spread // SPREAD_REPEATS), 1))[: pool.spread]
    spread[:, 0] = SPREAD_FIRST + np.arange(pool.spread)
    return _columns(np.concatenate([documented, spread]))


def _columns(lines: Array) -> Seeded:
    columns = np.ascontiguousarray(lines.T)
    columns.setflags(write=False)
    return Seeded(*columns)


def about(subjects: Array) -> dict[str, Array]:
    """The parts of `subjects`: the inverse of `systems.authorizations.subject`; the move as its place in MOVES."""
    return {
        "authorization": subjects & 2**24 - 1,
        "practitioner": subjects >> 24 & 2**8 - 1,
        "units": subjects >> 32 & 2**16 - 1,
        "move": subjects >> 48 & 3,
    }


def content(_run: str, keys: pd.DataFrame) -> pd.DataFrame:
    """What must be stored under `keys` (subject): just what was asked for."""
    return pd.DataFrame(about(keys["subject"].to_numpy()), copy=False)
