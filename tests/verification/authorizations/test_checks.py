"""A clean history of authorizations holds; one edit of it breaks exactly the checks that it should."""

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.check import Finding
from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from harness.verdict import CheckState
from systems import authorizations as facts
from systems import ids
from systems.authorizations import MOVES
from tests.support.authorization_history import (
    FIRST_XID,
    HOT,
    RUN,
    SPREAD,
    STEP_NS,
    THEIRS,
    USERS,
    WALL,
    History,
    clean,
    meet,
    rounds,
    scenario,
)
from verification import binary
from verification.authorizations import CHECKS_OF_MOVEMENTS, checks_of, weakened
from verification.authorizations.moves import about, said

# The operations of `clean`, by what they are.
FIRST, SECOND, RELEASED, CONSUMED, REPEATED, CONSUMED_AGAIN, REUSED, STRANGER, FORGED, RACED, RACED_AGAIN = range(11)
HOT_REFUSED, HOT_RELEASED, HOT_CONSUMED_LOST, HOT_LAST = 15, 16, 17, 18
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


def swapped(h: History) -> None:
    """The first move began after the second had ended, and wrote later; the versions are still the other way round."""
    h.op(FIRST).update(start=h.op(SECOND)["end"] + 10_000, end=h.op(SECOND)["end"] + 20_000)
    first, second = h.row(FIRST), h.row(SECOND)
    first["writer"], second["writer"] = second["writer"], first["writer"]


def written_again(h: History, op: int) -> None:
    """Once more, after the early snapshot."""
    h.seen["early"] = h.observation().early
    h.row(op)["writer"] = 5000


def gone(h: History, op: int) -> None:
    h.seen["early"] = h.observation().early
    h.rows.remove(h.row(op))
    h.op(op).update(outcome=int(Outcome.UNKNOWN), status=0, answer=0)


def key(h: History, **changes: Any) -> None:
    keys = h.observation().keys
    assert keys is not None
    h.seen["keys"] = replace(keys, **changes)


def overbooked_and_back(h: History) -> None:
    """A reserve beyond all units, and the release that hides it."""
    h.act("reserve", HOT, units=10, force=True)
    h.act("release", HOT, units=10)


def beyond_reserved(h: History) -> None:
    """Units that nobody reserved are used, and reserved afterwards."""
    h.act("consume", UNTOUCHED, units=503, force=True)
    h.act("reserve", UNTOUCHED)


