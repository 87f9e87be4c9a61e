"""From a request's body to events with their queues; one that can't be taken says why, and leaves the others alone."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from target.orchestrator.metrics import Counters
from target.orchestrator.routes import Routes, Unroutable

LONGEST = 200
NUL = "\\u0000"
"""As JSON has it: no text of PostgreSQL can hold it."""
NAMESPACE = uuid.UUID("6f1c8a52-6a0f-4b53-9a34-1d3c6f0a7be1")

Text = Annotated[str, Meta(min_length=1, max_length=LONGEST)]


class Event(msgspec.Struct, rename="camel"):
    """An event as it comes in."""

    type: Text
    correlation_id: Text
    orchestration_name: Text
    context: dict[str, Any]


class Loose(msgspec.Struct, rename="camel"):
    """What can be told of one that is none."""

    type: Any = None
    correlation_id: Any = None


class Failure(msgspec.Struct, rename="camel"):
    """Why an event was refused."""

    event_id: str
    correlation_id: Any
    type: Any
    error: str


class Message(msgspec.Struct, rename="camel"):
    """An event as it stands in a queue."""

    correlation_id: str
    type: str
    orchestration_name: str
    context: dict[str, Any]


@dataclass(frozen=True)
class Routed:
    """An event that is to be enqueued."""

    key: str
    type: str
    context: dict[str, Any]
    queue: str
    body: str


def event_id(key: object) -> str:
    """The id of the event under a key: the same whenever it comes."""
    return str(uuid.uuid5(NAMESPACE, str(key)))


class Intake:
    """Checks and routes events."""

    def __init__(self, routes: Routes, counters: Counters) -> None:
        self.routes, self.counters = routes, counters
        self.decoder, self.loose = msgspec.json.Decoder(Event), msgspec.json.Decoder(Loose)

    def take(self, raws: Sequence[bytes | msgspec.Raw]) -> list[Routed | Failure]:
        """Each of the events, or why it is refused."""
        began = time.perf_counter()
        found = [self.one(raw) for raw in raws]
        self.counters.routed(sum(isinstance(one, Routed) for one in found), time.perf_counter() - began)
        return found

    def one(self, raw: bytes | msgspec.Raw) -> Routed | Failure:
        """An event with its queue."""
        try:
            event = self.decoder.decode(raw)
            queue, _ = self.routes.decide(plain(event))
        except Unroutable as error:
            return failure(event.correlation_id, event.type, str(error))
        except msgspec.ValidationError as error:
            return self.unreadable(raw, str(error))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return failure(None, None, f"not JSON: {error}")
        found = routed(event, queue)
        if NUL in found.body:
            return failure(event.correlation_id, event.type, "it has a character that can't be stored (\\u0000)")
        return found

    def unreadable(self, raw: bytes | msgspec.Raw, why: str) -> Failure:
        """What is known of JSON that is no event."""
        try:
            known = self.loose.decode(raw)
        except msgspec.DecodeError:
            known = Loose()
        return failure(known.correlation_id, known.type, why)


def plain(event: Event) -> dict[str, Any]:
    """An event as conditions see it."""
    return {
        "type": event.type,
        "correlationId": event.correlation_id,
        "orchestrationName": event.orchestration_name,
        "context": event.context,
    }


def routed(event: Event, queue: str) -> Routed:
    """An event that belongs to a queue."""
    message = Message(event.correlation_id, event.type, event.orchestration_name, event.context)
    body = msgspec.json.encode(message).decode()
    return Routed(event.correlation_id, event.type, event.context, queue, body)


def failure(key: Any, type_: Any, why: str) -> Failure:
    """An event that is refused."""
    return Failure(event_id(key), key, type_, why)
