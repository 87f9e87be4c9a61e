"""Rounds: of all who reserve the same units at one instant, exactly as many are served as there is room for."""

import numpy as np

from harness.outcomes import DONE, Outcome
from verification.arrays import Array, Mask
from verification.authorizations.accounts import Units
from verification.authorizations.moves import CONSUME, RELEASE, RESERVE
from verification.found import Found, Part, Witness


def served(case: Units) -> Part:
    """ROUND. By the answers and by the stored movements; a user that was refused before any work (SHED), never asked,
    or is unknown and left nothing, was not there. A round is compared if all that had happened to its authorization
    before is known, and nothing else was under way.
    """
    ledger, members = case.ledger, complete(case)
    place, units = case.sent.place[members[:, 0]], case.sent.units[members]
    free, known = _before(case, members, place)
    known &= (units == units[:, :1]).all(axis=1)
    stand = case.stands[ledger.key_place[members]]
    acked, rejected = ledger.outcome(*DONE)[members], ledger.outcome(Outcome.REJECT)[members]
    stored, answered = stand.sum(axis=1), (acked | stand & ledger.unknown[members]).sum(axis=1)
    expected = np.minimum((stand | acked | rejected).sum(axis=1), free // units[:, 0])
    off = (np.abs(stored - expected) + np.abs(answered - expected)) * known
    wrong, when = np.flatnonzero(off), ledger.ops["sched"].to_numpy()[members[:, 0]]

    def account(which: int, *rank: int) -> Witness:
        shown = {
            "authorization": case.id_at(int(place[which])),
            "operations": ledger.ops["op"].to_numpy()[members[which]].tolist(),
            "available": int(free[which]),
            "units": int(units[which, 0]),
            "expected": int(expected[which]),
            "stored": int(stored[which]),
            "acknowledged": int(acked[which].sum()),
            # Those that were served first: they tell who should not have been.
            "attempts": case.attempts(members[which][np.argsort(~acked[which], kind="stable")]),
        }
        order = (*rank, int(when[which]), case.place_in_all(int(place[which])))
        return Witness(order, shown, case.sql_at(int(place[which])))

    worst = int(wrong[off[wrong].argmax()]) if len(wrong) else 0
    return Part(
        _served,
        int(known.sum()),
        len(wrong),
        account(int(wrong[0])) if len(wrong) else None,
        account(worst, -int(off[worst])) if len(wrong) else None,
        sums={"left out": int((~known).sum())},
    )


def _served(part: Part) -> Found:
    left_out = part.sums["left out"]
    told = f"{left_out:,} rounds more could not be compared" if left_out else ""
    if part.first is None:
        return Found(part.compared, detail=told)
    first = part.first.shown
    return part.found(
        f"{part.witnesses:,} rounds did not end as they must; of the first, {first['acknowledged']} were acknowledged "
        f"and {first['stored']} are stored, expected {first['expected']}: {first['units']} units for each of "
        f"{first['available']} that were available. {told}".rstrip()
    )


def complete(case: Units) -> Array:
    """The lines of ops of each round, one after the other: as many reserves of one authorization, and of one moment, as
    there are users, all of them ended.
    """
    ops, place, users = case.ledger.ops, case.sent.place, case.seen.scenario.max_users
    lines = np.flatnonzero(case.ledger.kind("reserve") & (place >= 0) & case.here(place))
    moment = ops["sched"].to_numpy()
    lines = lines[np.lexsort((place[lines], moment[lines]))]
    begins = np.ones(len(lines), bool)
    begins[1:] = (moment[lines[1:]] != moment[lines[:-1]]) | (place[lines[1:]] != place[lines[:-1]])
    group = np.cumsum(begins) - 1
    ended = np.bincount(group, ops["end"].to_numpy()[lines] > 0)
    whole = (np.bincount(group) == users) & (ended == users)
    members: Array = lines[whole[group]].reshape(-1, users)
    return members


def _before(case: Units, members: Array, place: Array) -> tuple[Array, Mask]:
    """How many units were available when each round began, and whether that is known.

    Every move has units: if as many were moved for sure before the round as can have been by its end, without those of
    the round itself, then it is the same moves.
    """
    ledger, pool, moments = case.ledger, case.pool, case.moments
    begun = moments.floor(ledger.earliest[members].min(axis=1))
    ended = moments.ceiling(ledger.latest[members].max(axis=1))
    own = (case.sent.units * case.may_stand[ledger.key_place])[members].sum(axis=1)
    every = (RESERVE, RELEASE, CONSUME)
    known = moments.possible(place, ended, every) - own == moments.certain(place, begun, every)
    taken = moments.certain(place, begun, (RESERVE,)) - moments.certain(place, begun, (RELEASE,))
    free = (pool.total - pool.used - pool.scheduled)[place] - taken
    return free, known & ~np.isin(place, case.disturbed)