Edit = Callable[[History], object]
EDITS: dict[str, tuple[Edit, set[str]]] = {
    "an acknowledged move left nothing": (lambda h: undone(h, LAST), {"X1", "A6"}),
    "an acknowledged movement is gone, its units are not": (
        lambda h: h.rows.remove(h.row(FIRST)),
        {"X1", "X6", "A2", "A6", "A8"},
    ),
    "both halves of a race are acknowledged as new": (
        lambda h: h.op(RACED_AGAIN).update(outcome=int(Outcome.ACK)),
        {"X1"},
    ),
    "a movement under a key that nobody sent": (lambda h: again(h, FIRST, op=99), {"X2"}),
    "a movement under a key that only begins as ours": (lambda h: again(h, FIRST, op=-1, stray=f"{RUN}-1"), {"X2"}),
    "a movement under somebody else's key": (lambda h: again(h, FIRST, op=-1, stray="else"), {"X2"}),
    "a movement under no key": (lambda h: again(h, FIRST, op=-1, stray=None), {"X2"}),
    "a refused move stands": (lambda h: outcome(h, LAST, Outcome.REJECT, 422), {"X3", "A12"}),
    "a move that was refused for want of units stands": (
        lambda h: outcome(h, LAST, Outcome.REJECT, 409),
        {"X3", "A7"},
    ),
    "a move that was shed stands": (lambda h: outcome(h, LAST, Outcome.SHED, 503), {"X3"}),
    "a move that was never sent stands": (lambda h: outcome(h, LAST, Outcome.NOT_SENT, 0), {"X3"}),
    "a movement stands twice": (lambda h: again(h, FIRST), {"X4", "X9", "A6"}),
    "a consume stands twice": (lambda h: again(h, CONSUMED), {"X4", "X9", "A4", "A6"}),
    "a release stands twice": (lambda h: again(h, RELEASED), {"X4", "X9", "A4", "A6"}),
    "a race stands twice": (lambda h: again(h, RACED), {"X4", "X9", "A6"}),
    "other units stand": (lambda h: h.row(FIRST).update(units=6), {"X5", "X6", "A2"}),
    "other units stand and are counted": (
        lambda h: (h.row(LAST).update(units=4), h.count(SPREAD, "consume", 1, 0)),
        {"X5", "A4", "A6"},
    ),
    "another practitioner stands": (lambda h: h.row(FIRST).update(practitioner=3), {"X5"}),
    "another kind stands": (lambda h: h.row(RELEASED).update(move=2), {"X5", "X6", "A2"}),
    "no kind stands": (lambda h: h.row(RELEASED).update(move=-1), {"X5", "X6", "A2"}),
    "no units stand": (lambda h: h.row(FIRST).update(units=-1), {"X5", "X6", "A2"}),
    "another authorization stands": (
        lambda h: h.row(FIRST).update(authorization=UNTOUCHED),
        {"X5", "X6", "A2", "A6", "A8"},
    ),
    "only the movement was written": (lambda h: h.count(SPREAD, "consume", -3, -1), {"X6", "A2", "A6"}),
    "only the counters were written": (lambda h: h.rows.remove(h.row(LOST)), {"X6", "A2", "A6", "A8"}),
    "used was written, scheduled was not": (lambda h: stands(h, scheduled=3), {"X6", "A2", "A6"}),
    "the counters were written in another transaction": (lambda h: h.standing[SPREAD].update(writer=5000), {"X6"}),
    "a stranger was let in": (lambda h: let_in(h, STRANGER), {"X7"}),
    "a stranger's move stands": (
        lambda h: (let_in(h, STRANGER), outcome(h, STRANGER, Outcome.REJECT, 403)),
        {"X3", "X7"},
    ),
    "an answer was about another": (lambda h: answer(h, LAST, another=True), {"X7"}),
    "a movement is of a practitioner of another organization": (
        lambda h: h.row(LOST).update(practitioner=8),
        {"X5", "X7"},
    ),
    "somebody else's movement is of a practitioner of another organization": (
        lambda h: again(h, FIRST, op=-1, stray="else", practitioner=8),
        {"X2", "X7"},
    ),
    "a forged token was believed": (lambda h: let_in(h, FORGED), {"TOKEN"}),
    "a forged move stands": (
        lambda h: (let_in(h, FORGED), outcome(h, FORGED, Outcome.REJECT, 401)),
        {"X3", "TOKEN"},
    ),
    "more stands used and scheduled than there is": (
        lambda h: stands(h, HOT, used=10),
        {"X6", "A1", "DOC", "A2", "A4", "A6"},
    ),
    "less than nothing stands scheduled": (lambda h: stands(h, HOT, scheduled=-100), {"X6", "A1", "A2", "A4", "A6"}),
    "an answer said that it was overbooked": (lambda h: answer(h, HOT_LAST, used=20), {"A1", "A8"}),
    "more was reserved than there is, and released": (overbooked_and_back, {"A1", "A1M"}),
    "more was used than was reserved, and reserved afterwards": (beyond_reserved, {"A1M", "A3", "A4"}),
    "the counters are off by one": (lambda h: stands(h, scheduled=1), {"X6", "A2", "A6"}),
    "an untouched authorization was changed": (lambda h: stands(h, UNTOUCHED, scheduled=1), {"X6", "A2", "A6"}),
    "an answer does not add up": (lambda h: answer(h, LAST, unbalanced=True), {"A3"}),
    "an authorization has another total": (lambda h: stands(h, total=1), {"A3", "POOL"}),
    "a repeated consume was counted twice": (lambda h: h.count(SPREAD, "consume", 3), {"X6", "A2", "A4", "A6"}),
    "a repeated release was counted twice": (lambda h: h.count(SPREAD, "release", 5), {"X6", "A2", "A4", "A6"}),
    "a repeated consume was counted twice without a version": (
        lambda h: h.count(SPREAD, "consume", 3, 0),
        {"X6", "A2", "A4", "A6"},
    ),
    "a used key was taken as new": (lambda h: accepted(h, Outcome.ACK), {"X1", "A5"}),
    "a used key was taken as a repeat": (lambda h: accepted(h, Outcome.REPLAY), {"A5"}),
    "a used key took another meaning": (lambda h: h.row(SECOND).update(units=6), {"X5", "X6", "A2", "A5"}),
    "a key stands twice in the table": (
        lambda h: key(h, repeated=pd.DataFrame({"value": ["k"], "copies": [2]})),
        {"A5"},
    ),
    "the unique index is gone": (lambda h: key(h, indexes={}), {"A5"}),
    "the unique index is invalid": (lambda h: key(h, indexes={"UNIQUE (…)": False}), {"A5"}),
    "a version too many": (lambda h: stands(h, version=1), {"X6", "A6"}),
    "an update was lost": (lambda h: h.count(SPREAD, "reserve", -5, -1), {"X6", "A2", "A6"}),
    "an update was lost, and two moves have one version": (
        lambda h: (
            h.count(SPREAD, "consume", -3, -1),
            answer(h, LAST, version=state(h.op(RACED)["answer"])["version"]),
        ),
        {"X6", "A2", "A6", "A8"},
    ),
    "a refusal though there were enough units": (
        lambda h: (undone(h, LAST), outcome(h, LAST, Outcome.REJECT, 409)),
        {"A7"},
    ),
    "two moves made one version": (
        lambda h: same_version(h, LAST, RACED),
        {"A8"},
    ),
    "an answer named no version": (lambda h: answer(h, LAST, version=0), {"A8"}),
    "an answer named a version beyond": (lambda h: answer(h, LAST, version=50), {"A8"}),
    "an answer said another state": (lambda h: answer(h, RACED, scheduled=1), {"A8"}),
    "the first answer said another state": (lambda h: answer(h, FIRST, scheduled=500), {"A8"}),
    "an answer after a move of unknown version said another state": (
        lambda h: answer(h, HOT_LAST, scheduled=state(h.op(HOT_LAST)["answer"])["scheduled"] - 5),
        {"A8"},
    ),
    "a replay said another state": (lambda h: answer(h, RACED_AGAIN, scheduled=1), {"A8"}),
    "a replay showed a state that was no more": (
        lambda h: h.op(REPEATED).update(answer=h.op(SECOND)["answer"]),
        {"A8"},
    ),
    "a replay showed the state before its own move": (
        lambda h: h.op(CONSUMED_AGAIN).update(answer=h.op(FIRST)["answer"]),
        {"A8"},
    ),
    "a move has a lower version than one that had ended": (swapped, {"A8"}),
    "a movement was written again, after the load": (lambda h: written_again(h, FIRST), {"A10"}),
    "a movement was written again, during the load": (lambda h: h.row(FIRST).update(writer=FIRST_XID + 6), {"A10"}),
    "a movement of unknown outcome is gone since the early snapshot": (
        lambda h: gone(h, LOST),
        {"X6", "A2", "A6", "A8", "A10"},
    ),
    "contention was an error": (lambda h: outcome(h, NEVER_DONE, Outcome.UNKNOWN, 500), {"A11"}),
    "a repeat was refused": (lambda h: outcome(h, REPEATED, Outcome.REJECT, 422), {"A12"}),
    "a repeat was told another move": (lambda h: outcome(h, REPEATED, Outcome.UNKNOWN, 422), {"A12"}),
    "a repeat was told that there are no units": (lambda h: outcome(h, REPEATED, Outcome.UNKNOWN, 409), {"A12"}),
    "a used key was told that there are no units": (lambda h: outcome(h, REUSED, Outcome.UNKNOWN, 409), {"A12"}),
    "a stranger was told that there is nothing": (lambda h: outcome(h, STRANGER, Outcome.UNKNOWN, 404), {"A12"}),
    "a stranger was told that there are no units": (lambda h: outcome(h, STRANGER, Outcome.UNKNOWN, 409), {"A12"}),
    "a stranger was told that it is done, with another status": (
        lambda h: outcome(h, STRANGER, Outcome.UNKNOWN, 204),
        {"A12"},
    ),
    "a forged token was told that it is a stranger's": (lambda h: outcome(h, FORGED, Outcome.UNKNOWN, 403), {"A12"}),
    "a forged token was sent elsewhere": (lambda h: outcome(h, FORGED, Outcome.UNKNOWN, 302), {"A12"}),
    "a new move was told that its key was used": (lambda h: outcome(h, NEVER_DONE, Outcome.UNKNOWN, 422), {"A12"}),
    "a new move was told that it is a stranger's": (lambda h: outcome(h, NEVER_DONE, Outcome.UNKNOWN, 403), {"A12"}),
    "an organization is gone": (lambda h: h.people["organizations"].pop(), {"POOL"}),
    "an authorization is gone": (lambda h: h.standing.pop(UNTOUCHED), {"POOL"}),
    "an authorization that was moved is gone": (lambda h: h.standing.pop(HOT), {"A2", "POOL"}),
    "an authorization too many": (
        lambda h: h.standing.update({900: h.standing[UNTOUCHED] | {"number": 900}}),
        {"POOL"},
    ),
    "an authorization has another organization": (lambda h: stands(h, UNTOUCHED, organization=1), {"POOL"}),
    "a practitioner has another organization": (
        lambda h: h.people["practitioners"][9].update(organization=1),
        {"POOL"},
    ),
    # What must not fire.
    "a replay that was kept and given again": (
        lambda h: h.op(REPEATED).update(answer=h.op(FIRST)["answer"]),
        set(),
    ),
    "an answer was lost after the commit": (lambda h: outcome(h, FIRST, Outcome.UNKNOWN, 0), set()),
    "a limiter said later to a stranger": (lambda h: outcome(h, STRANGER, Outcome.UNKNOWN, 429), set()),
    "a proxy timed out a new move": (lambda h: outcome(h, NEVER_DONE, Outcome.UNKNOWN, 408), set()),
    "a stranger was told nothing": (lambda h: outcome(h, STRANGER, Outcome.UNKNOWN, 0), set()),
    "a forged move was not answered whole": (lambda h: outcome(h, FORGED, Outcome.UNKNOWN, 200), set()),
    "a race found no units": (lambda h: outcome(h, NEVER_DONE, Outcome.UNKNOWN, 409), set()),
    "a proxy sent a move twice": (lambda h: h.op(FIRST).update(outcome=int(Outcome.REPLAY)), set()),
    "a proxy had no answer": (lambda h: outcome(h, NEVER_DONE, Outcome.UNKNOWN, 504), set()),
    "a proxy had no target": (lambda h: outcome(h, NEVER_DONE, Outcome.UNKNOWN, 502), set()),
    "a proxy refused": (lambda h: outcome(h, NEVER_DONE, Outcome.UNKNOWN, 503), set()),
    "a move was shed": (lambda h: outcome(h, NEVER_DONE, Outcome.SHED, 503), set()),
    "a move was never sent": (lambda h: outcome(h, NEVER_DONE, Outcome.NOT_SENT, 0), set()),
    "all is written in savepoints": (
        lambda h: [one.update(writer=one["writer"] + 5000) for one in h.standing.values()],
        set(),
    ),
}


