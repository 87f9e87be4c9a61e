"""How large tables and indexes of a database are, asked for so seldom that it costs next to nothing."""

import time

from psycopg2 import errors
from psycopg2.extensions import cursor as Cursor

LOCK_TIMEOUT = "SET lock_timeout = '50ms'"
"""The size of a table waits for whatever has locked it against reading (VACUUM FULL, ALTER TABLE): not for long."""

SIZES = """
SELECT coalesce(sum(pg_relation_size(oid)) FILTER (WHERE relkind <> 'i'), 0)::bigint,
    coalesce(sum(pg_relation_size(oid)) FILTER (WHERE relkind = 'i'), 0)::bigint
FROM pg_class WHERE relkind IN ('r', 'm', 't', 'i') AND relpersistence <> 't'
    AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""
"""Bytes of tables, with what PostgreSQL stores apart of them (TOAST), and of indexes."""

SHARE = 0.005
"""Of the time at most this share is spent on the question: it is asked again after 200 times as long as it took."""


class Sizes:
    """db.table_bytes, db.index_bytes, for a cursor in autocommit."""

    def __init__(self) -> None:
        """It is asked for at once."""
        self._due = 0.0

    def sample(self, cursor: Cursor) -> dict[str, float]:
        """The sizes now; nothing while it is too early to ask again, or while a table is locked against reading."""
        begun = time.monotonic()
        if begun < self._due:
            return {}
        try:
            cursor.execute(LOCK_TIMEOUT)
            cursor.execute(SIZES)
            ((tables, indexes),) = cursor.fetchall()
        except errors.LockNotAvailable:
            return {}
        finally:
            self._due = begun + (time.monotonic() - begun) / SHARE
        return {"db.table_bytes": float(tables), "db.index_bytes": float(indexes)}
