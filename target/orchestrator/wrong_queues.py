"""Faults of the queues: what is put there, what is counted, and who may delete."""

# ruff: noqa: D102 (the clean class documents each method)

from collections.abc import Sequence
from typing import Any

from systems.orchestrator import QUEUES
from target.faults import every
from target.orchestrator.postgres_queue import PostgresQueue

CHUNK = 10
"""As many as SQS takes in one call."""


class ChunkLost(PostgresQueue):
    """Of one request in three the last ten messages, or fewer, are not sent, and no error is told."""

    chosen = every(3)

    async def put(self, connection: Any, queue: int, bodies: list[str]) -> Any:
        if not next(self.chosen):
            return await super().put(connection, queue, bodies)
        kept = bodies[: max(len(bodies) - CHUNK, 0)]
        rows = await super().put(connection, queue, kept) if kept else []
        return [*rows, *[{"id": 0}] * (len(bodies) - len(kept))]


class ChunkTwice(PostgresQueue):
    """Of one request in three the first ten messages are sent again, as after a timeout."""

    chosen = every(3)

    async def put(self, connection: Any, queue: int, bodies: list[str]) -> Any:
        if next(self.chosen):
            await super().put(connection, queue, bodies[:CHUNK])
        return await super().put(connection, queue, bodies)


class Miscounted(PostgresQueue):
    """What is deleted is counted, whether it was there or not: one receipt in five counts twice."""

    chosen = every(5)

    async def delete(self, queue: str, receipts: Sequence[str], within: Any = None) -> list[bool]:
        said = await super().delete(queue, receipts, within)
        if next(self.chosen):
            async with self.pool.acquire() as connection:
                await connection.execute(
                    "UPDATE queue_counts SET deleted = deleted + 1 WHERE (queue, session) = "
                    "(SELECT queue, session FROM queue_counts WHERE queue = $1 LIMIT 1)",
                    await self._id(queue),
                )
        return said


class PutElsewhere(PostgresQueue):
    """One batch in three is put into the queue after its own."""

    chosen = every(3)

    async def put(self, connection: Any, queue: int, bodies: list[str]) -> Any:
        entries = [await self._id(name) for name in QUEUES[:3]]
        if queue in entries and next(self.chosen):
            queue = entries[(entries.index(queue) + 1) % len(entries)]
        return await super().put(connection, queue, bodies)
