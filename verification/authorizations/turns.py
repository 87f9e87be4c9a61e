"""The movements of an authorization one after the other, and the counters after each."""

from dataclasses import dataclass

import numpy as np

from verification.arrays import Array
from verification.authorizations.moves import TO_SCHEDULED, TO_USED, Moves, Seeded

VERSIONS = 2**22
"""Above any version that a journal can hold."""


@dataclass(frozen=True)
class Turns:
    """Used and scheduled after each movement, by place and version."""

    place: Array
    used: Array
    scheduled: Array


def in_turn(moved: Moves, version: Array, pool: Seeded) -> Turns:
    """Those of the places all of whose movements have a `version` (0: none), each of 1 … as many as there are."""
    known = np.flatnonzero((version > 0) & (moved.place >= 0) & (moved.move >= 0))
    order = known[np.argsort(moved.place[known] * VERSIONS + version[known])]
    place = moved.place[order]
    counts = np.bincount(place, minlength=len(pool.number))
    before = np.cumsum(counts) - counts
    turn = 1 + np.arange(len(order)) - before[place]
    other = np.bincount(place[turn != version[order]], minlength=len(counts)) > 0
    complete = ~other & (counts == moved.counts(len(counts), np.ones(len(version), bool)))
    order = order[complete[place]]
    place, units, move = moved.place[order], moved.units[order], moved.move[order]
    counts[~complete] = 0
    first = (np.cumsum(counts) - counts)[place]

    def after(seeded: Array, change: Array) -> Array:
        summed = np.concatenate([[0], np.cumsum(units * change[move])])
        counter: Array = seeded[place] + summed[1:] - summed[first]
        return counter

    return Turns(place, after(pool.used, TO_USED), after(pool.scheduled, TO_SCHEDULED))
