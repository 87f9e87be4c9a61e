"""Each service does its work once for each event, or the event is a dead letter that says why."""

import json
from typing import NamedTuple

import numpy as np

from systems import ids
from systems.orchestrator import REASON, STEPS, digest
from verification.arrays import Array, Mask
from verification.case import Found
from verification.ledger import find
from verification.orchestrator.case import Events


def done(case: Events) -> Found:
    """DONE. All services, unless it is poisoned: then the first one only."""
    missing = case.work < case.expected_work
    keys, items = case.keys_of(np.flatnonzero(missing.any(axis=1)))
    counts = ", ".join(f"{int(column.sum()):,} not {step}" for step, column in zip(STEPS, missing.T, strict=True))
    return case.broken_items(len(case.known), keys, items, f"{len(keys):,} events did not go all the way: {counts}")


def once(case: Events) -> Found:
    """ONCE. Delivery is at least once; work is not."""
    twice = case.work > case.expected_work
    keys, items = case.keys_of(np.flatnonzero(twice.any(axis=1)))
    counts = ", ".join(f"{int(column.sum()):,} {step}" for step, column in zip(STEPS, twice.T, strict=True))
    return case.broken_items(
        len(case.known), keys, items, f"of {len(keys):,} events a service did its work too often: {counts}"
    )


def in_order(case: Events) -> Found:
    """ORDER. Each service after the one before it. How often each did its work is the matter of DONE and ONCE."""
    course = case.rows["course"].to_numpy()[case.known]
    wrong = np.zeros(len(course), bool)
    later, rest = np.full(len(course), 9), course.copy()
    while rest.any():
        rest, place = np.divmod(rest, 10)
        wrong |= place > later
        later = np.where(place > 0, place, later)
    keys, items = case.keys_of(np.flatnonzero(wrong))
    return case.broken_items(
        int((course > 0).sum()), keys, items, f"of {len(keys):,} events a service did its work before the one before it"
    )


def dead(case: Events) -> Found:
    """DEAD. In the record of the event, and once in the dead-letter queue, where that can be read."""
    reasons = case.rows["dead_reason"].iloc[case.known]
    buried = reasons.notna().to_numpy()
    named = np.zeros(len(reasons), bool)
    named[buried] = [REASON in str(reason) for reason in reasons[buried]]
    wrong = (buried != case.poisoned) | (buried & ~named)
    told = (
        f"{int((case.poisoned & ~buried).sum()):,} that a service can't do its work for are no dead letters, "
        f"{int((buried & ~case.poisoned).sum()):,} others are, {int((buried & case.poisoned & ~named).sum()):,} "
        "without the reason"
    )
    compared = int((buried | case.poisoned).sum())
    if case.seen.in_database:
        letters = _letters(case)
        effects = case.row_effect[case.known]
        order = np.argsort(effects, kind="stable")
        place, there = find(effects[order], letters.effect)
        lying = order[place[there]]
        copies = np.bincount(lying, minlength=len(reasons))
        spoiled = np.zeros(len(reasons), bool)
        spoiled[lying[~letters.whole[there]]] = True
        wrong |= (copies != case.poisoned) | spoiled
        told += (
            f"; of the dead-letter queue {int((case.poisoned & (copies == 0)).sum()):,} are missing, "
            f"{int((copies > case.poisoned).sum()):,} too many, and {int(spoiled.sum()):,} there without the reason or "
            "otherwise than sent"
        )
        compared += len(letters.effect)
    keys, items = case.keys_of(np.flatnonzero(wrong))
    return case.broken_items(compared, keys, items, told)


class Letters(NamedTuple):
    """The messages in the dead-letter queue that are of events of the run."""

    effect: Array
    """Of each, which of the possible effects it is."""
    whole: Mask
    """Whether it has the reason, and the event as it was sent."""


def _letters(case: Events) -> Letters:
    found, whole = list[tuple[int, int]](), list[bool]()
    for body in case.seen.also["dead"]["body"]:
        try:
            letter = json.loads(body)
            event = json.loads(letter["body"])
            key, context, reason = str(event["correlationId"]), event["context"], str(letter["reason"])
        except (ValueError, KeyError, TypeError):
            continue
        if parsed := ids.parse(case.ledger.run, key):
            found.append(parsed)
            whole.append(REASON in reason and digest(context) == case.drawn.poison_digest[case.drawn.place(*parsed)])
    op, item = np.array(found, np.int64).reshape(-1, 2).T
    key_, sent = find(case.ledger.keys["key"].to_numpy(), op)
    effect = np.full(len(op), -1)
    effect[sent] = case.ledger.possible.lines(key_[sent], item[sent])
    return Letters(effect[effect >= 0], np.array(whole, bool)[effect >= 0])
