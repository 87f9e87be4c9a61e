"""The pool is the same events and snapshots for the same seed; and nothing of an earlier run is left.

Whether it stands there already is told by a digest that the server computes: to make a million events again and compare
their text takes as long as to load them. What was loaded, its digest and its figures stand in a comment.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor

from harness import database, steps
from harness.errors import PoolError
from harness.plan import plans
from harness.plan.scenario import Scenario
from harness.project import hint
from seeding import copy, event_store_figures, pool
from seeding.connection import connected
from seeding.pool import Ours, Rows
from systems import event_store, event_store_pool, event_store_time, ids
from systems.event_store_pool import Pool

SYSTEM = "event_store"
BARE_PROFILE = "smoke"
"""The profile whose pool is made where no plan asks for one."""
TAKEN_AT = "2024-07-02 00:00:00+00"
"""When the seeded snapshots were taken, and none of a run."""
EVENTS = Ours("domain_events", f"event_id {ids.POOL_SQL}")
SNAPSHOTS = Ours("snapshots", f"aggregate_id {ids.POOL_SQL} AND taken_at = '{TAKEN_AT}'")
EARLIER = (
    Ours("domain_events", f"event_id {ids.KEY_SQL}"),
    Ours("snapshots", f"aggregate_id {ids.POOL_SQL} AND taken_at <> '{TAKEN_AT}'"),
    Ours("tracking_tokens", f"processor {ids.KEY_SQL}"),
)
"""What runs leave."""
COLUMNS = (
    "global_seq",
    "event_id",
    "tenant_id",
    "aggregate_type",
    "aggregate_id",
    "seq",
    "event_type",
    "payload",
    "metadata",
    "occurred_at",
)
SNAPSHOT_COLUMNS = ("aggregate_id", "seq", "tenant_id", "payload", "taken_at")
NUMBERED = """
SELECT setval(pg_get_serial_sequence('domain_events', 'global_seq'), greatest(max(global_seq), 1)) FROM domain_events
"""
SIZES = """
SELECT CASE WHEN t.oid IS NULL THEN c.relname ELSE t.relname || ' (TOAST)' END, pg_relation_size(c.oid)
FROM pg_class c LEFT JOIN pg_class t ON t.reltoastrelid = c.oid OR t.reltoastrelid = (
    SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = c.oid)
WHERE c.relkind IN ('r', 'i', 't') AND pg_relation_size(c.oid) > 0 AND (
    t.oid = ANY(%(tables)s::regclass[]) OR c.oid = ANY(%(tables)s::regclass[])
    OR (SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = c.oid) = ANY(%(tables)s::regclass[]))
