"""Rounds end as their number of users and units says; what never met proves nothing."""

from collections.abc import Callable

import pytest

from harness.outcomes import Outcome
from harness.verdict import CheckState
from systems import authorizations as facts
from tests.support.authorization_edits import outcome, undone
from tests.support.authorization_history import (
    STEP_NS,
    USERS,
    History,
    meet,
    rounds,
    scenario,
)


# Rounds.
def test_a_round_that_serves_one_too_many_is_found() -> None:
    history = rounds()
    members = meet(history, 3, USERS)
    history.act("reserve", 3, units=10)  # what was released again is free
    late = history.op(members[-1])
    assert late["outcome"] == Outcome.REJECT
    number, who, units, move = facts.about(late["subject"])
    history.store(members[-1], number, who, units, move, late["start"])
    history.count(number, move, units)
    outcome(history, members[-1], Outcome.ACK, answered=history.said(number))
    finding = history.judge()["ROUND"]

    assert (finding.state, finding.compared, finding.witnesses) == (CheckState.VIOLATED, 5, 1)
    assert finding.first["expected"] == 5
    assert (finding.first["stored"], finding.first["acknowledged"]) == (6, 6)
    assert finding.first["available"] == 50
    assert finding.first["operations"] == members


Round = Callable[[History, list[int]], object]


ROUNDS: dict[str, tuple[Round, CheckState]] = {
    "one too few": (lambda h, m: (undone(h, m[4]), outcome(h, m[4], Outcome.REJECT, 409)), CheckState.VIOLATED),
    "one is acknowledged and lost": (lambda h, m: undone(h, m[4]), CheckState.VIOLATED),
    "one was served whose answer is lost": (lambda h, m: outcome(h, m[4], Outcome.UNKNOWN, 0), CheckState.HOLDS),
    "one was served and told no": (lambda h, m: outcome(h, m[4], Outcome.REJECT, 409), CheckState.VIOLATED),
    "one of those who were refused is not known": (
        lambda h, m: outcome(h, m[6], Outcome.UNKNOWN, 0),
        CheckState.HOLDS,
    ),
    "all but three were turned away": (
        lambda h, m: [(undone(h, n) if n in m[3:5] else None, outcome(h, n, Outcome.SHED, 503)) for n in m[3:]],
        CheckState.HOLDS,
    ),
    "two were never sent, and five served": (
        lambda h, m: [outcome(h, n, Outcome.NOT_SENT, 0) for n in m[5:]],
        CheckState.HOLDS,
    ),
    "one never ended": (lambda h, m: h.op(m[6]).update(end=0, outcome=int(Outcome.UNKNOWN)), CheckState.UNDECIDED),
    "one was told to be a replay": (lambda h, m: h.op(m[4]).update(outcome=int(Outcome.REPLAY)), CheckState.HOLDS),
    "one was elsewhere": (lambda h, m: h.op(m[6]).update(sched=1), CheckState.UNDECIDED),
    "somebody else was at it": (
        lambda h, m: h.act("release", 3, units=10, early_ns=STEP_NS * 30),
        CheckState.UNDECIDED,
    ),
    "it is not known what was before": (
        lambda h, m: h.act("release", 3, units=10, done=False, early_ns=STEP_NS * 40),
        CheckState.HOLDS,
    ),
}


@pytest.mark.parametrize(("edit", "state"), ROUNDS.values(), ids=list(ROUNDS))
def test_a_round_ends_as_it_must(edit: Round, state: CheckState) -> None:
    history = History(scenario(rounds=True))
    edit(history, meet(history, 3, USERS, release=False))

    assert history.judge()["ROUND"].state == state


def test_rounds_that_never_were_prove_nothing() -> None:
    finding = History(scenario(rounds=True)).judge()["ROUND"]

    assert (finding.state, finding.crashed) == (CheckState.UNDECIDED, False)
    assert "there was nothing to compare" in finding.detail
