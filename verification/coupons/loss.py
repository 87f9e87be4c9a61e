"""What a target that was killed may lose of the log: what waited to be logged by then, and no more."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from harness.plan.disturbance import POSTGRES
from verification.announced import Announced
from verification.arrays import Array, Mask
from verification.coupons.case import Validations
from verification.found import Found, Part
from verification.ledger_checks import lost as lost_in_order


def lost(case: Validations) -> Part:
    """X1. Of a target that ended in order every answered validation is logged. Of one that was killed those may be lost
    that were answered in the last moments, within the time that the plan gives to logging (`eventual`), and no more
    than its queue holds (`log_bound`).
    """
    found = lost_in_order(case)
    ledger, possible = case.ledger, case.ledger.possible
    kills = [one for one in ledger.announced if one.verb == "kill" and one.what != POSTGRES]
    if not (case.seen.died or kills):
        return found
    keys = np.unique(possible.key[possible.must & (case.effect_copies == 0)])
    ended = np.zeros(len(ledger.keys), np.int64)
    np.maximum.at(ended, ledger.key_place, ledger.latest)
    scenario = ledger.scenario
    bound = int(scenario.contract["log_bound"])
    if not case.seen.died:
        return _lost_to(kills, case, found, keys, ended[keys], bound)
    early = too_early(ended[keys], ledger.last_answer, scenario.eventual)
    each = {"any": case.breaking(keys), "early": case.breaking(keys[early])}
    told = partial(_died, died=case.seen.died, bound=bound, seconds=scenario.eventual, in_order=found.tell)
    return replace(
        found,
        tell=told,
        sums={**found.sums, "lost": len(keys), "early": int(early.sum())},
        each={name: one for name, one in each.items() if one},
    )


def _died(part: Part, died: Sequence[str], bound: int, seconds: float, in_order: Callable[[Part], Found]) -> Found:
    if not part.witnesses:
        return in_order(part)
    keys, early = part.sums["lost"], part.sums["early"]
    if not early and keys <= bound:
        told = f"{keys:,} were waiting to be logged when {', '.join(died)} died: it may lose {bound:,}"
        return Found(part.compared, detail=told)
    first = part.each.get("early" if early else "any")
    return replace(part, witnesses=keys, first=first, worst=None).found(
        f"{keys:,} are lost since {', '.join(died)} died, which may lose {bound:,} that were answered "
        f"in the last {seconds:g} s; {early:,} were answered before"
    )


def too_early(ended: Array, last: int, seconds: float) -> Mask:
    """Which of those that are lost, by their ends (ns), ended longer before the `last` answer than logging may take."""
    early: Mask = ended < last - int(seconds * 1e9)
    return early


def _lost_to(kills: Sequence[Announced], case: Validations, found: Part, keys: Array, ended: Array, bound: int) -> Part:
    """The same of a target that the plan killed, so many times, and that went on."""
    of = kill_of(ended, kills, case.ledger.scenario.eventual)
    each = {f"kill {place}": case.breaking(keys[of == place]) for place in range(-1, len(kills))}
    return replace(
        found,
        tell=partial(_killed, kills=len(kills), bound=bound, in_order=found.tell),
        sums={**found.sums, **{f"kill {place}": int((of == place).sum()) for place in range(-1, len(kills))}},
        each={name: one for name, one in each.items() if one},
    )


def _killed(part: Part, kills: int, bound: int, in_order: Callable[[Part], Found]) -> Found:
    if not part.witnesses:
        return in_order(part)
    times = {place: part.sums[f"kill {place}"] for place in range(-1, kills)}
    keys = sum(times.values())
    wrong = [place for place, count in times.items() if count > (bound if place >= 0 else 0)]
    if not wrong:
        told = f"{keys:,} were waiting to be logged when the plan killed the target: each time it may lose {bound:,}"
        return Found(part.compared, detail=told)
    first = min((part.each[f"kill {place}"] for place in wrong), key=lambda one: one.order)
    return replace(part, witnesses=sum(times[place] for place in wrong), first=first, worst=None).found(
        f"{keys:,} are lost, {times[-1]:,} of them not answered in the last moments before a kill"
    )


def kill_of(ended: Array, kills: Sequence[Announced], seconds: float) -> Array:
    """Of each that is lost, by its end (ns), the kill that may have cost it: the first that came within so many
    seconds; −1: none did.
    """
    found = np.full(len(ended), -1)
    for place, kill in reversed(list(enumerate(kills))):
        found[(ended >= kill.begin - int(seconds * 1e9)) & (ended <= kill.done)] = place
    return found
