"""Faults that nothing shows as long as all goes well: what a process does that starts beside earlier work."""

# ruff: noqa: D102 (the clean class documents each method)

from datetime import datetime
from typing import Any

from systems.messages import SCHEDULED, SENT
from target.messages.api import Duplicate, Message, Store
from target.messages.delivery import Delivery
from target.messages.wrong_stores import Outcome

LAST_STORED = "DELETE FROM message_logs WHERE id IN (SELECT id FROM message_logs ORDER BY created_at DESC LIMIT 10)"
LAST_SENT = f"""
UPDATE message_logs SET status = '{SCHEDULED}'
WHERE id IN (SELECT id FROM message_logs WHERE status = '{SENT}' ORDER BY sent_at DESC LIMIT 10)
"""


class LostAtRestart(Store):
    """An API that starts takes the last ten messages for half written, and deletes them."""

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        await self.pool.execute(LAST_STORED)


class KeyForgottenAtRestart(Store):
    """A key that was used before the API was started is taken for a new one, and its first message for a stray."""

    since: datetime

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        self.since = await self.pool.fetchval("SELECT clock_timestamp()")

    async def accept(self, message: Message) -> Outcome:
        outcome = await super().accept(message)
        forgotten = isinstance(outcome, Duplicate) and await self.pool.fetchval(
            "DELETE FROM message_logs WHERE id = $1 AND created_at < $2 RETURNING true", outcome.message_id, self.since
        )
        return await super().accept(message) if forgotten else outcome


class RedeliveredAtRestart(Delivery):
    """A worker that starts takes the last ten messages for unsent, and sends them again."""

    async def work(self, connection: Any) -> None:
        await connection.execute(LAST_SENT)
        await super().work(connection)