@pytest.mark.parametrize(("edit", "expected"), EDITS.values(), ids=list(EDITS))
def test_an_edit_violates_exactly_these_checks(edit: Edit, expected: set[str]) -> None:
    history = clean()
    edit(history)
    found = history.judge()

    assert violated(found) == expected
    assert not any(finding.crashed for finding in found.values())
    for id_ in expected:
        finding = found[id_]
        assert finding.witnesses >= 1
        assert finding.compared
        assert finding.detail
        assert finding.first
        assert finding.sql.startswith("SELECT ")
        assert finding.sql.endswith(";")


def test_a_move_that_was_never_made_is_not_judged_by_its_refusals() -> None:
    history = clean()
    for one in history.ops:
        if facts.about(one["subject"])[3] == "release":
            one.update(outcome=int(Outcome.UNKNOWN), status=404)
    found = history.judge()["A12"]

    assert (found.state, found.witnesses) == (CheckState.HOLDS, 0)


def test_every_check_but_that_of_happening_and_that_of_rounds_has_an_edit_that_violates_it() -> None:
    all_of_them = {check.id for check in checks_of(scenario(rounds=True))}

    assert {id_ for _, ids_ in EDITS.values() for id_ in ids_} == all_of_them - {"X10", "X11", "ROUND", "SCHEMA"}


