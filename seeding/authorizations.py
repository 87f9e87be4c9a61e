"""The pool is as the plan needs it: who works where, and so many units, used, scheduled and free."""

import io
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import jwt
from faker import Faker
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import quote_ident

from harness import database, fixtures
from harness.errors import PoolError
from harness.plan import reading
from harness.plan.scenario import Scenario
from seeding.connection import LOCK, connected, one
from systems import authorizations as facts
from systems import ids
from systems.authorizations import CLAIM_ORGANIZATION, DOCUMENTED, HOT, PATIENTS, PRACTITIONERS, SPREAD_FIRST, Pool

SYSTEM = "authorizations"
BARE_OPERATIONS = 60_000
"""What a pool is made for that no plan asks for: `mixed` in its longest profile."""

TOKEN_LIFE = timedelta(hours=12)
"""Longer than the longest profile with its verification, so that no token ends during a run."""

KEY = "PERF_JWT_KEY"
"""The variable with the key that the target knows practitioners' tokens by."""

START, END = "2024-01-01", "2034-01-01"

COLUMNS = {
    "organizations": ("organization_id", "organization_name"),
    "practitioners": ("practitioner_id", "practitioner_organization", "practitioner_name"),
    "patients": ("patient_id", "patient_organization", "patient_name"),
    "authorizations": (
        "authorization_id",
        "authorization_organization",
        "authorization_patient",
        "auth_number",
        "total",
        "used",
        "scheduled",
        "start_date",
        "end_date",
        "status",
        "version",
    ),
}
"""What is seeded: tables and their columns as [database] calls them, in the order in which they refer to each other."""

Names = Mapping[str, str]


def seed(url: str, seed: int, scenario: Scenario | None, path: Path) -> dict[str, Any]:
    """Leave exactly the pool that `scenario` needs and no movement of an earlier run; what was found and done.

    Ids and tokens go to the file at `path`. The names of people come from `seed`.
    """
    began = time.perf_counter()
    names, pool = _wanted(scenario)
    with connected(url, SYSTEM) as driver:
        with driver, driver.cursor() as cursor:
            # Dates are compared as texts.
            cursor.execute("SET LOCAL DateStyle = ISO")
            cursor.execute(LOCK)
            cleaned = _clean_movements(cursor, names)
            wanted = {table: "".join(_lines(table, names, pool, seed)) for table in COLUMNS}
            digests = {table: _md5(lines) for table, lines in wanted.items()}
            same = all(_digest(cursor, table, names) == digest for table, digest in digests.items())
            if not same:
                for table in reversed(COLUMNS):
                    cursor.execute(f"DELETE FROM {_quoted(cursor, names[table])} WHERE {_ours(cursor, table, names)}")
                for table, lines in wanted.items():
                    into = f"{_quoted(cursor, names[table])} ({_columns(cursor, table, names)})"
                    cursor.copy_expert(f"COPY {into} FROM STDIN", io.StringIO(lines))
        driver.autocommit = True
        with driver.cursor() as cursor:
            written = [names[table] for table in (*COLUMNS, "movements") if names[table]]
            cursor.execute(f"VACUUM (ANALYZE) {', '.join(_quoted(cursor, table) for table in written)}")
    fixtures.write(path, _fixtures(pool))
    return {
        "authorizations": DOCUMENTED + pool.spread,
        "practitioners": sum(PRACTITIONERS),
        "patients": sum(PATIENTS),
        "pool": pool.as_json(),
        "digest": _md5("".join(digests.values())),
        "skipped": same,
        "cleaned": cleaned,
        "own_key": not os.environ.get(KEY),
        "seconds": round(time.perf_counter() - began, 3),
    }


def sentence(facts: dict[str, Any]) -> str:
    """What `seed` did, for a terminal."""
    things = f"{facts['authorizations']:,} authorizations for {facts['practitioners']} practitioners"
    cleaned = f"{facts['cleaned']:,} movements of earlier runs deleted" if facts["cleaned"] else "nothing to clean"
    done = f"the same {things} are already there" if facts["skipped"] else f"seeded {things}"
    key = f"; {KEY} is not set: the tokens are signed with a key that nobody knows" if facts["own_key"] else ""
    return f"{done} in {facts['seconds']:.2f} s (digest {facts['digest'][:4]}…); {cleaned}{key}"


