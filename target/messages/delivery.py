"""A message that is due is delivered once, by one worker, and is SENT from the moment it was delivered."""

import asyncio
import contextlib
import signal
import sys
from typing import Any

import asyncpg

from systems.messages import FAILED, MAX_RETRIES, NOTIFY_CHANNEL, SCHEDULED, SENT
from target.database import settings
from target.faults import CLEAN, Fault
from target.ready import ready

# The row lock is the claim: it ends with the transaction, so a worker that dies gives its message back.
CLAIM = f"""
SELECT id, idempotency_key FROM message_logs
WHERE status = '{SCHEDULED}' AND scheduled_send_time <= now()
ORDER BY scheduled_send_time LIMIT 1 FOR UPDATE SKIP LOCKED
"""
MARK_SENT = f"UPDATE message_logs SET status = '{SENT}', sent_at = clock_timestamp() WHERE id = $1"
MARK_FAILED = f"""
UPDATE message_logs SET retry_count = retry_count + 1,
    status = CASE WHEN retry_count + 1 > {MAX_RETRIES} THEN '{FAILED}' ELSE '{SCHEDULED}' END
WHERE id = $1
"""
RECONNECT_S = 0.5
LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""How a lost connection, or a database without room, shows itself; the last one, where the connection is lost between
two statements of a transaction.
"""


class Delivery:
    """One worker at its one connection."""

    idle_s = 1.0
    """How long it waits for a notification before it checks by itself: one may be lost."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.stopping = False
        self.woken = asyncio.Event()
        self.connection: Any = None

    def stop(self) -> None:
        """Finish the message in hand, and take no other."""
        self.stopping = True
        self.woken.set()

    async def work(self, connection: Any) -> None:
        """Deliver what there is, and wait for more, until stopped or the connection is lost."""
        self.connection = connection
        await connection.add_listener(NOTIFY_CHANNEL, lambda *_: self.woken.set())
        ready()
        while not self.stopping:
            # Cleared before the check: what is scheduled during the check wakes us again.
            self.woken.clear()
            while not self.stopping and await self.one():
                pass
            if not self.stopping:
                await self.idle()

    async def one(self) -> bool:
        """Deliver one message; False if none is due."""
        async with self.connection.transaction():
            message = await self.claim()
            if message is None:
                return False
            try:
                await self.deliver(message)
            except Exception:
                await self.connection.execute(MARK_FAILED, message["id"])
            else:
                await self.mark_sent(message)
        return True

    async def claim(self) -> Any:
        """The oldest message that is due and not being delivered by another worker, or None."""
        return await self.connection.fetchrow(CLAIM)

    async def deliver(self, message: Any) -> None:
        """Stands for the e-mail that a real worker would send: takes its time, and may raise."""
        await asyncio.sleep(self.seconds)

    async def mark_sent(self, message: Any) -> None:
        """Status and moment, together."""
        await self.connection.execute(MARK_SENT, message["id"])

    async def idle(self) -> None:
        """Nothing is due: wait until there may be something."""
        await self.pause(self.idle_s)

    async def pause(self, seconds: float) -> None:
        """Wait `seconds`, or less if woken."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.woken.wait()


def deliver(url: str, number: int, seconds: float, fault: Fault = CLEAN) -> int:
    """Run delivery worker `number` until SIGTERM or SIGINT; each delivery takes `seconds`."""
    asyncio.run(_deliver(url, number, fault.part(Delivery)(seconds)))
    return 0


async def _deliver(url: str, number: int, delivery: Delivery) -> None:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, delivery.stop)
    name = f"proofload-delivery-{number}"
    while not delivery.stopping:
        try:
            connection = await asyncpg.connect(url, server_settings=settings(name))
            try:
                await delivery.work(connection)
            finally:
                await connection.close()
        except LOST as error:
            print(f"{name}: no database ({error}); again in {RECONNECT_S} s", file=sys.stderr)
            if not delivery.stopping:
                delivery.woken.clear()
                await delivery.pause(RECONNECT_S)
