"""A queue in the memory of one process: what a queue can do at best, and what tests run on."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from target.orchestrator.queue import RECEIVES, TOO_OFTEN, Depth, QueueError, Received, dead_letter

POLL_S = 0.005


@dataclass
class Message:
    """A message that is there."""

    body: str
    sent: float
    visible: float
    attempts: int = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Held:
    """The messages of a queue, and the times at which each becomes visible."""

    messages: dict[int, Message] = field(default_factory=dict)
    due: list[tuple[float, int]] = field(default_factory=list)


class MemoryQueue:
    """All queues of this process."""

    transactional = False

    def __init__(self, dead_letters: str = "", tries: int = RECEIVES, most_bytes: int = 1 << 18) -> None:
        """`dead_letters`: the queue for what was received `tries` times; "": there is none."""
        self.dead_letters, self.tries, self.most_bytes = dead_letters, tries, most_bytes
        self.queues: dict[str, Held] = {}
        self.ids = itertools.count(1)

    def _of(self, queue: str) -> Held:
        return self.queues.setdefault(queue, Held())

    async def send(self, queue: str, bodies: Sequence[str], within: Any = None) -> list[str | QueueError]:
        """Put messages there."""
        held, now = self._of(queue), time.monotonic()
        said: list[str | QueueError] = []
        for body in bodies:
            if len(body.encode()) > self.most_bytes:
                said.append(QueueError(f"longer than {self.most_bytes} bytes"))
                continue
            number = next(self.ids)
            held.messages[number] = Message(body, now, now)
            heapq.heappush(held.due, (now, number))
            said.append(str(number))
        return said

    async def receive(self, queue: str, most: int, wait_s: float, visible_s: float) -> list[Received]:
        """Up to `most` messages that are visible."""
        until = time.monotonic() + wait_s
        while not (found := await self._take(queue, most, visible_s)) and time.monotonic() < until:
            await asyncio.sleep(POLL_S)
        return found

    async def _take(self, queue: str, most: int, visible_s: float) -> list[Received]:
        held, now = self._of(queue), time.monotonic()
        found: list[Received] = []
        while held.due and held.due[0][0] <= now and len(found) < most:
            visible, number = heapq.heappop(held.due)
            message = held.messages.get(number)
            if message is None or message.visible != visible:
                continue  # deleted, or in flight until later
            if message.attempts >= self.tries and self.dead_letters not in ("", queue):
                del held.messages[number]
                await self.bury(queue, message.body, message.attempts)
                continue
            message.attempts += 1
            message.visible = now + visible_s
            heapq.heappush(held.due, (message.visible, number))
            found.append(Received(message.body, f"{number}:{message.attempts}", message.attempts, message.at))
        return found

    async def bury(self, queue: str, body: str, attempts: int) -> None:
        """Make a message that was received so often a dead letter."""
        await self.send(self.dead_letters, [dead_letter(body, queue, TOO_OFTEN.format(attempts))])

    async def delete(self, queue: str, receipts: Sequence[str], within: Any = None) -> list[bool]:
        """Their messages are done with."""
        held = self._of(queue)
        said = []
        for receipt in receipts:
            number, _, attempt = receipt.partition(":")
            message = held.messages.get(int(number))
            right = message is not None and str(message.attempts) == attempt
            if right:
                del held.messages[int(number)]
            said.append(right)
        return said

    async def depth(self, queue: str) -> Depth:
        """How full it is."""
        now = time.monotonic()
        waiting = [one for one in self._of(queue).messages.values() if one.visible <= now]
        oldest = max((now - one.sent for one in waiting), default=0.0)
        return Depth(len(waiting), len(self._of(queue).messages) - len(waiting), oldest, True)

    async def purge(self, queue: str) -> None:
        """Delete all of its messages."""
        self.queues[queue] = Held()

    async def close(self) -> None:
        """There is nothing to give back."""
