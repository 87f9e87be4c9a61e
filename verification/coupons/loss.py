"""What a target that was killed may lose of the log: what waited to be logged by then, and no more."""

from dataclasses import replace

import numpy as np

from harness.outcomes import DONE, Outcome
from verification.arrays import Array, Mask
from verification.case import Found
from verification.coupons.case import Validations
from verification.ledger_checks import lost as lost_in_order


def lost(case: Validations) -> Found:
    """X1. Of a target that ended in order every answered validation is logged. Of one that was killed those may be lost
    that were answered in the last moments, within the time that the plan gives to logging (`eventual`), and no more
    than its queue holds (`log_bound`).
    """
    found = lost_in_order(case)
    if not found.witnesses or not case.seen.died:
        return found
    ledger, possible = case.ledger, case.ledger.possible
    keys = np.unique(possible.key[possible.must & (case.effect_copies == 0)])
    ended = np.zeros(len(ledger.keys), np.int64)
    np.maximum.at(ended, ledger.key_place, ledger.latest)
    answered = ledger.latest[ledger.outcome(*DONE, Outcome.REJECT)]
    scenario = ledger.scenario
    bound = int(scenario.contract["log_bound"])
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
