"""The pool is the same users, coupons and earlier usages for the same seed; and nothing of an earlier run is left."""

import random
import time
from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import md5
from pathlib import Path
from typing import Any

from faker import Faker

from harness import database
from harness.errors import PoolError
from harness.plan import plans
from harness.plan.scenario import Scenario
from harness.project import hint
from seeding import copy, pool
from seeding.connection import connected
from seeding.pool import Ours, Rows, quoted
from systems import coupons, coupons_pool, ids

SYSTEM = "coupons"
BARE_PROFILE = "full"
"""The profile whose pool is made where no plan asks for one."""

CREATED_AT = "2024-01-01 00:00:00+00"
USED_AT = "2025-03-01 12:00:00+00"
BLOCK = 1_000
"""So many users are made at once: of the next ones only the first digits differ."""


NAMES = 100
"""So many first and last names are drawn."""

COLUMNS = {
    "users": ("user_id", "user_name", "user_email", "user_created"),
    "coupons": (
        "coupon_id",
        "coupon_code",
        "coupon_type",
        "coupon_status",
        "discount_type",
        "discount_value",
        "max_discount",
        "min_order",
        "coupon_user",
        "valid_from",
        "valid_until",
        "max_total_uses",
        "current_total_uses",
        "max_uses_per_user",
    ),
    "usages": ("usage_id", "usage_coupon", "usage_user", "usage_order", "usage_discount", "usage_at"),
}
"""What is seeded: tables and their columns as [database] calls them, in the order in which they refer to each other."""

Names = Mapping[str, Any]


def seed(url: str, seed: int, scenario: Scenario | None = None, fixtures: Path | None = None) -> dict[str, Any]:
    """Leave exactly the pool of `seed`, and no usage or log of an earlier run; what was found and done, for run.json.

    Users need nothing but the numbers of the pool: there are no fixtures.
    """
    began = time.perf_counter()
    users, names = size(scenario), _names(scenario)
    lines = {"users": user_lines, "coupons": coupon_lines, "usages": usage_lines}
    earlier = sum(1 for _ in coupons_pool.usages(seed, users))
    counts = {"users": users, "coupons": coupons_pool.COUPONS, "usages": earlier}
    wanted = [
        Rows(
            _pooled(table, names),
            tuple(names[one] for one in COLUMNS[table] if names[one]),
            counts[table],
            partial(lines[table], seed, users, names),
        )
        for table in COLUMNS
    ]
    logged = Ours(names["logs"], _user_is_ours(names["log_user"]))
    used = Ours(
        names["usages"],
        f"{quoted(names['usage_coupon'])} {ids.POOL_SQL} AND {quoted(names['usage_id'])} NOT {ids.POOL_SQL}",
    )
    done = pool.seed(url, SYSTEM, wanted, [logged, used])
    return {
        "pool": _digests(url, names),
        **counts,
        "digest": md5("".join(done.digests).encode(), usedforsecurity=False).hexdigest(),
        "skipped": done.skipped,
        "cleaned": done.cleaned,
        "seconds": round(time.perf_counter() - began, 3),
    }


def _digests(url: str, names: Names) -> dict[str, list[Any]]:
    """Of each table how many rows the pool has, and a digest of what a run must leave as it is."""
    sql = {key: quoted(name) for key, name in names.items() if isinstance(name, str) and name}
    found = {}
    with connected(url, SYSTEM) as driver, driver.cursor() as cursor:
        cursor.execute(copy.AS_TEXT)
        for table, query in coupons.pool_digests_sql(sql).items():
            cursor.execute(query)
            ((count, digest),) = cursor.fetchall()
            found[table] = [count, digest]
    return found


def sentence(facts: dict[str, Any]) -> str:
    """What `seed` did, for a terminal."""
    things = f"{facts['users']:,} users, {facts['coupons']:,} coupons and {facts['usages']:,} usages"
    cleaned = f"{facts['cleaned']:,} rows of earlier runs deleted" if facts["cleaned"] else "nothing to clean"
    done = f"the same {things} are already there" if facts["skipped"] else f"seeded {things}"
    return f"{done} in {facts['seconds']:.2f} s (digest {facts['digest'][:4]}…); {cleaned}"