"""
"""The bytes of the tables, of what is stored apart of them, and of their indexes."""
NOTED = "SELECT col_description('domain_events'::regclass, 2)"


def seed(url: str, seed: int, scenario: Scenario | None = None, fixtures: Path | None = None) -> dict[str, Any]:
    """Leave exactly the pool, and nothing of an earlier run; what was found and done, for run.json.

    Users need nothing but the numbers of the pool: there are no fixtures.
    """
    began = time.perf_counter()
    made = _pool(scenario, seed)
    wanted = {"made": _version(), "events": made.events, "largest": made.largest, "seed": seed}
    noted = _standing(url, wanted)
    cleaned, skipped = 0, noted is not None
    if noted is None:
        snapshots = sum(length // event_store_pool.SNAPSHOT_EVERY for length in made.lengths)
        tables = [
            Rows(EVENTS, COLUMNS, made.events, lambda: event_lines(made)),
            Rows(
                SNAPSHOTS,
                SNAPSHOT_COLUMNS,
                snapshots,
                lambda: snapshot_lines(made),
            ),
        ]
        done = pool.seed(url, SYSTEM, tables, EARLIER)
        cleaned = done.cleaned
        noted = _noted(url, made, {**wanted, "loaded_seconds": done.seconds})
    return {
        **noted,
        "skipped": skipped,
        "cleaned": cleaned,
        "seconds": round(time.perf_counter() - began, 3),
    }


def _standing(url: str, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """What is noted of the pool, if it is the wanted one, as it was loaded, and nothing else is there."""
    with connected(url, SYSTEM) as driver, driver.cursor() as cursor:
        cursor.execute(copy.AS_TEXT)
        try:
            noted = json.loads(database.value(cursor, NOTED) or "")
        except ValueError:
            return None
        if not isinstance(noted, dict) or any(noted.get(key) != value for key, value in wanted.items()):
            return None
        steps.step("comparing events")
        tables = ("snapshots", "domain_events")
        rows = [int(database.value(cursor, f"SELECT count(*) FROM {table}")) for table in tables]
        if any(pool.count(cursor, one) for one in EARLIER) or rows != [noted["snapshots"], noted["events"]]:
            return None
        return noted if _digest(cursor) == noted["pool"] else None


def _noted(url: str, made: Pool, wanted: dict[str, Any]) -> dict[str, Any]:
    """What is to be known of a pool that was just loaded; it is noted beside it."""
    with connected(url, SYSTEM) as driver, driver, driver.cursor() as cursor:
        cursor.execute(copy.AS_TEXT)
        cursor.execute(NUMBERED)
        # Causes are compared along each stream, for which all events are sorted.
        cursor.execute("SET LOCAL work_mem = '256MB'")
        steps.step("measuring what was seeded")
        noted = {
            **wanted,
            "pool": _digest(cursor),
            "streams": made.streams,
            "snapshots": int(database.value(cursor, "SELECT count(*) FROM snapshots")),
            "sizes": _sizes(cursor),
            "figures": [one.as_json() for one in event_store_figures.measured(cursor, made)],
        }
        cursor.execute("COMMENT ON COLUMN domain_events.global_seq IS %s", (json.dumps(noted),))
    return noted


def _digest(cursor: Cursor) -> list[Any]:
    """How many seeded events there are, and a digest of them."""
    cursor.execute(f"SELECT {event_store.pool_digest_sql()} FROM domain_events")
    ((count, digest),) = cursor.fetchall()
    return [count, digest]


def _sizes(cursor: Cursor) -> dict[str, int]:
    """The bytes of each table and index, by name."""
    cursor.execute(SIZES, {"tables": [EVENTS.table, SNAPSHOTS.table]})
    found: dict[str, int] = {}
    for name, size in cursor.fetchall():
        found[name] = found.get(name, 0) + int(size)
    return found


def _version() -> str:
    """A digest of the code that makes the events."""
    files = [Path(str(module.__file__)) for module in (event_store_pool, event_store_time)] + [Path(__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def sentence(facts: dict[str, Any]) -> str:
    """What `seed` did, for a terminal; with what the figures are beside what was asked."""
    things = f"{facts['events']:,} events of {facts['streams']:,} streams, {facts['snapshots']:,} snapshots"
    cleaned = f"{facts['cleaned']:,} rows of earlier runs deleted" if facts["cleaned"] else "nothing to clean"
    done = f"the same {things} are already there" if facts["skipped"] else f"seeded {things}"
    lines = [f"{done} in {facts['seconds']:.2f} s; {cleaned}"]
    lines += [f"  {one['what']}: asked {one['asked']}, found {one['found']}" for one in facts["figures"]]
    return "\n".join(lines)


def check(url: str, scenario: Scenario | None = None) -> None:
    """PoolError unless the events are there, in their full number."""
    expected = _pool(scenario).events
    with connected(url, SYSTEM) as driver, driver.cursor() as cursor:
        found = pool.count(cursor, EVENTS)
    if found != expected:
        raise PoolError(
            f"the pool in {database.redacted(url)} has {found:,} events, expected {expected:,}: "
            f"{hint('seed-event-store', f'seed {SYSTEM}')} fixes it"
        )


def ours(scenario: Scenario | None = None) -> list[Ours]:
    """What seeding and runs leave in a database."""
    return [*EARLIER, SNAPSHOTS, EVENTS]


def _pool(scenario: Scenario | None, seed: int = 1) -> Pool:
    sizes = scenario.pool if scenario else plans.reference(SYSTEM, "pool")
    events = sizes["events"]
    return event_store_pool.pool(events[BARE_PROFILE] if isinstance(events, dict) else events, sizes["largest"], seed)


def event_lines(made: Pool) -> Iterator[str]:
    """The events as COPY reads them."""
    largest, seed, uuid, payload = made.largest, made.seed, ids.uuid_of, event_store_pool.payload
    types = event_store_pool.TYPES
    tenants = [event_store_pool.tenant_id(number) for number in range(event_store_pool.TENANTS)]
    for number, stream, seq, at, first, before in made.stored():
        kind = made.event_type(stream, seq)
        own = uuid(number)
        correlation = uuid(first) if first else own
        causation = uuid(before) if before else own
        yield (
            f"{number}\t{own}\t{tenants[made.tenant(stream)]}\t{types[stream % len(types)]}\t{uuid(stream)}\t{seq}\t"
            f"{kind}\t{payload(stream, seq, kind, largest, seed)}\t"
            f'{{"correlation":"{correlation}","causation":"{causation}"}}\t{at}\n'
        )


def snapshot_lines(made: Pool) -> Iterator[str]:
    """The snapshots as COPY reads them."""
    for stream, seq, state in made.snapshots():
        tenant = event_store_pool.tenant_id(made.tenant(stream))
        yield f"{ids.uuid_of(stream)}\t{seq}\t{tenant}\t{state}\t{TAKEN_AT}\n"
