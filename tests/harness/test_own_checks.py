"""A query of a plan is one SELECT that writes nothing, takes no more than its time, and disturbs no other."""

import json
from collections.abc import Iterator
from dataclasses import replace

import psycopg2
import pytest
from psycopg2 import errors
from psycopg2.extensions import cursor as Cursor

from harness import database as connecting
from harness import own_checks
from harness.errors import PlanError
from harness.own_checks import BEGIN, SHOWN, answer
from harness.plan.scenario import OwnCheck, Quiesce, Scenario
from tests.support.plans import varied

ONE = OwnCheck("few", "There are few.", "SELECT n FROM generate_series(1, 3) n", True, "blocker", 30.0)


@pytest.fixture
def cursor(database: str) -> Iterator[Cursor]:
    with connecting.session(database, "test") as found:
        found.execute("CREATE TABLE things (n integer); INSERT INTO things VALUES (1)")
        found.execute(BEGIN)
        yield found


def asking(*checks: OwnCheck, quiesce: str = "") -> Scenario:
    return replace(varied("sustained"), own_checks=checks, quiesce=Quiesce(quiesce, 1.0) if quiesce else None)


def test_all_rows_are_counted_and_the_first_are_shown(cursor: Cursor) -> None:
    found = answer(cursor, "SELECT n AS number, 'x%' AS text FROM generate_series(1, 100000) n ORDER BY n", 30)

    assert found.rows == 100_000
    assert found.shown == tuple({"number": n, "text": "x%"} for n in range(1, SHOWN + 1))


def test_a_value_is_what_json_has(cursor: Cursor) -> None:
    sql = """
    SELECT 1::numeric AS whole, 0.5::numeric AS half, 'NaN'::float AS nan, NULL AS none, true AS yes,
        '2026-01-02 03:04:05+00'::timestamptz AT TIME ZONE 'UTC' AS at, repeat('x', 1000) AS long,
        '00000000-0000-4000-8000-000000000001'::uuid AS id
    """
    (row,) = answer(cursor, sql, 30).shown

    assert row == {
        "whole": 1,
        "half": 0.5,
        "nan": "nan",
        "none": None,
        "yes": True,
        "at": "2026-01-02 03:04:05",
        "long": "x" * 200 + "…",
        "id": "00000000-0000-4000-8000-000000000001",
    }


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT 'NaN'::numeric AS n, 'Infinity'::numeric AS i", {"n": "nan", "i": "infinity"}),
        ("SELECT date '0044-03-15 BC' AS n, date 'infinity' AS i", {"n": "0044-03-15 BC", "i": "infinity"}),
        ("SELECT timestamptz '20000-01-01 00:00:00+00' > now() AS n", {"n": True}),
        ("SELECT timestamp '20000-01-01' AS n", {"n": "20000-01-01 00:00:00"}),
        ("SELECT 1 AS id, 2 AS id, 3 AS id", {"id": 1, "id (2)": 2, "id (3)": 3}),
        ("SELECT '\\x00ff'::bytea AS b, '1 month'::interval AS i", {"b": "\\x00ff", "i": "1 mon"}),
        ("SELECT '{\"a\": 1}'::jsonb AS j, ARRAY[1, 2] AS a", {"j": "{'a': 1}", "a": "[1, 2]"}),
        ("SELECT FROM things", {}),
        ("SELECT 1 AS n -- at the end", {"n": 1}),
        ("SELECT 1 AS n; -- at the end", {"n": 1}),
        ("SELECT n % 2 AS odd FROM things WHERE '100%' LIKE '%%'", {"odd": 1}),
        ("SELECT NULL AS n", {"n": None}),
        ("VALUES (1)", {"column1": 1}),
    ],
)
def test_whatever_a_query_gives_is_shown(cursor: Cursor, sql: str, shown: dict[str, object]) -> None:
    found = answer(cursor, sql, 30)

    assert (found.rows, found.shown) == (1, (shown,))
    json.dumps(found.shown, allow_nan=False)


def test_a_time_below_a_millisecond_is_no_time_without_end(cursor: Cursor) -> None:
    # PostgreSQL says "due to user request" if its millisecond is over before it looks why it was interrupted.
    with pytest.raises(errors.QueryCanceled):
        answer(cursor, "SELECT pg_sleep(0.5)", 0.0001)


def test_a_function_that_writes_fails(cursor: Cursor) -> None:
    cursor.execute("ROLLBACK")
    cursor.execute(
        "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'INSERT INTO things VALUES (2) RETURNING n';"
        "CREATE FUNCTION around() RETURNS int LANGUAGE plpgsql AS "
        "'BEGIN SET LOCAL transaction_read_only = off; RETURN more(); END'"
    )
    cursor.execute(BEGIN)
    for sql in ("SELECT more()", "SELECT around()", "SELECT 1 WHERE more() > 5"):
        with pytest.raises(psycopg2.Error):
            answer(cursor, sql, 30)
    assert answer(cursor, "SELECT n FROM things", 30).rows == 1


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM things",
        "SELECT 1; DELETE FROM things",
        "SELECT 1; COMMIT; DELETE FROM things",
        "SELECT 1) AS x; COMMIT; DELETE FROM things; SELECT * FROM (SELECT 1",
        "WITH gone AS (DELETE FROM things RETURNING n) SELECT * FROM gone",
        "SELECT nextval('counter')",
        "SELECT n FROM things FOR UPDATE",
        "SELECT lo_create(0)",
        "SELECT 1 FROM nothing",
        "SELECT 1 / 0",
        "",
        "SELECT pg_sleep(30)",
        "ROLLBACK",
        "COMMIT",
    ],
)
def test_what_is_no_select_writes_or_takes_too_long_fails_and_leaves_the_transaction_as_it_was(
    cursor: Cursor, sql: str
) -> None:
    with pytest.raises(psycopg2.Error):
        answer(cursor, sql, 0.2)

    assert answer(cursor, "SELECT n FROM things", 30).rows == 1
    cursor.execute("SHOW transaction_read_only")
    assert cursor.fetchone() == ("on",)
    cursor.execute("SHOW statement_timeout")
    assert cursor.fetchone() == ("0",)


def test_all_queries_are_tried_before_anything_is_sent(database: str) -> None:
    own_checks.require(database, asking(ONE, quiesce="SELECT 0"))

    for broken in (asking(ONE, replace(ONE, name="bad", sql="SELECT nothing")), asking(quiesce="SELECT nothing")):
        with pytest.raises(PlanError, match=r'(check\.bad|quiesce): sql: column "nothing" does not exist'):
            own_checks.require(database, broken)


def test_only_those_that_ask_for_it_are_asked_before_the_load(database: str) -> None:
    slow = replace(ONE, name="slow", sql="SELECT pg_sleep(30)", before=False)

    assert own_checks.before(database, asking(ONE, slow)) == {"few": 3}
    with pytest.raises(PlanError, match=r"check\.slow: sql: canceling statement due to statement timeout"):
        own_checks.before(database, asking(replace(slow, before=True, seconds=0.1)))
