"""Services: each takes events from its queues, does its work once, and emits the next event, until all is done.

Delivery is at least once. The work of a message and what it emits are one transaction, where the queue can; a message
is deleted after that, by its receipt, so that a service that dies in between does nothing twice and loses nothing.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from systems.orchestrator import DEAD_LETTERS, REASON, STEPS, UNKNOWN_SKU, WORK
from target.database import Pooled
from target.faults import CLEAN, Fault
from target.orchestrator import connect, digests
from target.orchestrator.intake import Event, Message, plain, routed
from target.orchestrator.queue import RECEIVES, Queue, Received, dead_letter
from target.orchestrator.routes import Routes
from target.orchestrator.sqs_http import SqsError
from target.ready import ready

MOST = 250
"""So many messages are taken at a time, …"""
LANES = 2
"""While one waits for the database, another works. As many connections are there as are needed at once."""
IDLE_S = (0.02, 0.2)
"""How long a service waits if its queues are empty: at first, and at most."""
AGAIN_S = 0.5
TRIES = 3
"""How often the work of a message is tried; then it is a dead letter with its reason."""
SETTINGS = {"visible_s": 10.0, "unacked": 0.0}
"""What `--set` can say: for how many seconds a message is in flight; and that one in so many is left undeleted when it
is first delivered, as if the connection broke then, so that it comes again. 0: none.
"""
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, SqsError)

# One number tells in which order the services did their work, and no clock that may be set: each puts its place behind
# those that are there.
DONE = "{step} = {step} + 1, course = course % 1000000 * 10 + {place}"
# What only one service can tell: the first what came, and when it was put into the queue; the last what came to it.
FIRST = """, taken_from = $4, consumed_at = clock_timestamp(), (digest, enqueued_at) = (
    SELECT ($2::bigint[])[place], ($3::timestamptz[])[place]
    FROM array_position($1::text[], correlation_id) AS place
)"""
LAST = ", completed_at = clock_timestamp(), last_digest = ($2::bigint[])[array_position($1::text[], correlation_id)]"
RECORD = """
UPDATE orchestrator_events SET {done}{more} WHERE correlation_id = ANY($1) AND {undone} RETURNING correlation_id
"""
KNOWN = "SELECT correlation_id FROM orchestrator_events WHERE correlation_id = ANY($1)"
DEAD = "UPDATE orchestrator_events SET dead_reason = $2 WHERE correlation_id = $1"


class Taken(Message):
    """A message as a service has it."""

    sent: datetime | None = None
    """When it was put into the queue, by the queue's clock."""


class WorkError(Exception):
    """A message that the service can't do its work for; `str` says why."""


