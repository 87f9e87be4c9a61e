"""Events come in, one or many at a time; each is enqueued where the routes say, before the answer says so."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from systems.orchestrator import DEAD_LETTERS, QUEUES
from target.faults import CLEAN, Fault
from target.http import MAX_BODY, BodyError, Health, answer, application, read, refuse
from target.orchestrator import connect
from target.orchestrator.intake import Event, Failure, Intake, Routed, event_id, failure, plain
from target.orchestrator.metrics import FAILED, GENERATION, PROCESSED, ROUTED, SHED, Counters, Metrics, total
from target.orchestrator.routes import Routes, RoutesError, Unroutable
from target.orchestrator.store import DUPLICATE, Store

PATH = "/api/orchestrator"
SERVED = tuple(name for name in QUEUES if name != DEAD_LETTERS)
MOST_EVENTS = 1_000
"""So many events a request may have, …"""
SETTINGS = {"most_requests": 256.0, "most_queued": 50_000.0}
"""What `--set` can say: so many requests may be under way in a process, and so many messages may wait for services;
what comes then is shed."""


class Bulk(msgspec.Struct):
    """The body of a request with many events; each is looked at by itself."""

    events: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MOST_EVENTS)]


class Api:
    """What becomes of requests, as HTTP says it."""

    def __init__(
        self,
        store: Store,
        routes: Routes,
        intake: Intake,
        counters: Counters,
        most_requests: float,
        most_queued: float,
    ) -> None:
        self.store, self.routes, self.intake, self.counters = store, routes, intake, counters
        self.most_requests, self.most_queued, self.under_way = most_requests, most_queued, 0
        self.bulks, self.events = msgspec.json.Decoder(Bulk), msgspec.json.Decoder(Event)
        self.generation = total(GENERATION)

    async def single(self, request: Request) -> Response:
        """POST /events: one event."""
        raw = await read(request, msgspec.json.Decoder(msgspec.Raw))
        async with self.admitted() as admitted:
            if not admitted:
                return self.shed()
            (event,), (said,) = await self.take([raw])
        if isinstance(said, Failure):
            return refuse(400, "invalid_event", said.error)
        status = "DUPLICATE" if said == DUPLICATE else "ACCEPTED"
        return _json({"eventId": event_id(event.key), "status": status, "correlationId": event.key}, 202)

    async def bulk(self, request: Request) -> Response:
        """POST /events/bulk: a list of events."""
        return await self.many((await read(request, self.bulks)).events)

    async def ndjson(self, request: Request) -> Response:
        """POST /events/bulk-ndjson: an event a line."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise BodyError(refuse(413, "body_too_large", f"the body is longer than {MAX_BODY} bytes"))
        lines = [line for line in body.split(b"\n") if line.strip()]
        if not 1 <= len(lines) <= MOST_EVENTS:
            return refuse(400, "invalid_request", f"{len(lines)} lines: expected 1 to {MOST_EVENTS} events")
        return await self.many(lines)

    async def many(self, raws: Sequence[bytes | msgspec.Raw]) -> Response:
        """The answer to many events: how many were taken, and why the others were not."""
        began = time.perf_counter()
        async with self.admitted() as admitted:
            if not admitted:
                return self.shed()
            _, said = await self.take(raws)
        failures = [one for one in said if isinstance(one, Failure)]
        return _json(
            {
                "total": len(said),
                "successful": len(said) - len(failures),
                "failed": len(failures),
                "duplicates": said.count(DUPLICATE),
                "failures": failures,
                "durationMs": round((time.perf_counter() - began) * 1e3, 3),
            },
            202,
        )

    async def take(self, raws: Sequence[bytes | msgspec.Raw]) -> tuple[Sequence[Any], list[str | Failure]]:
        """The events, and what became of each: NEW, DUPLICATE, or why it was refused."""
        self.up_to_date()
        events = self.intake.take(raws)
        taken = [event for event in events if isinstance(event, Routed)]
        results = iter(await self.store.accept(taken) if taken else [])
        said: list[str | Failure] = []
        for event in events:
            if isinstance(event, Failure):
                said.append(event)
                continue
            result = next(results)
            fine = result in ("", DUPLICATE)
            said.append(result if fine else failure(event.key, event.type, result))
        self.count(said)
        return events, said

    def count(self, said: Sequence[str | Failure]) -> None:
        """Count what became of events."""
        new = said.count("")
        self.counters.add(PROCESSED, new)
        self.counters.add(ROUTED, new)
        self.counters.add(FAILED, sum(isinstance(one, Failure) for one in said))

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[bool]:
        """Whether a request may go on: not if too many are under way, or too much waits for the services."""
        self.under_way += 1
        try:
            yield self.under_way <= self.most_requests and self.store.queued < self.most_queued
        finally:
            self.under_way -= 1

    def shed(self) -> Response:
        """The answer to one too many."""
        self.counters.add(SHED, 1)
        refused = refuse(503, "overloaded", "too much is under way, or waits: nothing was enqueued")
        refused.headers["retry-after"] = "1"
        return refused

    async def dry_run(self, request: Request) -> Response:
        """POST /events/dry-run: where an event would go."""
        self.up_to_date()
        event = await read(request, self.events)
        said = {
            "correlationId": event.correlation_id,
            "type": event.type,
            "orchestrationName": event.orchestration_name,
        }
        try:
            target, condition = self.routes.decide(plain(event))
        except Unroutable as error:
            return _json({**said, "target": None, "error": str(error)})
        return _json({**said, "target": target, "condition": condition or None})

    async def config(self, _request: Request) -> Response:
        """GET /config: the routes as they are in force."""
        self.up_to_date()
        return _json({"version": self.routes.version, **self.routes.config})

    async def reload(self, _request: Request) -> Response:
        """POST /config/reload: have all processes take the routes as the file has them now."""
        try:
            await self.renew()
        except RoutesError as error:
            return refuse(400, "invalid_routes", "the routes before stay in force", str(error))
        self.counters.add(GENERATION, 1)
        self.generation = total(GENERATION)
        return _json({"status": "RELOADED", "version": self.routes.version})

    async def renew(self) -> None:
        """Take the routes anew; what is under way goes on with those that it began with."""
        self.routes.reload()

    def up_to_date(self) -> None:
        """Take the routes anew if another process was told to."""
        if (now := total(GENERATION)) != self.generation:
            self.routes.reload()
            self.generation = now

    async def orchestrations(self, _request: Request) -> Response:
        """GET /orchestrations: their names."""
        self.up_to_date()
        return _json({"orchestrations": list(self.routes.orchestrations)})

    async def orchestration(self, request: Request) -> Response:
        """GET /orchestrations/{name}: its routes."""
        self.up_to_date()
        name = request.path_params["name"]
        for one in self.routes.config["orchestrations"]:
            if one["name"] == name:
                return _json(one)
        return refuse(404, "not_found", f"there is no orchestration {name!r}")

    async def queues(self, _request: Request) -> Response:
        """GET /queues: how full each is."""
        return _json({"queues": await self.store.depths(QUEUES)})

    async def health(self, _request: Request) -> Response:
        """GET /health."""
        up = await self.store.answers()
        return answer(200 if up else 503, Health("UP" if up else "DOWN", "orchestrator"))


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def serve(
    url: str,
    connections: int,
    fault: Fault = CLEAN,
    most_requests: float = SETTINGS["most_requests"],
    most_queued: float = SETTINGS["most_queued"],
) -> Starlette:
    """The API with so many `connections` to the database at `url`, and a part of `fault` for each clean one."""
    store, routes, counters = fault.part(Store)(), fault.part(Routes)(), fault.part(Counters)()
    intake = fault.part(Intake)(routes, counters)
    api = fault.part(Api)(store, routes, intake, counters, most_requests, most_queued)
    registry = CollectorRegistry()
    registry.register(Metrics())

    @asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        # One more than asked for: the gauges must not wait for the load.
        await store.open(url, connections + 1)
        store.queue = await connect.queue(store.pool, fault)
        watching = asyncio.create_task(store.watch(SERVED))
        try:
            yield
        finally:
            watching.cancel()
            await store.queue.close()
            await store.close()

    routed = [
        Route(f"{PATH}/events", api.single, methods=["POST"]),
        Route(f"{PATH}/events/bulk", api.bulk, methods=["POST"]),
        Route(f"{PATH}/events/bulk-ndjson", api.ndjson, methods=["POST"]),
        Route(f"{PATH}/events/dry-run", api.dry_run, methods=["POST"]),
        Route(f"{PATH}/config", api.config),
        Route(f"{PATH}/config/reload", api.reload, methods=["POST"]),
        Route(f"{PATH}/orchestrations", api.orchestrations),
        Route(f"{PATH}/orchestrations/{{name}}", api.orchestration),
        Route(f"{PATH}/queues", api.queues),
        Route(f"{PATH}/health", api.health),
    ]
    return application("orchestrator", routed, store.answers, lifespan, registry)
