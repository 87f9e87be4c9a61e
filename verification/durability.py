"""Whether what was acknowledged was on disk by then: the tables are logged, and commits waited for the disk."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.run import Run
from verification.reading import Reader

SURE_RECORDS = 200
"""Clients that wrote so many records to the log, about 50 commits, and never waited for the disk, do not wait."""

SETTINGS = """
SELECT NULL, format('%s is %s', name, setting) FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
UNION ALL
SELECT CASE WHEN setrole <> 0 THEN setrole::regrole::text END,
    format('%s has %s', concat_ws(' in ', CASE WHEN setrole = 0 THEN 'every role' ELSE setrole::regrole::text END,
        CASE WHEN setdatabase = 0 THEN NULL ELSE 'this database' END), setting)
FROM pg_db_role_setting, unnest(setconfig) AS setting
WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
AND setting ~* '^synchronous_commit=(off|false|no|0)$'
"""
TABLES = """
SELECT format('table %%s is UNLOGGED: a crash empties it', oid::regclass) FROM pg_class
WHERE oid = ANY (%(tables)s::regclass[]::oid[]) AND relpersistence <> 'p'
"""


@dataclass(frozen=True)
class Durability:
    """What was looked at, and what of it gives durability up."""

    looked: int
    given_up: tuple[str, ...]


def read(reader: Reader, run: Run, tables: Sequence[str]) -> Durability:
    """The settings of server, roles and this database; `tables` (in SQL); the sessions at the end of the load."""
    after = run.facts.get("after") or {}
    # What another role of the server has set for itself is no matter of this service, if it is known which it uses.
    roles = after.get("roles")
    found = [line for role, line in reader.rows(SETTINGS) if role is None or not roles or role in roles]
    found += [line for (line,) in reader.rows(TABLES, {"tables": list(tables)})]
    sessions = after.get("sessions") or {}
    found += [
        f"{name} wrote {records:,} records to the log and never waited for the disk: synchronous_commit is off there"
        for name, (records, waited) in sessions.items()
        if records >= SURE_RECORDS and not waited
    ]
    return Durability(3 + len(tables) + len(sessions), tuple(found))
