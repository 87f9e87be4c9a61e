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

ROUNDING = 1e-3
"""Of a number of answers; sums of a million of them are rounded by less."""


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
        order = own[np.argsort(ledger.earliest[own])]
        begun, ended = ledger.earliest[order], np.sort(ledger.latest[order])
        for place in suspects(begun, ended, most, rate).tolist():
            within = np.arange(1, len(order) - place + 1)
            until = ended[place:]
            seconds = (until - begun[place]) / 1e9
            full = 1 + starts(ledger.announced, int(begun[place]), until)
            over = np.flatnonzero(within > most * full + rate * seconds + 1)
            if len(over):
                wrong.append(int(order[place]))
                told = told or (
                    f"{coupons_pool.user_id(user)} was answered {within[over[0]]} times in {seconds[over[0]]:.2f} s"
                )
                break
        maybe = int((case.validation & ledger.unknown & (case.user == user)).sum())
        # What can have emptied it began in the time that fills it.
        since = ledger.earliest[refused] - int(1e9 * most / rate)
        used = under_way(ledger.earliest[own], ledger.latest[own], since, ledger.latest[refused])
        for place in np.flatnonzero(used + maybe < int(most)).tolist():
            wrong.append(int(refused[place]))
            told = told or f"{coupons_pool.user_id(user)} was refused after {used[place]} in a second"
        if told and not first:
            first = user + 1
    part = case.part(_limited, compared, np.unique(ledger.key_place[np.array(wrong, np.int64)]))
    return replace(part, each={"told": Witness((first,), {}, named=told)} if told else {})


def _limited(part: Part) -> Found:
    told = part.each["told"].named if part.each else ""
    return replace(part.found(told), said=f"{told}.".capitalize())


def suspects(begun: Array, ended: Array, most: float, rate: float) -> Array:
    """The places from which on more may have been answered than what a bucket holds and what comes in: none else, but
    for what rounding may do. From the beginning of one to the end of a later one there are at least as many answers as
    lie between.
    """
    if not len(begun):
        return np.zeros(0, np.int64)
    count = np.arange(len(begun))
    left, since = count - rate * ((ended - begun[0]) / 1e9), count - rate * ((begun - begun[0]) / 1e9)
    highest = np.maximum.accumulate(left[::-1])[::-1]
    return np.flatnonzero(highest + 1 - since > most + 1 - ROUNDING)


def under_way(begun: Array, ended: Array, since: Array, until: Array) -> Array:
    """How many, of which each has ended after it began, were under way at some moment from `since` to `until`."""
    begins, ends = np.sort(begun[ended >= begun]), np.sort(ended[ended >= begun])
    found: Array = np.searchsorted(begins, until, "right") - np.searchsorted(ends, since, "left")
    return found


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
