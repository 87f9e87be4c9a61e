"""The database is only read, never written; all that is judged is read in one snapshot."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from time import time_ns
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from psycopg2.extensions import cursor as Cursor

from harness import database, own_checks
from verification import binary

MOMENT = "moment"
"""The dtype of a column of `moment()`: read as whole µs, kept as datetime64[us]."""
NEVER = np.iinfo(np.int64).min
"""What NumPy keeps for "not a time"."""
PIECE = 1 << 19
"""So many rows are parsed at a time where they are taken piece by piece."""
ROUND_TRIPS = 9
SETTINGS = ("server_version", "default_transaction_isolation", "fsync", "full_page_writes", "synchronous_commit")
"""What is reported of the server beside the checks: durability and isolation are promised under these only."""

# For the transaction only: behind a pooler the session is the service's in the next moment, and must be as it was.
# Limits on time are meant for the application. Memory for the hash of a million keys. Literals and moments as ours. A
# table is read from its beginning, also while somebody else reads it: its rows come in the same order each time.
BEGIN = """
BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ;
SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL work_mem = '256MB'; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO';
SET LOCAL standard_conforming_strings = on; SET LOCAL synchronize_seqscans = off;
"""
# A broken index must not vouch for itself: the rows themselves are read.
BY_ROWS = """
SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off;
"""


# What is computed of a row counts for nothing in the planner's costs, beside what it costs to hand a row over.
IN_PARALLEL = "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;"
IN_ORDER, AS_BEFORE = (f"SET LOCAL max_parallel_workers_per_gather = {n};" for n in ("0", "DEFAULT"))


class Reader:
    """Reads, always within a transaction that reads only; outside of one, nothing is changed or left behind."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        """Within a snapshot it is in its transaction."""
        self._inside = False

    @contextmanager
    def _transaction(self, more: str = "") -> Iterator[None]:
        """Within, what is read is read in one transaction, in which `more` is set: the one that goes on, or its own."""
        if self._inside:
            yield
            return
        self._inside = True
        try:
            self.cursor.execute(BEGIN + more)
            yield
        finally:
            self._inside = False
            # After an error of the connection there is nothing to end, and the error is what matters.
            if not self.cursor.connection.closed:
                self.cursor.execute("ROLLBACK")

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """What `sql` gives; a few rows."""
        with self._transaction():
            self.cursor.execute(sql, parameters)
            return self.cursor.fetchall()

    def row(self, sql: str, parameters: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
        """The one row that `sql` gives."""
        (row,) = self.rows(sql, parameters)
        return row

    def asked(self, sql: str, seconds: float) -> Any:
        """The first value of what a query of the user's own gives within `seconds`; None if it gives no row."""
        with self._transaction():
            shown = own_checks.answer(self.cursor, sql, seconds).shown
        return next(iter(shown[0].values()), None) if shown else None

    def frame(
        self,
        sql: str,
        dtypes: Mapping[str, str],
        parameters: Mapping[str, Any] | None = None,
        parallel: bool | None = None,
        take: Callable[[pd.DataFrame], None] | None = None,
        piece: int = PIECE,
    ) -> pd.DataFrame:
        """What `sql` gives, however many rows; `dtypes` names its columns: int64, str or MOMENT.

        `parallel`: where the server computes much of each row, by as many workers as it may have; in chance's order.
        False: by none, in the order in which they are stored. With `take`, that is given them, `piece` rows at a time
        while others come, and what is returned has none.
        """
        query = self.cursor.mogrify(sql, parameters).decode()
        # Rows are parsed while the server makes the next ones, and their text is never there as a whole.
        ours, theirs = os.pipe()
        with ThreadPoolExecutor(1) as thread:
            parsed = thread.submit(_parsed, ours, dtypes, take, piece)
            try:
                with open(theirs, "wb") as lines, self._transaction():
                    if parallel is not None:
                        self.cursor.execute(IN_PARALLEL if parallel else IN_ORDER)
                    self.cursor.copy_expert(rf"COPY ({query}) TO STDOUT (FORMAT csv, NULL '\N')", lines)
                    if parallel is False:
                        self.cursor.execute(AS_BEFORE)
            except Exception:
                # If it is the parser that has given up, it says why.
                if (error := parsed.exception()) is not None and not isinstance(error, pd.errors.EmptyDataError):
                    raise error from None
                raise
            return parsed.result()

    def columns(
        self,
        sql: str,
        types: Mapping[str, str],
        parameters: Mapping[str, Any] | None = None,
        take: Callable[[dict[str, npt.NDArray[Any]]], None] | None = None,
        parallel: bool = False,
    ) -> dict[str, npt.NDArray[Any]]:
        """What `sql` gives, however many rows: columns of fixed width, of `types` as `verification.binary` has them.

        With `take`, that is given them piece by piece, and what is returned has none. `parallel`: as of `frame`.
        """
        if take is None:
            return binary.columns(self.sent(sql, parameters, parallel), types)
        rows = binary.Sent(types, take, PIECE)
        self._copy(sql, parameters, parallel, rows)
        rows.end()
        return binary.columns(binary.EMPTY, types)

    def sent(self, sql: str, parameters: Mapping[str, Any] | None = None, parallel: bool = False) -> memoryview:
        """The same as it came, for `binary.columns`."""
        rows = BytesIO()
        self._copy(sql, parameters, parallel, rows)
        return rows.getbuffer()

    def _copy(self, sql: str, parameters: Mapping[str, Any] | None, parallel: bool, into: Any) -> None:
        query = self.cursor.mogrify(sql, parameters).decode()
        with self._transaction():
            if parallel:
                self.cursor.execute(IN_PARALLEL)
            self.cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", into)

    def settings(self) -> dict[str, str]:
        """SETTINGS as they are in this database."""
        found = self.rows(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%(names)s)", {"names": list(SETTINGS)}
        )
        return dict(sorted(found))

    def clock_offset(self) -> int:
        """ns by which the database's clock is ahead of ours, good to half of the quickest of some round trips."""
        trips = []
        with self._transaction():
            for _ in range(ROUND_TRIPS):
                left = time_ns()
                (there,) = self.row(f"SELECT {moment('clock_timestamp()')}")
                back = time_ns()
                trips.append((back - left, there * 1000 - (left + back) // 2))
        return int(min(trips)[1])

    def writers(self) -> list[str]:
        """Who else has written here and not yet ended its transaction, prepared transactions too."""
        # Locks are shown to every role, what others run is not: the lock on its own id shows that a transaction writes.
        found = self.rows("""
            SELECT format('%s (pid %s)', coalesce(nullif(application_name, ''), 'a client'), pid)
            FROM pg_stat_activity WHERE datname = current_database() AND pid IN (
                SELECT pid FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted)
            AND pid <> pg_backend_pid() AND backend_type IS DISTINCT FROM 'autovacuum worker'
            UNION ALL SELECT format('prepared transaction %s', gid) FROM pg_prepared_xacts
            WHERE database = current_database()
            ORDER BY 1
        """)
        return [name for (name,) in found]

    def fingerprint(self, tables: Sequence[str]) -> list[tuple[int, int]]:
        """Something that any insert, update or delete in `tables` changes: rows, and the sum of who wrote them."""
        return [self._print(table) for table in tables]

    def _print(self, table: str) -> tuple[int, int]:
        rows, writers = self.row(f"SELECT count(*), coalesce(sum(xmin::text::bigint), 0) FROM {table}")
        return int(rows), int(writers)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Within, everything is read as of one moment, and from the tables themselves."""
        with self._transaction(BY_ROWS):
            yield


def _parsed(
    pipe: int, dtypes: Mapping[str, str], take: Callable[[pd.DataFrame], None] | None, rows: int
) -> pd.DataFrame:
    """The rows that a COPY writes as CSV into a pipe, until its end; the pipe is closed. With `take`, that is given so
    many `rows` at a time, and what is returned has none.
    """
    types = {**dtypes, **{name: "int64" for name, dtype in dtypes.items() if dtype == MOMENT}}
    options: Any = {
        "header": None,
        "names": list(dtypes),
        "dtype": types,
        "keep_default_na": False,
        "na_values": [r"\N"],
        "skip_blank_lines": False,
    }
    with open(pipe, "rb") as lines:
        if take is None:
            return _with_moments(pd.read_csv(lines, **options), dtypes)
        for piece in pd.read_csv(lines, chunksize=rows, **options):
            take(_with_moments(piece.reset_index(drop=True), dtypes))
    return _with_moments(pd.DataFrame({name: pd.Series([], dtype=of) for name, of in types.items()}), dtypes)


def _with_moments(frame: pd.DataFrame, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """What was read, with moments in place of the µs that stand for them."""
    for name, dtype in dtypes.items():
        if dtype == MOMENT:
            frame[name] = frame[name].to_numpy().view("datetime64[us]")
    return frame


@contextmanager
def reader(url: str) -> Iterator[Reader]:
    """A session that reads the database at `url`; DatabaseError if there is no connection."""
    with database.session(url, "verification") as cursor:
        yield Reader(cursor)


NEAR = "BETWEEN timestamptz '1970-01-01 00:00Z' AND timestamptz '2100-01-01 00:00Z'"
"""Between these a float of seconds is within 0.25 µs of the moment, and is made in half the time of a numeric."""


def moment(column: str) -> str:
    """SQL for a timestamptz as µs since 1970, in whole numbers; NEVER if it is null or infinite."""
    exactly = f"CASE WHEN isfinite({column}) THEN (extract(epoch FROM {column}) * 1000000)::bigint END"
    return (
        f"CASE WHEN {column} {NEAR} THEN (date_part('epoch', {column}) * 1000000)::bigint "
        f"ELSE coalesce({exactly}, ({NEVER})) END"
    )
