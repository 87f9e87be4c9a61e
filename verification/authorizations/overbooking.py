"""Never more units than there are, and never a refusal while there are enough."""

from dataclasses import replace

import numpy as np

from harness.outcomes import DONE, Outcome
from systems.authorizations import MOVES
from verification.arrays import Array
from verification.authorizations import standing
from verification.authorizations.accounts import Units
from verification.authorizations.moves import CONSUME, RELEASE, RESERVE, TO_SCHEDULED, TO_USED
from verification.case import shown
from verification.found import Found, Part, Witness


def counted(case: Units) -> Part:
    """A1. By the current counters, and by each answer."""
    total, used, scheduled = case.pool.total, case.standing["used"].to_numpy(), case.standing["scheduled"].to_numpy()
    beyond = outside(used, scheduled, total).clip(min=0) * case.own
    said, place = case.answers, case.sent.place
    told = case.ledger.outcome(*DONE) & ~said.another & case.units_told
    answered = np.flatnonzero(told & (place >= 0) & case.here(place))
    over = (said.used + said.scheduled)[answered] - total[place[answered]]
    stand, answers = int((beyond > 0).sum()), int((over > 0).sum())
    np.maximum.at(beyond, place[answered], over)
    places = np.flatnonzero(beyond)
    return case.part_at(
        _counted,
        int((case.own & (case.standing["number"].to_numpy() > 0)).sum()) + len(answered),
        places,
        beyond[places],
        {"stand": stand, "answers": answers},
    )


def _counted(part: Part) -> Found:
    return part.found(
        f"{part.sums['stand']:,} authorizations hold more promised units than they have, or fewer than none; "
        f"{part.sums['answers']:,} answers report that of {part.witnesses:,}"
    )


def queried(case: Units) -> Found:
    """DOC. The document's own query, word for word."""
    rows = case.seen.overbooked
    lines = shown(rows)
    worst = int((rows["used"] + rows["scheduled"] - rows["total"]).argmax()) if lines else 0
    return Found(
        case.seen.queried,
        len(rows),
        f"{len(rows):,} rows, expected none" if lines else "0 rows",
        lines[0] if lines else {},
        lines[worst] if lines else {},
        f"SELECT * {standing.overbooked_sql(case.seen.names)};",
    )


def moved(case: Units) -> Part:
    """A1M. By the movements: all together; one after the other, where answers tell their order; and at each moment,
    by what had happened for sure.
    """
    pool, every = case.pool, np.ones(len(case.moved.place), bool)
    sums = case.moved.sums(len(pool.number), every)
    beyond = outside(pool.used + sums @ TO_USED, pool.scheduled + sums @ TO_SCHEDULED, pool.total)
    mine = np.flatnonzero(case.own)
    together = np.flatnonzero((beyond > 0) & case.own)
    turns = case.in_turn
    in_turn = np.unique(turns.place[outside(turns.used, turns.scheduled, pool.total[turns.place]) > 0])
    in_turn = np.intersect1d(in_turn, mine)
    at_once = np.union1d(overdrawn(case, RESERVE), np.union1d(overdrawn(case, RELEASE), overdrawn(case, CONSUME)))
    at_once = np.intersect1d(at_once, mine)
    places = np.union1d(np.union1d(together, in_turn), at_once)
    return case.part_at(
        _moved,
        int(((case.moved.place >= 0) & case.here(case.moved.place)).sum()),
        places,
        beyond[places],
        {"together": len(together), "in turn": len(in_turn), "at once": len(at_once)},
    )


def _moved(part: Part) -> Found:
    return part.found(
        f"{part.witnesses:,} authorizations have movements that promise more units than there are, or give back more "
        f"than was promised: {part.sums['together']:,} by all of them together, {part.sums['in turn']:,} in the order "
        f"of their versions, {part.sums['at once']:,} at some moment"
    )


def overdrawn(case: Units, move: int) -> Array:
    """The places where `move` certainly took more, by some moment, than can have been there by then."""
    pool, moments = case.pool, case.moments
    place, at = moments.certainly(move)
    if move == RESERVE:
        level, gives, takes = pool.total - pool.used - pool.scheduled, [RELEASE], [RESERVE]
    else:
        level, gives, takes = pool.scheduled, [RESERVE], [RELEASE, CONSUME]
    most = level[place] + moments.possible(place, at, gives) - moments.certain(place, at, takes)
    return np.setdiff1d(place[most < 0], case.disturbed)


def refused(case: Units) -> Part:
    """A7. It is right if at some moment of the operation there can have been too few: whatever was begun by its end and
    takes units may have taken them, and only what was done before it began had certainly given some back.
    """
    ledger, sent, pool, moments = case.ledger, case.sent, case.pool, case.moments
    conflict = ledger.ops["status"].to_numpy() == case.conflicts[sent.move]
    asked = np.any([ledger.kind(move) for move in MOVES], axis=0) & case.here(sent.place)
    attempts = np.flatnonzero(asked & conflict & ledger.outcome(Outcome.REJECT) & (sent.place >= 0))
    place, units = sent.place[attempts], sent.units[attempts]
    begun, ended = moments.floor(ledger.earliest[attempts]), moments.ceiling(ledger.latest[attempts])
    free = (pool.total - pool.used - pool.scheduled)[place]
    free += moments.certain(place, begun, (RELEASE,)) - moments.possible(place, ended, (RESERVE,))
    scheduled = pool.scheduled[place]
    scheduled += moments.certain(place, begun, (RESERVE,)) - moments.possible(place, ended, (RELEASE, CONSUME))
    least = np.where(sent.move[attempts] == RESERVE, free, scheduled)
    wrong = np.flatnonzero((least >= units) & ~np.isin(place, case.disturbed))
    answered = int((asked & ledger.outcome(*DONE, Outcome.REJECT)).sum())
    part = case.part(_refused, answered, np.unique(ledger.key_place[attempts[wrong]]))
    each = {}
    for first in wrong[:1].tolist():
        op = int(ledger.ops["op"].iloc[attempts[first]])
        told = f"operation {op} asked for {units[first]:,}, and at least {least[first]:,} were there"
        each["attempt"] = Witness((op,), {}, named=told)
    return replace(part, sums={"refused": len(attempts), "wrong": len(wrong)}, each=each)


def _refused(part: Part) -> Found:
    refusals = part.sums["refused"]
    if not part.witnesses:
        return Found(part.compared, detail=f"{refusals:,} of them were refused")
    return part.found(
        f"of {refusals:,} that were refused for want of units, {part.sums['wrong']:,} were so though there were enough "
        f"all the while: {part.each['attempt'].named}"
    )


def outside(used: Array, scheduled: Array, total: Array) -> Array:
    """By how many units the counters are outside of what they may be; 0 or less if they are not."""
    beyond: Array = np.maximum(np.maximum(used + scheduled - total, -used), -scheduled)
    return beyond
