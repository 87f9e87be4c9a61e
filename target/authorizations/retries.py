"""An aborted transaction is done again from its beginning, a few times and not for long."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

ATTEMPTS = 8
BASE_S, CAP_S = 0.005, 0.2
"""The pause before retry n is a random share of 5 ms × 2ⁿ⁻¹, and of no more than 200 ms: full jitter."""

DEADLINE_S = 1.0
"""When this has passed no attempt is begun. None is broken off: it would be unknown whether it was committed."""

ABORTED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""40001 and 40P01: PostgreSQL rolled back; the same transaction may succeed later."""

T = TypeVar("T")


async def retried(attempt: Callable[[], Awaitable[T]]) -> tuple[T | None, int]:
    """What the first attempt gave that was not aborted, and how many retries it took; None if all were aborted.

    An attempt is the whole transaction with the decision in it, and holds no connection when it has ended.
    """
    deadline = time.monotonic() + DEADLINE_S
    retries = 0
    while True:
        try:
            return await attempt(), retries
        except ABORTED:
            pause = random.uniform(0, min(CAP_S, BASE_S * 2**retries))
            if retries + 1 == ATTEMPTS or time.monotonic() + pause > deadline:
                return None, retries
        await asyncio.sleep(pause)
        retries += 1
