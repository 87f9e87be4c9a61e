"""What a target that was killed may lose of the log: what waited to be logged by then, and no more."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.outcomes import DONE, Outcome
from harness.plan.disturbance import POSTGRES
from verification.announced import Announced
from verification.arrays import Array, Mask
from verification.case import Found
from verification.coupons.case import Validations
from verification.ledger_checks import lost as lost_in_order


def lost(case: Validations) -> Found:
    """X1. Of a target that ended in order every answered validation is logged. Of one that was killed those may be lost
    that were answered in the last moments, within the time that the plan gives to logging (`eventual`), and no more
    than its queue holds (`log_bound`).
    """
    found = lost_in_order(case).told()
    ledger, possible = case.ledger, case.ledger.possible
    kills = [one for one in ledger.announced if one.verb == "kill" and one.what != POSTGRES]
    if not found.witnesses or not (case.seen.died or kills):
        return found
    keys = np.unique(possible.key[possible.must & (case.effect_copies == 0)])
    ended = np.zeros(len(ledger.keys), np.int64)
    np.maximum.at(ended, ledger.key_place, ledger.latest)
    answered = ledger.latest[ledger.outcome(*DONE, Outcome.REJECT)]
    scenario = ledger.scenario
    bound = int(scenario.contract["log_bound"])
    if not case.seen.died:
        return _lost_to(kills, case, found, keys, ended[keys], bound)
    early = too_early(ended[keys], int(answered.max(initial=0)), scenario.eventual)
    if not early.any() and len(keys) <= bound:
        told = f"{len(keys):,} were waiting to be logged when {', '.join(case.seen.died)} died: it may lose {bound:,}"
        return Found(found.compared, detail=told)
    told = (
        f"{len(keys):,} are lost since {', '.join(case.seen.died)} died, which may lose {bound:,} that were answered "
        f"in the last {scenario.eventual:g} s; {int(early.sum()):,} were answered before"
    )
    return replace(case.broken(found.compared, keys[early] if early.any() else keys, told), witnesses=len(keys))


def too_early(ended: Array, last: int, seconds: float) -> Mask:
    """Which of those that are lost, by their ends (ns), ended longer before the `last` answer than logging may take."""
    early: Mask = ended < last - int(seconds * 1e9)
    return early


def _lost_to(
    kills: Sequence[Announced], case: Validations, found: Found, keys: Array, ended: Array, bound: int
) -> Found:
    """The same of a target that the plan killed, so many times, and that went on."""
    of = kill_of(ended, kills, case.ledger.scenario.eventual)
    times = np.bincount(of[of >= 0], minlength=len(kills))
    told = f"{len(keys):,} were waiting to be logged when the plan killed the target: each time it may lose {bound:,}"
    wrong = (of < 0) | (times > bound)[of]
    if not wrong.any():
        return Found(found.compared, detail=told)
    told = f"{len(keys):,} are lost, {int((of < 0).sum()):,} of them not answered in the last moments before a kill"
    return replace(case.broken(found.compared, keys[wrong], told), witnesses=int(wrong.sum()))


def kill_of(ended: Array, kills: Sequence[Announced], seconds: float) -> Array:
    """Of each that is lost, by its end (ns), the kill that may have cost it: the first that came within so many
    seconds; −1: none did.
    """
    found = np.full(len(ended), -1)
    for place, kill in reversed(list(enumerate(kills))):
        found[(ended >= kill.begin - int(seconds * 1e9)) & (ended <= kill.done)] = place
    return found