@pytest.mark.parametrize("make", [clean, rounds])
def test_every_check_holds_on_a_clean_history(make: Callable[[], History]) -> None:
    history = make()
    found = history.judge()

    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}
    assert list(found) == [check.id for check in checks_of(history.scenario)]
    assert len(found) == len(checks_of(history.scenario))


def test_each_check_says_how_much_it_compared() -> None:
    assert {id_: finding.compared for id_, finding in clean().judge().items()} == {
        "X1": 12,
        "X2": 15,
        "X3": 3,
        "X4": 15,
        "X5": 15,
        "X9": 15,
        "X10": 4,
        "SCHEMA": 1,
        "X11": 23,
        "X6": 2,
        "X7": 31,
        "A1": 58 + 15,
        "A1M": 15,
        "DOC": 58,
        "A2": 58,
        "A3": 58 + 15,
        "A4": 6,
        "A5": 15 + 1,
        "A6": 58,
        "A7": 12,
        "A8": 15,
        "A10": 15,
        "A11": 19,
        "A12": 19,
        "TOKEN": 1,
        "POOL": 58 + 3 + 10 + 20,
    }


def test_an_empty_journal_and_an_untouched_pool_prove_nothing_about_moves() -> None:
    found = History().judge()

    assert violated(found) == set()
    assert {id_ for id_, finding in found.items() if finding.state == CheckState.HOLDS} == {
        "A1",
        "DOC",
        "A2",
        "A3",
        "A6",
        "POOL",
        "X10",
        "SCHEMA",
    }
    assert "there was nothing to compare" in found["A8"].detail


def test_empty_tables_are_a_loss_and_nothing_about_rows_holds() -> None:
    history = clean()
    history.rows, history.standing = [], {}
    history.people = {thing: [] for thing in history.people}
    found = history.judge()

    assert violated(found) == {"X1", "POOL"}
    assert {id_ for id_, finding in found.items() if finding.state == CheckState.HOLDS} == {
        "X3",
        "X7",
        "X11",
        "A1",
        "A3",
        "A4",
        "A5",
        "A7",
        "A11",
        "A12",
        "TOKEN",
        "X10",
        "SCHEMA",
    }


def test_what_never_happened_leaves_it_undecided() -> None:
    history = clean()
    outcome(history, REUSED, Outcome.UNKNOWN, 0)
    outcome(history, FORGED, Outcome.UNKNOWN, 0)
    found = history.judge()

    assert found["X11"].state == CheckState.UNDECIDED
    assert "forged never had an outcome it should have (REJECT)" in found["X11"].detail
    assert found["A5"].state == CheckState.UNDECIDED
    assert found["A5"].detail == "no key was sent again for something else and answered"
    assert violated(found) == set()


def test_what_still_wrote_makes_everything_undecided_but_a_loss() -> None:
    history = clean()
    history.seen["disturbance"] = "a client (pid 7) had not ended"
    assert {finding.state for finding in history.judge().values()} == {CheckState.UNDECIDED}

    undone(history, LAST)
    assert violated(history.judge()) == {"X1", "A6"}


def test_unknown_outcomes_are_resolved_by_their_key_and_effects_told_on_the_clock_of_the_journals() -> None:
    case = clean().case()
    effects = case.effects()

    assert case.resolved() == {"unknown": 4, "committed": 3, "absent": 1, "share": 4 / 23}
    assert [tuple(map(int, effect)) for effect in effects][:3] == [
        (FIRST, 0, STEP_NS),
        (SECOND, 0, 2 * STEP_NS),
        (RELEASED, 0, 3 * STEP_NS),
    ]
    assert {HOT_CONSUMED_LOST, LOST, RELEASE_LOST} <= set(effects["op"].tolist())


