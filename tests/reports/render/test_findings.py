"""What is wrong with the data is seen in a few sentences, tables and bars: nothing is said twice, nothing is JSON."""

from typing import Any

from harness.check import Finding, Group
from harness.verdict import CheckState
from reports.render.findings import cards, headline, summary
from reports.render.history import SHOWN, history
from reports.render.witness import ROWS, tables

AUTHORIZATION = "00000000-0000-4000-8000-000000000001"


def check(id_: str, state: CheckState = CheckState.VIOLATED, group: Group = Group.LOST, **more: Any) -> dict[str, Any]:
    return {**Finding(id_, f"{id_} holds.", state, 10, "things", group=group, **more).as_json(), "traces": []}


def request(operation: int, began: float, ended: float | None, **more: Any) -> dict[str, Any]:
    """A request from and to these ms."""

    def at(ms: float) -> str:
        return f"2026-11-26T06:30:00.{round(ms * 1e6):09d}Z"

    moments = {"began": at(began), "ended": None if ended is None else at(ended)}
    return {"operation": operation, "kind": "reserve", "outcome": "ACK", "status": 200, **moments, "answer": 7, **more}


ACCOUNT = {
    "authorization": AUTHORIZATION,
    "seeded": {"total": 50, "scheduled": 20},
    "stands": {"total": 50, "scheduled": 30, "version": 2},
    "attempts": [request(812, 0, 20, asked="reserve 10"), request(813, 5, 40)],
}


def test_checks_are_summed_up_by_what_they_keep_and_the_worst_of_a_group_is_its_state() -> None:
    found = summary(
        [
            check("X4", CheckState.HOLDS, Group.TWICE),
            check("X1", CheckState.HOLDS),
            check("U1", CheckState.UNDECIDED),
            check("X3", CheckState.HOLDS, Group.INVENTED),
        ]
    )

    assert [(one.group, one.state, one.ids) for one in found] == [
        ("nothing lost", "UNDECIDED", ["X1", "U1"]),
        ("nothing invented", "HOLDS", ["X3"]),
        ("nothing twice", "HOLDS", ["X4"]),
    ]


def test_the_headline_says_how_much_was_compared_with_how_much() -> None:
    checks = [check("X1", CheckState.HOLDS), check("X9", CheckState.UNDECIDED)]

    assert headline(checks, {"effects": 1_105}) == "1 of 2 hold, 10 effects compared with 1,105 rows"
    assert headline(checks, {"effects": None}) == "1 of 2 hold"
    assert headline(checks[1:], {"effects": 7}) == "0 of 1 hold"


def test_a_violated_check_is_a_sentence_with_its_numbers_and_one_witness() -> None:
    [card] = cards(
        [check("A2", said="It has 30, not 40.", detail="1 is off", first=ACCOUNT), check("X1", CheckState.HOLDS)]
    )

    assert (card.headline, card.numbers, card.as_in) == ("It has 30, not 40.", "1 is off.", "")
    assert card.history is not None
    assert [table.label for table in card.tables] == ["The witness in figures", "The witness"]


def test_what_the_headline_says_is_not_said_again() -> None:
    [said, unsaid] = cards([check("A", said="2 are off.", detail="2 are off"), check("B")])

    assert (said.headline, said.numbers) == ("2 are off.", "")
    assert (unsaid.headline, unsaid.numbers) == ("B holds.", "")


def test_the_same_witness_is_shown_once() -> None:
    first, second, third = cards(
        [
            check("A2", first=ACCOUNT, said="It is off.", sql="SELECT 1"),
            check("A6", first=ACCOUNT, said="It is off.", detail="2 are off", sql="SELECT 1"),
            check("X1", first={"key": "other", "operation": 3}),
        ]
    )

    assert (first.as_in, second.as_in, third.as_in) == ("", "A2", "")
    assert (second.headline, second.numbers, second.history, second.tables) == ("", "2 are off.", None, [])
    assert (first.check["sql"], second.check["sql"]) == ("SELECT 1", "")
    assert third.tables


