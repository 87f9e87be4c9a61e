"""The driver's own connection: COPY is beyond SQLAlchemy."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Driver
from psycopg2.extensions import cursor as Cursor

from harness import database
from harness.errors import DatabaseError

LOCK = "SELECT pg_advisory_xact_lock(hashtext('proofload_seeding'))"
"""Two seedings at once would clean what the other has loaded."""


@contextmanager
def connected(url: str, system: str) -> Iterator[Driver]:
    """A connection to the database at `url`; DatabaseError, with the command that mends it, if seeding fails there."""
    with database.connect(url, "seeding") as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        try:
            yield driver
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn) as error:
            raise DatabaseError(f"{_cause(error, url)}: `python -m schema {system}` fixes it") from None
        except psycopg2.Error as error:
            raise DatabaseError(_cause(error, url)) from None


def one(cursor: Cursor, sql: str) -> Any:
    """The one value that `sql` gives."""
    cursor.execute(sql)
    row = cursor.fetchone()
    assert row is not None
    return row[0]


def _cause(error: psycopg2.Error, url: str) -> str:
    return f"seeding {database.redacted(url)}: {(str(error).strip() or type(error).__name__).splitlines()[0]}"