def test_a_witness_shows_what_was_sent_answered_and_stored() -> None:
    history = clean()
    history.row(FIRST).update(units=6, practitioner=-1)
    finding = history.judge()["X5"]

    assert (finding.witnesses, finding.first["operation"]) == (1, FIRST)
    assert [(a["operation"], a["kind"], a["outcome"]) for a in finding.first["attempts"]] == [
        (FIRST, "reserve", "ACK"),
        (REPEATED, "repeat", "REPLAY"),
    ]
    assert finding.first["attempts"][0]["answer"] == {
        "used": 0,
        "scheduled": 505,
        "version": 1,
        "unbalanced": False,
        "another": False,
    }
    assert finding.first["expected"] == {
        "authorization": ids.uuid_of(SPREAD),
        "practitioner": ids.uuid_of(1),
        "units": 5,
        "move": "reserve",
    }
    stored = finding.first["stored"][0]
    assert (stored["units"], stored["practitioner"], stored["move"]) == (6, None, "reserve")
    assert finding.sql == f"SELECT * FROM unit_movements WHERE idempotency_key = '{ids.key(RUN, FIRST)}';"


def test_the_account_of_an_authorization_shows_what_was_seeded_asked_moved_and_stands() -> None:
    history = clean()
    stands(history, HOT, scheduled=-1)
    stands(history, UNTOUCHED, scheduled=3)
    finding = history.judge()["A2"]

    assert finding.first == {
        "authorization": ids.uuid_of(HOT),
        "seeded": {"total": 50, "used": 10, "scheduled": 20},
        "stands": {"total": 50, "used": 13, "scheduled": 36, "version": 7},
        "asked": {"reserve": 25, "release": 5, "consume": 3},
        "movements": 7,
        "moved": {"reserve": 25, "release": 5, "consume": 3},
    }
    assert finding.worst["authorization"] == ids.uuid_of(UNTOUCHED)
    assert finding.sql == (
        "SELECT a.total_units, a.used_units, a.scheduled_units, a.version, m.kind, count(m.units), sum(m.units) "
        "FROM authorizations a LEFT JOIN unit_movements m ON m.authorization_id = a.id "
        f"WHERE a.id = '{ids.uuid_of(HOT)}' GROUP BY a.id, m.kind;"
    )


def test_the_documents_own_query_is_told_also_if_it_returns_nothing() -> None:
    finding = clean().judge()["DOC"]

    assert finding.sql == "SELECT * FROM authorizations WHERE used_units + scheduled_units > total_units;"
    assert (finding.compared, finding.detail) == (58, "0 rows")


