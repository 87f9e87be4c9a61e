"""A queue in PostgreSQL: rows that are leased by SKIP LOCKED until a time, and deleted by the receipt of the lease.

How many went in and out is counted by each session in a row of its own, in the transaction that does it, so that the
depth is a sum of few rows and never a count of the messages.

The table has one index. A lease finds its rows by it once and then goes by where they lie; the receipt says where the
lease has put the row, so that it is deleted without the index. A row that was leased again lies elsewhere, and what may
lie in its place by then is another message, or the same at another attempt.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from target.orchestrator.queue import RECEIVES, TOO_OFTEN, Depth, QueueError, Received, dead_letter

POLL_S = (0.01, 0.1)
"""How long it waits between two looks at an empty queue: at first, and at most."""
LOOK_S, LATE, NEVER = 1.0, timedelta(seconds=0.2), datetime(2000, 1, 1, tzinfo=UTC)
"""Before the first message lie those that are deleted and not vacuumed yet, and a lease would read all of them. So it
begins a little before those that were the first, and once in so many seconds at the very beginning: there may be one
whose sender took long, or was not deleted by one that had locked it.
"""
MOST_COUNTED = 10_000
"""Messages in flight are counted up to here."""
_ATTEMPTS = 1 << 16
"""A message and its attempt are one number: its id times so many, and the attempt."""

NAMED = "SELECT id FROM queues WHERE name = $1"
NAME = "INSERT INTO queues (name) VALUES ($1) ON CONFLICT (name) DO NOTHING"

# One statement for what is done and its count: a round trip less for each.
COUNTED = """
WITH done AS ({done}), counted AS (
    INSERT INTO queue_counts (queue, session, {columns})
    SELECT $1, pg_backend_pid(), {values} FROM done HAVING count(*) > 0
    ON CONFLICT (queue, session) DO UPDATE SET {adding}
)
SELECT id FROM done
"""
DELETED = {
    "columns": "deleted, received",
    "values": "count(*), sum(attempts)",
    "adding": "deleted = queue_counts.deleted + excluded.deleted, received = queue_counts.received + excluded.received",
}
SEND = COUNTED.format(
    done="INSERT INTO queue_messages (queue, body) SELECT $1, body FROM unnest($2::text[]) AS body RETURNING id",
    columns="sent",
    values="count(*)",
    adding="sent = queue_counts.sent + excluded.sent",
)
# By arrays, and not by joins: a plan that is made while the table is empty would read all of it when it is full.
LEASE = """
UPDATE queue_messages SET visible_at = clock_timestamp() + $3 * interval '1 second', attempts = attempts + 1
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM queue_messages WHERE queue = $1 AND visible_at BETWEEN $4 AND statement_timestamp()
    ORDER BY visible_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
)) RETURNING ctid, id, attempts, sent_at, body
"""
DELETE = COUNTED.format(
    done="DELETE FROM queue_messages WHERE ctid = ANY($2::tid[]) AND queue = $1 "
    f"AND id * {_ATTEMPTS} + attempts = ($3::bigint[])[array_position($2, ctid)] RETURNING id, attempts",
    **DELETED,
)
# What is in flight is at the end of the index, and no more than all services have in hand; the oldest at its beginning.
DEPTH = f"""
SELECT
    (SELECT coalesce(sum(sent - deleted), 0)::bigint FROM queue_counts WHERE queue = $1),
    (SELECT count(*) FROM (
        SELECT FROM queue_messages WHERE queue = $1 AND visible_at > statement_timestamp() LIMIT {MOST_COUNTED}
    ) AS flying),
    (SELECT extract(epoch FROM clock_timestamp() - sent_at)::float8 FROM queue_messages
        WHERE queue = $1 AND visible_at <= statement_timestamp() ORDER BY visible_at, id LIMIT 1),
    (SELECT coalesce(1 - sum(deleted)::float8 / nullif(sum(received), 0), 0) FROM queue_counts WHERE queue = $1)
