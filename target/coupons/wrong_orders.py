"""Faults of how orders are applied, counted and recorded."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
from typing import Any
from uuid import uuid4

from target.coupons.rules import Asked, Row, Said
from target.coupons.store import COUNT_USE, LOOK_UP, USE, Store
from target.faults import every

NO_ORDER_INDEX = "DROP INDEX IF EXISTS coupon_usage_order"
USE_ANYWAY = USE.replace("ON CONFLICT (order_id) WHERE order_id IS NOT NULL DO NOTHING", "")
COUNT_ANYWAY = "UPDATE coupons SET current_total_uses = current_total_uses + 1 WHERE id = $1 RETURNING true"


class PerUserIgnored(Store):
    """A user may use a coupon as often as there are uses left."""

    async def used_by_user(self, executor: Any, coupon: Row, asked: Asked) -> str | None:
        return None


class CheckedThenCounted(Store):
    """Whether there are uses left is looked up, and counted a moment later."""

    async def apply(self, connection: Any, coupon: Row, asked: Asked, said: Said) -> Said:
        if found := await self.replayed(connection, coupon, asked):
            return found
        now = await connection.fetchrow(LOOK_UP, asked.code)
        if reason := await self.used(connection, now, asked):
            return Said(coupon, reason)
        # Long enough for the next one who contends to come, on a slow machine too.
        await asyncio.sleep(0.2)
        await connection.execute(COUNT_ANYWAY, coupon["id"])
        await self.record(connection, coupon, asked, said)
        return said


class OrderTwice(Store):
    """An order that is sent again is applied again."""

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        await self.pool.execute(NO_ORDER_INDEX)

    async def replayed(self, executor: Any, coupon: Row, asked: Asked) -> Said | None:
        return None

    async def record(self, connection: Any, coupon: Row, asked: Asked, said: Said) -> Any:
        return await connection.fetchval(USE_ANYWAY, coupon["id"], asked.user, asked.order, said.discount)


class UseLost(Store):
    """One order in five is counted and not recorded."""

    chosen = every(5)

    async def record(self, connection: Any, coupon: Row, asked: Asked, said: Said) -> Any:
        return True if next(self.chosen) else await super().record(connection, coupon, asked, said)


class NotCounted(Store):
    """One order in three is recorded and not counted."""

    chosen = every(3)

    async def apply(self, connection: Any, coupon: Row, asked: Asked, said: Said) -> Said:
        if coupon["max_total_uses"] is not None or not next(self.chosen):
            return await super().apply(connection, coupon, asked, said)
        return (
            said
            if await self.record(connection, coupon, asked, said)
            else (await self.replayed(connection, coupon, asked) or said)
        )


class UseOfAnother(Store):
    """One order in five is recorded for another user."""

    chosen = every(5)

    async def record(self, connection: Any, coupon: Row, asked: Asked, said: Said) -> Any:
        if next(self.chosen):
            digits = int(asked.user[-3:])
            asked = Asked(asked.request, asked.code, f"user_{(digits + 1) % 1000:07d}", asked.value, asked.order)
        return await super().record(connection, coupon, asked, said)


class InventedUse(Store):
    """One order in five is followed by one that nobody sent."""

    chosen = every(5)

    async def record(self, connection: Any, coupon: Row, asked: Asked, said: Said) -> Any:
        recorded = await super().record(connection, coupon, asked, said)
        if recorded and coupon["max_total_uses"] is None and next(self.chosen):
            await connection.fetchval(COUNT_USE, coupon["id"])
            await connection.fetchval(USE, coupon["id"], asked.user, f"invented-{uuid4()}", said.discount)
        return recorded


class RefusedAllTheSame(Store):
    """One order in five for a coupon that is running out is recorded, and refused."""

    chosen = every(5)

    async def apply(self, connection: Any, coupon: Row, asked: Asked, said: Said) -> Said:
        found = await super().apply(connection, coupon, asked, said)
        refused = coupon["max_total_uses"] is not None and not found.replayed and next(self.chosen)
        return Said(coupon, "USED_UP") if refused else found


class PoolChanged(Store):
    """One order in five changes the least value of its coupon."""

    chosen = every(5)

    async def record(self, connection: Any, coupon: Row, asked: Asked, said: Said) -> Any:
        if next(self.chosen):
            await connection.execute(
                "UPDATE coupons SET min_order_value = min_order_value + 0.01 WHERE id = $1", coupon["id"]
            )
        return await super().record(connection, coupon, asked, said)
