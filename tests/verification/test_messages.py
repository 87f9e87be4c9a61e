"""A clean history holds; one edit of it breaks exactly the checks that it should."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness import settled
from harness.journaled import Lost
from harness.outcomes import Outcome
from harness.verdict import CheckState
from systems import ids, messages
from tests.support.message_history import RUN, SCENARIO, WALL, History, clean, frame, uuid_of_row, violated
from tests.support.plans import USERS
from tests.support.surroundings import around
from verification.catalogue import Schema
from verification.checks import Check, judge
from verification.durability import Durability
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


Edit = Callable[[History], object]


EDITS: dict[str, tuple[Edit, set[str]]] = {
    "an acknowledged message is not stored": (lambda h: h.rows.remove(h.row(1)), {"X1"}),
    "an acknowledged message disappears during the drain": (lambda h: _disappear(h, 1), {"X1", "MP3"}),
    "a message was rolled back and its repeat was stored": (lambda h: _rolled_back_and_repeated(h), {"X1", "MP7"}),
    "a message that was sent before a disturbance is sent again": (lambda h: _settled(h, 1, at="-1s"), {"MP3"}),
    "a message that was sent before a disturbance stayed so": (lambda h: _settled(h, 1), set()),
    "a message that was sent before a disturbance is gone": (lambda h: _settled(h, 1, gone=True), {"X1"}),
    "both halves of a race are lost": (lambda h: h.rows.remove(h.row(8)), {"X1"}),
    "a row has a key of the run that no operation made": (lambda h: h.store(77, 1), {"X2"}),
    "a row has the key that a repeat would have made": (lambda h: h.store(5, 1), {"X2"}),
    "a row has a key that only begins as ours do": (lambda h: _stray(h, f"{RUN}-1-again"), {"X2"}),
    "a row of the pool has another key": (lambda h: h.foreign.append(h.row(1) | {"stray": "other"}), {"X2"}),
    "a message that was refused is stored": (lambda h: h.op(2).update(outcome=Outcome.REJECT), {"X3", "MP7"}),
    "a message to nobody was refused and is stored": (lambda h: h.store(7, 10_001), {"X3"}),
    "a message that was never sent is stored": (lambda h: h.store(10, 6), {"X3"}),
    "a message that was shed is stored": (lambda h: h.op(2).update(outcome=Outcome.SHED), {"X3"}),
    "a message is stored twice": (lambda h: h.store(2, 2), {"X4"}),
    "an unknown message is stored twice": (lambda h: h.store(3, 3), {"X4"}),
    "the content differs": (lambda h: h.row(2).update(message_content="Proofload message"), {"X5"}),
    "the content of an unknown message differs": (lambda h: h.row(3).update(message_content="other"), {"X5"}),
    "the type differs": (lambda h: h.row(2).update(message_type="BIRTH"), {"X5"}),
    "the user differs": (lambda h: h.row(2).update(user_id=ids.uuid_of(3)), {"X5"}),
    "the time differs by a second": (lambda h: _later(h, 2, "scheduled_send_time"), {"X5"}),
    "the content is null": (lambda h: h.row(2).update(message_content=None), {"X5"}),
    "the time is null": (lambda h: h.row(2).update(scheduled_send_time=pd.NaT), {"X5"}),
    "another id was answered": (lambda h: h.op(2).update(answer=1), {"X5"}),
    "no id was answered": (lambda h: h.op(2).update(answer=0), {"X5"}),
    "a message is SENT without a time": (lambda h: h.row(2).update(sent_at=pd.NaT), {"X6"}),
    "a message was sent before it was stored": (lambda h: h.row(2).update(sent_at=pd.Timestamp(WALL)), {"X6"}),
    "a key stands twice in the table": (lambda h: _see(h, "keys", repeated=_frame_of(value="k", copies=2)), {"MP1"}),
    "no key at all stands twice": (lambda h: _see(h, "keys", repeated=_frame_of(value=None, copies=2)), {"MP1"}),
    "the unique index is gone": (lambda h: _see(h, "keys", indexes={}), {"MP1I"}),
    "the unique index is invalid": (lambda h: _see(h, "keys", indexes={"UNIQUE (…)": False}), {"MP1I"}),
    "a message has no user": (lambda h: _see(h, "users", orphans=_frame_of(id="m", value="u")), {"MP2"}),
    "the foreign key is gone": (lambda h: _see(h, "users", constraints={}), {"MP2F"}),
    "the foreign key was never validated": (lambda h: _see(h, "users", constraints={"f": "not validated"}), {"MP2F"}),
    "a message is still to be sent": (lambda h: h.row(2).update(status="SCHEDULED", sent_at=pd.NaT), {"MP3"}),
    "a message failed": (lambda h: _failed(h, 2), {"MP3"}),
    "a message went back to SCHEDULED": (lambda h: _back(h, 2), {"MP3"}),
    "a message was sent again": (lambda h: _sent_again(h, 2), {"MP3"}),
    "an unknown message disappears during the drain": (lambda h: _disappear(h, 3), {"MP3"}),
    "a message was sent before it was due": (lambda h: _sent_early(h, 12), {"MP8"}),
    "an unknown message was sent before it was due": (lambda h: _sent_early(h, 13), {"MP8"}),
    "a message failed before it was due": (lambda h: h.row(12).update(status="FAILED"), {"MP8"}),
    "a message that is not due has another time": (lambda h: _later(h, 12, "scheduled_send_time"), {"X5"}),
    "a replay names another message": (lambda h: h.op(5).update(answer=1), {"MP4"}),
    "the replay of a race names another message": (lambda h: h.op(9).update(answer=1), {"MP4"}),
    "another body was taken for a replay": (lambda h: _answered(h, 6, Outcome.REPLAY), {"MP5"}),
    "another body was acknowledged": (lambda h: _answered(h, 6, Outcome.ACK), {"MP5"}),
    "another body replaced the first": (lambda h: _overwritten(h, 6), {"X5", "MP5"}),
    "another body replaced the first, outcome unknown": (lambda h: _overwritten(h, 11), {"X5", "MP5"}),
    "both halves of a race were acknowledged": (lambda h: _answered(h, 9, Outcome.ACK), {"MP6"}),
    "one half of a race was refused": (lambda h: _answered(h, 9, Outcome.REJECT), {"MP6", "MP7"}),
    "a race was stored twice": (lambda h: _stored_twice(h, 8), {"X4", "MP6"}),
    "a repeat was refused": (lambda h: _answered(h, 5, Outcome.REJECT), {"MP7"}),
    "a whole race was refused": (lambda h: _race_refused(h), {"MP7"}),
    "a new message was refused": (lambda h: h.send(12, "process", "REJECT", 7), {"MP7"}),
    "a stranger was told of a used key": (lambda h: h.op(7).update(status=409), {"MP7"}),
    "another body was told of a stranger": (lambda h: h.op(6).update(status=404), {"MP7"}),
    "a message to nobody was acknowledged": (lambda h: _answered(h, 7, Outcome.ACK), {"X1", "MP7"}),
    "a message was stored after it was answered": (lambda h: _stored_later(h, 2), {"X9"}),
    "durability was given up": (lambda h: h.seen.update(durability=Durability(4, ("fsync is off",))), {"X10"}),
    "a constraint is gone": (lambda h: h.seen.update(schema=Schema(["a"], [])), {"SCHEMA"}),
    "the pool lacks a user": (lambda h: h.seen.update(pool=USERS - 1), {"POOL"}),
    "a user of the pool was changed": (lambda h: h.seen.update(pool_digest="d2"), {"POOL"}),
    "a new message that was told to be a replay is not stored": (
        lambda h: (_answered(h, 2, Outcome.REPLAY), h.rows.remove(h.row(2))),
        {"X1"},
    ),
    "a new message was told to be another one": (lambda h: h.op(2).update(outcome=Outcome.REPLAY, answer=1), {"MP4"}),
    # The harness's own faults, and what must not fire.
    "a proxy sent a new message twice": (lambda h: _answered(h, 2, Outcome.REPLAY), set()),
    "a proxy sent the first half of a race twice": (lambda h: _answered(h, 8, Outcome.REPLAY), set()),
    "a journal of several was lost": (lambda h: _forget(h, 2, 6), {"X2"}),
    "half of the answers were 500, after the commit": (lambda h: h.op(2).update(outcome=Outcome.UNKNOWN), set()),
    "a timeout was taken for a refusal": (lambda h: h.op(3).update(outcome=Outcome.REJECT), {"X3", "MP7"}),
    "one half of a race was never answered": (lambda h: h.op(8).update(outcome=Outcome.UNKNOWN), set()),
    "the pool's digest was not recorded": (lambda h: h.seen.update(seeded_digest=None), set()),
}


def _settled(history: History, op: int, at: str = "0s", gone: bool = False) -> None:
    """Operation `op` was completed before a disturbance, at the time that its row has or `at` beside it."""
    row = history.row(op)
    moment = (row["sent_at"] + pd.Timedelta(at)).value // 1000
    history.seen["settled"] = np.array([(op, moment), (op, moment)], settled.RECORD)
    if gone:
        history.rows.remove(row)


def _disappear(h: History, op: int) -> None:
    h.early = [dict(row) for row in h.rows]
    h.rows.remove(h.row(op))


def _rolled_back_and_repeated(h: History) -> None:
    h.row(1).update(id=uuid_of_row(99))
    h.op(5).update(outcome=Outcome.ACK, answer=ids.digest(uuid_of_row(99)))


def _stray(h: History, key: str) -> None:
    h.store(77, 1)
    h.row(77).update(op=-1, stray=key)


def _forget(h: History, *numbers: int) -> None:
    h.ops = [op for op in h.ops if op["op"] not in numbers]


def _later(h: History, op: int, column: str) -> None:
    h.row(op)[column] += pd.Timedelta("1s")


def _stored_later(h: History, op: int) -> None:
    for column in ("created_at", "sent_at"):
        _later(h, op, column)


def _frame_of(**values: Any) -> pd.DataFrame:
    return frame([values], list(values))


def _see(h: History, name: str, **changes: Any) -> None:
    h.seen[name] = replace(getattr(h.observation(), name), **changes)


def _failed(h: History, op: int) -> None:
    h.row(op).update(status="FAILED", sent_at=pd.NaT)
    h.early = []


def _back(h: History, op: int) -> None:
    h.early = [dict(row) for row in h.rows]
    h.row(op).update(status="SCHEDULED", sent_at=pd.NaT)


def _sent_again(h: History, op: int) -> None:
    h.early = [dict(row) for row in h.rows]
    _later(h, op, "sent_at")


def _sent_early(history: History, op: int) -> None:
    row = history.row(op)
    row.update(status="SENT", sent_at=row["created_at"] + pd.Timedelta("10ms"))


def _answered(h: History, op: int, outcome: Outcome) -> None:
    h.op(op).update(outcome=outcome, answer=ids.digest(uuid_of_row(h.op(op)["key_of"])))


def _overwritten(h: History, conflict: int) -> None:
    h.row(h.op(conflict)["key_of"]).update(message_content=messages.content(conflict))


def _stored_twice(h: History, op: int) -> None:
    h.store(op, h.op(op)["subject"], id=uuid_of_row(99))
    h.op(9).update(outcome=Outcome.ACK, answer=ids.digest(uuid_of_row(99)))


def _race_refused(h: History) -> None:
    h.rows.remove(h.row(8))
    h.op(8).update(outcome=Outcome.REJECT)
    h.op(9).update(outcome=Outcome.REJECT)


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
    _see(history, "keys", indexes={})

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