def test_checks_that_are_undecided_for_one_reason_are_one_card_below_the_violated_ones() -> None:
    undecided = [check(name, CheckState.UNDECIDED, detail="no connection") for name in ("X1", "X2", "X4")]
    other = check("X5", CheckState.UNDECIDED, detail="not quiescent")

    violated, together, alone = cards([*undecided, other, check("X9")])

    assert violated.check["id"] == "X9"
    assert (together.check["id"], together.others, together.headline) == ("X1", ("X2", "X4"), "No connection.")
    assert (alone.check["id"], alone.others) == ("X5", ())


def test_requests_are_bars_on_one_axis_in_the_order_in_which_they_began() -> None:
    found = history({"attempts": [request(813, 10, 40)], "beside": [request(812, 0, 20), request(815, 30, None)]})

    assert found is not None
    assert [(bar.who, bar.when, bar.own) for bar in found.bars] == [
        ("812 reserve", "0 ms to 20 ms", False),
        ("813 reserve", "10 ms to 40 ms", True),
        ("815 reserve", "30 ms to no answer", False),
    ]
    assert 'class="beside" x="0.0" width="500.0"' in found.bars[0].drawing
    assert 'class="own" x="250.0" width="750.0"' in found.bars[1].drawing
    assert 'class="open" x="750.0" width="250.0"' in found.bars[2].drawing
    assert (found.over, found.more) == ("40 ms", 0)


def test_a_single_request_and_what_is_none_are_not_drawn() -> None:
    assert history({"attempts": [request(1, 0, 1)]}) is None
    assert history({"attempts": "none", "beside": [{"operation": 1}, 7]}) is None
    assert history({"attempts": [{**request(1, 0, 1), "began": "</svg>"}, request(2, 0, 1)]}) is None
    assert history({"attempts": [{**request(1, 0, 1), "operation": "1"}, request(2, 0, 1)]}) is None
    assert history({}) is None


def test_of_too_many_requests_the_first_are_drawn_and_the_others_counted() -> None:
    found = history({"attempts": [request(place, place, place + 1) for place in range(SHOWN + 3)]})

    assert found is not None
    assert (len(found.bars), found.more) == (SHOWN, 3)


def test_an_answer_is_told_by_what_it_says_and_a_digest_by_nothing() -> None:
    told = {"used": 1, "scheduled": 1_020, "unbalanced": False, "another": False}
    found = history(
        {
            "attempts": [
                request(1, 0, 1, answer=told),
                request(2, 0, 1, answer={**told, "another": True}),
                request(3, 0, 1, answer=-77),
            ]
        }
    )

    assert found is not None
    assert [bar.came for bar in found.bars] == ["ACK 200: used 1, scheduled 1,020", "ACK 200: another", "ACK 200"]


def test_what_was_sent_stands_beside_what_is_stored() -> None:
    [table] = tables(
        {"expected": {"text": "a", "user": 1}, "stored": [{"text": "b", "user": 1, "at": None}], "attempts": []}
        | {"beside": []}
    )[:1]

    assert [head.name for head in table.heads] == ["column", "sent", "stored"]
    assert table.rows == [["≠ text", "a", "b"], ["user", "1", "1"], ["at", "–", "nothing"]]


def test_several_rows_have_a_column_each_and_none_is_said() -> None:
    [twice] = tables({"expected": {"user": 1}, "stored": [{"user": 1}, {"user": 2}]})
    [lost] = tables({"expected": {"user": 1}, "stored": []})

    assert [head.name for head in twice.heads] == ["column", "sent", "stored 1", "stored 2"]
    assert twice.rows == [["≠ user", "1", "1", "2"]]
    assert lost.rows == [["user", "1", "nothing"]]


def test_whatever_else_a_witness_has_is_a_table_too() -> None:
    found = tables(
        {
            "expected": 5,
            "stored": 4,
            "right": True,
            "then": [],
            "ids": [1, 2],
            "text": "x" * 1_000,
            "rows": [{"id": place, "more": {"a": [1]}} for place in range(ROWS + 2)],
        }
    )

    assert [table.label for table in found] == ["rows, 2 more not shown", "The witness"]
    assert found[0].rows[0] == ["0", "a: 1"]
    plain = dict(found[1].rows)
    assert (plain["expected"], plain["right"], plain["ids"]) == ("5", "yes", "1, 2")
    assert "then" not in plain
    assert len(plain["text"]) < 400
    assert tables({}) == []
