"""The moves of each authorization, in the order of its versions, make every state that was answered.

The answers give the order, and the state after each: nothing has to be searched for (integrity.md §4, T3).
"""

from dataclasses import dataclass, replace

import numpy as np

from harness.outcomes import DONE, Outcome
from systems.authorizations import MOVES
from verification.arrays import Array, Mask
from verification.authorizations.accounts import Units
from verification.authorizations.moves import TO_SCHEDULED, TO_USED, Moves
from verification.authorizations.turns import VERSIONS
from verification.found import Found, Part, Witness


@dataclass(frozen=True)
class Told:
    """The answers that name a state of an authorization, by its place, its version, and moves before reads."""

    attempt: Array
    """The line of ops."""
    key: Array
    place: Array
    version: Array
    used: Array
    scheduled: Array
    moves: Mask
    """Whether it is the answer to the move that made this version; the others only read it."""


@dataclass(frozen=True)
class Untold:
    """The moves that are stored, or may be, and whose version no answer has: by place and move."""

    count: Array
    units: Array
    """How many units each of them has."""
    mixed: Mask
    """The places where those of one kind have different numbers of units."""


def ordered(case: Units) -> Part:
    """A8. A move whose version is not known fills a place that is missing; which one, is no matter, for between two
    states that were answered the moves must add up. What has no known version is A6's.
    """
    told, untold = _told(case), _untold(case)
    before, again = _as_before(told.place), _as_before(told.place, told.version)
    moves = np.bincount(told.place[told.moves], minlength=len(untold.count)) + untold.count.sum(axis=1)
    twice = (again & told.moves) | (told.version > moves[told.place])
    wrong, unjudged = _steps(case, told, untold, before, again)
    wrong |= again & ~_as_before(told.used, told.scheduled)
    early, stale = _too_early(case, told), _stale(case, told)
    nameless = _nameless(case)
    contradicting = np.flatnonzero(twice | wrong | early | stale)
    keys = np.unique(np.concatenate([told.key[contradicting], case.ledger.key_place[nameless]]))
    part = case.part(_ordered, len(told.key) + len(nameless), keys)
    each = {}
    for line in contradicting[:1].tolist():
        order = (
            case.place_in_all(int(told.place[line])),
            int(told.version[line]),
            int(not told.moves[line]),
            int(told.attempt[line]),
        )
        each["contrast"] = Witness(order, {}, named=_contrast(case, told, line))
    sums = {
        "twice": int(twice.sum()) + len(nameless),
        "wrong": int(wrong.sum()),
        "early": int(early.sum()),
        "stale": int(stale.sum()),
        "unjudged": unjudged,
    }
    return replace(part, sums=sums, each=each)


def _ordered(part: Part) -> Found:
    unjudged = part.sums["unjudged"]
    if not part.witnesses and unjudged:
        return Found(part.compared, detail=f"{unjudged:,} steps over moves of unknown version could not be judged")
    return part.found(
        f"{part.sums['twice']:,} answers name a version that another move has, or that none can have; "
        f"{part.sums['wrong']:,} say another state than the moves make; {part.sums['early']:,} moves have a higher "
        f"version than one that began after they had ended; {part.sums['stale']:,} replays show a state of before they "
        "began" + "".join(f"; {one.named}" for one in part.each.values())
    )


def _contrast(case: Units, told: Told, line: int) -> str:
    """The state in an answer, beside the one before it at the same authorization."""
    place, ops = told.place[line], case.ledger.ops["op"]

    def state(version: int, used: int, scheduled: int) -> str:
        return f"version {version} with {used} used and {scheduled} scheduled"

    if line and told.place[line - 1] == place:
        earlier = ops.iloc[told.attempt[line - 1]]
        before = f"operation {earlier} "
        before += state(told.version[line - 1], told.used[line - 1], told.scheduled[line - 1])
    else:
        before = f"seeding {state(0, case.pool.used[place], case.pool.scheduled[place])}"
    said = state(told.version[line], told.used[line], told.scheduled[line])
    return f"of authorization {case.pool.number[place]}, operation {ops.iloc[told.attempt[line]]} said {said}, {before}"


def _told(case: Units) -> Told:
    ledger, said, place = case.ledger, case.answers, case.sent.place
    acked = ledger.outcome(Outcome.ACK)
    # Acknowledged but missing moves are X1's; skipped here: they made no state.
    named = ledger.outcome(*DONE) & case.stands[ledger.key_place]
    attempt = np.flatnonzero(named & ~said.another & (said.version > 0) & (place >= 0))
    key, version = ledger.key_place[attempt], said.version[attempt]
    moves = acked[attempt] & (version == case.version[key])
    first = np.full(len(ledger.keys), len(attempt))
    np.minimum.at(first, key[moves], np.flatnonzero(moves))
    moves &= first[key] == np.arange(len(attempt))
    order = np.argsort((place[attempt] * VERSIONS + version) * 2 + ~moves, kind="stable")
    order = order[case.here(place[attempt[order]])]
    attempt = attempt[order]
    return Told(
        attempt,
        key[order],
        place[attempt],
        version[order],
        said.used[attempt],
        said.scheduled[attempt],
        moves[order],
    )


