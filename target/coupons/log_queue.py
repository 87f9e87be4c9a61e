"""Validations are logged after they were answered, in batches; what waits is bounded, and never holds an answer up."""

import asyncio
import logging
import mmap
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from target import pool_use

BATCH = 100
"""A batch is written when there is so much for it, or after `flush_seconds`."""
LARGEST = 500
"""So much is written at a time, if more came meanwhile: a batch waits for a connection in turn, like any request."""
BOUND = 10_000
"""So much waits at most; beyond it the oldest is dropped, and counted."""
AGAIN_S = 0.2
"""After a batch that could not be written."""

log = logging.getLogger(__name__)

WAITING, DROPPED = FIELDS = range(2)
# Made before the processes are forked, so that whichever of them is asked can tell of all.
_shared = memoryview(mmap.mmap(-1, pool_use.MOST_PROCESSES * len(FIELDS) * 8)).cast("q")


def size() -> int:
    """How many validations are still to be logged, by all processes together."""
    return sum(_shared[WAITING :: len(FIELDS)])


def dropped() -> int:
    """How many were dropped, since too many waited."""
    return sum(_shared[DROPPED :: len(FIELDS)])


class Line(NamedTuple):
    """A row of the log."""

    request_id: str
    coupon_id: UUID | None
    coupon_code: str
    user_id: str
    order_id: str | None
    order_value: Decimal
    is_valid: bool
    validation_reason: str | None
    discount_applied: Decimal | None
    final_amount: Decimal | None
    response_time_ms: Decimal
    validated_at: datetime


TYPES = [
    "text",
    "uuid",
    "text",
    "text",
    "text",
    "numeric",
    "bool",
    "text",
    "numeric",
    "numeric",
    "numeric",
    "timestamptz",
]
# A batch whose outcome was not known is written again: what is there by then stays.
INSERT = f"""
INSERT INTO validation_logs ({", ".join(Line._fields)})
SELECT * FROM unnest({", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(TYPES, 1))})
ON CONFLICT (request_id) DO NOTHING
"""


class LogQueue:
    """What is still to be logged, by one process."""

    bound = BOUND

    def __init__(self, flush_seconds: float) -> None:
        self.flush_seconds = flush_seconds
        self.lines: deque[Line] = deque()
        self.full = asyncio.Event()
        self.stopped = False
        self.writing = 0

    def put(self, line: Line) -> None:
        """Take a line; at once, whatever waits."""
        self.lines.append(line)
        if len(self.lines) > self.bound:
            self.lines.popleft()
            self.count(DROPPED, _shared[pool_use.place(len(FIELDS)) + DROPPED] + 1)
        self.counted()
        if len(self.lines) >= BATCH:
            self.full.set()

    def counted(self) -> None:
        """Have the others know how many wait here; those that are being written do, too."""
        self.count(WAITING, len(self.lines) + self.writing)

    def count(self, field: int, value: int) -> None:
        """Set a field of this process."""
        _shared[pool_use.place(len(FIELDS)) + field] = value

    async def run(self, pool: Any) -> None:
        """Write full batches as they come, and what is there after a while; until `stopped`, and then what is left."""
        while not self.stopped:
            least = BATCH
            try:
                await asyncio.wait_for(self.full.wait(), self.flush_seconds)
            except TimeoutError:
                least = 1
            self.full.clear()
            while len(self.lines) >= least and not self.stopped:
                if not await self.flush(pool):
                    await asyncio.sleep(AGAIN_S)
        if not self.leaves():
            while self.lines and await self.flush(pool):
                pass

    def leaves(self) -> bool:
        """Whether it ends without writing what is left."""
        return False

    async def flush(self, pool: Any) -> bool:
        """Write the next batch; False, and all of it waits again, if that failed."""
        batch = [self.lines.popleft() for _ in range(min(len(self.lines), LARGEST))]
        self.writing = len(batch)
        try:
            await self.write(pool, batch)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("a batch of %d could not be logged: %s", len(batch), error)
            self.failed(batch)
            return False
        finally:
            self.writing = 0
            self.counted()
        return True

    async def write(self, pool: Any, batch: Sequence[Line]) -> None:
        """One statement for a batch."""
        await pool.execute(INSERT, *map(list, zip(*batch, strict=True)))

    def failed(self, batch: Sequence[Line]) -> None:
        """It waits again, before all others."""
        self.lines.extendleft(reversed(batch))

    def stop(self) -> None:
        """Let `run` come to its end."""
        self.stopped = True
        self.full.set()
