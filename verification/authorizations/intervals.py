"""The counters are what the movements and the answers say that they are: no move half, twice, or for nothing."""

from dataclasses import dataclass, replace

import numpy as np

from verification.arrays import Array, Mask
from verification.authorizations.accounts import Units
from verification.authorizations.movements import XIDS
from verification.authorizations.moves import CONSUME, RELEASE, RESERVE, TO_SCHEDULED, TO_USED
from verification.authorizations.overbooking import overdrawn
from verification.found import Found, Part


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


def width(case: Units) -> tuple[int, int, int]:
    """By how many units the intervals of all authorizations are open together, at how many, and by how many at most."""
    if case.seen.open is not None:
        found: tuple[int, int, int] = case.seen.open
        return found
    open_ = intervals(case).width[case.own]
    return int(open_.sum()), int((open_ > 0).sum()), int(open_.max(initial=0))


def equal(case: Units) -> Part:
    """A2. Both ways: an authorization without movements is as seeded, and one that has some exists."""
    used, scheduled, _ = _leftovers(case)
    off = np.abs(used) + np.abs(scheduled)
    gone = _missing(case) & (_movements(case) > 0)
    places = np.flatnonzero(((off > 0) | gone) & case.own)
    return case.part_at(
        _equal,
        int(((gone | ~_missing(case)) & case.own).sum()),
        places,
        off[places],
        {name: int(np.abs(by)[case.own].sum()) for name, by in (("used", used), ("scheduled", scheduled))},
    )


def _equal(part: Part) -> Found:
    return part.found(
        f"the counters of {part.witnesses:,} authorizations are not what was seeded and moved since: "
        f"{part.sums['used']:,} used units and {part.sums['scheduled']:,} scheduled ones off"
    )


def once(case: Units) -> Part:
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
    here = ~_missing(case) & case.own
    used_twice = here & (used > most[:, CONSUME])
    released_twice = here & ~lost & (given_back > most[:, RELEASE])
    too_much = least[:, CONSUME] + least[:, RELEASE] > pool.scheduled + most[:, RESERVE]
    below = np.zeros(len(pool.number), bool)
    below[case.in_turn.place[case.in_turn.scheduled < 0]] = True
    below[overdrawn(case, RELEASE)] = below[overdrawn(case, CONSUME)] = True
    beyond = (too_much | below) & case.own
    places = np.flatnonzero(used_twice | released_twice | beyond)
    return case.part_at(
        _once,
        int((case.may_stand & (case.asked.move != RESERVE) & case.here(case.asked.place)).sum()),
        places,
        (used - most[:, CONSUME]).clip(min=0)[places],
        {"used": int(used_twice.sum()), "released": int(released_twice.sum()), "beyond": int(beyond.sum())},
    )


def _once(part: Part) -> Found:
    return part.found(
        f"{part.sums['used']:,} authorizations have more used units, and {part.sums['released']:,} more released ones, "
        f"than were asked for under distinct keys; of {part.sums['beyond']:,} more was taken than was reserved"
    )


def within(case: Units) -> Part:
    """A6. The version counts the moves; and the units lie in the intervals of integrity.md §3.5. What was acknowledged
    must be in the counters, whether its movement is stored or not.
    """
    pool, standing, allowed = case.pool, case.standing, intervals(case)
    used, scheduled = standing["used"].to_numpy() - pool.used, standing["scheduled"].to_numpy() - pool.scheduled
    least, most = allowed.least, allowed.most
    outside = (used < least[:, CONSUME]) | (used > most[:, CONSUME])
    outside |= scheduled < least[:, RESERVE] - most[:, RELEASE] - most[:, CONSUME]
    outside |= scheduled > most[:, RESERVE] - least[:, RELEASE] - least[:, CONSUME]
    here = ~_missing(case) & case.own
    outside &= here
    miscounted = np.zeros(len(outside), bool)
    off = np.zeros(len(outside), np.int64)
    if case.versions:
        version = standing["version"].to_numpy()
        fewest, highest = allowed.fewest, allowed.highest
        if case.movements:
            fewest = highest = _movements(case)
        miscounted = here & ((version < fewest) | (version > highest))
        off = np.maximum(version - highest, fewest - version).clip(min=0)
    places = np.flatnonzero(miscounted | outside)
    return case.part_at(
        _within,
        int(here.sum()),
        places,
        off[places],
        {"miscounted": int(miscounted.sum()), "outside": int(outside.sum())},
    )


def _within(part: Part) -> Found:
    return part.found(
        f"the versions of {part.sums['miscounted']:,} authorizations are not the numbers of their moves; the counters "
        f"of {part.sums['outside']:,} lie outside of what the answers allow"
    )


def whole(case: Units) -> Part:
    """X6. Version, used and scheduled have changed by the stored movements and nothing else. Where a target writes
    the row last in the transaction that writes the movement, both have the same xmin.
    """
    used, scheduled, version = _leftovers(case)
    torn = ((used != 0) | (scheduled != 0) | (version != 0)) & case.own
    moved = (_movements(case) > 0) & ~_missing(case) & case.own
    writer = case.moved_rows["writer"].to_numpy()
    pairs = case.moved.place * XIDS + writer
    together = np.isin(np.arange(len(moved)) * XIDS + case.standing["writer"].to_numpy(), pairs[case.moved.place >= 0])
    alone = moved & ~together
    places, first = np.flatnonzero(torn | alone), case.breaking_at(np.flatnonzero(torn))
    off = (np.abs(used) + np.abs(scheduled) + np.abs(version))[places]
    sums = {"torn": int(torn.sum()), "alone": int(alone.sum()), "together": int((moved & together).sum())}
    part = case.part_at(_whole, int(moved.sum()), places, off, sums)
    return replace(part, each={"torn": first} if first else {})


def _whole(part: Part) -> Found:
    alone = part.sums["alone"]
    if not part.sums["together"]:
        # The target writes its rows in another order: nothing follows of it.
        alone, part = 0, replace(part, witnesses=part.sums["torn"], first=part.each.get("torn"))
    return part.found(
        f"{part.sums['torn']:,} authorizations have changed otherwise than by whole stored moves; "
        f"{alone:,} were last written by a transaction that wrote no movement of theirs"
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
