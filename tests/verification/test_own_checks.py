"""What a query of the plan gives makes a finding: rows contradict it, and one that could not be run proves nothing."""

from dataclasses import replace

import psycopg2
import pytest

from harness.own_checks import Answer
from harness.plan.scenario import OwnCheck
from harness.verdict import CheckState
from tests.support.plans import varied
from verification.own_checks import Answers, findings, read
from verification.reading import reader

ONE = OwnCheck("twice", "Nothing is there twice.", "SELECT n FROM things", True, "major", 30.0)
SCENARIO = replace(varied("sustained"), own_checks=(ONE,))
ROWS = Answer(2, ({"n": 1}, {"n": 1}))


@pytest.mark.parametrize(
    ("answers", "before", "disturbance", "state", "detail"),
    [
        ({"twice": Answer(0, ())}, {}, "", CheckState.HOLDS, ""),
        ({"twice": Answer(0, ())}, {"twice": 7}, "", CheckState.HOLDS, ""),
        ({"twice": Answer(0, ())}, {}, "a client had not ended", CheckState.UNDECIDED, "not quiescent"),
        ({"twice": ROWS}, {}, "a client had not ended", CheckState.VIOLATED, "its query gave 2 rows"),
        ({"twice": ROWS}, {"twice": 0}, "", CheckState.VIOLATED, "gave 2 rows, and none before the load"),
        ({"twice": ROWS}, {"twice": 1}, "", CheckState.VIOLATED, "gave 2 rows, and 1 before the load"),
        ({"twice": Answer(1, ({"count": 0},))}, {}, "", CheckState.VIOLATED, "expected HAVING count(*) > 0"),
        ({"twice": "timed out"}, {}, "", CheckState.UNDECIDED, "the query could not be run: timed out"),
        ({}, {}, "", CheckState.UNDECIDED, "the database could not be read"),
    ],
)
def test_a_finding_says_what_the_query_gave(
    answers: Answers, before: dict[str, int], disturbance: str, state: CheckState, detail: str
) -> None:
    (found,) = findings(SCENARIO, answers, before, disturbance)

    assert (found.id, found.title, found.state) == ("twice", "Nothing is there twice.", state)
    assert detail in found.detail
    assert found.crashed == (answers.get("twice") in ("timed out", None))
    given = answers.get("twice")
    rows = list(given.shown) if isinstance(given, Answer) else []
    assert found.witnesses == len(rows)
    assert found.first == ({"rows": rows} if rows else {})
    assert found.compared or found.crashed


def test_one_that_fails_leaves_the_others_their_say(database: str) -> None:
    checks = [
        replace(ONE, name=name, sql=sql) for name, sql in (("bad", "SELECT 1/0"), ("good", "SELECT 1 WHERE false"))
    ]
    with reader(database) as session, session.snapshot():
        answers = read(session, replace(SCENARIO, own_checks=tuple(checks)))

    assert answers == {"bad": "division by zero", "good": Answer(0, ())}


def test_what_is_awaited_is_a_number_and_can_not_write(database: str) -> None:
    with reader(database) as session:
        assert session.asked("SELECT 7 AS pending, 8 AS other", 30.0) == 7
        assert session.asked("SELECT 7 WHERE false", 30.0) is None
        with pytest.raises(psycopg2.Error):
            session.asked("SELECT 0; COMMIT; CREATE TABLE things (n integer)", 30.0)
        assert session.rows("SELECT to_regclass('things')") == [(None,)]
