"""A witness is one sentence in the words of the domain: which operation, what was answered, and what is there."""

from typing import Any

import pytest

from tests.support import authorization_history as units
from tests.support.authorization_edits import undone
from tests.support.batches import clean as batches
from tests.support.message_history import clean as messages
from verification import told

ACK = {"kind": "process", "outcome": "ACK", "status": 201}
REPLAY = {"kind": "repeat", "outcome": "REPLAY", "status": 409}
ROW = {"text": "a", "user": 1}


def witness(
    *attempts: dict[str, Any], expected: Any = ROW, stored: tuple[Any, ...] = (), **more: Any
) -> dict[str, Any]:
    return {"operation": 1_005, "attempts": [*attempts], "expected": expected, "stored": [*stored], **more}


@pytest.mark.parametrize(
    ("found", "wrong", "said"),
    [
        (witness(ACK), "", "Message 1,005 (process) was acknowledged (201) and is not stored."),
        (
            witness(ACK, REPLAY, REPLAY, stored=(ROW, ROW)),
            "",
            "Message 1,005 (process, repeat) was acknowledged (201) and answered as a replay (409) twice and is stored "
            "2 times.",
        ),
        (
            witness({"kind": "stranger", "outcome": "REJECT", "status": 404}, expected=None, stored=(ROW,)),
            "",
            "Operation 1,005 (stranger) was refused (404) and is stored all the same.",
        ),
        (
            witness({"kind": "process", "outcome": "UNKNOWN", "status": 0}, stored=({"text": "b", "user": 1},)),
            "",
            "Message 1,005 (process) was left without a definite answer and is stored with text “b” instead of “a”.",
        ),
        (
            witness(ACK, stored=(ROW,)),
            "",
            "Message 1,005 (process) was acknowledged (201) and is stored as it was sent.",
        ),
        (
            witness(ACK, stored=(ROW,)),
            "and is {text} of {size}",
            "Message 1,005 (process) was acknowledged (201) and is a of unknown.",
        ),
        (
            witness(ACK, items=[20, 21], of=2),
            "",
            "Message 20 of operation 1,005 was acknowledged (201) and is not stored, with 1 more of it.",
        ),
        (
            witness(ACK, items=[], of=0, stored=(ROW,)),
            "in part",
            "Operation 1,005 (process) was acknowledged (201) in part.",
        ),
        (
            witness({**ACK, "asked": "reserve 10"}, **{"after its answer": "12 ms"}, stored=(ROW,)),
            "",
            "Message 1,005 (reserve 10) was acknowledged (201) and is stored as it was sent; it was not there 12 ms "
            "after its answer.",
        ),
    ],
)
def test_a_witness_is_told_by_what_was_answered_and_what_is_there(found: dict[str, Any], wrong: str, said: str) -> None:
    assert told.operation("message", found, wrong) == said


def test_a_finding_says_its_first_witness_only_if_it_is_violated() -> None:
    history = messages()
    history.rows.remove(history.row(2))
    history.row(1).update(status="SCHEDULED", sent_at=None)
    found = history.judge()

    assert found["X1"].said == "Message 2 (process, conflict) was acknowledged and refused and is not stored."
    assert found["MP3"].said == (
        "Message 1 (process, repeat, conflict) was acknowledged and answered as a replay and left without a definite "
        "answer and is SCHEDULED, sent at –: it must be SENT once, and stay so."
    )
    assert {one.said for one in found.values() if one.state == "HOLDS"} == {""}


def test_a_row_that_nobody_sent_is_told_by_its_key() -> None:
    history = messages()
    history.store(77, 1)

    assert history.judge()["X2"].said.startswith("A row is stored under the key 20261120T235501a1b2c3-")


def test_a_lost_item_is_told_by_its_batch() -> None:
    history = batches()
    history.rows = [row for row in history.rows if (row["op"], row["item"]) not in ((0, 20), (0, 21))]

    found = history.judge()["X1"]

    assert found.said.endswith(
        "20 of operation 0 was acknowledged and answered as a replay and is not stored, with 1 more of it."
    )


def test_a_witness_without_an_operation_is_told_by_what_was_found() -> None:
    history = messages()
    history.seen["pool"] = 7

    found = history.judge()["POOL"]

    assert found.said == f"{found.detail[:1].upper()}{found.detail[1:]}."


def test_a_witness_of_a_check_of_the_users_own_is_told_by_what_was_found() -> None:
    case = messages().case()

    assert case.sentence({"operation": 5, "why": "it is of their own making"}, "") == ""


def overlapping(history: units.History) -> tuple[int, int]:
    """Two reserves of one authorization that were under way at once, and both made the same version."""
    first, second = history.act("reserve"), history.act("reserve")
    history.op(second)["start"] = history.op(first)["start"]
    history.op(second)["answer"] = history.op(first)["answer"]
    return first, second


def test_two_that_made_one_state_are_shown_with_what_is_off() -> None:
    history = units.clean()
    first, second = overlapping(history)
    history.standing[units.SPREAD]["scheduled"] -= 5

    found = history.judge()["A2"]

    account = found.first
    assert [one["operation"] for one in account["attempts"]] == [first, second]
    assert [one["asked"] for one in account["attempts"]] == ["reserve 5", "reserve 5"]
    there = account["stands"]["scheduled"]
    assert f"has {there} units scheduled where {there + 5} are expected" in found.said
    assert found.said.startswith(f"Authorization {account['authorization']} has ")


def test_units_that_are_in_no_movement_are_told() -> None:
    history = units.clean()
    last = history.act("reserve")
    undone(history, last)

    found = history.judge()

    assert found["X1"].said == f"Move {last} (reserve 5) was acknowledged (200) and is not stored."
    assert "5 units to reserve were acknowledged and are in no movement" in found["A6"].said


def test_what_was_under_way_on_the_same_thing_is_beside_a_witness() -> None:
    history = units.clean()
    first, second = overlapping(history)
    elsewhere = history.act("reserve", number=units.HOT)
    history.op(elsewhere)["start"] = history.op(first)["start"]
    history.rows.remove(history.row(first))

    found = history.judge()["X1"]

    assert [one["operation"] for one in found.first["attempts"]] == [first]
    assert [one["operation"] for one in found.first["beside"]] == [second]
