"""A statement that reads all of a large table to find a few rows lacks an index, which is named; no other does."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2.extensions import connection as Driver

from harness import database as connecting
from harness.monitor.scans import LEAST_CALLS, with_indexes

TABLES = """
CREATE SCHEMA mine;
CREATE TABLE mine."Orders" (id bigserial PRIMARY KEY, "customerId" int, code varchar(20), state text, note text);
INSERT INTO mine."Orders" ("customerId", code, state, note)
SELECT n %% 500, 'c' || n, CASE WHEN n %% 2 = 0 THEN 'open' ELSE 'done' END, 'n' || n FROM generate_series(1, 5000) n;
CREATE TABLE small (id int, name text);
INSERT INTO small SELECT n, 'x' FROM generate_series(1, 500) n;
ANALYZE mine."Orders", small
""".replace("%%", "%")
ORDERS = 'CREATE INDEX ON mine."Orders"'


@pytest.fixture
def connection(database: str) -> Iterator[Driver]:
    found = connecting.connect(database, "test")
    found.autocommit = True
    with found.cursor() as cursor:
        cursor.execute(TABLES)
    yield found
    found.close()


def lacking(connection: Driver, query: str, calls: int = LEAST_CALLS) -> Any:
    [found] = with_indexes(connection, [{"query": query, "calls": calls, "seconds": 1.0}])
    assert found["query"] == query
    return found["ddl"]


@pytest.mark.parametrize(
    ("query", "ddl"),
    [
        ('SELECT * FROM mine."Orders" WHERE "customerId" = $1', f'{ORDERS} ("customerId")'),
        ('UPDATE mine."Orders" SET state = $1 WHERE code = $2', f"{ORDERS} (code)"),
        ('DELETE FROM mine."Orders" WHERE "customerId" = $1 AND code = $2', f'{ORDERS} ("customerId", code)'),
        (
            'SELECT * FROM small s JOIN mine."Orders" o ON o.code = s.name WHERE o.note = $1 LIMIT $2',
            f"{ORDERS} (note)",
        ),
        ('WITH one AS (SELECT * FROM mine."Orders" WHERE note = $1) SELECT count(*) FROM one', f"{ORDERS} (note)"),
        # There is one, all or half of it is wanted, or none would help.
        ('SELECT * FROM mine."Orders" WHERE id = $1', ""),
        ('SELECT * FROM mine."Orders"', ""),
        ('SELECT * FROM mine."Orders" WHERE state = $1', ""),
        ('SELECT * FROM mine."Orders" WHERE note > $1', ""),
        ('SELECT * FROM mine."Orders" WHERE lower(note) = $1', ""),
        ('SELECT * FROM mine."Orders" WHERE "customerId" = $1 OR note = $2', ""),
        ("SELECT * FROM small WHERE name = $1", ""),
        # What can't be planned, or is no statement of this kind.
        ("SELECT * FROM nothing WHERE id = $1", ""),
        ("SELECT $1 + $2 || now()", ""),
        ("SELECT 1; DROP TABLE small", ""),
        ("BEGIN", ""),
        ("SELECT * FROM pg_class WHERE relpages = $1", ""),
    ],
)
def test_the_index_that_a_statement_lacks_is_named(connection: Driver, query: str, ddl: str) -> None:
    assert lacking(connection, query) == ddl


def test_once_it_is_there_nothing_is_lacking(connection: Driver) -> None:
    query = 'SELECT * FROM mine."Orders" WHERE "customerId" = $1'
    with connection.cursor() as cursor:
        cursor.execute(lacking(connection, query))
    assert lacking(connection, query) == ""


def test_what_is_seldom_done_needs_none_and_nothing_is_executed(connection: Driver) -> None:
    assert lacking(connection, 'DELETE FROM mine."Orders" WHERE note = $1', LEAST_CALLS - 1) == ""
    assert lacking(connection, 'DELETE FROM mine."Orders" WHERE note = $1') == f"{ORDERS} (note)"
    with connection.cursor() as cursor:
        cursor.execute('SELECT count(*) FROM mine."Orders"')
        assert cursor.fetchone() == (5000,)
