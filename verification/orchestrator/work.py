"""Each service does its work once for each event, or the event is a dead letter that says why."""

import json
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from systems import ids
from systems.orchestrator import REASON, STEPS, digest
from verification.arrays import Array, Mask
from verification.found import Found, Part
from verification.ledger import find
from verification.orchestrator.case import Events


def done(case: Events) -> Part:
    """DONE. All services, unless it is poisoned: then the first one only."""
    return _by_step(case, _done, case.work < case.expected_work)


def _done(part: Part) -> Found:
    counts = ", ".join(f"{part.sums[step]:,} not {step}" for step in STEPS)
    return part.found(f"{part.witnesses:,} events did not go all the way: {counts}")


def once(case: Events) -> Part:
    """ONCE. Delivery is at least once; work is not."""
    return _by_step(case, _once, case.work > case.expected_work)


def _once(part: Part) -> Found:
    counts = ", ".join(f"{part.sums[step]:,} {step}" for step in STEPS)
    return part.found(f"of {part.witnesses:,} events a service did its work too often: {counts}")


def _by_step(case: Events, tell: Callable[[Part], Found], wrong: Mask) -> Part:
    """What is found if the work of these steps, a column each, is wrong."""
    sums = {step: int(column.sum()) for step, column in zip(STEPS, wrong.T, strict=True)}
    return case.part_of_rows(tell, len(case.known), np.flatnonzero(wrong.any(axis=1)), sums)


def in_order(case: Events) -> Part:
    """ORDER. Each service after the one before it. How often each did its work is the matter of DONE and ONCE."""
    course = case.rows["course"].to_numpy()[case.known]
    wrong = np.zeros(len(course), bool)
    later, rest = np.full(len(course), 9), course.copy()
    while rest.any():
        rest, place = np.divmod(rest, 10)
        wrong |= place > later
        later = np.where(place > 0, place, later)
    return case.part_of_rows(_in_order, int((course > 0).sum()), np.flatnonzero(wrong), {})


def _in_order(part: Part) -> Found:
    return part.found(f"of {part.witnesses:,} events a service did its work before the one before it")


def dead(case: Events) -> Part:
    """DEAD. In the record of the event, and once in the dead-letter queue, where that can be read."""
    reasons = case.rows["dead_reason"].iloc[case.known]
    buried = reasons.notna().to_numpy()
    named = np.zeros(len(reasons), bool)
    named[buried] = [REASON in str(reason) for reason in reasons[buried]]
    wrong = (buried != case.poisoned) | (buried & ~named)
    sums = {
        "unburied": int((case.poisoned & ~buried).sum()),
        "others": int((buried & ~case.poisoned).sum()),
        "bare": int((buried & case.poisoned & ~named).sum()),
    }
    compared = int((buried | case.poisoned).sum())
    if case.seen.in_database:
        found = _letters(case)
        effects = case.row_effect[case.known]
        order = np.argsort(effects, kind="stable")
        place, there = find(effects[order], found.effect)
        lying = order[place[there]]
        copies = np.bincount(lying, minlength=len(reasons))
        spoiled = np.zeros(len(reasons), bool)
        spoiled[lying[~found.whole[there]]] = True
        wrong |= (copies != case.poisoned) | spoiled
        sums |= {
            "missing": int((case.poisoned & (copies == 0)).sum()),
            "too many": int((copies > case.poisoned).sum()),
            "spoiled": int(spoiled.sum()),
        }
        compared += len(found.effect)
    tell = partial(_dead, letters=case.seen.in_database)
    return case.part_of_rows(tell, compared, np.flatnonzero(wrong), sums)


def _dead(part: Part, letters: bool) -> Found:
    of = part.sums
    told = (
        f"{of['unburied']:,} that a service can't do its work for are no dead letters, {of['others']:,} others are, "
        f"{of['bare']:,} without the reason"
    )
    if letters:
        told += (
            f"; of the dead-letter queue {of['missing']:,} are missing, {of['too many']:,} too many, and "
            f"{of['spoiled']:,} there without the reason or otherwise than sent"
        )
    return part.found(told)


def letters(run: str, messages: pd.DataFrame) -> pd.DataFrame:
    """Of the messages in the dead-letter queue (body) those that are of events of `run`: which event (op, item), a
    digest of what it says, and whether they name the reason.
    """
    found = list[tuple[int, int, int, int]]()
    for body in messages["body"]:
        try:
            letter = json.loads(body)
            event = json.loads(letter["body"])
            key, context, reason = str(event["correlationId"]), event["context"], str(letter["reason"])
        except (ValueError, KeyError, TypeError):
            continue
        if parsed := ids.parse(run, key):
            found.append((*parsed, digest(context), int(REASON in reason)))
    op, item, said, named = np.array(found, np.int64).reshape(-1, 4).T
    return pd.DataFrame({"op": op, "item": item, "digest": said, "named": named.astype(bool)})


class Letters(NamedTuple):
    """The messages in the dead-letter queue that are of events which may be there."""

    effect: Array
    """Of each, which of the possible effects it is."""
    whole: Mask
    """Whether it has the reason, and the event as it was sent."""


def _letters(case: Events) -> Letters:
    found = case.seen.also["dead"]
    key, sent = find(case.ledger.keys["key"].to_numpy(), found["op"].to_numpy())
    found, key = found[sent], key[sent]
    effect = case.ledger.possible.lines(key, found["item"].to_numpy())
    found, effect = found[effect >= 0], effect[effect >= 0]
    order = case.drawn.place(found["op"].to_numpy(), found["item"].to_numpy())
    right = found["digest"].to_numpy() == case.drawn.poison_digest[order]
    return Letters(effect, found["named"].to_numpy() & right)
