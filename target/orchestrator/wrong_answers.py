"""Faults of what the API says: of requests, of its routes, and of what it counts; and of how long it takes."""

# ruff: noqa: D102 (the clean class documents each method)

import json
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from target.faults import every
from target.orchestrator.api import Api
from target.orchestrator.intake import Failure
from target.orchestrator.metrics import FAILED, ROUTED, Counters
from target.orchestrator.store import NEW


class CounterWrong(Api):
    """One request in ten counts what it routed twice."""

    miscounted = every(10)

    def count(self, said: Sequence[str | Failure]) -> None:
        super().count(said)
        if next(self.miscounted):
            self.counters.add(ROUTED, said.count(NEW))


class RefusalsCountedTwice(Counters):
    """What is refused is counted twice."""

    def add(self, field: int, number: int) -> None:
        super().add(field, number * (2 if field == FAILED else 1))


class DryRunOtherwise(Api):
    """Every third dry run names the default target."""

    chosen = every(3)

    async def dry_run(self, request: Request) -> Response:
        answered = await super().dry_run(request)
        if not next(self.chosen):
            return answered
        said = msgspec.json.decode(answered.body)
        return Response(msgspec.json.encode({**said, "target": "inventory-service-queue"}), answered.status_code)


class DryRunEnqueues(Api):
    """Every third dry run is done."""

    done = every(3)

    async def dry_run(self, request: Request) -> Response:
        raw = await request.body()
        if next(self.done):
            await self.take([raw])
        return await super().dry_run(request)


class ConfigOtherwise(Api):
    """The routes are told without the conditions of their file."""

    async def config(self, request: Request) -> Response:
        said: Any = msgspec.json.decode((await super().config(request)).body)
        for one in said["orchestrations"]:
            for route in one["routes"]:
                route["conditions"] = []
        return Response(msgspec.json.encode(said), media_type="application/json")


class ShedAllTheSame(Api):
    """One request in fifteen is done, and answered as one too many."""

    refused = every(15)

    async def many(self, raws: Sequence[bytes | msgspec.Raw]) -> Response:
        answered = await super().many(raws)
        return self.shed() if next(self.refused) else answered


class RejectedAfterAll(Api):
    """A request that is not JSON is refused, and its first event is taken all the same."""

    async def bulk(self, request: Request) -> Response:
        body = (await request.body()).decode()
        try:
            json.loads(body)
        except ValueError:
            first, _ = json.JSONDecoder().raw_decode(body, body.index("[") + 1)
            await self.take([json.dumps(first).encode()])
        return await super().bulk(request)


class Leaks(Api):
    """Each request leaves four megabytes behind."""

    kept: list[bytes] = []  # noqa: RUF012 (it is meant to stay)

    async def many(self, raws: Sequence[bytes | msgspec.Raw]) -> Response:
        self.kept.append(bytes([1]) * 4_000_000)
        return await super().many(raws)


class Stalls(Api):
    """One request in thirty waits for two seconds, and all that come meanwhile."""

    chosen = every(30)

    async def many(self, raws: Sequence[bytes | msgspec.Raw]) -> Response:
        if next(self.chosen):
            time.sleep(2)
        return await super().many(raws)


class ShedsTooMuch(Api):
    """One request in five is shed, although hardly any is under way."""

    chosen = every(5)

    async def many(self, raws: Sequence[bytes | msgspec.Raw]) -> Response:
        return self.shed() if next(self.chosen) else await super().many(raws)
