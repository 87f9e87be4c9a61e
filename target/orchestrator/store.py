"""Events are recorded and enqueued together: an answer that says so is true, and an event that comes again is known."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import asyncpg

from systems.orchestrator import DEAD_LETTERS, cents
from target.database import Pooled
from target.orchestrator.intake import Routed
from target.orchestrator.queue import Queue, QueueError
from target.orchestrator.sqs_http import SqsError

STORE = """
INSERT INTO orchestrator_events
    (correlation_id, type, order_id, customer_tier, total_cents, queue, accepted_at, routed_at)
SELECT event.*, now(), clock_timestamp()
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[]) AS event
ON CONFLICT (correlation_id) DO NOTHING RETURNING correlation_id
"""
FORGET = "DELETE FROM orchestrator_events WHERE correlation_id = ANY($1)"

NEW, DUPLICATE = "", "duplicate"
WATCH_S = 0.5
LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, SqsError)

log = logging.getLogger(__name__)


class Store(Pooled):
    """Where accepted events are."""

    queue: Queue
    queued = 0
    """How many messages waited for services a moment ago."""

    async def watch(self, names: Sequence[str]) -> None:
        """Know time and again how much waits in these queues, until cancelled."""
        while True:
            try:
                self.queued = sum([(await self.queue.depth(name)).visible for name in names])
            except LOST as error:
                log.warning("how much waits is not known: %s", error or type(error).__name__)
            await asyncio.sleep(WATCH_S)

    async def accept(self, events: Sequence[Routed]) -> list[str]:
        """Record and enqueue events: of each NEW, DUPLICATE for one that is there already, or why it failed.

        All in one transaction, where the queue can: then it happens once and as a whole. Else messages are sent before
        the transaction ends, so that none is acknowledged that was not sent.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            new = {row["correlation_id"] for row in await connection.fetch(STORE, *columns(events))}
            said, fresh = [], list[Routed]()
            for event in events:
                fresh += [event] * (event.key in new)
                said.append(NEW if event.key in new else DUPLICATE)
                new.discard(event.key)  # the second of two alike in one request
            failed = await self.enqueue(connection, fresh)
            if failed:
                await connection.execute(FORGET, list(failed))
        return [failed.get(event.key, one) for event, one in zip(events, said, strict=True)]

    async def enqueue(self, connection: Any, events: Iterable[Routed]) -> Mapping[str, str]:
        """Send events to their queues; those that could not be sent, and why."""
        failed: dict[str, str] = {}
        for name, group in groupby(sorted(events, key=lambda event: event.queue), lambda event: event.queue):
            some = list(group)
            within = connection if self.queue.transactional else None
            results = await self.queue.send(name, [event.body for event in some], within)
            failed |= self.failures(some, results)
        return failed

    def failures(self, events: Sequence[Routed], results: Sequence[str | QueueError]) -> Mapping[str, str]:
        """Which of the entries the queue did not take."""
        pairs = zip(events, results, strict=True)
        return {event.key: result.why for event, result in pairs if isinstance(result, QueueError)}

    async def depths(self, names: Iterable[str]) -> dict[str, Any]:
        """How full each queue is."""
        found = {}
        for name in names:
            depth = await self.queue.depth(name)
            found[name] = {
                "depth": depth.visible,
                "inFlight": depth.in_flight,
                "oldestSeconds": round(depth.oldest_seconds, 3),
                "exact": depth.exact,
                "redelivered": round(depth.redelivered, 4),
                "deadLetters": name == DEAD_LETTERS,
            }
        return found


def columns(events: Sequence[Routed]) -> list[list[Any]]:
    """What is recorded of events, column by column."""
    return [
        [event.key for event in events],
        [event.type for event in events],
        [str(event.context.get("orderId", "")) for event in events],
        [str(event.context.get("customerTier", "")) for event in events],
        [total(event.context) for event in events],
        [event.queue for event in events],
    ]


def total(context: Mapping[str, Any]) -> int:
    """The total of an order in cents; 0 if it has none."""
    said = context.get("orderTotal")
    return cents(said) if isinstance(said, int | float) and abs(said) < 1e12 else 0
