"""Each fault of the coupons breaks one promise, often enough that a short load shows it."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any
from uuid import uuid4

import asyncpg

from target.coupons.api import Api, Connections
from target.coupons.cached import Cached
from target.coupons.log_queue import BATCH, INSERT, WAITING, Line, LogQueue
from target.coupons.rules import Asked, Row, Rules, Said
from target.coupons.store import COLUMNS, COUNT_USE, LOOK_UP, USE, Store
from target.coupons.user_rate import UserRate
from target.faults import Fault

NO_KEY = "ALTER TABLE validation_logs DROP CONSTRAINT IF EXISTS validation_logs_pkey"
NO_ORDER_INDEX = "DROP INDEX IF EXISTS coupon_usage_order"
NO_INDEXES = (
    "ALTER TABLE coupons DROP CONSTRAINT IF EXISTS coupons_code_key",
    "DROP INDEX IF EXISTS coupons_lookup, coupons_user_specific, coupons_time_specific",
)
INSERT_ANYWAY = INSERT.replace("ON CONFLICT (request_id) DO NOTHING", "")
USE_ANYWAY = USE.replace("ON CONFLICT (order_id) WHERE order_id IS NOT NULL DO NOTHING", "")
COUNT_ANYWAY = "UPDATE coupons SET current_total_uses = current_total_uses + 1 WHERE id = $1 RETURNING true"
BY_PATTERN = f"SELECT {COLUMNS} FROM coupons WHERE code LIKE $1 ORDER BY code LIMIT 1"


def every(n: int) -> Iterator[bool]:
    """True for every `n`th."""
    return itertools.cycle([False] * (n - 1) + [True])


class DatesIgnored(Rules):
    """A coupon is valid if its status says so, whatever its dates are."""

    def dates(self, coupon: Row) -> str | None:
        return None


class ForEverybody(Rules):
    """A coupon of one user is valid for all."""

    def owner(self, coupon: Row, asked: Asked) -> str | None:
        return None


class RoundedDown(Rules):
    """Half a cent is none."""

    def rounded(self, amount: Decimal) -> Decimal:
        return amount.quantize(Decimal("0.01"), ROUND_DOWN)


class CapIgnored(Rules):
    """A percentage takes off as much as it comes to."""

    def capped(self, amount: Decimal, cap: Decimal) -> Decimal:
        return amount


class MinimumIgnored(Rules):
    """An order may be worth as little as it likes."""

    def minimum(self, coupon: Row, asked: Asked) -> str | None:
        return None


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
        await asyncio.sleep(0.03)
        await connection.execute(COUNT_ANYWAY, coupon["id"])
        await self.record(connection, coupon, asked, said)
        return said


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


class NobodyLimited(UserRate):
    """Users may validate as often as they like."""

    def allows(self, user: str, request: str) -> bool:
        return True


class OthersLimited(UserRate):
    """One validation in twenty is refused as too many, whoever makes it."""

    chosen = every(20)

    def allows(self, user: str, request: str) -> bool:
        return super().allows(user, request) and not next(self.chosen)


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
    """One order in five is recorded and not counted."""

    chosen = every(5)

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


class StaleHistory(Store):
    """A history leaves out the last use."""

    async def history(self, coupon: Any) -> Sequence[Row]:
        return (await super().history(coupon))[:-1]


class WaitsForLog(Api):
    """An answer waits until its validation is logged."""

    async def log(self, asked: Asked, said: Said, began: float) -> None:
        line = self.line(asked, said, Decimal(0))
        self.queue.put(line)
        while line in self.queue.lines or self.queue.writing:
            await asyncio.sleep(0.01)


class OtherUserLogged(Api):
    """One validation in ten is logged for another user."""

    chosen = every(10)

    def line(self, asked: Asked, said: Said, took_ms: Decimal) -> Line:
        found = super().line(asked, said, took_ms)
        return found._replace(user_id="user_0000000") if next(self.chosen) else found


class OtherAmountLogged(Api):
    """What is logged as taken off is a cent less, of one validation in ten."""

    chosen = every(10)

    def line(self, asked: Asked, said: Said, took_ms: Decimal) -> Line:
        found = super().line(asked, said, took_ms)
        if found.discount_applied is None or not next(self.chosen):
            return found
        return found._replace(discount_applied=found.discount_applied - Decimal("0.01"))


class Unbounded(LogQueue):
    """What is to be logged waits without bound: only a few lines are written at a time."""

    bound = 1 << 60

    async def flush(self, pool: Any) -> bool:
        await asyncio.sleep(1)
        line = self.lines.popleft()
        await self.write(pool, [line])
        self.counted()
        return True


class BatchLost(LogQueue):
    """One batch in three meets an error of the database, and is forgotten."""

    chosen = every(3)

    async def write(self, pool: Any, batch: Sequence[Line]) -> None:
        if next(self.chosen):
            raise asyncpg.PostgresError("the log can't be written")
        await super().write(pool, batch)

    def failed(self, batch: Sequence[Line]) -> None:
        pass


class BatchTwice(LogQueue):
    """One batch in three is written twice."""

    chosen = every(3)
    ready = False

    async def write(self, pool: Any, batch: Sequence[Line]) -> None:
        if not self.ready:
            await pool.execute(NO_KEY)
            self.ready = True
        for _ in range(2 if next(self.chosen) else 1):
            await pool.execute(INSERT_ANYWAY, *map(list, zip(*batch, strict=True)))


class InventedLine(LogQueue):
    """With one batch in three a validation is logged that nobody asked for."""

    chosen = every(3)

    async def write(self, pool: Any, batch: Sequence[Line]) -> None:
        invented = [batch[0]._replace(request_id=f"invented-{uuid4()}")] if next(self.chosen) else []
        await super().write(pool, [*batch, *invented])


class NotAtTheEnd(LogQueue):
    """What waits when the process ends is not written any more."""

    def leaves(self) -> bool:
        return True


class OnlyFullBatches(LogQueue):
    """What does not fill a batch is never written; nor does it count as waiting."""

    async def flush(self, pool: Any) -> bool:
        if len(self.lines) >= BATCH:
            return await super().flush(pool)
        self.lines.clear()
        self.counted()
        return True


class NeverDone(LogQueue):
    """Of one validation it is told that it waits, for ever."""

    def counted(self) -> None:
        self.count(WAITING, len(self.lines) + self.writing + 1)


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


def _fault(name: str, part: type, *caught_by: str) -> Fault:
    """The fault that is made of `part` alone, which documents itself."""
    return Fault(name, str(part.__doc__), caught_by, (part,))


FAULTS = (
    _fault("dates_ignored", DatesIgnored, "VERDICT"),
    _fault("for_everybody", ForEverybody, "VERDICT"),
    _fault("rounded_down", RoundedDown, "VERDICT"),
    _fault("cap_ignored", CapIgnored, "VERDICT"),
    _fault("minimum_ignored", MinimumIgnored, "VERDICT"),
    _fault("per_user_ignored", PerUserIgnored, "VERDICT"),
    _fault("checked_then_counted", CheckedThenCounted, "LIMITS", "SERVED"),
    _fault("status_cached", StatusCached, "VERDICT"),
    _fault("not_invalidated", NotInvalidated, "VERDICT"),
    _fault("nobody_limited", NobodyLimited, "RATE"),
    _fault("others_limited", OthersLimited, "RATE"),
    _fault("by_pattern", ByPattern, "VERDICT", "PLAN"),
    _fault("index_dropped", IndexDropped, "PLAN", "SCHEMA"),
    _fault("order_twice", OrderTwice, "U4"),
    _fault("use_lost", UseLost, "U1", "USES"),
    _fault("not_counted", NotCounted, "USES"),
    _fault("use_of_another", UseOfAnother, "U5"),
    _fault("invented_use", InventedUse, "U2"),
    _fault("refused_all_the_same", RefusedAllTheSame, "U3", "SERVED"),
    _fault("pool_changed", PoolChanged, "POOL"),
    _fault("stale_history", StaleHistory, "READ"),
    _fault("other_user_logged", OtherUserLogged, "X5"),
    _fault("other_amount_logged", OtherAmountLogged, "LOG"),
    _fault("batch_lost", BatchLost, "X1"),
    _fault("batch_twice", BatchTwice, "X4"),
    _fault("invented_line", InventedLine, "X2"),
    _fault("not_at_the_end", NotAtTheEnd, "X1"),
    _fault("only_full_batches", OnlyFullBatches, "X1"),
    _fault("never_done", NeverDone, "QUEUE"),
    _fault("waits_for_log", WaitsForLog, "rule:p95"),
    _fault("queue_unbounded", Unbounded, "rule:log_queue"),
    Fault(
        "two_connections",
        "Of 20 connections two are left, and each is held for 50 ms.",
        ("rule:p95",),
        (TwoConnections, HeldConnection),
    ),
)
