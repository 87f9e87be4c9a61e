"""What was seeded, measured in the database, beside what was asked: shares by χ², the rest exactly."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from psycopg2.extensions import cursor as Cursor

from harness import database
from systems import event_store_time as hours
from systems.event_store_pool import BIG, BIG_SHARE, LONGEST, SIZES, SNAPSHOT_EVERY, STREAMS, TENANTS, TYPES, Pool

BEYOND_CHANCE = 13.8
"""χ² with two degrees of freedom is above that once in a thousand."""


@dataclass(frozen=True)
class Figure:
    """One of them."""

    what: str
    asked: str
    found: str
    right: bool

    def as_json(self) -> dict[str, Any]:
        """As run.json holds it."""
        return asdict(self)


TENANT_FIGURES = """
SELECT count(*), min(streams), max(longest), min(shortest) FROM (
    SELECT tenant_id, count(*) AS streams, max(length) AS longest, min(length) AS shortest FROM (
        SELECT tenant_id, aggregate_id, count(*) AS length FROM domain_events GROUP BY 1, 2
    ) AS lengths GROUP BY 1
) AS tenants
"""
BIG_FIGURE = """
SELECT sum(events) FILTER (WHERE place <= {big}) / sum(events) FROM (
    SELECT count(*) AS events, row_number() OVER (ORDER BY count(*) DESC) AS place FROM domain_events GROUP BY tenant_id
) AS tenants
"""
SIZE_FIGURE = "SELECT count(*) FILTER (WHERE octet_length(payload::text) BETWEEN {} AND {}) FROM domain_events"
HOUR_FIGURE = """
SELECT avg((extract(isodow FROM occurred_at AT TIME ZONE 'UTC') < 6 AND
    extract(hour FROM occurred_at AT TIME ZONE 'UTC') BETWEEN {opens} AND {closes} - 1)::int),
    max(occurred_at) - min(occurred_at) FROM domain_events
"""
LIFE_FIGURE = """
SELECT count(*) FILTER (WHERE coherent IS NOT TRUE), count(DISTINCT aggregate_type) FROM (
    SELECT aggregate_type, CASE WHEN seq = 1 THEN metadata ->> 'causation' = event_id
        ELSE metadata ->> 'causation' = lag(event_id) OVER stream END
        AND metadata ->> 'correlation' = first_value(event_id) OVER stream
        AND occurred_at >= coalesce(lag(occurred_at) OVER stream, occurred_at) AS coherent
    FROM domain_events WINDOW stream AS (PARTITION BY tenant_id, aggregate_id ORDER BY seq)
) AS events
"""
SNAPSHOT_FIGURE = """
SELECT count(*) FILTER (WHERE (s.seq IS NULL) <> (e.seq % {every} <> 0)) FROM domain_events e
LEFT JOIN snapshots s ON (s.tenant_id, s.aggregate_id, s.seq) = (e.tenant_id, e.aggregate_id, e.seq)
"""


def measured(cursor: Cursor, made: Pool) -> Iterator[Figure]:
    """The figures of the pool in the database."""
    events = int(database.value(cursor, "SELECT count(*) FROM domain_events"))
    yield Figure("events", f"{made.events:,}", f"{events:,}", events == made.events)
    cursor.execute(TENANT_FIGURES)
    ((tenants, streams, longest, shortest),) = cursor.fetchall()
    least = min(STREAMS, min(made.firsts[n + 1] - made.firsts[n] for n in range(TENANTS)))
    yield Figure("tenants", f"{TENANTS}", f"{tenants}", tenants == TENANTS)
    yield Figure("streams of each tenant", f"{least:,} or more", f"{streams:,} or more", streams >= least)
    right = shortest >= 1 and longest <= LONGEST
    yield Figure("events of a stream", f"1 to {LONGEST:,}", f"{shortest:,} to {longest:,}", right)
    share = float(database.value(cursor, BIG_FIGURE.format(big=BIG)))
    yield Figure(
        f"events of the {BIG / TENANTS:.0%} largest tenants",
        f"{BIG_SHARE:.0%}",
        f"{share:.2%}",
        math.isclose(share, BIG_SHARE, abs_tol=0.001),
    )
    yield _sizes(cursor, made, events)
    cursor.execute(HOUR_FIGURE.format(opens=hours.OPENS, closes=hours.CLOSES))
    ((business, span),) = cursor.fetchall()
    yield Figure(
        "events in business hours", f"{hours.IN_HOURS:.0%} or more", f"{business:.1%}", business >= hours.IN_HOURS
    )
    yield Figure("months", "5 or more", f"{span.days / 30.4:.1f}", span.days > 150)
    cursor.execute(LIFE_FIGURE)
    ((broken, types),) = cursor.fetchall()
    yield Figure("types of aggregates", f"{len(TYPES)}", f"{types}", types == len(TYPES))
    yield Figure("events whose cause is not the one before", "0", f"{broken:,}", broken == 0)
    wrong = int(database.value(cursor, SNAPSHOT_FIGURE.format(every=SNAPSHOT_EVERY)))
    yield Figure(f"snapshots not at each {SNAPSHOT_EVERY}th event", "0", f"{wrong:,}", wrong == 0)


def _sizes(cursor: Cursor, made: Pool, events: int) -> Figure:
    """The sizes of payloads, by χ²; of narrow ones that none is larger."""
    if made.largest < SIZES[-1][2]:
        larger = int(
            database.value(
                cursor, f"SELECT count(*) FROM domain_events WHERE octet_length(payload::text) > {made.largest}"
            )
        )
        return Figure(f"payloads above {made.largest:,} B", "0", f"{larger:,}", larger == 0)
    counts = [int(database.value(cursor, SIZE_FIGURE.format(least, most))) for _, least, most in SIZES]
    expected = [events * share / 100 for share, _, _ in SIZES]
    chi2 = sum((count - most) ** 2 / most for count, most in zip(counts, expected, strict=True))
    found = ", ".join(f"{count / events:.1%}" for count in counts)
    return Figure(
        f"payloads of {', '.join(f'{least:,}-{most:,} B' for _, least, most in SIZES)}",
        ", ".join(f"{share} %" for share, _, _ in SIZES),
        f"{found} (χ² {chi2:.1f})",
        sum(counts) == events and chi2 < BEYOND_CHANCE,
    )
