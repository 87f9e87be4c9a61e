"""The pool is as the plan needs it: who works where, and so many units, used, scheduled and free."""

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import md5
from pathlib import Path
from typing import Any

import jwt
from faker import Faker

from harness import database, fixtures
from harness.errors import PoolError
from harness.plan import plans
from harness.plan.scenario import Scenario
from harness.project import hint
from seeding import pool
from seeding.connection import connected
from seeding.pool import Ours, Rows, quoted
from systems import authorizations as facts
from systems import authorizations_contract as agreed
from systems import authorizations_given, ids
from systems.authorizations import DOCUMENTED, PATIENTS, PRACTITIONERS, SPREAD_FIRST, Pool

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
    if scenario and "given" in scenario.pool:
        return _found(url, scenario, path)
    names, wanted = _wanted(scenario)
    counts = (len(PRACTITIONERS), sum(PRACTITIONERS), sum(PATIENTS), DOCUMENTED + wanted.spread)
    tables = [
        Rows(
            _pooled(table, names),
            tuple(names[column] for column in COLUMNS[table] if names[column]),
            count,
            partial(_lines, table, names, wanted, seed),
        )
        for table, count in zip(COLUMNS, counts, strict=True)
    ]
    about = f"{quoted(names['movement_authorization'])} {ids.POOL_SQL}"
    done = pool.seed(url, SYSTEM, tables, [Ours(names["movements"], about)] if names["movements"] else [])
    contract = scenario.contract if scenario else plans.reference(SYSTEM, "contract")
    fixtures.write(path, _fixtures(wanted, contract))
    return {
        "authorizations": DOCUMENTED + wanted.spread,
        "practitioners": sum(PRACTITIONERS),
        "patients": sum(PATIENTS),
        "pool": wanted.as_json(),
        "digest": md5("".join(done.digests).encode(), usedforsecurity=False).hexdigest(),
        "skipped": done.skipped,
        "cleaned": done.cleaned,
        "own_key": not os.environ.get(KEY),
        "seconds": done.seconds,
    }


def sentence(facts: dict[str, Any]) -> str:
    """What `seed` did, for a terminal."""
    if "begins" in facts:
        return f"nothing is seeded: {facts['authorizations']:,} authorizations are there as {facts['file']} has them"
    things = f"{facts['authorizations']:,} authorizations for {facts['practitioners']} practitioners"
    cleaned = f"{facts['cleaned']:,} movements of earlier runs deleted" if facts["cleaned"] else "nothing to clean"
    done = f"the same {things} are already there" if facts["skipped"] else f"seeded {things}"
    key = (
        f"; {KEY} is not set: the tokens are signed with a random key; set {KEY} to share it"
        if facts["own_key"]
        else ""
    )
    return f"{done} in {facts['seconds']:.2f} s (digest {facts['digest'][:4]}…); {cleaned}{key}"


def check(url: str, scenario: Scenario | None) -> None:
    """PoolError unless all authorizations that `scenario` needs are there."""
    if scenario and "given" in scenario.pool:
        _begins(url, scenario)
        return
    names, wanted = _wanted(scenario)
    with connected(url, SYSTEM) as driver, driver.cursor() as cursor:
        found = pool.count(cursor, _pooled("authorizations", names))
    least = DOCUMENTED + (wanted.spread if scenario else facts.SPREAD_LEAST)
    if found < least:
        raise PoolError(
            f"the pool in {database.redacted(url)} has {found:,} authorizations, expected {least:,}: "
            f"{hint(f'seed-{SYSTEM}', f'seed {SYSTEM}')} fixes it"
        )


def ours(scenario: Scenario | None) -> list[Ours]:
    """What seeding and runs leave in a database, in the order in which it can be deleted."""
    if scenario and "given" in scenario.pool:
        return []
    names, _ = _wanted(scenario)
    moved = [Ours(names["movements"], f"{quoted(names['movement_key'])} {ids.KEY_SQL}")] if names["movements"] else []
    return [*moved, *(_pooled(table, names) for table in reversed(COLUMNS))]


