"""Reading leaves a session as it was, sees what is there under any settings of the role, and can't write."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest

from harness import database as databases
from harness.database import RESERVED, quoted
from harness.database_url import parse
from tests.support.target_process import query
from verification import binary
from verification.reading import MOMENT, Reader, moment, reader

STATE = """
SELECT current_setting('default_transaction_read_only'), current_setting('statement_timeout'),
    current_setting('lock_timeout'), current_setting('work_mem'), current_setting('TimeZone'),
    current_setting('DateStyle'), current_setting('standard_conforming_strings'), current_setting('enable_indexscan'),
    current_setting('transaction_read_only'), current_setting('transaction_isolation'),
    current_setting('idle_in_transaction_session_timeout')
"""

ODD = """
ALTER DATABASE {name} SET statement_timeout = '7s'; ALTER DATABASE {name} SET TimeZone = 'Asia/Kolkata';
ALTER DATABASE {name} SET DateStyle = 'SQL, DMY'; ALTER DATABASE {name} SET standard_conforming_strings = off;
ALTER DATABASE {name} SET default_transaction_isolation = 'serializable';
CREATE TABLE things (name text, at timestamptz);
INSERT INTO things VALUES (E'a\\\\b', '2026-11-26 12:00:00.123456+00'), (NULL, 'infinity'), ('N', NULL);
"""


@pytest.fixture
def odd(database: str) -> str:
    """A database whose sessions begin with settings unlike ours."""
    query(database, ODD.format(name=parse(database).name))
    return database


@contextmanager
def session(url: str) -> Iterator[tuple[Reader, psycopg2.extensions.cursor]]:
    """A reader, and its own session to look at, as a pooler would give it to the next."""
    driver = databases.driver(parse(url), "test")
    driver.autocommit = True
    try:
        with driver.cursor() as cursor:
            yield Reader(cursor), cursor
    finally:
        driver.close()


def test_every_way_to_read_leaves_the_session_as_it_was(odd: str) -> None:
    with session(odd) as (reading, cursor):
        cursor.execute(STATE)
        before = cursor.fetchone()

        def left() -> object:
            assert cursor.connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
            cursor.execute(STATE)
            return cursor.fetchone()

        reading.rows("SELECT 1")
        assert left() == before
        reading.frame("SELECT name FROM things", {"name": "str"})
        assert left() == before
        reading.columns("SELECT 1::bigint", {"one": binary.WHOLE})
        assert left() == before
        reading.clock_offset()
        assert left() == before
        assert (reading.writers(), reading.settings()["default_transaction_isolation"]) == ([], "serializable")
        assert left() == before
        reading.fingerprint(["things"])
        assert left() == before
        with reading.snapshot():
            assert reading.row(STATE)[0] == before[0]  # type: ignore[index]
            assert reading.row("SHOW enable_indexscan") == ("off",)
            assert reading.row("SHOW transaction_isolation") == ("repeatable read",)
        assert left() == before
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            reading.rows("DELETE FROM things")
        assert left() == before
        with pytest.raises(psycopg2.errors.UndefinedTable), reading.snapshot():
            reading.rows("SELECT * FROM nowhere")
        assert left() == before


def test_nothing_is_set_in_a_session_to_begin_with(odd: str) -> None:
    with reader(odd) as reading:
        # Of a transaction, what is SET LOCAL counts as the session's.
        inside = {name for (name,) in reading.rows("SELECT name FROM pg_settings WHERE source = 'session'")}
        cursor = reading.cursor
        cursor.execute("SELECT name FROM pg_settings WHERE source = 'session'")
        assert cursor.fetchall() == []
    assert {"TimeZone", "work_mem", "statement_timeout"} <= inside


def test_what_is_read_does_not_depend_on_the_settings_of_the_role(odd: str) -> None:
    with reader(odd) as reading:
        found = reading.frame(
            f"SELECT name, {moment('at')} FROM things ORDER BY at NULLS FIRST", {"name": "str", "at": MOMENT}
        )
        assert reading.row("SELECT '2026-11-26 12:00'::timestamp::timestamptz::text") == ("2026-11-26 12:00:00+00",)
        assert reading.row("SHOW statement_timeout") == ("0",)

    assert found["name"].tolist()[:2] == ["N", "a\\b"]
    assert found["name"].isna().tolist() == [False, False, True]
    assert str(found["at"][1]) == "2026-11-26 12:00:00.123456"


def test_every_moment_is_read_to_the_microsecond(odd: str) -> None:
    query(odd, "CREATE TABLE moments (us bigint, at timestamptz)")
    # Over four centuries, and at the edges of what floats are used for.
    query(
        odd,
        "INSERT INTO moments SELECT us, timestamptz '1970-01-01 00:00Z' + us * interval '1 microsecond' FROM ("
        "SELECT (random() * 13e15 - 3e15)::bigint AS us FROM generate_series(1, 20000) "
        "UNION ALL SELECT edge + n FROM generate_series(-500, 500) n, unnest(ARRAY[0, 4102444800000000]) edge) all_of",
    )
    with session(odd) as (reading, _):
        assert reading.row(f"SELECT count(*), count(*) FILTER (WHERE us <> {moment('at')}) FROM moments") == (22002, 0)
        without_zone = moment("timestamp '2026-11-26 12:00:00.123456'")
        assert reading.row(f"SELECT {without_zone}") == (1795694400123456,)


def test_one_snapshot_is_one_moment_and_the_next_reading_another(odd: str) -> None:
    with reader(odd) as reading:
        with reading.snapshot():
            assert reading.row("SELECT count(*) FROM things") == (3,)
            query(odd, "INSERT INTO things VALUES ('more', now())")
            assert reading.row("SELECT count(*) FROM things") == (3,)
        assert reading.row("SELECT count(*) FROM things") == (4,)


def test_a_lost_connection_is_the_error_that_is_told(odd: str) -> None:
    def lose(reading: Reader, pid: int) -> None:
        with reading.snapshot():
            query(odd, f"SELECT pg_terminate_backend({pid})")
            reading.rows("SELECT 1")

    with session(odd) as (reading, cursor), pytest.raises(psycopg2.OperationalError):
        lose(reading, cursor.connection.info.backend_pid)


def test_a_name_is_in_quotes_where_sql_needs_them(database: str) -> None:
    known = query(database, "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")
    assert {word for (word,) in known} == RESERVED

    assert [quoted(name) for name in ("movements", "_m2")] == ["movements", "_m2"]
    for name in ("user", "Movements", "two words", 'a "b"', "2m", "m%", "m.n", ""):
        assert quoted(name)[0] == quoted(name)[-1] == '"', name
    for name in ("user", "Movements", 'a "b"', "m%s"):
        assert query(database, f"SELECT 1 AS {quoted(name)} WHERE 1 = %s", 1) == [(1,)]