def check(url: str, scenario: Scenario | None) -> None:
    """PoolError unless all authorizations that `scenario` needs are there."""
    names, pool = _wanted(scenario)
    with connected(url, SYSTEM) as driver, driver.cursor() as cursor:
        table = "authorizations"
        count = f"SELECT count(*) FROM {_quoted(cursor, names[table])} WHERE {_ours(cursor, table, names)}"
        found, least = one(cursor, count), DOCUMENTED + (pool.spread if scenario else facts.SPREAD_LEAST)
    if found < least:
        raise PoolError(
            f"the pool in {database.redacted(url)} has {found:,} authorizations, expected {least:,}: "
            f"`make seed-{SYSTEM}` fixes it"
        )


def _wanted(scenario: Scenario | None) -> tuple[Names, Pool]:
    if scenario is None:
        return reading.reference(SYSTEM, "database"), Pool(**facts.pool({}, BARE_OPERATIONS, rounds=False))
    return scenario.database, Pool(**scenario.pool)


def _clean_movements(cursor: Cursor, names: Names) -> int:
    if not names["movements"]:
        return 0
    about = _quoted(cursor, names["movement_authorization"])
    cursor.execute(f"DELETE FROM {_quoted(cursor, names['movements'])} WHERE {about} {_RANGE}")
    return cursor.rowcount


def _lines(table: str, names: Names, pool: Pool, seed: int) -> Iterator[str]:
    """The rows of `table` as COPY reads them, by id."""
    version = ["0"] if names["version"] else []
    if table == "authorizations":
        for one in pool:
            owner = [ids.uuid_of(one.organization), ids.uuid_of(one.patient), one.auth_number]
            units = [str(one.total), str(one.used), str(one.scheduled)]
            yield "\t".join([one.id, *owner, *units, START, END, "ACTIVE", *version]) + "\n"
        return
    fake = Faker("en_US")
    fake.seed_instance(seed)
    if table == "organizations":
        for n in range(1, len(PRACTITIONERS) + 1):
            yield f"{ids.uuid_of(n)}\t{fake.company()}\n"
        return
    owners = [n for n, count in enumerate(PATIENTS if table == "patients" else PRACTITIONERS, 1) for _ in range(count)]
    for number, organization in enumerate(owners, 1):
        yield f"{ids.uuid_of(number)}\t{ids.uuid_of(organization)}\t{fake.name()}\n"


def _digest(cursor: Cursor, table: str, names: Names) -> str:
    """The md5 of the rows as they stand: of the very text that COPY would have loaded to make them."""
    key = _quoted(cursor, names[COLUMNS[table][0]])
    line = f"concat_ws(chr(9), {_columns(cursor, table, names)}) || chr(10)"
    rows = f"SELECT md5(coalesce(string_agg({line}, '' ORDER BY {key}), '')) FROM {_quoted(cursor, names[table])}"
    return str(one(cursor, f"{rows} WHERE {_ours(cursor, table, names)}"))


def _md5(lines: str) -> str:
    return md5(lines.encode(), usedforsecurity=False).hexdigest()


_RANGE = f"BETWEEN '{ids.UUID_PREFIX}000000000000' AND '{ids.UUID_PREFIX}ffffffffffff'"


def _ours(cursor: Cursor, table: str, names: Names) -> str:
    return f"{_quoted(cursor, names[COLUMNS[table][0]])} {_RANGE}"


def _columns(cursor: Cursor, table: str, names: Names) -> str:
    return ", ".join(_quoted(cursor, names[column]) for column in COLUMNS[table] if names[column])


def _quoted(cursor: Cursor, name: str) -> str:
    return str(quote_ident(name, cursor))


def _fixtures(pool: Pool) -> dict[str, Any]:
    """Ids and tokens, under the names that the document has for them, and the pool beside."""
    key, now = os.environ.get(KEY) or secrets.token_hex(32), datetime.now(UTC)
    return {
        "authorizationIds": [ids.uuid_of(n) for n in range(1, DOCUMENTED + 1)],
        "highContentionAuthIds": [ids.uuid_of(n) for n in HOT],
        "throughputAuthIds": [ids.uuid_of(n) for n in range(SPREAD_FIRST, SPREAD_FIRST + pool.spread)],
        "practitionerTokens": [_token(n, key, now) for n in range(1, sum(PRACTITIONERS) + 1)],
    }


def _token(practitioner: int, key: str, now: datetime) -> str:
    claims = {
        "sub": ids.uuid_of(practitioner),
        CLAIM_ORGANIZATION: ids.uuid_of(facts.employer(practitioner)),
        "role": "practitioner",
        "iat": now,
        "exp": now + TOKEN_LIFE,
    }
    return jwt.encode(claims, key, algorithm="HS256")
