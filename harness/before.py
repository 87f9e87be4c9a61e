"""The database right before and right after the load: which transactions are older, and how its clock stands to ours.

What was written since is told by the numbers of transactions: no clock of the target's is believed.
"""

from contextlib import suppress
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor

from harness import clock, database
from harness.errors import DatabaseError

XID = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
"""The number of the next transaction, of 64 bits."""
NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
"""The database's clock in µs."""
SESSIONS = """
SELECT coalesce(nullif(application_name, ''), usename), sum(w.wal_records)::bigint, sum(i.fsyncs)::bigint
FROM pg_stat_activity a, pg_stat_get_backend_wal(a.pid) w,
    LATERAL (SELECT sum(fsyncs) AS fsyncs FROM pg_stat_get_backend_io(a.pid) WHERE object = 'wal') i
WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
AND a.application_name !~ '^proofload ' GROUP BY 1 ORDER BY 1
"""
"""Of each client that is connected: how many records it wrote to the log, and how often it waited for the disk."""
ROLES = """
SELECT DISTINCT usesysid::regrole::text FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND application_name !~ '^proofload '
"""
"""Who is connected, besides us."""
KNOWN_SINCE = 180000
"""The version of PostgreSQL that counts this by session."""
RESOLUTION_NS = 1_000
"""Of that clock, as it is read: up to so much is cut off."""


def taken(url: str) -> dict[str, int | list[int]]:
    """What run.json holds of the database at `url` before a load: xid, and `ahead` as `compared` gives it."""
    with database.session(url, "before") as cursor:
        try:
            return {"xid": int(database.value(cursor, XID)), "ahead": _ahead(cursor)}
        except psycopg2.Error as error:
            raise DatabaseError(
                f"{database.redacted(url)}: {database.first_line(error)}: expected PostgreSQL 13 or newer"
            ) from None


def compared(url: str) -> dict[str, Any]:
    """What run.json holds of it after the load: `ahead` again; `sessions`: records and waits of each client by name,
    which end with their sessions; none where the server does not count them. `roles`: who is connected.
    """
    with database.session(url, "after") as cursor:
        sessions: list[tuple[Any, ...]] = []
        if int(database.value(cursor, "SHOW server_version_num")) >= KNOWN_SINCE:
            # Not every role may see the sessions of others.
            with suppress(psycopg2.Error):
                cursor.execute(SESSIONS)
                sessions = cursor.fetchall()
        cursor.execute(ROLES)
        return {
            "roles": sorted(role for (role,) in cursor),
            "ahead": _ahead(cursor),
            "sessions": {name: [int(records or 0), int(waits or 0)] for name, records, waits in sessions},
        }


def _ahead(cursor: Cursor) -> list[int]:
    def now() -> int:
        return int(database.value(cursor, NOW)) * 1000

    least, most = clock.ahead(now)
    return [least, most + RESOLUTION_NS]
