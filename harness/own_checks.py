"""SQL of the user's own on the database of a run: one SELECT, which is never let write."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import new_type, register_type

from harness import database
from harness.errors import PlanError
from harness.plan.scenario import OwnCheck, Scenario

SHOWN = 20
"""So many rows of an answer are kept."""
LONGEST = 200
"""So many characters of a text."""
BEGIN = "BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ"

# The query goes there as a value, of which the server takes one query only: in a statement of ours, "SELECT 1; COMMIT;
# DELETE …" would be three, the last of them outside of the transaction that reads only.
OPEN = """
DO $open$ DECLARE own refcursor := 'own'; BEGIN
    OPEN own NO SCROLL FOR EXECUTE current_setting('proofload.sql');
END $open$
"""


AS_TEXT = new_type((17, 1082, 1083, 1114, 1184, 1186, 1266), "AS_TEXT", lambda value, _: value)
"""bytea, dates, times and intervals are shown as PostgreSQL writes them: Python has no year 0, and none after 9999."""


@dataclass(frozen=True)
class Answer:
    """What a query gave."""

    rows: int
    """How many rows."""
    shown: tuple[dict[str, Any], ...]
    """The first of them, by the names of their columns, in what JSON has."""


def answer(cursor: Cursor, sql: str, seconds: float) -> Answer:
    """What `sql` gives, in the transaction that `cursor` is in; psycopg2.Error if it is no SELECT, fails, writes or
    takes longer than `seconds`. The transaction goes on in any case.
    """
    with _declared(cursor, sql, seconds), cursor.connection.cursor() as fetching:
        register_type(AS_TEXT, fetching)
        fetching.execute(f"FETCH {SHOWN} FROM own")
        names = _names(fetching)
        try:
            shown = tuple(dict(zip(names, map(_plain, row), strict=True)) for row in fetching)
        except ValueError as error:  # a text that is none in the encoding that its database claims
            raise psycopg2.DataError(f"a value can't be read: {error}") from None
        # Counted by the server: it may be a million.
        cursor.execute("MOVE FORWARD ALL FROM own")
        return Answer(len(shown) + int((cursor.statusmessage or "MOVE 0").split()[-1]), shown)


def _names(cursor: Cursor) -> list[str]:
    """What the columns are called; one of the name of an earlier one with its place."""
    found: list[str] = []
    for place, column in enumerate(cursor.description or (), 1):
        found.append(f"{column.name} ({place})" if column.name in found else column.name)
    return found


def require(url: str, scenario: Scenario) -> None:
    """PlanError unless all queries of the plan can be run in the database at `url`; none is."""
    queries = [(f"check.{one.name}", one.sql) for one in scenario.own_checks]
    queries += [("quiesce", scenario.quiesce.sql)] if scenario.quiesce else []
    with _reading(url) as cursor:
        for name, sql in queries:
            try:
                with _declared(cursor, sql, 0):
                    pass
            except psycopg2.Error as error:
                raise PlanError(
                    f"{name}: sql: {database.first_line(error)}: expected one SELECT that this database understands "
                    f"({database.redacted(url)})"
                ) from None


def before(url: str, scenario: Scenario) -> dict[str, int]:
    """How many rows each check that is to be made before the load gives now; PlanError if one fails."""
    asked = [one for one in scenario.own_checks if one.before]
    if not asked:
        return {}
    with _reading(url) as cursor:
        return {one.name: _before(cursor, one) for one in asked}


def _before(cursor: Cursor, check: OwnCheck) -> int:
    try:
        return answer(cursor, check.sql, check.seconds).rows
    except psycopg2.Error as error:
        raise PlanError(f"check.{check.name}: sql: {database.first_line(error)} (before the load)") from None


@contextmanager
def _reading(url: str) -> Iterator[Cursor]:
    with database.session(url, "own checks") as cursor:
        cursor.execute(BEGIN)
        yield cursor
        cursor.execute("ROLLBACK")


@contextmanager
def _declared(cursor: Cursor, sql: str, seconds: float) -> Iterator[None]:
    """`sql` as a cursor called `own`, which keeps no more than is asked for in memory."""
    cursor.execute("SAVEPOINT own")
    try:
        # 0 would be no limit at all.
        cursor.execute(f"SET LOCAL statement_timeout = {max(round(seconds * 1000), 1) if seconds else 0}")
        cursor.execute("SELECT set_config('proofload.sql', %s, true)", (sql,))
        cursor.execute(OPEN)
        yield
    finally:
        cursor.execute("ROLLBACK TO SAVEPOINT own")


def _plain(value: object) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    return _plain(str(value).lower() if isinstance(value, Decimal) else str(value))