def _untold(case: Units) -> Untold:
    places, asked = len(case.pool.number), case.asked
    if case.movements:
        # As they were asked for: that they are stored so is the matter of X5.
        key, moved = case.moved_key, case.moved
        ours = key >= 0
        lines = Moves(
            moved.place,
            moved.practitioner,
            np.where(ours, asked.units[key], moved.units),
            np.where(ours, asked.move[key], moved.move),
        )
        which = case.moved_version == 0
    else:
        lines, which = asked, case.may_stand & (case.version == 0)
    which &= (lines.place >= 0) & (lines.move >= 0)
    bins, units = lines.place[which] * len(MOVES) + lines.move[which], lines.units[which]
    most, least = np.zeros(places * len(MOVES), np.int64), np.full(places * len(MOVES), np.iinfo(np.int64).max)
    np.maximum.at(most, bins, units)
    np.minimum.at(least, bins, units)
    count = np.bincount(bins, minlength=len(most))
    mixed = ((count > 0) & (most != least)).reshape(places, -1).any(axis=1)
    return Untold(count.reshape(places, -1), most.reshape(places, -1), mixed)


def _steps(case: Units, told: Told, untold: Untold, before: Mask, again: Mask) -> tuple[Mask, int]:
    """Which answers say another state than the moves since the state before make; and how many can't be judged."""
    at = np.flatnonzero(~again)
    place, moves, asked = told.place[at], told.moves[at], case.asked
    # The state before is that of the version before, of which all answers say the same; or the seeded one.
    first = ~before[at]
    version = told.version[at] - np.where(first, 0, told.version[at - 1])
    used = told.used[at] - np.where(first, case.pool.used[place], told.used[at - 1])
    scheduled = told.scheduled[at] - np.where(first, case.pool.scheduled[place], told.scheduled[at - 1])
    units, move = np.where(moves, asked.units[told.key[at]], 0), asked.move[told.key[at]]
    used -= units * TO_USED[move]
    scheduled -= units * TO_SCHEDULED[move]
    between = version - moves
    # Most steps are of one move.
    wrong = (between == 0) & ((used != 0) | (scheduled != 0))
    several = np.flatnonzero(between > 0)
    judged = several[~untold.mixed[place[several]]]
    wrong[judged] = _impossible(place[judged], between[judged], used[judged], scheduled[judged], untold)
    found = np.zeros(len(told.key), bool)
    found[at] = wrong
    return found, len(several) - len(judged)


def _impossible(place: Array, between: Array, used: Array, scheduled: Array, untold: Untold) -> Mask:
    """Which changes of the counters can't come of so many of the untold moves. If all moves of a kind have the same
    number of units, only one number of each kind adds up to a change; together they must not be more than there are.
    """
    reserve, release, consume = untold.units[place].T
    consumes = used // np.maximum(consume, 1)
    others, rest = between - consumes, scheduled + consumes * consume
    either = np.maximum(reserve + release, 1)
    reserves = (rest + others * release) // either
    numbers = np.stack([reserves, others - reserves, consumes], axis=1)
    fits = (consumes * consume == used) & (reserves * reserve - (others - reserves) * release == rest)
    wrong = ~fits | (numbers < 0).any(axis=1)
    spent = np.zeros_like(untold.count)
    np.add.at(spent, place, np.where(wrong[:, None], 0, numbers))
    impossible: Mask = wrong | np.any(spent > untold.count, axis=1)[place]
    return impossible


def _too_early(case: Units, told: Told) -> Mask:
    """Which moves had ended before one with a lower version began."""
    lines = np.flatnonzero(told.moves)
    begun, done = case.moments.of(told.key[lines])
    offset = told.place[lines] * case.moments.span
    latest = np.maximum.accumulate(offset + begun)
    early = np.zeros(len(told.key), bool)
    early[lines[1:]] = (offset + done)[1:] < latest[:-1]
    return early


def _stale(case: Units, told: Told) -> Mask:
    """Which reads show a version of before the move that they repeat, or one that was no more when they began. The
    answer as it was then, kept and given again, is neither.
    """
    span, start = case.moments.span, case.ledger.earliest
    lines, reads = np.flatnonzero(told.moves), np.flatnonzero(~told.moves)
    done = told.place[lines] * span + case.moments.of(told.key[lines])[1]
    order = np.argsort(done)
    highest = np.maximum.accumulate((told.place * VERSIONS + told.version)[lines][order])
    began = told.place[reads] * span + case.moments.floor(start[told.attempt[reads]])
    last = np.searchsorted(done[order], began, "right") - 1
    # Without a move before it, that of another authorization is found: of a lower place.
    known = np.where(last >= 0, highest[last] if len(highest) else 0, 0) - told.place[reads] * VERSIONS
    own, version = case.version[told.key[reads]], told.version[reads]
    stale = np.zeros(len(told.key), bool)
    stale[reads] = (version < own) | ((version < known) & (version > own) & (own > 0))
    return stale


def _nameless(case: Units) -> Array:
    """The acknowledgements that name no version that a move can have."""
    said, acked = case.answers, case.ledger.outcome(Outcome.ACK)
    of_ours = ~said.another & ~said.unbalanced & case.stands[case.ledger.key_place]
    return np.flatnonzero(acked & of_ours & (said.version == 0) & case.here(case.sent.place))


def _as_before(*columns: Array) -> Mask:
    """Which lines have the same in all `columns` as the line before."""
    same = np.zeros(len(columns[0]), bool)
    same[1:] = np.all([column[1:] == column[:-1] for column in columns], axis=0)
    return same
