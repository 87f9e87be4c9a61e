"""Faults of how validations are logged."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg

from target.coupons.api import Api
from target.coupons.log_queue import BATCH, INSERT, WAITING, Line, LogQueue
from target.coupons.rules import Asked, Said
from target.faults import every

NO_KEY = "ALTER TABLE validation_logs DROP CONSTRAINT IF EXISTS validation_logs_pkey"
INSERT_ANYWAY = INSERT.replace("ON CONFLICT (request_id) DO NOTHING", "")


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
    """Every second batch meets an error of the database, and is forgotten."""

    chosen = every(2)

    async def write(self, pool: Any, batch: Sequence[Line]) -> None:
        if next(self.chosen):
            raise asyncpg.PostgresError("the log can't be written")
        await super().write(pool, batch)

    def failed(self, batch: Sequence[Line]) -> None:
        pass


class BatchTwice(LogQueue):
    """Every second batch is written twice."""

    chosen = every(2)
    ready = False

    async def write(self, pool: Any, batch: Sequence[Line]) -> None:
        if not self.ready:
            await pool.execute(NO_KEY)
            self.ready = True
        for _ in range(2 if next(self.chosen) else 1):
            await pool.execute(INSERT_ANYWAY, *map(list, zip(*batch, strict=True)))


class InventedLine(LogQueue):
    """With each batch a validation is logged that nobody asked for."""

    async def write(self, pool: Any, batch: Sequence[Line]) -> None:
        await super().write(pool, [*batch, batch[0]._replace(request_id=f"invented-{uuid4()}")])


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