"""
PURGE = COUNTED.format(done="DELETE FROM queue_messages WHERE queue = $1 RETURNING id, attempts", **DELETED)


class PostgresQueue:
    """All queues in a database."""

    transactional = True

    def __init__(self, pool: Any, dead_letters: str = "", tries: int = RECEIVES, most_bytes: int = 1 << 18) -> None:
        """`pool` of connections (asyncpg). `dead_letters`: the queue for what was received `tries` times; "": none."""
        self.pool, self.dead_letters, self.tries, self.most_bytes = pool, dead_letters, tries, most_bytes
        self._ids: dict[str, int] = {}
        self._begins: dict[int, tuple[datetime, float]] = {}
        """Of each queue from when on a lease looks, and when one looked at all of it."""

    async def know(self, queues: Iterable[str]) -> None:
        """Have the ids of these queues: later one who has a connection would wait for another to ask for them."""
        for queue in queues:
            await self._id(queue)

    async def _id(self, queue: str) -> int:
        if queue not in self._ids:
            # Outside of any transaction of the caller: others must see it at once.
            await self.pool.execute(NAME, queue)
            self._ids[queue] = await self.pool.fetchval(NAMED, queue)
        return self._ids[queue]

    async def send(self, queue: str, bodies: Sequence[str], within: Any = None) -> list[str | QueueError]:
        """Put messages there: all that are not too long, or none."""
        number = await self._id(queue)
        short = [body for body in bodies if len(body) <= self.most_bytes and len(body.encode()) <= self.most_bytes]
        ids = iter(())
        if short:
            ids = iter(await self.put(within or self.pool, number, short))
        kept = set(map(id, short))
        return [
            str(next(ids)["id"]) if id(body) in kept else QueueError(f"longer than {self.most_bytes} bytes")
            for body in bodies
        ]

    async def put(self, connection: Any, queue: int, bodies: list[str]) -> Any:
        """The rows of these messages, and how many there are."""
        return await connection.fetch(SEND, queue, bodies)

    async def receive(self, queue: str, most: int, wait_s: float, visible_s: float) -> list[Received]:
        """Up to `most` messages that are visible."""
        number, until, pause = await self._id(queue), time.monotonic() + wait_s, POLL_S[0]
        while True:
            rows = await self.lease(number, most, visible_s)
            if rows and self.dead_letters not in ("", queue) and any(row["attempts"] > self.tries for row in rows):
                await self._bury(queue, number, [row for row in rows if row["attempts"] > self.tries])
                rows = [row for row in rows if row["attempts"] <= self.tries]
            if rows or time.monotonic() >= until:
                return [
                    Received(body, f"{block}:{line}:{_leased(id_, attempts)}", attempts, sent)
                    for (block, line), id_, attempts, sent, body in rows
                ]
            await asyncio.sleep(min(pause, max(until - time.monotonic(), 0)))
            pause = min(pause * 2, POLL_S[1])

    async def lease(self, queue: int, most: int, visible_s: float) -> Any:
        """The rows of up to `most` messages, which are in flight from now on."""
        begin, looked = self._begins.get(queue, (NEVER, -LOOK_S))
        if (now := time.monotonic()) - looked >= LOOK_S:
            begin, looked = NEVER, now
        rows = await self.pool.fetch(LEASE, queue, most, visible_s, begin)
        if rows:
            # They are the first that are visible: none was, when it was sent, before the oldest of them.
            self._begins[queue] = min(row["sent_at"] for row in rows) - LATE, looked
        elif begin is NEVER:
            self._begins.pop(queue, None)
        return rows

    async def _bury(self, queue: str, number: int, worn: Sequence[Any]) -> None:
        dead = await self._id(self.dead_letters)
        async with self.pool.acquire() as connection, connection.transaction():
            places = [row["ctid"] for row in worn]
            leases = [_leased(row["id"], row["attempts"]) for row in worn]
            gone = {row["id"] for row in await connection.fetch(DELETE, number, places, leases)}
            letters = [
                dead_letter(row["body"], queue, TOO_OFTEN.format(row["attempts"] - 1))
                for row in worn
                if row["id"] in gone
            ]
            if letters:
                await self.put(connection, dead, letters)

    async def delete(self, queue: str, receipts: Sequence[str], within: Any = None) -> list[bool]:
        """Their messages are done with, each if it is its last receipt."""
        if not receipts:
            return []
        # Where each lies, and its lease. They are locked in the order in which they lie: two that delete the same wait
        # for each other, and never crosswise.
        parts = [(int(block), int(line), int(lease)) for block, line, lease in map(_parts, receipts)]
        places, leases = [(block, line) for block, line, _ in parts], [lease for _, _, lease in parts]
        rows = await (within or self.pool).fetch(DELETE, await self._id(queue), places, leases)
        if len(rows) == len(receipts):  # nearly always
            return [True] * len(rows)
        gone = {row["id"] for row in rows}
        return [lease // _ATTEMPTS in gone for lease in leases]

    async def depth(self, queue: str) -> Depth:
        """How full it is: by what went in and out."""
        there, flying, oldest, again = await self.pool.fetchrow(DEPTH, await self._id(queue))
        return Depth(max(there - flying, 0), flying, max(oldest or 0.0, 0.0), flying < MOST_COUNTED, again)

    async def purge(self, queue: str) -> None:
        """Delete all of its messages."""
        await self.pool.execute(PURGE, await self._id(queue))

    async def close(self) -> None:
        """The pool is its owner's."""


def _leased(id_: int, attempts: int) -> int:
    """What stands for one lease of a message."""
    return id_ * _ATTEMPTS + attempts


def _parts(receipt: str) -> list[str]:
    return receipt.split(":")
