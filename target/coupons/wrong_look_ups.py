"""Faults of how coupons are looked up and read."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from target.coupons.api import Connections
from target.coupons.cached import Cached
from target.coupons.rules import Row
from target.coupons.store import COLUMNS, LOOK_UP, Store

NO_INDEXES = (
    "ALTER TABLE coupons DROP CONSTRAINT IF EXISTS coupons_code_key",
    "DROP INDEX IF EXISTS coupons_lookup, coupons_user_specific, coupons_time_specific",
)
BY_PATTERN = f"SELECT {COLUMNS} FROM coupons WHERE code LIKE $1 ORDER BY code LIMIT 1"


class StatusCached(Store):
    """The status of a coupon is looked up once a minute."""

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        self.known: dict[str, tuple[float, str]] = {}

    async def look_up(self, code: str) -> Row | None:
        found = await super().look_up(code)
        if found is None:
            return None
        until, status = self.known.get(code, (0.0, ""))
        if until < time.monotonic():
            until, status = time.monotonic() + 60, found["status"]
            self.known[code] = until, status
        return {**dict(found), "status": status}


class NotInvalidated(Cached):
    """What is known of a coupon is not forgotten when it changes."""

    def changed(self, code: str) -> None:
        pass


class ByPattern(Store):
    """A code is looked up by LIKE, so that one may be a pattern."""

    async def look_up(self, code: str) -> Row | None:
        found: Row | None = await self.pool.fetchrow(BY_PATTERN, code)
        return found


class IndexDropped(Store):
    """No index finds a code."""

    async def open(self, url: str, connections: int, **more: str) -> None:
        driver = await asyncpg.connect(url)
        for statement in NO_INDEXES:
            await driver.execute(statement)
        await driver.close()
        await super().open(url, connections, **more)


class StaleHistory(Store):
    """A history leaves out the last use."""

    async def history(self, coupon: Any) -> Sequence[Row]:
        return (await super().history(coupon))[:-1]


class TwoConnections(Connections):
    """Of the connections two are left."""

    def __init__(self, asked: int) -> None:
        super().__init__(min(asked, 2))


class HeldConnection(Store):
    """Each look-up holds its connection for 50 ms."""

    async def look_up(self, code: str) -> Row | None:
        async with self.pool.acquire() as connection:
            await asyncio.sleep(0.05)
            found: Row | None = await connection.fetchrow(LOOK_UP, code)
        return found