# Refusals: what was under way may have taken the units or not yet given them back.
def test_a_refusal_is_right_while_what_took_the_units_was_under_way() -> None:
    history = History()
    for _ in range(3):
        history.act("reserve", HOT)
    history.act("reserve", HOT, early_ns=STEP_NS // 4, late_ns=9 * STEP_NS)
    refused = history.act("reserve", HOT)
    released = history.act("release", HOT, early_ns=STEP_NS * 2)

    assert history.op(refused)["status"] == 409
    assert history.judge()["A7"].state == CheckState.HOLDS
    # Had it been given back before: five were there.
    history.op(released).update(start=STEP_NS, end=2 * STEP_NS)
    assert history.judge()["A7"].state == CheckState.VIOLATED


def test_a_refused_release_is_right_until_what_reserved_is_done() -> None:
    history = History()
    reserved = history.act("reserve", UNTOUCHED, early_ns=STEP_NS, late_ns=3 * STEP_NS)
    release = history.act("release", UNTOUCHED, units=505)
    outcome(history, release, Outcome.REJECT, 409)
    history.rows.pop()
    history.count(UNTOUCHED, "reserve", 505, version=-1)
    assert history.judge()["A7"].state == CheckState.HOLDS

    history.op(reserved).update(end=STEP_NS + STEP_NS // 4)
    finding = history.judge()["A7"]
    assert finding.state == CheckState.VIOLATED
    assert "asked for 505, and at least 505 were there" in finding.detail


def test_a_refusal_is_not_judged_where_somebody_else_moved_units() -> None:
    history = clean()
    undone(history, LAST)
    outcome(history, LAST, Outcome.REJECT, 409)
    again(history, FIRST, op=-1, stray="else")

    assert violated(history.judge()) == {"X2"}


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


LACKS: dict[tuple[str, ...], tuple[set[str], list[str]]] = {
    (): (set(), []),
    ("movements",): (set(CHECKS_OF_MOVEMENTS), ["There is no table of movements", "Without movements"]),
    ("version",): (set(), ["There is no version in the database"]),
    ("answered versions",): ({"A8"}, ["The answers have no version"]),
    ("replayed",): (set(), ["The answers don't distinguish a replay"]),
    ("available",): (set(), ["The answers don't tell available: it is derived, so that"]),
    ("total",): (set(), ["The answers don't tell total: the seeded total is taken for it."]),
    ("total", "available"): (set(), ["The answers don't tell total, available: they are derived from the seeded"]),
    ("used", "available"): ({"A8"}, ["The answers don't tell used, available: what is used and scheduled is seen in"]),
    ("id",): (set(), ["The answers don't tell id: an answer about another authorization does not show (X7)."]),
    ("movements", "version", "answered versions", "replayed"): (
        {*CHECKS_OF_MOVEMENTS, "A8"},
        [
            "There is no table of movements",
            "Without movements",
            "There is no version in the database",
            "The answers have no version",
            "The answers don't distinguish a replay",
        ],
    ),
}


@pytest.mark.parametrize(
    ("lacks", "left_out", "said_of_it"),
    [pytest.param(lacks, *of_it, id=" and ".join(lacks) or "nothing") for lacks, of_it in LACKS.items()],
)
def test_what_a_target_lacks_is_left_out_and_said(
    lacks: tuple[str, ...], left_out: set[str], said_of_it: list[str]
) -> None:
    history = clean(lacking(*lacks))
    found = history.judge()
    whole = {check.id for check in checks_of(scenario())}

    assert set(found) == whole - left_out
    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}
    sentences = weakened(history.case())
    assert [sentence.startswith(words) for sentence, words in zip(sentences, said_of_it, strict=True)] == [True] * len(
        said_of_it
    )


def planned(*kinds: str) -> Scenario:
    """The plan of these kinds only."""
    whole = scenario()
    parts = {part: {kind: getattr(whole, part)[kind] for kind in kinds} for part in ("mix", "expected", "effects")}
    return replace(whole, users={"Practitioner": 1}, **parts)


@pytest.mark.parametrize(
    ("kinds", "left_out"),
    [
        (("reserve",), {"X3", "A4", "TOKEN"}),
        (("reserve", "release"), {"X3", "TOKEN"}),
        (("reserve", "consume", "repeat", "stranger"), {"TOKEN"}),
    ],
)
def test_a_kind_that_the_plan_does_not_have_is_not_missed_and_said(kinds: tuple[str, ...], left_out: set[str]) -> None:
    history = History(planned(*kinds))
    for kind in kinds:
        by = 5 if kind == "stranger" else None
        history.act(
            kind, SPREAD, by=by, key_of=1 if kind == "repeat" else None, move=kind if kind in MOVES else "reserve"
        )
    found = history.judge()
    whole = {check.id for check in checks_of(scenario())}

    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}
    assert whole - set(found) == left_out
    assert "The plan's mix has no " in " ".join(weakened(history.case()))
    titles = {check.id: check.title for check in checks_of(history.scenario)}
    assert ("stranger" in titles["A12"], "none tried to" in titles["X7"]) == (
        "stranger" in kinds,
        "stranger" not in kinds,
    )


def test_without_movements_the_interval_is_as_wide_as_what_is_unknown() -> None:
    history = clean(lacking("movements"))

    # Unknown: a consume of 3 at one; at the other, two reserves and a release of 5.
    assert "It is open by 18 units at 2 of 58 authorizations, by 15 at most." in weakened(history.case())[0]
    assert history.case().resolved() == {"unknown": 4, "committed": None, "absent": None, "share": 4 / 23}
    assert len(history.case().effects()) == 0


WITHOUT_MOVEMENTS: dict[str, tuple[Edit, set[str]]] = {
    "an acknowledged move left nothing, and nothing is unknown": (
        lambda h: (h.act("reserve", UNTOUCHED), h.count(UNTOUCHED, "reserve", -5, -1)),
        {"A6"},
    ),
    "a repeated consume was counted twice": (lambda h: h.count(SPREAD, "consume", 3), {"A4", "A6"}),
    "a repeated release was counted twice": (lambda h: h.count(HOT, "release", 5), {"A4", "A6"}),
    "a version too many": (lambda h: stands(h, HOT, version=2), {"A6"}),
    "a version too few": (lambda h: stands(h, HOT, version=-2), {"A6"}),
    "too much is used and scheduled": (lambda h: stands(h, HOT, scheduled=20), {"A1", "DOC", "A6"}),
    "two moves made one version": (lambda h: same_version(h, LAST, RACED), {"A8"}),
    "an answer named a version beyond": (lambda h: answer(h, LAST, version=50), {"A8"}),
    "a stranger was acknowledged": (lambda h: let_in(h, STRANGER), {"X7"}),
    "a used key was taken as new": (lambda h: accepted(h, Outcome.ACK), {"A5"}),
    "a forged token was believed": (lambda h: let_in(h, FORGED), {"TOKEN"}),
    "a refusal though there were enough units": (lambda h: outcome(h, NEVER_DONE, Outcome.REJECT, 409), {"A7"}),
    "more was used than was reserved": (beyond_reserved, {"A3", "A4"}),
    # What only movements would show.
    "an acknowledged move left nothing": (
        lambda h: (h.count(SPREAD, "consume", -3, -1), outcome(h, LAST, Outcome.UNKNOWN, 0)),
        set(),
    ),
}


