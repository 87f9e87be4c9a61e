"""The pool is the same users, column for column, for the same seed; and nothing of an earlier run is left."""

import hashlib
import io
import time
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from faker import Faker

from harness import database
from harness.errors import PoolError
from harness.plan import reading
from harness.plan.scenario import Scenario
from schema.messages import POOL_COUNT_SQL, POOL_DIGEST_SQL
from seeding.connection import LOCK, connected, one
from systems import ids
from systems.messages import TIMEZONES

COLUMNS = (
    "id, first_name, last_name, email, timezone, birthday_date, anniversary_date, "
    "location_city, location_country, created_at"
)
CREATED_AT = "2024-01-01 00:00:00+00"
DRAWS = 2_000
"""So many places are drawn that each time zone gets some: Faker knows 5 of 971 in Australia/Sydney's."""

_POOL_IDS = f"BETWEEN '{ids.UUID_PREFIX}000000000000' AND '{ids.UUID_PREFIX}ffffffffffff'"
_CLEAN_MESSAGES = f"DELETE FROM message_logs WHERE user_id {_POOL_IDS}"
_CLEAN_USERS = f"DELETE FROM users WHERE id {_POOL_IDS}"


def seed(url: str, seed: int, scenario: Scenario | None = None, fixtures: Path | None = None) -> dict[str, Any]:
    """Leave exactly the pool of `seed` and no message of an earlier run; what was found and done, for run.json.

    Users need nothing but the numbers of the pool: there are no fixtures.
    """
    began = time.perf_counter()
    lines = rows(seed, size(scenario))
    expected = hashlib.md5(lines.encode(), usedforsecurity=False).hexdigest()
    with connected(url, "messages") as driver:
        with driver, driver.cursor() as cursor:
            cursor.execute(LOCK)
            cursor.execute(_CLEAN_MESSAGES)
            cleaned = cursor.rowcount
            digest = one(cursor, POOL_DIGEST_SQL)
            same = digest == expected
            if not same:
                cursor.execute(_CLEAN_USERS)
                cursor.copy_expert(f"COPY users ({COLUMNS}) FROM STDIN", io.StringIO(lines))
                digest = one(cursor, POOL_DIGEST_SQL)
            users = one(cursor, POOL_COUNT_SQL)
        driver.autocommit = True
        with driver.cursor() as cursor:
            # Not ANALYZE alone: the dead rows of the last run would slow the claims of the next.
            cursor.execute("VACUUM (ANALYZE) users, message_logs")
    seconds = round(time.perf_counter() - began, 3)
    return {"users": users, "digest": digest, "skipped": same, "cleaned": cleaned, "seconds": seconds}


def sentence(facts: dict[str, Any]) -> str:
    """What `seed` did, for a terminal."""
    users, digest = f"{facts['users']:,} users", f"digest {facts['digest'][:4]}…"
    cleaned = f"{facts['cleaned']:,} messages of earlier runs deleted" if facts["cleaned"] else "nothing to clean"
    if facts["skipped"]:
        return f"the same pool of {users} is already there ({digest}); {cleaned}; {facts['seconds']:.2f} s"
    return f"seeded {users} in {facts['seconds']:.2f} s ({digest}); {cleaned}"


def check(url: str, scenario: Scenario | None = None) -> None:
    """PoolError unless the pool is there, in its full number and with nobody beside it."""
    with connected(url, "messages") as driver, driver.cursor() as cursor:
        users = one(cursor, POOL_COUNT_SQL)
    expected = size(scenario)
    if users != expected:
        raise PoolError(
            f"the pool in {database.redacted(url)} has {users:,} users, expected {expected:,}: "
            "`make seed-messages` fixes it"
        )


def size(scenario: Scenario | None) -> int:
    """How many users the pool has."""
    pool: Mapping[str, int] = scenario.pool if scenario else reading.reference("messages", "pool")
    return pool["users"]


def rows(seed: int, users: int) -> str:
    """The pool of `seed` as the lines that COPY loads, in the order of the ids."""
    places = _places(seed)
    born = _days(1980, 2005)
    wed = _days(2010, 2023)
    lines = []
    for n in range(1, users + 1):
        # One draw a user, from (seed, n) alone: a user stays the same whatever the size of the pool.
        draw = int.from_bytes(hashlib.blake2b(f"{seed} {n}".encode(), digest_size=8).digest(), "big")
        timezone = TIMEZONES[(n - 1) % len(TIMEZONES)]
        here = places[timezone]
        anniversary = wed[(draw >> 16) % len(wed)] if n % 2 else r"\N"
        lines.append(
            f"{ids.uuid_of(n)}\tPerfUser\t{n}\tperf.user.{n}@test.com\t{timezone}\t{born[draw % len(born)]}\t"
            f"{anniversary}\t{here[(draw >> 32) % len(here)]}\t{CREATED_AT}\n"
        )
    return "".join(lines)


def _days(first_year: int, last_year: int) -> list[str]:
    first = date(first_year, 1, 1)
    return [str(first + timedelta(days=n)) for n in range((date(last_year + 1, 1, 1) - first).days)]


def _places(seed: int) -> dict[str, list[str]]:
    """City and country, as two columns, of each time zone."""
    fake = Faker("en_US")
    fake.seed_instance(seed)
    places: dict[str, list[str]] = {timezone: [] for timezone in TIMEZONES}
    for _ in range(DRAWS):
        _latitude, _longitude, city, country, timezone = fake.location_on_land()
        if timezone in places:
            places[timezone].append(f"{city}\t{country}")
    return places
