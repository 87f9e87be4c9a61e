"""The counters are what the movements and the answers say that they are: no move half, twice, or for nothing."""

from dataclasses import dataclass

import numpy as np

from verification.arrays import Array, Mask
from verification.authorizations.accounts import Units
from verification.authorizations.movements import XIDS
from verification.authorizations.moves import CONSUME, RELEASE, RESERVE, TO_SCHEDULED, TO_USED
from verification.authorizations.overbooking import overdrawn
from verification.case import Found


@dataclass(frozen=True)
class Intervals:
    """What the answers allow at each place (integrity.md §3.5). An unknown outcome makes it wider, unless it is
    resolved: its movement is stored, or it isn't.
    """

    least: Array
    """The units that were moved at least, by place and move …"""
    most: Array
    """… and at most."""
    fewest: Array
    """Likewise the number of moves, by place."""
    highest: Array

    @property
    def width(self) -> Array:
        """By how many units it is open, by place."""
        width: Array = (self.most - self.least).sum(axis=1)
        return width


def intervals(case: Units) -> Intervals:
    """By what was asked for under each key, once; and by the movements under keys that were not sent."""
    places, asked, moved = len(case.pool.number), case.asked, case.moved
    must = case.stands | (case.ledger.keys["lower"].to_numpy() == 1)
    unsent = case.moved_key < 0
    units, moves = moved.sums(places, unsent), moved.counts(places, unsent)
    return Intervals(
        units + asked.sums(places, must),
        units + asked.sums(places, case.may_stand),
        moves + asked.counts(places, must),
        moves + asked.counts(places, case.may_stand),
    )


def equal(case: Units) -> Found:
    """A2. Both ways: an authorization without movements is as seeded, and one that has some exists."""
    used, scheduled, _ = _leftovers(case)
    off = np.abs(used) + np.abs(scheduled)
    gone = _missing(case) & (_movements(case) > 0)
    places = np.flatnonzero((off > 0) | gone)
    return case.broken_at(
        int((gone | ~_missing(case)).sum()),
        places,
        f"the counters of {len(places):,} authorizations are not what was seeded and moved since: "
        f"{int(np.abs(used).sum()):,} used units and {int(np.abs(scheduled).sum()):,} scheduled ones off",
        off[places],
    )


def once(case: Units) -> Found:
    """A4. Of what was set aside, no more was used and given back than distinct keys asked for, and never more than was
    set aside until then.
    """
    pool, standing, allowed = case.pool, case.standing, intervals(case)
    # What was acknowledged and is lost is the matter of X1; here it must not look like units given back.
    strange = case.moved.sums(len(pool.number), case.moved_key < 0)
    least, most = strange + case.asked.sums(len(pool.number), case.stands), allowed.most
    used = standing["used"].to_numpy() - pool.used
    given_back = pool.scheduled + least[:, RESERVE] - standing["scheduled"].to_numpy() - used
    # A reserve that was lost looks like a release that was done twice; but then the version lacks a change.
    fewest = _movements(case) if case.movements else allowed.fewest
    lost = case.versions & (standing["version"].to_numpy() < fewest)
    here = ~_missing(case)
    used_twice = here & (used > most[:, CONSUME])
    released_twice = here & ~lost & (given_back > most[:, RELEASE])
    too_much = least[:, CONSUME] + least[:, RELEASE] > pool.scheduled + most[:, RESERVE]
    below = np.zeros(len(pool.number), bool)
    below[case.in_turn.place[case.in_turn.scheduled < 0]] = True
    below[overdrawn(case, RELEASE)] = below[overdrawn(case, CONSUME)] = True
    places = np.flatnonzero(used_twice | released_twice | too_much | below)
    return case.broken_at(
        int((case.may_stand & (case.asked.move != RESERVE)).sum()),
        places,
        f"{int(used_twice.sum()):,} authorizations have more used units, and {int(released_twice.sum()):,} more "
        f"released ones, than were asked for under distinct keys; of {int((too_much | below).sum()):,} more was taken "
        "than was reserved",
        (used - most[:, CONSUME]).clip(min=0)[places],
    )


def within(case: Units) -> Found:
    """A6. The version counts the moves; and the units lie in the intervals of integrity.md §3.5. What was acknowledged
    must be in the counters, whether its movement is stored or not.
    """
    pool, standing, allowed = case.pool, case.standing, intervals(case)
    used, scheduled = standing["used"].to_numpy() - pool.used, standing["scheduled"].to_numpy() - pool.scheduled
    least, most = allowed.least, allowed.most
    outside = (used < least[:, CONSUME]) | (used > most[:, CONSUME])
    outside |= scheduled < least[:, RESERVE] - most[:, RELEASE] - most[:, CONSUME]
    outside |= scheduled > most[:, RESERVE] - least[:, RELEASE] - least[:, CONSUME]
    outside &= ~_missing(case)
    miscounted = np.zeros(len(outside), bool)
    off = np.zeros(len(outside), np.int64)
    if case.versions:
        version = standing["version"].to_numpy()
        fewest, highest = allowed.fewest, allowed.highest
        if case.movements:
            fewest = highest = _movements(case)
        miscounted = ~_missing(case) & ((version < fewest) | (version > highest))
        off = np.maximum(version - highest, fewest - version).clip(min=0)
    places = np.flatnonzero(miscounted | outside)
    return case.broken_at(
        int((~_missing(case)).sum()),
        places,
        f"the versions of {int(miscounted.sum()):,} authorizations are not the numbers of their moves; the counters of "
        f"{int(outside.sum()):,} lie outside of what the answers allow",
        off[places],
    )


def whole(case: Units) -> Found:
    """X6. Version, used and scheduled have changed by the stored movements and nothing else. Where a target writes
    the row last in the transaction that writes the movement, both have the same xmin.
    """
    used, scheduled, version = _leftovers(case)
    torn = (used != 0) | (scheduled != 0) | (version != 0)
    moved = (_movements(case) > 0) & ~_missing(case)
    writer = case.moved_rows["writer"].to_numpy()
    pairs = case.moved.place * XIDS + writer
    together = np.isin(np.arange(len(moved)) * XIDS + case.standing["writer"].to_numpy(), pairs[case.moved.place >= 0])
    alone = moved & ~together & bool((moved & together).any())
    places = np.flatnonzero(torn | alone)
    return case.broken_at(
        int(moved.sum()),
        places,
        f"{int(torn.sum()):,} authorizations have changed otherwise than by whole stored moves; "
        f"{int(alone.sum()):,} were last written by a transaction that wrote no movement of theirs",
        (np.abs(used) + np.abs(scheduled) + np.abs(version))[places],
    )


def _leftovers(case: Units) -> tuple[Array, Array, Array]:
    """By how much used, scheduled and version (0 if there is none) are off from what was seeded and the movements."""
    sums = case.moved.sums(len(case.pool.number), np.ones(len(case.moved.place), bool))
    here = ~_missing(case)
    used = (case.standing["used"].to_numpy() - case.pool.used - sums @ TO_USED) * here
    scheduled = (case.standing["scheduled"].to_numpy() - case.pool.scheduled - sums @ TO_SCHEDULED) * here
    version = (case.standing["version"].to_numpy() - _movements(case)) * here * case.versions
    return used, scheduled, version


def _movements(case: Units) -> Array:
    """How many movements each place has."""
    return case.moved.counts(len(case.pool.number), np.ones(len(case.moved.place), bool))


def _missing(case: Units) -> Mask:
    """Which authorizations are not there at all: a matter of POOL."""
    missing: Mask = case.standing["number"].to_numpy() == 0
    return missing
