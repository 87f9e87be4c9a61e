"""The pool is the same users, column for column, for the same seed; and nothing of an earlier run is left."""

import hashlib
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import psycopg2
from faker import Faker
from psycopg2.extensions import connection as Driver
from psycopg2.extensions import cursor as Cursor

from harness import database
from harness.errors import DatabaseError, PoolError
from schema.messages import POOL_COUNT_SQL, POOL_DIGEST_SQL
from systems import ids
from systems.messages import TIMEZONES, USERS

COLUMNS = (
    "id, first_name, last_name, email, timezone, birthday_date, anniversary_date, "
    "location_city, location_country, created_at"
)
CREATED_AT = "2024-01-01 00:00:00+00"
DRAWS = 2_000
"""So many places are drawn that each time zone gets some: Faker knows 5 of 971 in Australia/Sydney's."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('proofload_seeding'))"
_POOL_IDS = f"BETWEEN '{ids.UUID_PREFIX}000000000000' AND '{ids.UUID_PREFIX}ffffffffffff'"
_CLEAN_MESSAGES = f"DELETE FROM message_logs WHERE user_id {_POOL_IDS}"
_CLEAN_USERS = f"DELETE FROM users WHERE id {_POOL_IDS}"


def seed(url: str, seed: int) -> dict[str, Any]:
    """Leave exactly the pool of `seed` and no message of an earlier run; what was found and done, for run.json."""
    began = time.perf_counter()
    lines = rows(seed)
    expected = hashlib.md5(lines.encode(), usedforsecurity=False).hexdigest()
    with _connected(url) as driver:
        with driver, driver.cursor() as cursor:
            # Two at once would clean what the other has loaded.
            cursor.execute(_LOCK)
            cursor.execute(_CLEAN_MESSAGES)
            cleaned = cursor.rowcount
            digest = _one(cursor, POOL_DIGEST_SQL)
            same = digest == expected
            if not same:
                cursor.execute(_CLEAN_USERS)
                cursor.copy_expert(f"COPY users ({COLUMNS}) FROM STDIN", io.StringIO(lines))
                digest = _one(cursor, POOL_DIGEST_SQL)
            users = _one(cursor, POOL_COUNT_SQL)
        driver.autocommit = True
        with driver.cursor() as cursor:
            # Not ANALYZE alone: the dead rows of the last run would slow the claims of the next.
            cursor.execute("VACUUM (ANALYZE) users, message_logs")
    seconds = round(time.perf_counter() - began, 3)
    return {"users": users, "digest": digest, "skipped": same, "cleaned": cleaned, "seconds": seconds}


def check(url: str) -> None:
    """PoolError unless the pool is there, in its full number and with nobody beside it."""
    with _connected(url) as driver, driver.cursor() as cursor:
        users = _one(cursor, POOL_COUNT_SQL)
    if users != USERS:
        raise PoolError(
            f"the pool in {database.redacted(url)} has {users:,} users, expected {USERS:,}: "
            "`make seed-messages` mends it"
        )


def rows(seed: int) -> str:
    """The pool of `seed` as the lines that COPY loads, in the order of the ids."""
    places = _places(seed)
    born = _days(1980, 2005)
    wed = _days(2010, 2023)
    lines = []
    for n in range(1, USERS + 1):
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


def _one(cursor: Cursor, sql: str) -> Any:
    cursor.execute(sql)
    row = cursor.fetchone()
    assert row is not None
    return row[0]


@contextmanager
def _connected(url: str) -> Iterator[Driver]:
    """The driver's own connection: COPY is beyond SQLAlchemy."""
    with database.connect(url, "seeding") as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        try:
            yield driver
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn) as error:
            raise DatabaseError(f"{_cause(error, url)}: `python -m schema messages` mends it") from None
        except psycopg2.Error as error:
            raise DatabaseError(_cause(error, url)) from None


def _cause(error: psycopg2.Error, url: str) -> str:
    return f"seeding {database.redacted(url)}: {(str(error).strip() or type(error).__name__).splitlines()[0]}"
