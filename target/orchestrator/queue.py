"""A queue between services, behind five methods, whatever holds it: delivery is at least once, and unordered.

A message that is received is in flight: no other receiver gets it until its time is over. Then it comes again, and the
earlier receipt deletes nothing any more. What was received too often goes to the dead-letter queue.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec

RECEIVES = 20
"""How often a message is delivered at most; then it is a dead letter, whatever is the matter with it."""
TOO_OFTEN = "received {} times and never deleted"
"""The reason of a dead letter that no service gave one for."""


class QueueError(NamedTuple):
    """Why one entry of a call failed though others did not."""

    why: str


class Received(NamedTuple):
    """A message in flight."""

    body: str
    receipt: str
    attempt: int
    """The how manieth time it is delivered, from 1."""
    sent: datetime
    """When it was put there, by the clock of the queue."""


class Depth(NamedTuple):
    """How full a queue is."""

    visible: int
    in_flight: int
    oldest_seconds: float
    """For how long the oldest message has been waiting; 0: none is."""
    exact: bool
    """Whether these are counted, and no estimates."""
    redelivered: float = 0.0
    """Of the deliveries of messages that are deleted by now, the share beyond one each; 0 if they aren't counted."""


class Queue(Protocol):
    """What every queue can do. A name that no queue has yet makes one."""

    transactional: bool
    """Whether messages can be sent within the transaction that stores their effects."""

    async def send(self, queue: str, bodies: Sequence[str], within: Any = None) -> list[str | QueueError]:
        """Put messages there; of each its id, or why it failed. `within`: a connection in a transaction, if it can."""
        ...

    async def receive(self, queue: str, most: int, wait_s: float, visible_s: float) -> list[Received]:
        """Up to `most` messages, which are in flight for `visible_s` then; none if none came within `wait_s`."""
        ...

    async def delete(self, queue: str, receipts: Sequence[str], within: Any = None) -> list[bool]:
        """Their messages are done with; False for a receipt that is not the last of its message. `within`: see send."""
        ...

    async def depth(self, queue: str) -> Depth:
        """How full it is; cheap enough to be asked each second."""
        ...

    async def purge(self, queue: str) -> None:
        """Delete all of its messages."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


def dead_letter(body: str, queue: str, reason: str) -> str:
    """A message as it stands in the dead-letter queue."""
    said = {"queue": queue, "reason": reason, "body": body}
    return msgspec.json.encode(said).decode()
