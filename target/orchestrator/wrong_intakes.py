"""Faults of what is accepted, and of where it is routed."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from target.faults import every
from target.orchestrator.api import Api
from target.orchestrator.expressions import Event as Plain
from target.orchestrator.intake import Event, Failure, Intake, Routed, failure, routed
from target.orchestrator.queue import QueueError
from target.orchestrator.routes import Branch, Routes
from target.orchestrator.store import NEW, Store


class AckedFirst(Store):
    """One request in four is acknowledged at once, and stored and enqueued half a second later."""

    chosen = every(4)
    later: set[Any] = set()  # noqa: RUF012 (a task that is not kept is collected)

    async def accept(self, events: Sequence[Routed]) -> list[str]:
        if not next(self.chosen):
            return await super().accept(events)

        async def afterwards() -> None:
            await asyncio.sleep(0.5)
            await Store.accept(self, events)

        self.later.add(asyncio.create_task(afterwards()))
        return [NEW] * len(events)


class FailedIgnored(Store):
    """What the queue says of entries that it did not take is not read: they are acknowledged."""

    def failures(self, events: Sequence[Routed], results: Sequence[str | QueueError]) -> Mapping[str, str]:
        return {}


class WrongPriority(Routes):
    """Of the conditions that are true the one with the lowest priority wins."""

    def ordered(self, branches: Sequence[Branch]) -> tuple[Branch, ...]:
        return tuple(reversed(super().ordered(branches)))


class DefaultAlways(Routes):
    """Conditions are not asked: the default target takes all."""

    def decide(self, event: Plain) -> tuple[str, str]:
        super().decide(event)
        return self.orchestrations[event["orchestrationName"]][event["type"]].default, ""


class ReloadLoses(Api):
    """What comes in right after the routes were read again is acknowledged, and goes nowhere: two requests."""

    losing = 0

    async def renew(self) -> None:
        await super().renew()
        self.losing = 2

    async def take(self, raws: Sequence[bytes | msgspec.Raw]) -> tuple[Sequence[Any], list[str | Failure]]:
        if not self.losing:
            return await super().take(raws)
        self.losing -= 1
        events = self.intake.take(raws)
        return events, [event if isinstance(event, Failure) else NEW for event in events]


class GoodRefused(Intake):
    """One event in two hundred is refused, whatever it is."""

    chosen = every(200)

    def one(self, raw: bytes | msgspec.Raw) -> Routed | Failure:
        found = super().one(raw)
        refuses = isinstance(found, Routed) and next(self.chosen)
        return failure(found.key, found.type, "not today") if refuses and isinstance(found, Routed) else found


class Altered(Intake):
    """Of one event in fifty the last item is not passed on."""

    chosen = every(50)

    def one(self, raw: bytes | msgspec.Raw) -> Routed | Failure:
        found = super().one(raw)
        if not isinstance(found, Routed) or not next(self.chosen):
            return found
        event = Event(
            found.type, found.key, "order-processing", {**found.context, "items": found.context["items"][:-1]}
        )
        return routed(event, found.queue)


class RecordedOtherwise(Store):
    """One event in fifty is recorded as a cent more."""

    chosen = every(50)

    async def accept(self, events: Sequence[Routed]) -> list[str]:
        wrong = [self.dearer(event) if next(self.chosen) else event for event in events]
        return await super().accept(wrong)

    def dearer(self, event: Routed) -> Routed:
        total = event.context["orderTotal"]
        return Routed(event.key, event.type, {**event.context, "orderTotal": total + 0.01}, event.queue, event.body)


class Invented(Store):
    """With one request in ten comes an event that no client sent."""

    chosen = every(10)

    async def accept(self, events: Sequence[Routed]) -> list[str]:
        if next(self.chosen):
            one = events[0]
            await super().accept([Routed(f"invented-{uuid.uuid4()}", one.type, one.context, one.queue, one.body)])
        return await super().accept(events)


class EnqueuedLater(Store):
    """One request in four is recorded and acknowledged, and enqueued half a second later."""

    delayed = every(4)
    later: set[Any] = set()  # noqa: RUF012 (a task that is not kept is collected)

    async def enqueue(self, connection: Any, events: Iterable[Routed]) -> Mapping[str, str]:
        if not next(self.delayed):
            return await super().enqueue(connection, events)
        kept = list(events)

        async def afterwards() -> None:
            await asyncio.sleep(0.5)
            async with self.pool.acquire() as later, later.transaction():
                await Store.enqueue(self, later, kept)

        self.later.add(asyncio.create_task(afterwards()))
        return {}


class StoredTwice(Store):
    """With one request in ten its first event is taken once more, under its key without the place in the request."""

    doubled = every(10)

    async def accept(self, events: Sequence[Routed]) -> list[str]:
        one = events[0]
        if next(self.doubled) and one.key.endswith(".0000"):
            await super().accept([replace(one, key=one.key[:-5], body=one.body.replace(one.key, one.key[:-5]))])
        return await super().accept(events)


class RuleIgnored(Routes):
    """The rule with the highest priority is not asked: one that is right for all but the dear orders."""

    def ordered(self, branches: Sequence[Branch]) -> tuple[Branch, ...]:
        return super().ordered(branches)[1:]
