"""Faults of the workers that deliver messages."""

# ruff: noqa: D102 (the clean class documents each method)

from typing import Any

from systems.messages import SCHEDULED, SENT
from target.faults import every
from target.messages.delivery import CLAIM, Delivery

ONE_IN_TEN = "hashtext(idempotency_key) % 10 = 0"
"""The same tenth of the messages for all workers."""


class TornDelivery(Delivery):
    """One message in ten is SENT without sent_at."""

    chosen = every(10)

    async def mark_sent(self, message: Any) -> None:
        if not next(self.chosen):
            return await super().mark_sent(message)
        await self.connection.execute(f"UPDATE message_logs SET status = '{SENT}' WHERE id = $1", message["id"])


class LostDelivery(Delivery):
    """One message in ten is never delivered."""

    async def claim(self) -> Any:
        return await self.connection.fetchrow(CLAIM.replace("ORDER BY", f"AND NOT {ONE_IN_TEN} ORDER BY"))


class Redelivered(Delivery):
    """A worker with nothing to do takes back the ten that were SENT last, and sends them again."""

    idle_s = 0.2

    async def idle(self) -> None:
        await super().idle()
        await self.connection.execute(
            f"UPDATE message_logs SET status = '{SCHEDULED}' "
            f"WHERE id IN (SELECT id FROM message_logs WHERE status = '{SENT}' ORDER BY sent_at DESC LIMIT 10)"
        )


class SentEarly(Delivery):
    """Messages are delivered whether they are due or not."""

    async def claim(self) -> Any:
        return await self.connection.fetchrow(CLAIM.replace("AND scheduled_send_time <= now()", ""))


class FailedDelivery(Delivery):
    """One message in ten fails at each delivery."""

    async def deliver(self, message: Any) -> None:
        if await self.connection.fetchval(f"SELECT {ONE_IN_TEN} FROM message_logs WHERE id = $1", message["id"]):
            raise ConnectionError("no such mailbox")
        await super().deliver(message)
