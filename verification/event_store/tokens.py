"""Tokens never go back, are stored as they were reported, and head, tail and positions of times are what they were."""

from dataclasses import replace

import numpy as np

from harness.outcomes import Outcome
from systems import event_store
from systems.event_store import XMIN
from verification.arrays import Array
from verification.event_store.case import Events
from verification.found import Found, Part


def judged(case: Events) -> Part:
    """TOKEN."""
    ledger = case.ledger
    answer, about = ledger.ops["answer"].to_numpy(), case.about[0]
    acknowledged = ledger.outcome(Outcome.ACK)
    begins_here = case.here(ledger.earliest)

    def asked(kind: str) -> Array:
        return np.flatnonzero((ledger.ops["kind"].to_numpy() == kind) & acknowledged)

    heads, tails, times = (asked(kind) for kind in event_store.TOKENS)
    low, high = _heads(case, heads)
    # Those that ended in another part of the time are here, too.
    began, tails, times = (some[begins_here[some]] for some in (heads, tails, times))
    noon = np.array([case.seen.noons.get(int(day), -1) + 1 for day in about[times]], np.int64)
    wrong = np.concatenate(
        [
            heads[low & begins_here[heads] | high & case.here(ledger.latest[heads])],
            tails[answer[tails] != case.seen.first],
            times[answer[times] != noon],
        ]
    )
    back = compared = other = 0
    for one in case.seen.processors if case.counted_once else ():
        compared += one.batches
        back += one.back if case.policy != XMIN else 0
        other += int(one.batches > 0 and one.stored is not None and one.stored != one.at)
    part = case.of_operations(_judged, len(began) + len(tails) + len(times) + compared, wrong)
    return replace(part, sums={"back": back, "other": other})


def _judged(part: Part) -> Found:
    back, other = part.sums["back"], part.sums["other"]
    detail = (
        f"{part.witnesses:,} answers are no position that there was at that time, {back:,} tokens went back, {other:,} "
        "are stored otherwise than their processors went on with"
    )
    if back + other and not part.witnesses:
        return Found(part.compared, back + other, detail)
    return part.found(detail)


def _heads(case: Events, heads: Array) -> tuple[Array, Array]:
    """Which of `heads` were answered less than the end of all events, or of a tenant's, was by then at least; and which
    more than it was at most.
    """
    ledger, (certain, possible) = case.ledger, case.ends
    answer, of = ledger.ops["answer"].to_numpy()[heads], case.about[0][heads]
    low, high = np.zeros(len(heads), bool), np.zeros(len(heads), bool)
    for subject in np.unique(of).tolist():
        own, seeded = of == subject, case.seen.heads.get(subject - 1, 0) if subject else case.seen.pool[0]
        least, most = (
            np.maximum(end.at(subject, times[heads[own]]), seeded)
            for end, times in ((certain, ledger.earliest), (possible, ledger.latest))
        )
        low[own], high[own] = answer[own] < least, answer[own] > most
    return low, high