def _found(url: str, scenario: Scenario, path: Path) -> dict[str, Any]:
    """The pool of a file: nothing is changed, but it is known in what state the run begins."""
    began = time.perf_counter()
    begins, file = _begins(url, scenario), Path(scenario.pool["file"])
    try:
        if authorizations_given.pool(file, rounds=False) != scenario.pool:
            raise PoolError(f"{file}: it was changed since the plan was read: expected it unchanged; run again")
        tokens = authorizations_given.fixtures(file)
    except ValueError as error:
        raise PoolError(str(error)) from None
    fixtures.write(path, {**tokens, "throughputAuthIds": []})
    return {
        "authorizations": len(begins),
        "file": str(file),
        "begins": begins,
        "digest": md5(json.dumps(begins).encode(), usedforsecurity=False).hexdigest(),
        "skipped": True,
        "cleaned": 0,
        "own_key": False,
        "seconds": round(time.perf_counter() - began, 3),
    }


def _begins(url: str, scenario: Scenario) -> list[list[int]]:
    """Used, scheduled and version of each authorization of a file; PoolError if one is not there as the file has it."""
    names, given = scenario.database, scenario.pool["given"]
    columns = [quoted(names[name]) if names[name] else "0" for name in ("total", "used", "scheduled", "version")]
    key = f"{quoted(names['authorization_id'])}::text"
    with connected(url, SYSTEM) as driver, driver.cursor() as cursor:
        cursor.execute(
            f"SELECT {key}, {', '.join(columns)} FROM {quoted(names['authorizations'])} WHERE {key} = ANY(%s)",
            ([id_ for id_, *_ in given],),
        )
        found = {id_: counters for id_, *counters in cursor.fetchall()}
    for place, (id_, _, total, _) in enumerate(given):
        where = f"{scenario.pool['file']}: authorizations[{place}]: {id_}"
        if id_ not in found:
            raise PoolError(f"{where}: not in {names['authorizations']} of {database.redacted(url)}: expected it there")
        unread = [value for value in found[id_] if value is None or value != int(value)]
        if unread:
            said = f"{unread[0]} in a column of its units or version"
            raise PoolError(f"{where}: {said} in {database.redacted(url)}: expected whole numbers")
        if found[id_][0] != total:
            raise PoolError(f"{where}: has {found[id_][0]} units in {database.redacted(url)}, expected total = {total}")
    return [[int(value) for value in found[id_][1:]] for id_, *_ in given]


def _wanted(scenario: Scenario | None) -> tuple[Names, Pool]:
    if scenario is None:
        return plans.reference(SYSTEM, "database"), Pool(**facts.pool({}, BARE_OPERATIONS, rounds=False))
    return scenario.database, Pool(**scenario.pool)


def _pooled(table: str, names: Names) -> Ours:
    return Ours(names[table], f"{quoted(names[COLUMNS[table][0]])} {ids.POOL_SQL}")


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


def _fixtures(pool: Pool, contract: Mapping[str, Any]) -> dict[str, Any]:
    """Ids and tokens, under the names that the document has for them, and the pool beside."""
    key, now = os.environ.get(KEY) or secrets.token_hex(32), datetime.now(UTC)
    everybody = range(1, sum(PRACTITIONERS) + 1)
    return {
        "authorizationIds": [ids.uuid_of(n) for n in range(1, DOCUMENTED + 1)],
        "highContentionAuthIds": [ids.uuid_of(n) for n in pool.hot],
        "throughputAuthIds": [ids.uuid_of(n) for n in range(SPREAD_FIRST, SPREAD_FIRST + pool.spread)],
        "practitionerTokens": [_token(contract, n, key, now) for n in everybody],
        "expiredTokens": [_token(contract, n, key, now - 2 * TOKEN_LIFE) for n in everybody],
        "otherAudienceTokens": [_token(contract, n, key, now, aud=facts.AUDIENCE) for n in everybody],
    }


def _token(contract: Mapping[str, Any], practitioner: int, key: str, now: datetime, **more: str) -> str:
    claims = {
        **agreed.claims(contract, practitioner, facts.employer(practitioner)),
        **more,
        "iat": now,
        "exp": now + TOKEN_LIFE,
    }
    return jwt.encode(claims, key, algorithm="HS256")
