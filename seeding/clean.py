"""What the suite left in a database goes again; what is not its own stays, and so does all that this refers to."""

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor

from harness import steps
from seeding.connection import LOCK, connected
from seeding.pool import Ours, count, quoted

_REFERENCES = """
SELECT child.relname, namespace.nspname,
    array_agg(theirs.attname ORDER BY place), array_agg(ours.attname ORDER BY place)
FROM pg_constraint AS constraint_
JOIN pg_class AS child ON child.oid = conrelid
JOIN pg_namespace AS namespace ON namespace.oid = child.relnamespace
CROSS JOIN unnest(conkey, confkey) WITH ORDINALITY AS pair (their_number, our_number, place)
JOIN pg_attribute AS theirs ON theirs.attrelid = conrelid AND theirs.attnum = their_number
JOIN pg_attribute AS ours ON ours.attrelid = confrelid AND ours.attnum = our_number
WHERE contype = 'f' AND confrelid = to_regclass(%s) AND conrelid <> confrelid
GROUP BY constraint_.oid, child.relname, namespace.nspname ORDER BY child.relname
"""


def counts(url: str, system: str, parts: Sequence[Ours]) -> list[tuple[Ours, int]]:
    """How many rows of the suite are in each table; a table that is not there has none."""
    with connected(url, system) as driver, driver.cursor() as cursor:
        return [(ours, count(cursor, ours) if _exists(cursor, ours) else 0) for ours in parts]


def clean(url: str, system: str, parts: Sequence[Ours]) -> list[tuple[Ours, int, int]]:
    """Delete the rows of `parts`, in an order in which each part is referred to by those before it only.

    For each how many were deleted, and how many stay because rows that are not the suite's refer to them.
    All or nothing; DatabaseError if nothing.
    """
    done = []
    with connected(url, system) as driver:
        with driver, driver.cursor() as cursor:
            cursor.execute(LOCK)
            parts = [ours for ours in parts if _exists(cursor, ours)]
            for ours in parts:
                steps.step(f"deleting from {ours.table}")
                there = count(cursor, ours)
                cursor.execute(f"DELETE FROM {quoted(ours.table)} WHERE {ours.where}{_unreferred(cursor, ours)}")
                done.append((ours, cursor.rowcount, there - cursor.rowcount))
        if any(deleted for _, deleted, _ in done):
            driver.autocommit = True
            with driver.cursor() as cursor:
                cursor.execute(f"VACUUM (ANALYZE) {', '.join({quoted(ours.table): None for ours in parts})}")
    return done


def _unreferred(cursor: Cursor, ours: Ours) -> str:
    """SQL: no row refers to it. A reference that cascades would take along what is not ours."""
    cursor.execute(_REFERENCES, [quoted(ours.table)])
    conditions = ""
    for child, schema, theirs, columns in cursor.fetchall():
        pairs = zip(theirs, columns, strict=True)
        same = " AND ".join(f"child.{quoted(a)} = {quoted(ours.table)}.{quoted(b)}" for a, b in pairs)
        conditions += f" AND NOT EXISTS (SELECT FROM {quoted(schema)}.{quoted(child)} AS child WHERE {same})"
    return conditions


def _exists(cursor: Cursor, ours: Ours) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [quoted(ours.table)])
    row = cursor.fetchone()
    return bool(row and row[0])
