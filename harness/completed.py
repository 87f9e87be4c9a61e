"""What of a run is completed, and what is stored and is not, by the database, while its load goes on."""

from collections.abc import Iterator
from contextlib import closing

from harness import database
from harness.plan.scenario import Scenario
from harness.run import Run
from systems import ids

WAITING = "SELECT count(*) FROM {table} WHERE {completed} IS NULL AND {key}::text LIKE %s"
LATEST = """
SELECT {key}::text, (extract(epoch FROM {completed}::timestamptz) * 1000000)::bigint FROM {table}
WHERE {completed} IS NOT NULL AND {key}::text LIKE %s ORDER BY {completed} DESC LIMIT {most}
"""


def columns(scenario: Scenario) -> dict[str, str] | None:
    """The table of what operations leave, its columns of keys and of when it was completed, in SQL; None where its
    database has no place for that.
    """
    if not (scenario.completed and all(scenario.rows)):
        return None
    names = [scenario.database.get(name, name) for name in (*scenario.rows, scenario.completed)]
    if not all(names):
        return None
    return dict(zip(("table", "key", "completed"), map(database.quoted, names), strict=True))


def waiting(run: Run, url: str) -> int:
    """How many effects of `run` are stored and not completed; 0 where nothing tells. DatabaseError, psycopg2.Error."""
    named = columns(run.scenario)
    if named is None:
        return 0
    with closing(database.connect(url, "completed")) as connection, connection.cursor() as cursor:
        cursor.execute(WAITING.format(**named), (f"{run.id}-%",))
        ((found,),) = cursor.fetchall()
    return int(found)


def latest(run: Run, url: str, most: int) -> Iterator[tuple[int, int, int]]:
    """Of the `most` effects of `run` that were completed last: operation, item, and when (µs since 1970, by the
    database's clock); none where nothing tells. DatabaseError, psycopg2.Error.
    """
    named = columns(run.scenario)
    if named is None:
        return
    with closing(database.connect(url, "completed")) as connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL TimeZone = 'UTC'")
        cursor.execute(LATEST.format(**named, most=most), (f"{run.id}-%",))
        found = [(ids.parse(run.id, key), at) for key, at in cursor]
    yield from ((*number, at) for number, at in found if number is not None)
