"""Faults of the services behind the queues."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from systems.orchestrator import DEAD_LETTERS, STEPS
from systems.orchestrator_routes import EXPRESS, INVENTORY_RESERVED, ORDER_VALIDATED, PAYMENT, PAYMENT_SUCCEEDED
from target.faults import every
from target.orchestrator.intake import Event, Message, routed
from target.orchestrator.queue import Received
from target.orchestrator.routes import Routes
from target.orchestrator.services import Service


class AcksBeforeWork(Service):
    """Messages are deleted before their work is done, and in one batch in five the service dies in between."""

    chosen = every(5)

    async def handle(self, queue: str, received: Sequence[Received]) -> None:
        if self.step != STEPS[2] or not next(self.chosen):
            return await super().handle(queue, received)
        await self.queue.delete(queue, [one.receipt for one in received])


class AcksFirst(Service):
    """The payment deletes messages before their work, which takes a third of a second: all is well unless it dies."""

    async def handle(self, queue: str, received: Sequence[Received]) -> None:
        if self.step == STEPS[2]:
            await self.queue.delete(queue, [one.receipt for one in received])
        await super().handle(queue, received)

    async def take_time(self) -> None:
        await super().take_time()
        if self.step == STEPS[2]:
            await asyncio.sleep(0.3)


class WorksTwice(Service):
    """What was done before is not looked up: a message that comes again is worked for again."""

    def undone(self) -> str:
        return "true"


class VisibilityShort(Service):
    """A message is in flight for a tenth of the time that its work takes."""

    receives = 3

    def __init__(self, work: str, routes: Routes, seconds: float, visible_s: float, unacked: float) -> None:
        super().__init__(work, routes, 0.3 if work == "fulfillment" else seconds, visible_s, unacked)
        self.visible_s = 0.03 if work == "fulfillment" else visible_s

    async def run(self) -> None:
        # As two processes: while one works, the other gets the same.
        await asyncio.gather(*(super(VisibilityShort, self).run() for _ in range(2 if self.step == STEPS[3] else 1)))


class PoisonBlocks(Service):
    """A batch with a message that can't be worked for is put back whole, time and again."""

    tries = receives = 30_000

    async def handle(self, queue: str, received: Sequence[Received]) -> None:
        for one in received:
            try:
                self.try_(self.decoder.decode(one.body))
            except Exception:
                return
        await super().handle(queue, received)


class DeadLetterDropped(Service):
    """What can't be worked for is deleted, and that is all."""

    async def bury(self, queue: str, one: Received, why: str) -> None:
        await self.delete(queue, [one])


class QueueUnserved(Service):
    """No service takes from the queue of the express orders."""

    def served(self) -> Sequence[str]:
        return [queue for queue in super().served() if queue != EXPRESS]


class TooSlow(Service):
    """The first service takes a second for each batch."""

    async def take_time(self) -> None:
        if self.step == STEPS[0]:
            await asyncio.sleep(1)


class AcksForgotten(Service):
    """Every second message is not deleted when it is first delivered: it comes again, and is known by then."""

    forgotten = every(2)

    def lets_go(self, one: Received) -> bool:
        return one.attempt == 1 and next(self.forgotten)


def some(key: str, share: int, of: int = 40) -> bool:
    """Whether an event is among one in `of`: the same whichever process asks; of no two shares is one event."""
    return crc32(key.encode()) % of == share


class OutOfOrder(Service):
    """One order in forty is paid before its stock is reserved."""

    after = {"validated": INVENTORY_RESERVED, "paid": ORDER_VALIDATED, "reserved": PAYMENT_SUCCEEDED}  # noqa: RUF012

    async def emit(self, messages: Sequence[Message], within: Any) -> None:
        swapped = [one for one in messages if some(one.correlation_id, 1)]
        await super().emit([one for one in messages if not some(one.correlation_id, 1)], within)
        if swapped and self.step in self.after:
            emits, self.emits = self.emits, self.after[self.step]
            try:
                await super().emit(swapped, within)
            finally:
                self.emits = emits


class StepSkipped(Service):
    """Of one order in forty no stock is reserved: it goes from validation to payment."""

    async def emit(self, messages: Sequence[Message], within: Any) -> None:
        skips = self.step == STEPS[0]
        await super().emit([one for one in messages if not (skips and some(one.correlation_id, 2))], within)
        for one in [one for one in messages if skips and some(one.correlation_id, 2)]:
            event = Event(INVENTORY_RESERVED, one.correlation_id, one.orchestration_name, one.context)
            await self.queue.send(PAYMENT, [routed(event, PAYMENT).body], within)


class AlteredLater(Service):
    """What one event in forty says of its customer is lost between the services."""

    async def emit(self, messages: Sequence[Message], within: Any) -> None:
        for one in messages:
            if self.step == STEPS[0] and some(one.correlation_id, 3):
                one.context = {**one.context, "customerId": ""}
        await super().emit(messages, within)


class DeadLetterTwice(Service):
    """A dead letter is sent twice."""

    async def bury(self, queue: str, one: Received, why: str) -> None:
        await super().bury(queue, one, why)
        await self.queue.send(DEAD_LETTERS, [self.letter(queue, one, why)])


class DeadLetterBare(Service):
    """In a dead letter its reason is missing."""

    def letter(self, queue: str, one: Received, why: str) -> str:
        return super().letter(queue, one, "")


class PoisonServed(Service):
    """What is buried goes on to the next service all the same."""

    async def bury(self, queue: str, one: Received, why: str) -> None:
        await super().bury(queue, one, why)
        await self.emit([self.decoder.decode(one.body)], None)