def check(url: str, scenario: Scenario | None = None) -> None:
    """PoolError unless users and coupons are there, in their full number and none beside them."""
    names = _names(scenario)
    expected = {"users": size(scenario), "coupons": coupons_pool.COUPONS}
    with connected(url, SYSTEM) as driver, driver.cursor() as cursor:
        found = {table: pool.count(cursor, _pooled(table, names)) for table in expected}
    for table, count in expected.items():
        if found[table] != count:
            raise PoolError(
                f"the pool in {database.redacted(url)} has {found[table]:,} {table}, expected {count:,}: "
                f"{hint(f'seed-{SYSTEM}', f'seed {SYSTEM}')} fixes it"
            )


def ours(scenario: Scenario | None = None) -> list[Ours]:
    """What seeding and runs leave in a database, in the order in which it can be deleted."""
    names = _names(scenario)
    logged = Ours(names["logs"], f"{quoted(names['log_request'])} {ids.KEY_SQL}")
    used = Ours(names["usages"], f"{quoted(names['usage_coupon'])} {ids.POOL_SQL}")
    return [logged, used, _pooled("coupons", names), _pooled("users", names)]


def _names(scenario: Scenario | None) -> Names:
    return scenario.database if scenario else plans.reference(SYSTEM, "database")


def _pooled(table: str, names: Names) -> Ours:
    if table == "users":
        return Ours(names[table], _user_is_ours(names["user_id"]))
    return Ours(names[table], f"{quoted(names[COLUMNS[table][0]])} {ids.POOL_SQL}")


def _user_is_ours(column: str) -> str:
    return f"{quoted(column)} {coupons.USER_SQL.format(column=quoted(column))}"


def size(scenario: Scenario | None) -> int:
    """How many users the pool has."""
    users: int = scenario.pool["users"] if scenario else plans.reference(SYSTEM, "pool")["users"][BARE_PROFILE]
    return users


def user_lines(seed: int, users: int, _names: Names) -> Iterator[str]:
    """The users as COPY reads them: blocks of BLOCK, in which only the first digits of their numbers change."""
    fake = Faker("en_US")
    fake.seed_instance(seed)
    first, last = ([name() for _ in range(NAMES)] for name in (fake.first_name, fake.last_name))
    draw = random.Random(seed)
    people = [f"{draw.choice(first)} {draw.choice(last)}" for _ in range(BLOCK)]
    block = "".join(
        f"user_\0{n:03d}\t{name}\tperf.user.\0{n:03d}@example.test\t{CREATED_AT}\n" for n, name in enumerate(people)
    )
    for begin in range(0, users, BLOCK):
        lines = block.replace("\0", f"{begin // BLOCK:04d}").splitlines(keepends=True)
        yield from lines[: users - begin]


def coupon_lines(seed: int, users: int, _names: Names) -> Iterator[str]:
    """The coupons as COPY reads them."""
    for one in coupons_pool.coupons(seed, users):
        fields = (
            ids.uuid_of(one.number),
            one.code,
            one.type,
            one.status,
            one.discount_type,
            _amount(one.discount_value),  # of a percentage hundredths are the cents
            _amount(one.cap),
            _amount(one.minimum),
            r"\N" if one.owner is None else coupons_pool.user_id(one.owner),
            one.valid_from,
            one.valid_until,
            _number(one.max_total_uses),
            str(one.uses),
            _number(one.max_uses_per_user),
        )
        yield "\t".join(fields) + "\n"


def usage_lines(seed: int, users: int, names: Names) -> Iterator[str]:
    """What was used before, as COPY reads it."""
    for number, coupon, user in coupons_pool.usages(seed, users):
        amount = [_amount(coupons_pool.used_cents(coupon))] if names["usage_discount"] else []
        owner, order = coupons_pool.user_id(user), coupons_pool.seeded_order(number)
        fields = (ids.uuid_of(number), ids.uuid_of(coupon.number), owner, order, *amount, USED_AT)
        yield "\t".join(fields) + "\n"


def _amount(cents: int | None) -> str:
    return r"\N" if cents is None else f"{cents // 100}.{cents % 100:02d}"


def _number(value: int | None) -> str:
    return r"\N" if value is None else str(value)