class Service(Pooled):
    """One process of a service."""

    tries = TRIES
    receives = RECEIVES
    queue: Queue

    def __init__(self, work: str, routes: Routes, seconds: float, visible_s: float, unacked: float) -> None:
        """`seconds`: how long the work of a batch takes; the rest are SETTINGS."""
        self.queues, self.step, self.emits = WORK[work]
        self.work_name, self.routes, self.seconds, self.visible_s = work, routes, seconds, visible_s
        self.unacked, self.acked = int(unacked), 0
        self.decoder = msgspec.json.Decoder(Taken)
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve each of its queues, by some lanes at once, until stopped."""
        await asyncio.gather(*(self.serve(queue) for queue in self.served() for _ in range(LANES)))

    async def serve(self, queue: str) -> None:
        """Take what there is, and wait for more."""
        pause = IDLE_S[0]
        while not self.stopping.is_set():
            try:
                took = await self.turn(queue)
            except LOST as error:
                print(f"{self.work_name}: {error or type(error).__name__}; again in {AGAIN_S} s", file=sys.stderr)
                await self.wait(AGAIN_S)
                continue
            pause = IDLE_S[0] if took else min(pause * 2, IDLE_S[1])
            if not took:
                await self.wait(pause)

    def served(self) -> Sequence[str]:
        """The queues that it takes from."""
        return self.queues

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until it is to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()

    async def turn(self, queue: str) -> bool:
        """Do the work of some messages of a queue; False if there were none."""
        received = await self.queue.receive(queue, MOST, 0, self.visible_s)
        if received:
            await self.handle(queue, received)
        return bool(received)

    async def handle(self, queue: str, received: Sequence[Received]) -> None:
        """Do the work of messages, and delete those that are done with."""
        good, bad = list[tuple[Received, Taken]](), list[tuple[Received, str]]()
        for one in received:
            try:
                message = self.decoder.decode(one.body)
                message.sent = one.sent
                self.try_(message)
                good.append((one, message))
            except (msgspec.DecodeError, WorkError) as error:
                bad.append((one, f"{self.work_name}: {error}"))
        await self.take_time()
        known = await self.finish(queue, [message for _, message in good]) if good else set()
        done = [one for one, message in good if message.correlation_id in known]
        await self.delete(queue, [one for one in done if not self.lets_go(one)])
        for one, why in bad:
            if one.attempt >= self.tries:
                await self.bury(queue, one, why)

    def try_(self, message: Message) -> None:
        """WorkError if the work of this message can't be done."""
        items = message.context.get("items") if self.step == STEPS[1] else None
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict) and item.get("sku") == UNKNOWN_SKU:
                raise WorkError(f"{REASON} {UNKNOWN_SKU}")

    async def take_time(self) -> None:
        """Stands for what a real service would do meanwhile."""
        if self.seconds:
            await asyncio.sleep(self.seconds)

    def lets_go(self, one: Received) -> bool:
        """Whether this message is left undeleted."""
        if not self.unacked or one.attempt > 1:
            return False
        self.acked += 1
        return self.acked % self.unacked == 0

    async def finish(self, queue: str, messages: Sequence[Taken]) -> set[str]:
        """Record the work, each once, and emit what follows; the keys of events that are done, now or before."""
        async with self.pool.acquire() as connection, connection.transaction():
            fresh = await self.record(connection, queue, messages)
            keys = {message.correlation_id for message in messages}
            known = fresh
            if before := list(keys - fresh):
                known = known | {row["correlation_id"] for row in await connection.fetch(KNOWN, before)}
            if self.queue.transactional:
                await self.emit([one for one in messages if one.correlation_id in fresh], connection)
        if not self.queue.transactional:
            # It may have died here before: what was done then has to be emitted all the same.
            await self.emit([one for one in messages if one.correlation_id in known], None)
        return known

    async def record(self, connection: Any, queue: str, messages: Sequence[Taken]) -> set[str]:
        """Do the work of those whose work is not done; their keys."""
        # In order: two that update the same wait for each other, and never crosswise.
        ordered = sorted({message.correlation_id: message for message in messages}.items())
        values: list[Any] = [[key for key, _ in ordered]]
        more = ""
        if self.step in (STEPS[0], STEPS[-1]):
            values.append([self.digest(message) for _, message in ordered])
            more = LAST
        if self.step == STEPS[0]:
            values += [[message.sent for _, message in ordered], queue]
            more = FIRST
        done = DONE.format(step=self.step, place=STEPS.index(self.step) + 1)
        rows = await connection.fetch(RECORD.format(done=done, more=more, undone=self.undone()), *values)
        return {row["correlation_id"] for row in rows}

    def undone(self) -> str:
        """SQL: whether the work of an event is still to be done."""
        return f"{self.step} = 0"

    def digest(self, message: Message) -> int:
        """What stands for the context that came."""
        return digests.of(message.context)

    async def emit(self, messages: Sequence[Message], within: Any) -> None:
        """Send the next event of each of these to its queue, and one of an order that comes twice once."""
        if not self.emits:
            return
        bodies: dict[str, dict[str, str]] = {}
        for message in messages:
            event = Event(self.emits, message.correlation_id, message.orchestration_name, message.context)
            target, _ = self.routes.decide(plain(event))
            bodies.setdefault(target, {})[message.correlation_id] = routed(event, target).body
        for target, some in bodies.items():
            await self.queue.send(target, list(some.values()), within)

    async def delete(self, queue: str, done: Sequence[Received]) -> None:
        """Messages are done with."""
        if done:
            await self.queue.delete(queue, [one.receipt for one in done])

    async def bury(self, queue: str, one: Received, why: str) -> None:
        """Make a message a dead letter, with its reason, and record that of its event."""
        letter = self.letter(queue, one, why)
        async with self.pool.acquire() as connection, connection.transaction():
            within = connection if self.queue.transactional else None
            # By its receipt, and in one transaction where the queue can: it may have come again meanwhile, and then is
            # buried by who has it now.
            if within and await self.queue.delete(queue, [one.receipt], within) != [True]:
                return
            with suppress(msgspec.DecodeError):  # then it is no event of ours
                await connection.execute(DEAD, self.decoder.decode(one.body).correlation_id, why)
            await self.queue.send(DEAD_LETTERS, [letter], within)
        if not within:
            await self.delete(queue, [one])

    def letter(self, queue: str, one: Received, why: str) -> str:
        """The message as a dead letter."""
        return dead_letter(one.body, queue, why)


def deliver(
    url: str,
    number: int,
    seconds: float,
    fault: Fault = CLEAN,
    work: str = "all",
    visible_s: float = SETTINGS["visible_s"],
    unacked: float = SETTINGS["unacked"],
) -> int:
    """Run process `number` of the service `work` until SIGTERM or SIGINT; `all`: one of each, in one process."""
    names = list(WORK) if work == "all" else [work]
    routes = fault.part(Routes)()
    services = [fault.part(Service)(name, routes, seconds, visible_s, unacked) for name in names]
    asyncio.run(_deliver(url, number, services, fault))
    return 0


async def _deliver(url: str, number: int, services: Sequence[Service], fault: Fault) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for one in services:
            one.stopping.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    for one in services:
        await one.open(url, LANES * len(one.queues), application_name=f"proofload-{one.work_name}-{number}")
        one.queue = await connect.queue(one.pool, fault, one.receives)
    ready()
    try:
        await asyncio.gather(*(one.run() for one in services))
    finally:
        for one in services:
            await one.queue.close()
            await one.close()
