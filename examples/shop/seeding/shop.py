"""The things that there are: as many as the plan says."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from harness.errors import PoolError
from harness.plan import plans
from harness.plan.scenario import Scenario
from seeding import pool
from seeding.connection import connected
from seeding.pool import Ours, Rows
from systems import ids

POOL = Ours("things", f"id {ids.POOL_SQL}")
ABOUT_THE_POOL = Ours("orders", f"thing {ids.POOL_SQL}")
STORED = Ours("orders", f"key {ids.KEY_SQL}")


def seed(url: str, seed: int, scenario: Scenario | None = None, fixtures: Path | None = None) -> dict[str, Any]:
    """Leave exactly the pool and no order of an earlier run; what was found and done, for run.json."""
    things = _size(scenario)
    done = pool.seed(url, "shop", [Rows(POOL, ("id", "name"), things, partial(_lines, things))], [ABOUT_THE_POOL])
    return {"things": things, "digest": done.digests[0], "skipped": done.skipped, "seconds": done.seconds}


def sentence(facts: dict[str, Any]) -> str:
    """What `seed` did, for a terminal."""
    return f"{facts['things']:,} things {'are already there' if facts['skipped'] else 'seeded'}"


def check(url: str, scenario: Scenario | None = None) -> None:
    """PoolError unless all things are there."""
    with connected(url, "shop") as driver, driver.cursor() as cursor:
        found = pool.count(cursor, POOL)
    if found != _size(scenario):
        raise PoolError(f"{found:,} things, expected {_size(scenario):,}: `proofload seed shop` fixes it")


def ours(scenario: Scenario | None = None) -> list[Ours]:
    """What seeding and runs leave in a database, in the order in which it can be deleted."""
    return [STORED, POOL]


def _size(scenario: Scenario | None) -> int:
    return int((scenario.pool if scenario else plans.reference("shop", "pool"))["things"])


def _lines(things: int) -> Iterator[str]:
    return (f"{ids.uuid_of(n)}\tthing {n}\n" for n in range(1, things + 1))
