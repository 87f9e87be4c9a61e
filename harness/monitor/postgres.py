"""The database of a run, by its own statistics: who waits for what, what was committed, read and written."""

import time
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Driver

from harness import database
from harness.errors import DatabaseError
from harness.monitor import scans
from harness.monitor.database_io import DatabaseIO
from harness.monitor.sizes import Sizes

ACTIVITY = """
SELECT state, coalesce(wait_event_type, ''), count(*)::int FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
GROUP BY 1, 2
"""
COUNTERS = """
SELECT d.xact_commit AS commits, d.xact_rollback AS rollbacks, d.deadlocks, d.conflicts, d.blks_hit AS hits,
    d.blks_read AS reads, d.tup_inserted + d.tup_updated + d.tup_deleted AS rows_written, d.temp_bytes,
    (SELECT wal_bytes::bigint FROM pg_stat_wal) AS wal_bytes
FROM pg_stat_database d WHERE datname = current_database()
"""
STATEMENTS = """
SELECT queryid::text, query, calls, total_exec_time / 1000, rows, shared_blks_hit + shared_blks_read, wal_bytes::bigint
FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database() AND toplevel
"""
VACUUMS = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE datname = current_database()"
MOST_STATEMENTS = 40
WAITS = ("lock", "lwlock", "io", "ipc")
"""What a backend at work usually waits for: in each sample, for the mean to be true."""
RETRY_S = 5.0
"""How long an unreachable database is left alone."""

Statements = dict[str, tuple[Any, ...]]


class DatabaseSampler:
    """db.connections, db.active, db.idle_in_transaction, db.waiting.<type> (current backends); db.limit
    (max_connections); db.vacuums (that run now, automatic ones too); db.deadlocks_total (since the server counts);
    db.table_bytes, db.index_bytes (now and then, see Sizes);
    and a second: db.commits, db.rollbacks, db.deadlocks, db.conflicts, db.hits, db.reads, db.rows_written,
    db.temp_bytes, db.wal_bytes, and what DatabaseIO has; db.cache (the share of blocks that were in memory).
    """

    def __init__(self, url: str) -> None:
        """`url` may be empty: then there is nothing to sample."""
        self._url = url
        self._connection: Driver | None = None
        self._before: tuple[float, dict[str, Any]] | None = None
        self._again = 0.0
        self._limit = 0
        self._io = DatabaseIO(0)
        self._sizes = Sizes()

    def sample(self) -> dict[str, float]:
        """What there is now; nothing while the database can't be reached."""
        try:
            connection = self.connected()
            if connection is None:
                return {}
            with connection.cursor() as cursor:
                cursor.execute(ACTIVITY)
                activity = cursor.fetchall()
                cursor.execute(COUNTERS)
                (counted,) = cursor.fetchall()
                counters = dict(zip([column.name for column in cursor.description or ()], counted, strict=True))
                counters |= self._io.counters(cursor)
                vacuums = float(database.value(cursor, VACUUMS))
                sizes = self._sizes.sample(cursor)
        except (DatabaseError, psycopg2.Error):
            self._connection, self._before, self._again = None, None, time.monotonic() + RETRY_S
            return {}
        now = {"db.vacuums": vacuums, "db.deadlocks_total": float(counters["deadlocks"])}
        return {**self._activity(activity), **now, **sizes, **self._rates(counters)}

    def close(self) -> None:
        """Without a connection from now on."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._url = None, ""

    def statements(self) -> Statements | None:
        """What pg_stat_statements has counted of each statement; None where it isn't installed."""
        try:
            connection = self.connected()
            if connection is None:
                return None
            with connection.cursor() as cursor:
                cursor.execute(STATEMENTS)
                return {row[0]: row for row in cursor}
        except (DatabaseError, psycopg2.Error):
            self._connection = None
            return None

    @staticmethod
    def ran_between(before: Statements | None, after: Statements | None) -> list[dict[str, Any]] | None:
        """The statements that took most of the time between the two, longest first; None if that isn't known."""
        if before is None or after is None:
            return None
        found: list[dict[str, Any]] = []
        for key, (_, query, *now) in after.items():
            then = before.get(key, (0,) * 7)[2:]
            calls, seconds, rows, blocks, wal = (float(b) - float(a) for a, b in zip(then, now, strict=True))
            if calls > 0:
                counted = {"calls": int(calls), "seconds": round(seconds, 4), "rows": int(rows), "blocks": int(blocks)}
                found.append({"query": " ".join(query.split()), **counted, "wal_bytes": int(wal)})
        return sorted(found, key=lambda each: -each["seconds"])[:MOST_STATEMENTS]

    def with_indexes(self, found: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        """The same statements, each with the index that it lacks, as far as that is known."""
        try:
            connection = self.connected() if found else None
            return scans.with_indexes(connection, found) if connection and found else found
        except (DatabaseError, psycopg2.Error):
            return found

    def connected(self) -> Driver | None:
        """A connection in autocommit; None if there is no database, or while it is left alone. DatabaseError."""
        if self._connection is None and self._url and time.monotonic() >= self._again:
            self._connection = database.connect(self._url, "monitor")
            self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                self._limit = int(database.value(cursor, "SHOW max_connections"))
                self._io = DatabaseIO(self._connection.server_version)
        return self._connection

    def _activity(self, rows: Any) -> dict[str, float]:
        line = {"db.connections": 0, "db.active": 0, "db.idle_in_transaction": 0, "db.limit": self._limit}
        line |= dict.fromkeys((f"db.waiting.{what}" for what in WAITS), 0)
        for state, waits, count in rows:
            line["db.connections"] += count
            if state == "active":
                line["db.active"] += count
                if waits and waits != "Client":
                    name = f"db.waiting.{waits.lower()}"
                    line[name] = line.get(name, 0) + count
            elif str(state).startswith("idle in transaction"):
                line["db.idle_in_transaction"] += count
        return dict(line)

    def _rates(self, counters: dict[str, Any]) -> dict[str, float]:
        now, before = (time.monotonic(), counters), self._before
        self._before = now
        if before is None:
            return {}
        seconds = now[0] - before[0]
        grown = {name: float(value or 0) - float(before[1][name] or 0) for name, value in counters.items()}
        touched = grown["hits"] + grown["reads"]
        line = {f"db.{name}": value / seconds for name, value in grown.items()}
        return {**line, **({"db.cache": grown["hits"] / touched} if touched > 0 else {})}
