"""The connection of a seeding, in one transaction until it is committed."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
from psycopg2.extensions import connection as Driver

from harness import database
from harness.errors import DatabaseError

LOCK = "SELECT pg_advisory_xact_lock(hashtext('proofload_seeding'))"
"""Two seedings at once would clean what the other has loaded."""


@contextmanager
def connected(url: str, system: str) -> Iterator[Driver]:
    """A connection to the database at `url`; DatabaseError, with the command that mends it, if seeding fails there."""
    with closing(database.connect(url, "seeding")) as driver:
        try:
            yield driver
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn) as error:
            raise DatabaseError(f"{_cause(error, url)}: `python -m schema {system}` fixes it") from None
        except psycopg2.Error as error:
            raise DatabaseError(_cause(error, url)) from None


def _cause(error: psycopg2.Error, url: str) -> str:
    return f"seeding {database.redacted(url)}: {database.first_line(error)}"
