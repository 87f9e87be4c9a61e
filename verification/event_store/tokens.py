"""Tokens never go back, are stored as they were reported, and head, tail and positions of times are what they were."""

import numpy as np

from harness.outcomes import Outcome
from systems import event_store
from systems.event_store import XMIN
from verification.arrays import Array
from verification.case import Found
from verification.event_store.case import Events


def judged(case: Events) -> Found:
    """TOKEN."""
    ledger = case.ledger
    answer, about = ledger.ops["answer"].to_numpy(), case.about[0]
    acknowledged = ledger.outcome(Outcome.ACK)

    def asked(kind: str) -> Array:
        return np.flatnonzero((ledger.ops["kind"].to_numpy() == kind) & acknowledged)

    heads, tails, times = (asked(kind) for kind in event_store.TOKENS)
    least, most = _heads(case, heads)
    noon = np.array([case.seen.noons.get(int(day), -1) + 1 for day in about[times]], np.int64)
    wrong = np.concatenate(
        [
            heads[(answer[heads] < least) | (answer[heads] > most)],
            tails[answer[tails] != case.seen.first],
            times[answer[times] != noon],
        ]
    )
    back = compared = other = 0
    for one in case.received:
        compared += len(one.at)
        back += int((np.diff(one.at) < 0).sum()) if case.policy != XMIN else 0
        other += int(len(one.at) > 0 and one.stored is not None and one.stored != one.at[-1])
    total = len(heads) + len(tails) + len(times) + compared
    detail = (
        f"{len(wrong):,} answers are no position that there was at that time, {back:,} tokens went back, {other:,} are "
        "stored otherwise than their processors went on with"
    )
    if back + other and not len(wrong):
        return Found(total, back + other, detail)
    return case.broken(total, np.unique(ledger.key_place[wrong]), detail)


def _heads(case: Events, heads: Array) -> tuple[Array, Array]:
    """Where the end of all events, or of a tenant's, was at least and at most when each of `heads` was answered."""
    ledger, rows = case.ledger, case.rows
    position, tenants = rows["position"].to_numpy(), rows["tenant"].to_numpy()
    least, most = np.zeros(len(heads), np.int64), np.zeros(len(heads), np.int64)
    of = case.about[0][heads]
    for subject in np.unique(of).tolist():
        own, seeded = of == subject, case.seen.pool[0]
        events = np.ones(len(rows), bool)
        if subject:
            events, seeded = tenants == subject - 1, case.seen.heads.get(subject - 1, 0)
        for found, moments, at in (
            (least, case.row_done[events], ledger.earliest[heads[own]]),
            (most, case.row_begun[events], ledger.latest[heads[own]]),
        ):
            order = np.argsort(moments)
            reached = np.maximum.accumulate(np.concatenate([[seeded], position[events][order]]))
            found[own] = reached[np.searchsorted(moments[order], at, "right")]
    return least, most
