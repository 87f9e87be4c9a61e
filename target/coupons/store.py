"""Coupons and their uses: each look-up is one prepared statement, and an order is applied in one transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from systems.coupons_pool import ACTIVE, TIME_SPECIFIC, USER_SPECIFIC
from target.coupons.rules import ORDER_USED, USED_BY_USER, USED_UP, Asked, Row, Rules, Said
from target.database import Pooled

COLUMNS = (
    "id, code, type, status, discount_type, discount_value, max_discount_amount, min_order_value, user_id, "
    "valid_from, valid_until, max_total_uses, current_total_uses, max_uses_per_user"
)
LOOK_UP = f"SELECT {COLUMNS} FROM coupons WHERE code = $1"
USED = "SELECT count(*) FROM coupon_usage WHERE coupon_id = $1 AND user_id = $2"
ORDER = "SELECT coupon_id, user_id, discount_amount FROM coupon_usage WHERE order_id = $1"

# The row stays locked until the transaction ends: nobody else counts this coupon's uses meanwhile.
COUNT_USE = """
UPDATE coupons SET current_total_uses = current_total_uses + 1
WHERE id = $1 AND status = 'active' AND (max_total_uses IS NULL OR current_total_uses < max_total_uses)
RETURNING true
"""
USE = """
INSERT INTO coupon_usage (coupon_id, user_id, order_id, discount_amount) VALUES ($1, $2, $3, $4)
ON CONFLICT (order_id) WHERE order_id IS NOT NULL DO NOTHING RETURNING true
"""
OF_USER = f"SELECT {COLUMNS} FROM coupons WHERE user_id = $1 AND type = '{USER_SPECIFIC}' AND status = '{ACTIVE}'"
FOR_EVERYBODY = f"""
SELECT {COLUMNS} FROM coupons WHERE type = '{TIME_SPECIFIC}' AND status = '{ACTIVE}'
AND valid_from <= $1 AND valid_until > $1
"""
HISTORY = """
SELECT order_id, user_id, discount_amount, used_at FROM coupon_usage WHERE coupon_id = $1 ORDER BY used_at, order_id
"""
SWITCH = "UPDATE coupons SET status = $2 WHERE code = $1 RETURNING code, status"

PLANNED_AFTER = 6
"""PostgreSQL plans a prepared statement anew so often, and then keeps its plan."""
NOBODY = UUID(int=0)


class NotApplied(Exception):
    """Ends a transaction without anything done; says why."""

    def __init__(self, said: Said) -> None:
        self.said = said


class Store(Pooled):
    """The statements of the API, on a pool of connections."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    async def open(self, url: str, connections: int, **more: str) -> None:
        """The statements of a validation are planned on each connection before the first request needs them."""
        await super().open(url, connections, **more)
        every = [await self.pool.acquire() for _ in range(connections)]
        for connection in every:
            for _ in range(PLANNED_AFTER):
                await connection.fetchrow(LOOK_UP, "")
                await connection.fetchval(USED, NOBODY, "")
                await connection.fetchrow(ORDER, "")
            await self.pool.release(connection)

    async def validate(self, asked: Asked) -> Said:
        """What is said to a validation; one with an order that is valid is applied."""
        coupon = await self.look_up(asked.code)
        said = self.rules.judge(coupon, asked)
        if said.reason or coupon is None:
            return await self.refused(asked, said)
        if asked.order is not None:
            return await self.applied(asked, said)
        reason = await self.used(self.pool, coupon, asked)
        return Said(coupon, reason) if reason else said

    async def look_up(self, code: str) -> Row | None:
        """The coupon with this code."""
        found: Row | None = await self.pool.fetchrow(LOOK_UP, code)
        return found

    async def used(self, executor: Any, coupon: Row, asked: Asked) -> str | None:
        """Whether its uses are over: all of them, or those of this user."""
        most = coupon["max_total_uses"]
        if most is not None and coupon["current_total_uses"] >= most:
            return USED_UP
        return await self.used_by_user(executor, coupon, asked)

    async def used_by_user(self, executor: Any, coupon: Row, asked: Asked) -> str | None:
        """Likewise, those of this user."""
        own = coupon["max_uses_per_user"]
        if own is not None and await executor.fetchval(USED, coupon["id"], asked.user) >= own:
            return USED_BY_USER
        return None

    async def refused(self, asked: Asked, said: Said) -> Said:
        """What was not valid stays so, unless it is an order that was applied before."""
        if asked.order is None or said.coupon is None:
            return said
        return await self.replayed(self.pool, said.coupon, asked) or said

    async def applied(self, asked: Asked, said: Said) -> Said:
        """Apply an order, once: its use is counted and recorded, or neither is."""
        coupon = said.coupon
        assert coupon is not None
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                return await self.apply(connection, coupon, asked, said)
        except NotApplied as error:
            return error.said

    async def apply(self, connection: Any, coupon: Row, asked: Asked, said: Said) -> Said:
        """Within a transaction."""
        if found := await self.replayed(connection, coupon, asked):
            return found
        if not await connection.fetchval(COUNT_USE, coupon["id"]):
            # It may be the same order that was quicker.
            raise NotApplied(await self.why_not(connection, coupon, asked))
        if reason := await self.used_by_user(connection, coupon, asked):
            raise NotApplied(await self.replayed(connection, coupon, asked) or Said(coupon, reason))
        if not await self.record(connection, coupon, asked, said):
            raise NotApplied(await self.replayed(connection, coupon, asked) or Said(coupon, ORDER_USED))
        return said

    async def record(self, connection: Any, coupon: Row, asked: Asked, said: Said) -> Any:
        """Record the use of an order; nothing, if it is recorded already."""
        return await connection.fetchval(USE, coupon["id"], asked.user, asked.order, said.discount)

    async def why_not(self, connection: Any, coupon: Row, asked: Asked) -> Said:
        """Why no use could be counted: its status or its uses have changed since it was looked up."""
        if found := await self.replayed(connection, coupon, asked):
            return found
        now = await connection.fetchrow(LOOK_UP, asked.code)
        said = self.rules.judge(now, asked)
        return Said(now, said.reason or USED_UP)

    async def replayed(self, executor: Any, coupon: Row, asked: Asked) -> Said | None:
        """What was said to this order before, if it was applied."""
        found = await executor.fetchrow(ORDER, asked.order)
        if not found:
            return None
        if found["coupon_id"] != coupon["id"] or found["user_id"] != asked.user:
            return Said(coupon, ORDER_USED)
        off = found["discount_amount"]
        return Said(coupon, None, off, asked.value - off, True)

    async def of_user(self, user: str) -> Sequence[Row]:
        """The active coupons of a user."""
        found: Sequence[Row] = await self.pool.fetch(OF_USER, user)
        return found

    async def for_everybody(self) -> Sequence[Row]:
        """The coupons that everybody can use now."""
        found: Sequence[Row] = await self.pool.fetch(FOR_EVERYBODY, datetime.now(UTC))
        return found

    async def history(self, coupon: Any) -> Sequence[Row]:
        """The uses of a coupon."""
        found: Sequence[Row] = await self.pool.fetch(HISTORY, coupon)
        return found

    async def switch(self, code: str, status: str) -> Row | None:
        """Set the status of a coupon; as it is then."""
        found: asyncpg.Record | None = await self.pool.fetchrow(SWITCH, code, status)
        return found
