"""What seeding leaves in each table, and that exactly this stands there, whatever else the tables hold."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg2
from psycopg2.extensions import cursor as Cursor

from harness import database, steps
from harness.errors import PoolError
from seeding import copy
from seeding.connection import LOCK, connected

TELL_EVERY_S = 0.5
AS_MADE = """
SELECT obj_description(oid, 'pg_class') LIKE 'made by Proofload for %' AND NOT relhasrules AND NOT EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND NOT tgisinternal
) FROM pg_class WHERE oid = to_regclass('{table}')
"""
MANY = 100_000
"""So many rows and more are worth to empty a table as a whole."""
LOADED = "pg_temp.proofload_rows"
"""Where rows are loaded that more is filled of than is loaded."""


@dataclass(frozen=True)
class Ours:
    """The rows of a table that are the suite's."""

    table: str
    """Its name, not quoted."""
    where: str
    """SQL: what is true of them, and of no other row."""


@dataclass(frozen=True)
class Rows:
    """What seeding leaves in a table."""

    ours: Ours
    columns: tuple[str, ...]
    """Their names, not quoted; the primary key first."""
    count: int
    lines: Callable[[], Iterator[str]]
    """A row each, as COPY reads and PostgreSQL writes it, in the order of the primary key."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """What else is filled: columns, and SQL for each; in that, `columns` are those of the row."""
    types: Mapping[str, str] = field(default_factory=dict)
    """The types as which columns are read back, where the table may have others: they are compared as text."""


@dataclass(frozen=True)
class First:
    """A row that must be there before those that refer to it; one that is there already stays as it is."""

    table: str
    row: Mapping[str, str]
    """Columns, and SQL for each."""


@dataclass(frozen=True)
class Seeded:
    """What was found and done."""

    digests: tuple[str, ...]
    """The md5 of the rows of each table, as they stand now."""
    skipped: bool
    """Whether they stood there already."""
    cleaned: int
    """How many rows of earlier runs were deleted."""
    seconds: float


def seed(url: str, system: str, tables: Sequence[Rows], earlier: Sequence[Ours], first: Sequence[First] = ()) -> Seeded:
    """Leave exactly the rows of `tables`, each of which refers to those before it and to `first` only, and none of
    `earlier`.

    All or nothing; DatabaseError or PoolError if nothing.
    """
    began = time.perf_counter()
    with connected(url, system) as driver:
        with driver, driver.cursor() as cursor:
            cursor.execute(copy.AS_TEXT)
            cursor.execute(LOCK)
            steps.step("deleting what earlier runs stored")
            cleaned = sum(_delete(cursor, ours) for ours in earlier)
            digests = _standing(cursor, tables)
            skipped = digests is not None
            if digests is None:
                steps.step("making room for the pool")
                if not _truncated(cursor, tables, earlier):
                    for rows in reversed(tables):
                        _delete(cursor, rows.ours)
                for one in first:
                    _put(cursor, one)
                digests = tuple(_load(cursor, rows) for rows in tables)
        driver.autocommit = True
        with driver.cursor() as cursor:
            every = (*(rows.ours for rows in tables), *earlier)
            names = list(dict.fromkeys(quoted(ours.table) for ours in every))
            steps.step(f"vacuuming {', '.join(names)}")
            # Not ANALYZE alone: the dead rows of the last run would slow the next.
            cursor.execute(f"VACUUM (ANALYZE) {', '.join(names)}")
    return Seeded(digests, skipped, cleaned, round(time.perf_counter() - began, 3))


def count(cursor: Cursor, ours: Ours) -> int:
    """How many rows there are."""
    return int(database.value(cursor, f"SELECT count(*) FROM {quoted(ours.table)} WHERE {ours.where}"))


def quoted(name: str) -> str:
    """`name` as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def _standing(cursor: Cursor, tables: Sequence[Rows]) -> tuple[str, ...] | None:
    """The digests of `tables` if all their rows are there and no other, as they should be; else None."""
    if any(rows.extra for rows in tables):
        return None  # what else is filled may be stated otherwise by now
    # Counting is cheap, and an empty table needs no comparison.
    if any(count(cursor, rows.ours) != rows.count for rows in tables):
        return None
    digests = []
    for rows in tables:
        expected = copy.digest(rows.lines(), _told("comparing", rows))
        if _stored(cursor, rows) != expected:
            return None
        digests.append(expected)
    return tuple(digests)


