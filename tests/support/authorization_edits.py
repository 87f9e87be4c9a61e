"""Edits of a history of authorizations: what a target that fails would have left, or answered."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from harness.check import Finding
from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from harness.verdict import CheckState
from systems import authorizations as facts
from systems.authorizations import MOVES
from tests.support.authorization_history import (
    SPREAD,
    STEP_NS,
    History,
    scenario,
)
from verification.authorizations.moves import said

# The operations of `clean`, by what they are.
FIRST, SECOND, RELEASED, CONSUMED, REPEATED, CONSUMED_AGAIN, REUSED, STRANGER, FORGED, RACED, RACED_AGAIN = range(11)


LOST, RELEASE_LOST, NEVER_DONE, LAST = 19, 20, 21, 22


UNTOUCHED = 31


def violated(found: dict[str, Finding]) -> set[str]:
    return {id_ for id_, finding in found.items() if finding.state == CheckState.VIOLATED}


def state(answer: int) -> dict[str, Any]:
    return {name: value[0].item() for name, value in vars(said(np.array([answer]))).items()}


def answer(h: History, op: int, **otherwise: Any) -> None:
    """The answer of `op`, but for this."""
    h.op(op)["answer"] = facts.state(**(state(h.op(op)["answer"]) | otherwise))


def outcome(h: History, op: int, became: Outcome, status: int = 200, answered: int = 0) -> None:
    h.op(op).update(outcome=int(became), status=status, answer=answered)


def undone(h: History, op: int) -> None:
    """As if `op` had been rolled back: neither movement nor counters."""
    row = h.row(op)
    h.rows.remove(row)
    number = row["authorization"]
    h.count(number, MOVES[row["move"]], -row["units"], version=-1)
    h.standing[number]["writer"] = max(one["writer"] for one in h.rows if one["authorization"] == number)


def again(h: History, like: int, **otherwise: Any) -> None:
    """The effect of an operation a second time: movement and counters."""
    row = h.row(like)
    move, op = MOVES[row["move"]], otherwise.pop("op", like)
    h.store(op, row["authorization"], row["practitioner"], row["units"], move, len(h.ops) * STEP_NS, **otherwise)
    h.count(row["authorization"], move, row["units"])


def let_in(h: History, op: int) -> None:
    """What should have been refused was done and acknowledged."""
    number, who, units, move = facts.about(h.op(op)["subject"])
    h.store(op, number, who, units, move, len(h.ops) * STEP_NS)
    h.count(number, move, units)
    # Last of all: else all answers after it would say another state.
    end = len(h.ops) * STEP_NS
    h.op(op).update(start=end, end=end + STEP_NS)
    outcome(h, op, Outcome.ACK, answered=h.said(number))


def accepted(h: History, became: Outcome) -> None:
    """A key that was sent again with other units was taken for the first time, or a repeat."""
    outcome(h, REUSED, became, answered=h.op(CONSUMED_AGAIN)["answer"])


def stands(h: History, number: int = SPREAD, **changes: int) -> None:
    for name, change in changes.items():
        h.standing[number][name] += change


def same_version(h: History, op: int, as_of: int) -> None:
    answer(h, op, version=state(h.op(as_of)["answer"])["version"])


def beyond_reserved(h: History) -> None:
    """Units that nobody reserved are used, and reserved afterwards."""
    h.act("consume", UNTOUCHED, units=503, force=True)
    h.act("reserve", UNTOUCHED)


Edit = Callable[[History], object]


# Targets that have less.
def lacking(*lacks: str) -> Scenario:
    """The plan of a target without movements, or versions in the database or in answers, or a word for replays."""
    whole = scenario()
    database = dict(whole.database) | {name: "" for name in lacks if name in ("movements", "version")}
    contract = dict(whole.contract) | {
        name: "" for lack, name in (("replayed", "replayed"), ("answered versions", "version")) if lack in lacks
    }
    contract |= {name: "" for name in lacks if name in ("id", "total", "used", "available")}
    return replace(whole, database=database, contract=contract)
