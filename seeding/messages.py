"""The pool is the same users, column for column, for the same seed; and nothing of an earlier run is left."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

from faker import Faker

from harness import database
from harness.errors import PoolError
from harness.plan import plans
from harness.plan.names import as_sql
from harness.plan.scenario import Scenario
from harness.project import hint
from seeding import pool
from seeding.connection import connected
from seeding.pool import First, Ours, Rows, quoted
from systems import ids
from systems.messages import DATES, POOL, TIMEZONES

CREATED_AT = "2024-01-01 00:00:00+00"
TYPES = {**dict.fromkeys(DATES, "date"), "user_created": "timestamptz"}
"""As what columns are read back, whatever type the table has."""
DRAWS = 2_000
"""So many places are drawn that each time zone gets some: Faker knows 5 of 971 in Australia/Sydney's."""

Names = Mapping[str, Any]
"""Those of [database]."""


def seed(url: str, seed: int, scenario: Scenario | None = None, fixtures: Path | None = None) -> dict[str, Any]:
    """Leave exactly the pool of `seed` and no message of an earlier run; what was found and done, for run.json.

    Users need nothing but the numbers of the pool: there are no fixtures.
    """
    users, names = size(scenario), _names(scenario)
    wanted = Rows(
        _pool(names),
        tuple(names[column] for column in POOL if names[column]),
        users,
        partial(rows, seed, users, names),
        as_sql(names["extra"]),
        {names[column]: type_ for column, type_ in TYPES.items() if names[column]},
    )
    about = Ours(names["messages"], f"{quoted(names['message_user'])} {ids.POOL_SQL}")
    done = pool.seed(url, "messages", [wanted], [about], _first(names))
    return {
        "users": users,
        "digest": done.digests[0],
        "skipped": done.skipped,
        "cleaned": done.cleaned,
        "seconds": done.seconds,
    }


def sentence(facts: dict[str, Any]) -> str:
    """What `seed` did, for a terminal."""
    users, digest = f"{facts['users']:,} users", f"digest {facts['digest'][:4]}…"
    cleaned = f"{facts['cleaned']:,} messages of earlier runs deleted" if facts["cleaned"] else "nothing to clean"
    if facts["skipped"]:
        return f"the same pool of {users} is already there ({digest}); {cleaned}; {facts['seconds']:.2f} s"
    return f"seeded {users} in {facts['seconds']:.2f} s ({digest}); {cleaned}"


def check(url: str, scenario: Scenario | None = None) -> None:
    """PoolError unless the pool is there, in its full number and no user beside it."""
    with connected(url, "messages") as driver, driver.cursor() as cursor:
        users = pool.count(cursor, _pool(_names(scenario)))
    expected = size(scenario)
    if users != expected:
        raise PoolError(
            f"the pool in {database.redacted(url)} has {users:,} users, expected {expected:,}: "
            f"{hint('seed-messages', 'seed messages')} fixes it"
        )


def ours(scenario: Scenario | None = None) -> list[Ours]:
    """What seeding and runs leave in a database, in the order in which it can be deleted."""
    names = _names(scenario)
    about = (
        f"{quoted(names['key'])} {ids.KEY_SQL}" if names["key"] else f"{quoted(names['message_user'])} {ids.POOL_SQL}"
    )
    return [Ours(names["messages"], about), _pool(names)]


def _names(scenario: Scenario | None) -> Names:
    return scenario.database if scenario else plans.reference("messages", "database")


def _pool(names: Names) -> Ours:
    # Strangers begin like the pool too: one that came to exist is a change of the pool.
    return Ours(names["users"], f"{quoted(names['user_id'])} {ids.POOL_SQL}")


def _first(names: Names) -> list[First]:
    """What must be there before the users, in the order of the plan."""
    return [
        First(table, as_sql(row))
        for table, stated in names["first"].items()
        for row in (stated if isinstance(stated, list) else [stated])
    ]


def size(scenario: Scenario | None) -> int:
    """How many users the pool has."""
    sizes: Mapping[str, int] = scenario.pool if scenario else plans.reference("messages", "pool")
    return sizes["users"]


def rows(seed: int, users: int, names: Names | None = None) -> Iterator[str]:
    """The pool of `seed` as the lines that COPY loads, in the order of the ids; of the columns that `names` has."""
    has = [not names or bool(names[column]) for column in POOL]
    for fields in _users(seed, users):
        yield "\t".join(fields if all(has) else compress(fields, has)) + "\n"


def _users(seed: int, users: int) -> Iterator[tuple[str, ...]]:
    """The fields of each user, those of POOL."""
    places = _places(seed)
    born = _days(1980, 2005)
    wed = _days(2010, 2023)
    for n in range(1, users + 1):
        # One draw a user, from (seed, n) alone: a user stays the same whatever the size of the pool.
        draw = int.from_bytes(hashlib.blake2b(f"{seed} {n}".encode(), digest_size=8).digest(), "big")
        timezone = TIMEZONES[(n - 1) % len(TIMEZONES)]
        here = places[timezone]
        anniversary = wed[(draw >> 16) % len(wed)] if n % 2 else r"\N"
        place = here[(draw >> 32) % len(here)]
        about = (timezone, born[draw % len(born)], anniversary)
        yield (ids.uuid_of(n), "PerfUser", str(n), f"perf.user.{n}@test.com", *about, *place, CREATED_AT)


def _days(first_year: int, last_year: int) -> list[str]:
    first = date(first_year, 1, 1)
    return [str(first + timedelta(days=n)) for n in range((date(last_year + 1, 1, 1) - first).days)]


def _places(seed: int) -> dict[str, list[tuple[str, str]]]:
    """City and country of places in each time zone."""
    fake = Faker("en_US")
    fake.seed_instance(seed)
    places: dict[str, list[tuple[str, str]]] = {timezone: [] for timezone in TIMEZONES}
    for _ in range(DRAWS):
        _latitude, _longitude, city, country, timezone = fake.location_on_land()
        if timezone in places:
            places[timezone].append((city, country))
    return places
