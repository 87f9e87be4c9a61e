"""One user may make so many validations a second: not more, and none is refused for that before."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.outcomes import DONE, Outcome
from harness.plan.disturbance import POSTGRES
from systems import coupons_pool
from verification.announced import Announced
from verification.arrays import Array
from verification.coupons.case import Validations
from verification.found import Found, Part, Witness


def limited(case: Validations) -> Part:
    """RATE. A bucket holds what comes in a second: in any time as many can be answered as fill it meanwhile, and a full
    one; and one that was refused must have found it empty. A target that the plan starts anew begins with full ones.
    """
    ledger, rate = case.ledger, allowed(case)
    if not rate:
        return Part(_limited)
    most = max(rate, 1.0)
    shed = case.validation & ledger.outcome(Outcome.SHED)
    done = case.validation & ledger.outcome(*DONE, Outcome.REJECT)
    compared, wrong, told, first = 0, [], "", 0
    for user in np.unique(case.user[shed | ledger.kind("flood")]).tolist():
        own = np.flatnonzero((case.user == user) & done)
        refused = np.flatnonzero((case.user == user) & shed)
        compared += len(own) + len(refused)
        # From the beginning of one to the end of a later one there are at least as many answers as lie between.
        order = own[np.argsort(ledger.earliest[own])]
        begun, ended = ledger.earliest[order], np.sort(ledger.latest[order])
        for place in range(len(order)):
            within = np.arange(1, len(order) - place + 1)
            until = np.maximum.accumulate(ended[place:])
            seconds = (until - begun[place]) / 1e9
            full = 1 + starts(ledger.announced, int(begun[place]), until)
            over = np.flatnonzero(within > most * full + rate * seconds + 1)
            if len(over):
                wrong.append(int(order[place]))
                told = told or (
                    f"{coupons_pool.user_id(user)} was answered {within[over[0]]} times in {seconds[over[0]]:.2f} s"
                )
                break
        for line in refused.tolist():
            # What can have emptied it began in the time that fills it.
            since = ledger.earliest[line] - int(1e9 * most / rate)
            used = ((ledger.latest[own] >= since) & (ledger.earliest[own] <= ledger.latest[line])).sum()
            maybe = case.validation & ledger.unknown & (case.user == user)
            if used + int(maybe.sum()) < int(most):
                wrong.append(line)
                told = told or f"{coupons_pool.user_id(user)} was refused after {used} in a second"
        if told and not first:
            first = user + 1
    part = case.part(_limited, compared, np.unique(ledger.key_place[np.array(wrong, np.int64)]))
    return replace(part, each={"told": Witness((first,), {}, named=told)} if told else {})


def _limited(part: Part) -> Found:
    told = part.each["told"].named if part.each else ""
    return replace(part.found(told), said=f"{told}.".capitalize())


def starts(announced: Sequence[Announced], begun: int, until: Array) -> Array:
    """How often the plan started the target anew between `begun` and each of `until` (ns), at most."""
    found = np.zeros(len(until), np.int64)
    for one in announced:
        if one.verb in ("kill", "restart") and one.what != POSTGRES:
            found += (one.done >= begun) & (one.begin <= until)
    return found


def allowed(case: Validations) -> float:
    """How many validations a second a user may make, of the target that was started; 0: any, or it is not known."""
    services = case.ledger.scenario.services
    return max((float(one.settings.get("user_rate", 0)) for one in services.values()), default=0.0)