@pytest.mark.parametrize(("edit", "expected"), WITHOUT_MOVEMENTS.values(), ids=list(WITHOUT_MOVEMENTS))
def test_without_movements_an_edit_violates_exactly_these_checks(edit: Edit, expected: set[str]) -> None:
    history = clean(lacking("movements"))
    edit(history)
    found = history.judge()

    assert violated(found) == expected
    assert not any(finding.crashed for finding in found.values())
    for id_ in expected:
        assert found[id_].first
        assert found[id_].sql.startswith(("SELECT * FROM authorizations WHERE ", "SELECT "))


def test_without_versions_in_answers_overbooking_is_found_at_the_moment_at_which_it_was_certain() -> None:
    history = History(lacking("answered versions"))
    for _ in range(5):
        history.act("reserve", HOT, force=True)
    for _ in range(5):
        history.act("release", HOT)
    found = history.judge()

    assert violated(found) == {"A1", "A1M"}
    assert "0 by all of them together, 0 in the order of their versions, 1 at some moment" in found["A1M"].detail


def test_a_plan_without_a_kind_has_no_check_of_it() -> None:
    whole = scenario()
    few = replace(whole, expected={kind: whole.expected[kind] for kind in ("reserve", "release", "consume")})
    without_movements = replace(few, database={**few.database, "movements": ""})

    assert "TOKEN" not in {check.id for check in checks_of(few)}
    assert "A5" in {check.id for check in checks_of(few)}
    assert "A5" not in {check.id for check in checks_of(without_movements)}
    history = History(few)
    history.act("reserve")
    assert history.judge()["A5"].state == CheckState.HOLDS


# Moves of unknown version.
def test_moves_of_unknown_version_may_have_come_in_any_order() -> None:
    history = History()
    history.act("reserve")
    lost = [history.act(kind, lost=True) for kind in ("reserve", "consume", "release", "reserve")]
    history.act("reserve")
    # As they were stored tells nothing of the order in which they counted.
    for place, op in enumerate(reversed(lost)):
        history.row(op)["created_at"] = pd.Timestamp(WALL + place)
    assert violated(history.judge()) == set()

    answer(history, 5, scheduled=state(history.op(5)["answer"])["scheduled"] + 1)
    assert violated(history.judge()) == {"A8"}


def test_more_moves_of_a_kind_than_there_are_can_not_explain_an_answer() -> None:
    history = History()
    history.act("reserve")
    for kind in ("reserve", "release"):
        history.act(kind, lost=True)
    history.act("reserve")
    assert violated(history.judge()) == set()

    # As after two reserves; there was one.
    answer(history, 3, scheduled=500 + 4 * 5)
    assert violated(history.judge()) == {"A8"}


def test_what_two_answers_say_is_told_side_by_side() -> None:
    history = clean()
    answer(history, SECOND, scheduled=1)
    answer(history, FIRST, scheduled=2)
    details = history.judge()["A8"].detail.split("; ")

    assert details[-1] == (
        f"of authorization {SPREAD}, operation {FIRST} said version 1 with 0 used and 2 scheduled, "
        "seeding version 0 with 0 used and 500 scheduled"
    )
    answer(history, FIRST, scheduled=505)
    assert history.judge()["A8"].detail.split("; ")[-1] == (
        f"of authorization {SPREAD}, operation {SECOND} said version 2 with 0 used and 1 scheduled, "
        f"operation {FIRST} version 1 with 0 used and 505 scheduled"
    )


def test_steps_over_moves_of_different_units_are_not_judged_and_that_is_said() -> None:
    history = History()
    history.act("reserve")
    history.act("reserve", units=10, lost=True)
    history.act("reserve", lost=True)
    history.act("reserve")
    finding = history.judge()["A8"]

    assert finding.state == CheckState.HOLDS
    assert finding.detail == "1 steps over moves of unknown version could not be judged"


def test_of_a_race_without_a_word_for_replays_the_unanswered_half_may_have_moved() -> None:
    history = History(lacking("replayed"))
    first = history.act("race", lost=True)
    history.act("reserve")
    history.act("race", key_of=first, partner=True, early_ns=STEP_NS * 3)
    history.act("reserve")

    assert violated(history.judge()) == set()


# Any history.
ACTS = st.tuples(
    st.sampled_from([*MOVES, *MOVES, "repeat", "reuse", "stranger", "forged", "race"]),
    st.sampled_from([HOT, HOT, SPREAD, UNTOUCHED]),
    st.sampled_from(["answered"] * 6 + ["lost", "lost", "never"]),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(0, 30),
)
LACKING = st.sets(st.sampled_from(["movements", "version", "answered versions", "replayed"]))


