"""What went into each queue and out of it, and what is left there."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from systems.orchestrator import DEAD_LETTERS, ENTRIES, STEPS
from systems.orchestrator_routes import FULFILLMENT, INVENTORY, PAYMENT
from verification.found import Found, Part
from verification.moments import by_clocks
from verification.orchestrator.case import Events

SQL = "SELECT * FROM queues LEFT JOIN queue_counts ON queue_counts.queue = queues.id;"
ELSEWHERE = "the queues are not in the database"
FOLLOWING = ((INVENTORY, STEPS[0]), (PAYMENT, STEPS[1]), (FULFILLMENT, STEPS[2]))
"""The queues that services put into, and what was done for an event before."""


def _unknown(_part: Part) -> Found:
    return Found(0, detail=ELSEWHERE)


def sent(case: Events) -> Part:
    """MESSAGES. One message for each event, in the queue that the rules say; one for each that follows; no other."""
    if not case.seen.in_database:
        return Part(_unknown)
    # Of each order first: there are fewer of them than events, and numbers are counted quicker than names.
    names, place = np.unique(case.drawn.queue, return_inverse=True)
    belong = np.zeros(len(names), np.int64)
    np.add.at(belong, place, np.bincount(case.order, minlength=len(place)))
    there = {name: events for name, events in zip(names.tolist(), belong.tolist(), strict=True) if events}
    worked = {step: int((case.work[:, number] > 0).sum()) for number, step in enumerate(STEPS)}
    counted = {str(one.name): int(one.sent) for one in case.seen.queues.itertuples()}
    return Part(partial(_sent, counted=counted), sums=worked | there)


def _sent(part: Part, counted: Mapping[str, int]) -> Found:
    expected = dict.fromkeys(ENTRIES, 0)
    expected |= {name: events for name, events in sorted(part.sums.items()) if name not in STEPS}
    expected |= {queue: part.sums[step] for queue, step in FOLLOWING}
    wrong = {queue: (counted.get(queue, 0), many) for queue, many in expected.items() if counted.get(queue, 0) != many}
    said = "; ".join(f"{queue} got {many:,} messages for {events:,} events" for queue, (many, events) in wrong.items())
    return _found(sum(expected.values()), sum(abs(many - events) for many, events in wrong.values()), said, wrong)


def in_time(case: Events) -> Part:
    """ENQUEUED. By the queue's own clock, as the first service read it of the message; what came to none is not known,
    and the matter of DONE.
    """
    if not case.seen.in_database:
        return Part(_unknown)
    rows = case.rows
    return by_clocks(case, rows["enqueued_at"].where(rows["consumed_at"].notna()), "put into their queue")


def balanced(case: Events) -> Found:
    """DEPTH. By the counts that the depth is told by, and by the messages themselves."""
    if not case.seen.in_database:
        return Found(0, detail=ELSEWHERE)
    queues = case.seen.queues
    off = (queues["sent"] - queues["deleted"] - queues["left"]).to_numpy()
    wrong = {
        str(one.name): (int(one.sent), int(one.deleted), int(one.left))
        for one in queues.iloc[np.flatnonzero(off)].itertuples()
    }
    said = "; ".join(
        f"{name}: {sent:,} − {gone:,} counted, {left:,} there" for name, (sent, gone, left) in wrong.items()
    )
    return _found(int(queues["sent"].sum()), int(np.abs(off).sum()), said, wrong)


def drained(case: Events) -> Found:
    """DRAINED. Dead letters stay."""
    if not case.seen.in_database:
        return Found(0, detail=ELSEWHERE)
    queues = case.seen.queues[case.seen.queues["name"] != DEAD_LETTERS]
    left = queues[queues["left"] > 0]
    wrong = dict(zip(left["name"].tolist(), left["left"].tolist(), strict=True))
    said = "; ".join(f"{many:,} in {name}" for name, many in wrong.items())
    return _found(int(queues["sent"].sum()), int(left["left"].sum()), f"after the drain there are still {said}", wrong)


def _found(compared: int, witnesses: int, detail: str, first: dict[str, Any]) -> Found:
    if not witnesses:
        return Found(compared)
    return Found(compared, witnesses, detail, {name: str(one) for name, one in first.items()}, sql=SQL)
