"""A clean history holds; one edit of it breaks exactly the checks that it should."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.journaled import Lost
from harness.outcomes import Outcome
from harness.verdict import CheckState
from systems import ids, messages
from tests.support.message_edits import EDITS, Edit, see
from tests.support.message_history import RUN, SCENARIO, WALL, History, clean, violated
from tests.support.plans import USERS
from tests.support.surroundings import around
from verification.checks import Check, judge
from verification.messages import checks_of

CHECKS = checks_of(SCENARIO)


def test_every_check_holds_on_a_clean_history() -> None:
    found = clean().judge()

    assert {id_: finding.detail for id_, finding in found.items() if finding.state != CheckState.HOLDS} == {}
    assert list(found) == [check.id for check in CHECKS]
    assert len(found) == len(CHECKS)


def test_each_check_says_how_much_it_compared() -> None:
    assert {id_: finding.compared for id_, finding in clean().judge().items()} == {
        "X1": 4,
        "X2": 6,
        "X3": 2,
        "X4": 6,
        "X5": 6,
        "X6": 6,
        "X11": 13,
        "MP1": 6,
        "MP1I": 1,
        "MP2": 6,
        "MP2F": 1,
        "MP3": 4,
        "MP4": 2,
        "MP5": 1,
        "MP6": 1,
        "MP7": 8,
        "MP8": 2,
        "X9": 6,
        "X10": 4,
        "SCHEMA": 1,
        "POOL": USERS,
    }


@pytest.mark.parametrize(("edit", "expected_violations"), EDITS.values(), ids=list(EDITS))
def test_an_edit_violates_exactly_these_checks(edit: Edit, expected_violations: set[str]) -> None:
    history = clean()
    edit(history)
    found = history.judge()

    assert violated(found) == expected_violations
    assert not any(finding.crashed for finding in found.values())
    for id_ in expected_violations:
        finding = found[id_]
        assert finding.witnesses >= 1
        assert finding.compared
        assert finding.detail
        assert finding.first
        assert finding.sql.startswith("SELECT ")
        assert finding.sql.endswith(";")


def test_a_missing_index_is_told_with_what_makes_it() -> None:
    history = clean()
    see(history, "keys", indexes={})

    first = history.judge()["MP1I"].first
    assert first is not None
    assert first["ddl"] == "CREATE UNIQUE INDEX ON message_logs (idempotency_key);"


def test_every_check_but_the_one_of_happening_has_an_edit_that_violates_it() -> None:
    assert {id_ for _, ids_ in EDITS.values() for id_ in ids_} == {check.id for check in CHECKS} - {"X11"}


@pytest.mark.parametrize(
    ("edit", "never"),
    [
        (lambda h: h.ops.remove(h.op(7)), "stranger never had an outcome it should have (REJECT)"),
        (lambda h: h.op(5).update(outcome=Outcome.UNKNOWN), "repeat never had an outcome it should have (REPLAY)"),
        (lambda h: h.op(9).update(start=10**12, end=10**12 + 1), "no two halves of a race were under way"),
        (lambda h: h.op(9).update(end=0), "no two halves of a race were under way"),
        (lambda h: h.ops.remove(h.op(9)), "no two halves of a race were under way"),
    ],
    ids=["no stranger", "no replay", "halves one after the other", "a half without an end", "no second half"],
)
def test_what_never_happened_leaves_it_undecided(edit: Edit, never: str) -> None:
    history = clean()
    edit(history)
    found = history.judge()

    assert found["X11"].state == CheckState.UNDECIDED
    assert never in found["X11"].detail
    assert violated(found) == set()


def test_rows_of_a_lost_process_are_nobodys_fault(tmp_path: Path) -> None:
    history = clean()
    history.lost = (Lost(0, 8, "was cut: it was closed with 12 operations and holds 8"), Lost(3, 0, "is missing"))
    history.ops = history.ops[:7]  # … of which the first place is empty here
    history.store(ids.operation(3, 5), 3)
    found = history.judge()

    assert violated(found) == set()
    assert found["X2"].state == CheckState.UNDECIDED
    assert found["X2"].detail == (
        "the journal of load process 0 was cut: it was closed with 12 operations and holds 8; the journal of load "
        "process 3 is missing: 4 rows under keys of operations that are not on record can't be attributed"
    )
    # A process's key may have been sent again, and accepted, after the cut.
    history.store(7, 10_001)
    assert found["X3"].state == CheckState.UNDECIDED
    assert violated(history.judge()) == set()
    # Process 2 has left all that it sent.
    history.store(ids.operation(2, 5), 3)
    assert violated(history.judge()) == {"X2"}


def test_the_halves_of_a_race_of_two_processes_overlap_only_beyond_doubt() -> None:
    history = clean()
    history.op(9).update(op=ids.operation(1, 0))
    assert history.judge()["X11"].state == CheckState.HOLDS
    for op in history.ops:
        op["doubt"] = 300_000
    # They are under way for 500 µs together, of which 600 are not certain.
    assert history.judge()["X11"].state == CheckState.UNDECIDED


def test_all_tables_empty_is_a_loss_and_nothing_about_rows_holds() -> None:
    history = clean()
    history.rows = []
    history.seen = {"pool": 0, "pool_digest": "empty"}
    found = history.judge()

    assert violated(found) == {"X1", "POOL"}
    assert found["X1"].witnesses == 4
    holding = {id_ for id_, finding in found.items() if finding.state == CheckState.HOLDS}
    assert holding == {"X3", "X10", "X11", "SCHEMA", "MP1I", "MP2F", "MP7"}


def test_an_empty_journal_and_empty_tables_prove_nothing() -> None:
    found = History().judge()

    holding = {id_ for id_, finding in found.items() if finding.state == CheckState.HOLDS}
    assert holding == {"MP1I", "MP2F", "X10", "SCHEMA", "POOL"}
    assert violated(found) == set()
    assert "there was nothing to compare" in found["X1"].detail


def test_a_check_that_cannot_be_run_is_undecided_and_the_others_have_their_say() -> None:
    def fail(_case: Any) -> Any:
        raise KeyError("no such column")

    history = clean()
    case = history.case()
    crashed, *others = judge([Check("X0", "Nothing fails.", "nothing", fail), *CHECKS], case)

    assert (crashed.state, crashed.crashed, crashed.compared) == (CheckState.UNDECIDED, True, 0)
    assert "KeyError: 'no such column'" in crashed.detail
    assert {finding.state for finding in others} == {CheckState.HOLDS}


def test_what_still_wrote_makes_everything_undecided() -> None:
    history = clean()
    history.seen["disturbance"] = "a client (pid 7) had not ended"
    found = history.judge()

    assert {finding.state for finding in found.values()} == {CheckState.UNDECIDED}
    assert found["X1"].detail == "not quiescent: a client (pid 7) had not ended"


def test_what_still_wrote_is_no_excuse_for_a_loss() -> None:
    history = clean()
    history.seen["disturbance"] = "a client (pid 7) had not ended"
    history.rows.remove(history.row(1))

    assert violated(history.judge()) == {"X1"}


def test_unknown_outcomes_are_resolved_by_their_key() -> None:
    history = clean()
    case = history.case()

    # 3 and 13 were stored, 4 was not; 11 sent the key of 1, which is stored.
    assert case.resolved() == {"unknown": 4, "committed": 3, "absent": 1, "share": 4 / 13}


def test_a_witness_shows_what_was_sent_answered_and_stored() -> None:
    history = clean()
    history.row(2).update(message_content="other")
    finding = history.judge()["X5"]

    key = ids.key(RUN, 2)
    assert finding.witnesses == 1
    assert finding.first["operation"] == 2
    assert finding.first["key"] == key
    assert [(a["operation"], a["outcome"]) for a in finding.first["attempts"]] == [(2, "ACK"), (6, "REJECT")]
    assert finding.first["expected"]["user_id"] == ids.uuid_of(2)
    assert finding.first["expected"]["message_content"] == messages.content(2)
    assert finding.first["stored"][0]["message_content"] == "other"
    assert finding.sql == f"SELECT * FROM message_logs WHERE idempotency_key = '{key}';"


def test_the_worst_of_what_is_stored_too_often_is_shown_beside_the_first() -> None:
    history = clean()
    history.store(1, 1)
    history.store(2, 2)
    history.store(2, 2)
    finding = history.judge()["X4"]

    assert (finding.first["operation"], finding.worst["operation"]) == (1, 2)
    assert len(finding.worst["stored"]) == 3


def test_effects_are_told_on_the_clock_of_the_journals() -> None:
    history = clean()
    history.seen.update(around(WALL + 3_600_000_000_000))
    for row in history.rows:
        row["created_at"] += pd.Timedelta("1h")
        row["sent_at"] += pd.Timedelta("1h")
    history.row(3).update(status="SCHEDULED", sent_at=pd.NaT)
    effects = history.case().effects()

    assert [tuple(map(int, effect)) for effect in effects] == [
        (1, 0, 1_000_000, 11_000_000),
        (2, 0, 2_000_000, 12_000_000),
        (3, 0, 3_000_000, 0),
        (8, 0, 8_000_000, 18_000_000),
        (12, 0, 12_000_000, 0),
        (13, 0, 13_000_000, 0),
    ]


@pytest.mark.parametrize("special", [messages.ALL_TEXTS, messages.texts(["unicode", "empty"]), ()])
def test_texts_of_many_operations_are_those_of_each(special: tuple[str, ...]) -> None:
    assert messages.contents(range(200), special) == [messages.content(op, special) for op in range(200)]