def _load(cursor: Cursor, rows: Rows) -> str:
    table = rows.ours.table
    columns = ", ".join(map(quoted, rows.columns))
    into = f"{LOADED if rows.extra else quoted(table)} ({columns})"
    if rows.extra:
        cursor.execute(f"CREATE TEMPORARY TABLE {LOADED} AS SELECT {columns} FROM {quoted(table)} WITH NO DATA")
    digest = copy.load(cursor, into, rows.lines(), _told("seeding", rows))
    if rows.extra:
        names, values = ", ".join(map(quoted, rows.extra)), ", ".join(rows.extra.values())
        cursor.execute(f"INSERT INTO {quoted(table)} ({columns}, {names}) SELECT {columns}, {values} FROM {LOADED}")
        cursor.execute(f"DROP TABLE {LOADED}")
    if not _kept_as_loaded(cursor, rows) and _stored(cursor, rows) != digest:
        raise PoolError(
            f"table {table}: its rows are not the ones that were loaded: expected no trigger or rule on it that "
            f"changes rows; `\\d {quoted(table)}` in psql shows them"
        )
    return digest


def _kept_as_loaded(cursor: Cursor, rows: Rows) -> bool:
    """Whether nothing can have made other rows of those that were loaded: a table that we made, with columns of our
    types, without triggers and rules. Then it need not be read back, which takes as long as to load it.
    """
    if rows.extra:
        return False
    return bool(database.value(cursor, AS_MADE.format(table=quoted(rows.ours.table).replace("'", "''"))))


def _stored(cursor: Cursor, rows: Rows) -> str:
    columns = ", ".join(
        f"{quoted(one)}::{rows.types[one]}" if one in rows.types else quoted(one) for one in rows.columns
    )
    query = (
        f"SELECT {columns} FROM {quoted(rows.ours.table)} WHERE {rows.ours.where} ORDER BY {quoted(rows.columns[0])}"
    )
    return copy.stored(cursor, query, _told("reading", rows))


def _put(cursor: Cursor, first: First) -> None:
    columns, values = ", ".join(map(quoted, first.row)), ", ".join(first.row.values())
    cursor.execute(f"INSERT INTO {quoted(first.table)} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING")


def _delete(cursor: Cursor, ours: Ours) -> int:
    cursor.execute(f"DELETE FROM {quoted(ours.table)} WHERE {ours.where}")
    return cursor.rowcount


def _truncated(cursor: Cursor, tables: Sequence[Rows], earlier: Sequence[Ours]) -> bool:
    """Whether the tables were emptied whole: if they hold many rows of the suite and no others, and nothing else refers
    to them. To delete a million rows takes a minute, as for each it is asked who refers to it.
    """
    every = [rows.ours for rows in tables]
    if sum(count(cursor, ours) for ours in every) < MANY:
        return False
    names = ", ".join(dict.fromkeys(quoted(ours.table) for ours in (*every, *earlier)))
    if any(_others(cursor, ours) for ours in every) or any(
        _others(cursor, ours) for ours in earlier if ours.table not in {one.table for one in every}
    ):
        return False
    cursor.execute("SAVEPOINT truncating")
    try:
        cursor.execute(f"TRUNCATE {names}")
    except psycopg2.Error:  # another table refers to them, or we may not
        cursor.execute("ROLLBACK TO SAVEPOINT truncating")
        return False
    return True


def _others(cursor: Cursor, ours: Ours) -> bool:
    """Whether a table has rows that are not the suite's."""
    query = f"SELECT EXISTS (SELECT FROM {quoted(ours.table)} WHERE ({ours.where}) IS NOT TRUE)"
    return bool(database.value(cursor, query))


def _told(doing: str, rows: Rows) -> copy.Told:
    """Says from time to time how many of the rows are done, how fast, and how long the rest takes."""
    began = last = time.monotonic()

    def tell(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= TELL_EVERY_S:
            last = now
            steps.step(f"{doing} {rows.ours.table}: {steps.rows_line(done, rows.count, now - began)}")

    return tell