def any_history(acts: list[tuple[str, int, str, int, int, int]], lacks: set[str], kept: bool) -> History:
    """What a correct target makes of `acts`, some of whose answers are lost, and which overlap."""
    history = History(lacking(*lacks), kept=kept)
    for kind, number, answered, early, late, pick in acts:
        times = {"early_ns": early * STEP_NS - STEP_NS // 4, "late_ns": late * STEP_NS - STEP_NS // 4}
        fate = {"lost": answered == "lost", "done": answered != "never"}
        if kind in ("repeat", "reuse"):
            now = (len(history.ops) + 1) * STEP_NS
            known = [
                op
                for op in history.ops
                if op["outcome"] == Outcome.ACK and op["kind"] in MOVES and op["end"] < now - times["early_ns"]
            ]
            if known:
                original = known[pick % len(known)]["op"]
                units = facts.about(history.op(original)["subject"])[2] + (kind == "reuse")
                history.act(kind, key_of=original, units=units, **fate, **times)
        elif kind == "stranger":
            history.act(kind, THEIRS, by=1, **fate, **times)
        elif kind == "race":
            first = history.act(kind, number, units=1 + pick % 3, **fate, **times)
            if history.op(first)["status"] != 409:
                again = {**times, "early_ns": times["early_ns"] + STEP_NS}
                history.act(kind, key_of=first, partner=True, **again)
        else:
            history.act(kind, number, **fate, **times)
    return history


@settings(deadline=None)
@given(st.lists(ACTS, max_size=40), LACKING, st.booleans(), st.integers(min_value=0))
def test_no_clean_history_violates_anything_and_any_loss_in_it_is_seen(
    acts: list[tuple[str, int, str, int, int, int]], lacks: set[str], kept: bool, pick: int
) -> None:
    history = any_history(acts, lacks, kept)
    found = history.judge()

    assert {id_: finding.detail for id_, finding in found.items() if finding.state == CheckState.VIOLATED} == {}
    assert not any(finding.crashed for finding in found.values())
    acknowledged = [row for row in history.rows if history.op(row["op"])["outcome"] == Outcome.ACK]
    if acknowledged and "movements" not in lacks:
        history.rows.remove(acknowledged[pick % len(acknowledged)])
        assert {"X1", "A2"} <= violated(history.judge())


def test_rounds_that_never_were_prove_nothing() -> None:
    finding = History(scenario(rounds=True)).judge()["ROUND"]

    assert (finding.state, finding.crashed) == (CheckState.UNDECIDED, False)
    assert "there was nothing to compare" in finding.detail


# Numbers, as they are read.
@given(st.integers(0, 2**24 - 1), st.integers(0, 2**8 - 1), st.integers(0, 2**16 - 1), st.sampled_from(list(MOVES)))
def test_a_subject_is_read_as_the_facts_made_it(number: int, who: int, units: int, move: str) -> None:
    found = about(np.array([facts.subject(number, who, units, move)]))

    assert {name: value.tolist() for name, value in found.items()} == {
        "authorization": [number],
        "practitioner": [who],
        "units": [units],
        "move": [MOVES.index(move)],
    }


@given(st.integers(0, 2**20 - 1), st.integers(0, 2**20 - 1), st.integers(0, 2**21 - 1), st.booleans(), st.booleans())
def test_an_answer_is_read_as_the_facts_made_it(
    used: int, scheduled: int, version: int, unbalanced: bool, another: bool
) -> None:
    said_of_it = {"used": used, "scheduled": scheduled, "version": version}

    assert state(facts.state(used, scheduled, version, unbalanced, another)) == {
        **said_of_it,
        "unbalanced": unbalanced,
        "another": another,
    }


@given(st.lists(st.one_of(st.integers(1, 10**12 - 1).map(ids.uuid_of), st.uuids().map(str))))
def test_a_uuid_has_a_number_only_if_the_facts_made_it_of_one(uuids: list[str]) -> None:
    words = np.frombuffer(b"".join(uuid.UUID(one).bytes for one in uuids), ">u8").reshape(-1, 2)

    for one, number in zip(uuids, binary.numbers(words).tolist(), strict=True):
        made = re.fullmatch(f"{ids.UUID_PREFIX}([0-9]{{12}})", one)
        assert number == (int(made[1]) if made else binary.NONE)


@given(st.integers(0, 2**48 - 1))
def test_a_uuid_that_only_begins_as_ours_has_none(low: int) -> None:
    one = f"{ids.UUID_PREFIX}{low:012x}"
    words = np.frombuffer(uuid.UUID(one).bytes, ">u8").reshape(-1, 2)

    assert binary.numbers(words)[0] == (int(one[-12:]) if one[-12:].isdecimal() else binary.NONE)


@given(st.lists(st.one_of(st.binary(min_size=16, max_size=16), st.integers(0, 2**64 - 1).map(lambda n: b"%016x" % n))))
def test_characters_are_an_operation_only_if_they_are_just_as_the_facts_make_them(suffixes: list[bytes]) -> None:
    words = np.frombuffer(b"".join(suffixes), ">u8").reshape(-1, 2)

    for suffix, op in zip(suffixes, binary.operations(words).tolist(), strict=True):
        assert op == (int(suffix, 16) if re.fullmatch(b"[0-7][0-9a-f]{15}", suffix) else binary.NONE)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 15), st.sampled_from(b"/:@G`g\0\x80\xff "))
def test_one_character_that_is_no_digit_makes_it_none(digits: bytes, place: int, other: int) -> None:
    suffix = bytearray(b"%016x" % (int.from_bytes(digits, "big") >> 65))
    suffix[place] = other

    assert binary.operations(np.frombuffer(bytes(suffix), ">u8").reshape(-1, 2)).tolist() == [binary.NONE]
