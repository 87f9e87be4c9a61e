"""A clean history of authorizations holds; one edit of it breaks exactly the checks that it should."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from harness.outcomes import Outcome
from harness.verdict import CheckState
from systems import authorizations as facts
from systems import ids
from tests.support.authorization_edits import (
    CONSUMED,
    CONSUMED_AGAIN,
    FIRST,
    FORGED,
    LAST,
    LOST,
    NEVER_DONE,
    RACED,
    RACED_AGAIN,
    RELEASE_LOST,
    RELEASED,
    REPEATED,
    REUSED,
    SECOND,
    STRANGER,
    UNTOUCHED,
    Edit,
    accepted,
    again,
    answer,
    beyond_reserved,
    let_in,
    outcome,
    same_version,
    stands,
    state,
    undone,
    violated,
)
from tests.support.authorization_history import (
    FIRST_XID,
    HOT,
    RUN,
    SPREAD,
    STEP_NS,
    History,
    clean,
    rounds,
    scenario,
)
from verification.authorizations import checks_of

HOT_REFUSED, HOT_RELEASED, HOT_CONSUMED_LOST, HOT_LAST = 15, 16, 17, 18


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

    assert {name: value for name, value in finding.first.items() if name != "attempts"} == {
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
