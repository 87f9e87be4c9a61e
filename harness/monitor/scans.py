"""Statements of the service that read all of a table to find a few rows, and the index that each lacks.

Their plans are those for any value of their parameters: nothing of them is executed. PostgreSQL 16 has such plans.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Driver

KNOWN_SINCE = 160000
"""The version of PostgreSQL that plans a statement without the values of its parameters."""
LEAST_CALLS = 10
LEAST_ROWS = 1000
"""Of a smaller table all can be read as quickly as a part."""
FEW = 0.1
"""Which share of a table a statement may want at most, for an index to be of use."""
TIMEOUT_MS = 1000

PLANNED = re.compile(r"\s*(SELECT|UPDATE|DELETE|INSERT|WITH)\b", re.IGNORECASE)
NAME = r'(?:"(?:[^"]|"")+"|[a-z_]\w*)'
EQUAL = re.compile(rf"(?<!\w)\(\(?(?:{NAME}\.)?({NAME})(?:\)::text)? = ")
"""A column that must equal something; not one that a function is of."""
TABLE = """
SELECT format('%%I.%%I', n.nspname, c.relname),
    greatest(c.reltuples, pg_stat_get_live_tuples(c.oid))::float,
    (SELECT coalesce(json_object_agg(quote_ident(a.attname), a.attnum), '{}') FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT coalesce(json_agg(i.indkey[0]), '[]') FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND n.nspname !~ '^pg_|^information_schema$'
"""


def with_indexes(connection: Driver, statements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The `statements`, each with `ddl`: what makes the index that it lacks; "" if none is known."""
    found = []
    for one in statements:
        # A statement that was sent with others is counted by itself; two in one text are none that we know.
        asked = one["calls"] >= LEAST_CALLS and PLANNED.match(one["query"]) and ";" not in one["query"]
        found.append({**one, "ddl": _lacking(connection, one["query"]) if asked else ""})
    return found


def _lacking(connection: Driver, query: str) -> str:
    if connection.server_version < KNOWN_SINCE:
        return ""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"BEGIN READ ONLY; SET LOCAL statement_timeout = {TIMEOUT_MS}")
            try:
                cursor.execute(f"EXPLAIN (GENERIC_PLAN, VERBOSE, FORMAT JSON) {query}")
                (((plan,),),) = cursor.fetchall()
                return next(filter(None, (_index(cursor, scan) for scan in _scans(plan["Plan"]))), "")
            finally:
                cursor.execute("ROLLBACK")
    except psycopg2.Error:
        return ""  # without the types of its parameters, or leave to plan it, nothing is known of it


def _scans(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The parts of a plan that read all of a table and leave out some of it."""
    if plan["Node Type"] == "Seq Scan" and "Filter" in plan:
        yield plan
    for part in plan.get("Plans", []):
        yield from _scans(part)


def _index(cursor: Any, scan: Mapping[str, Any]) -> str:
    """The index by which `scan` would find what it wants; "" if it wants too much, or by no equality."""
    if " OR " in scan["Filter"]:
        return ""
    cursor.execute(TABLE, {"schema": scan.get("Schema"), "table": scan["Relation Name"]})
    known = cursor.fetchone()
    if known is None:
        return ""
    table, rows, columns, first = known
    wanted = [column for column in dict.fromkeys(EQUAL.findall(scan["Filter"])) if column in columns]
    if rows < LEAST_ROWS or scan["Plan Rows"] > FEW * rows or not wanted:
        return ""
    # Where an index begins with one of them, it is there and was not worth its while.
    if {columns[column] for column in wanted} & set(first):
        return ""
    return f"CREATE INDEX ON {table} ({', '.join(wanted)})"
