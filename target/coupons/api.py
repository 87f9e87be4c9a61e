"""A validation is answered at once and logged later; with an order, a valid coupon is applied once."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import uuid4

import asyncpg
import msgspec
from msgspec import Meta
from prometheus_client import CollectorRegistry, Gauge
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from systems.coupons_pool import ACTIVE, EXPIRED, INACTIVE
from target.coupons import log_queue
from target.coupons.cached import Cached
from target.coupons.log_queue import Line, LogQueue
from target.coupons.rules import Asked, Rules, Said, id_of, shown
from target.coupons.store import Store
from target.coupons.user_rate import UserRate
from target.faults import CLEAN, Fault
from target.http import application, read, refuse

PATH = "/api/coupons"
REQUEST_HEADER = "x-request-id"
LONGEST = 255
MOST_VALUE = 99_999_999
STRATEGIES: dict[str, type[Store]] = {"database": Store, "cached": Cached}
"""How it looks coupons up: each time in the database, or in memory, as long as nothing has changed."""
SETTINGS = {"flush_seconds": 5.0, "user_rate": 0.0}
"""What `--set` can say: after how long what waits is logged; how many validations a second a user may make, 0: any."""


class Validation(msgspec.Struct, rename="camel", frozen=True):
    """The request."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    user_id: Annotated[str, Meta(min_length=1, max_length=64)]
    order_value: Decimal
    order_id: Annotated[str, Meta(min_length=1, max_length=LONGEST)] | None = None


class Switch(msgspec.Struct, frozen=True):
    """The request for another status."""

    status: Annotated[str, Meta(pattern=f"^({ACTIVE}|{EXPIRED}|{INACTIVE})$")]


class Api:
    """What becomes of requests, as HTTP says it."""

    def __init__(self, store: Store, queue: LogQueue, rate: UserRate) -> None:
        self.store, self.queue, self.rate = store, queue, rate
        self.decoder, self.switches = msgspec.json.Decoder(Validation), msgspec.json.Decoder(Switch)
        self.began = time.monotonic()

    async def validate(self, request: Request) -> Response:
        """POST /api/coupons/validate: an answer, and a line of the log."""
        began = time.perf_counter()
        wanted = await read(request, self.decoder)
        named = request.headers.get(REQUEST_HEADER) or str(uuid4())
        if len(named) > LONGEST:
            return refuse(400, "invalid_request", f"{REQUEST_HEADER}: expected at most {LONGEST} characters")
        if not 0 <= wanted.order_value <= MOST_VALUE:
            return refuse(400, "invalid_request", f"orderValue {wanted.order_value}: expected 0 to {MOST_VALUE}")
        if not self.rate.allows(wanted.user_id, named):
            refused = refuse(429, "too_many_requests", f"user {wanted.user_id} validates too often: nothing was done")
            refused.headers["retry-after"] = "1"
            return refused
        asked = Asked(named, wanted.code, wanted.user_id, wanted.order_value, wanted.order_id)
        try:
            said = await self.store.validate(asked)
        except asyncpg.ForeignKeyViolationError:
            return refuse(404, "user_not_found", f"there is no user {wanted.user_id}")
        except asyncpg.DataError as error:
            return refuse(400, "invalid_request", "it can't be stored as it is", str(error))
        await self.log(asked, said, began)
        return self.say(said)

    async def log(self, asked: Asked, said: Said, began: float) -> None:
        """Leave a line for the log."""
        self.queue.put(self.line(asked, said, Decimal(f"{(time.perf_counter() - began) * 1e3:.3f}")))

    def line(self, asked: Asked, said: Said, took_ms: Decimal) -> Line:
        """What the log has of a validation."""
        return Line(
            asked.request,
            id_of(said.coupon),
            asked.code,
            asked.user,
            asked.order,
            asked.value,
            said.reason is None,
            said.reason,
            said.discount,
            said.final,
            took_ms,
            datetime.now(UTC),
        )

    def say(self, said: Said) -> Response:
        """The body of an answer to a validation."""
        if said.reason is not None or said.coupon is None:
            return _json({"valid": False, "reason": said.reason})
        return _json(
            {
                "valid": True,
                "discount": float(said.discount or 0),
                "finalAmount": float(said.final or 0),
                "replayed": said.replayed,
                "coupon": shown(said.coupon),
            }
        )

    async def coupon(self, request: Request) -> Response:
        """GET /api/coupons/{code}."""
        code = request.path_params["code"]
        found = await self.store.look_up(code)
        return _json(shown(found)) if found else _not_found(f"there is no coupon {code}")

    async def switch(self, request: Request) -> Response:
        """PATCH /api/coupons/{code}: another status."""
        code = request.path_params["code"]
        found = await self.store.switch(code, (await read(request, self.switches)).status)
        return _json(dict(found)) if found else _not_found(f"there is no coupon {code}")

    async def of_user(self, request: Request) -> Response:
        """GET /api/coupons/user/{user}."""
        return _json({"coupons": [shown(one) for one in await self.store.of_user(request.path_params["user"])]})

    async def for_everybody(self, _request: Request) -> Response:
        """GET /api/coupons/active/time-specific."""
        return _json({"coupons": [shown(one) for one in await self.store.for_everybody()]})

    async def history(self, request: Request) -> Response:
        """GET /api/coupons/{id}/usage-history."""
        uses = await self.store.history(request.path_params["id"])
        return _json(
            {
                "usages": [
                    {
                        "orderId": one["order_id"],
                        "userId": one["user_id"],
                        "discountAmount": float(one["discount_amount"]),
                        "usedAt": one["used_at"].isoformat(),
                    }
                    for one in uses
                ]
            }
        )

    async def health(self, _request: Request) -> Response:
        """GET /health: whether the database answers, and how much is still to be logged."""
        up = await self.store.answers()
        said = {
            "status": "healthy" if up else "unhealthy",
            "validationLogQueueSize": log_queue.size(),
            "timestamp": datetime.now(UTC).isoformat(),
            "uptime": round(time.monotonic() - self.began, 3),
            "system": "coupons",
            "proofload": 1,
        }
        return _json(said, 200 if up else 503)


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _not_found(message: str) -> Response:
    return refuse(404, "not_found", message)


def serve(
    url: str,
    connections: int,
    fault: Fault = CLEAN,
    strategy: type[Store] = Store,
    flush_seconds: float = SETTINGS["flush_seconds"],
    user_rate: float = SETTINGS["user_rate"],
) -> Starlette:
    """The API with so many `connections` to the database at `url`, and a part of `fault` for each clean one."""
    own = fault.part(Store)
    store = (strategy if own is Store else own)(fault.part(Rules)())
    queue = fault.part(LogQueue)(flush_seconds)
    api = fault.part(Api)(store, queue, fault.part(UserRate)(user_rate))
    registry = CollectorRegistry()
    for name, what, value in (
        ("log_queue", "validations that are still to be logged", log_queue.size),
        ("log_dropped", "validations that were not logged, since too many waited", log_queue.dropped),
    ):
        Gauge(name, what, registry=registry).set_function(value)

    @asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        await store.open(url, fault.part(Connections)(connections).number)
        writing = asyncio.create_task(queue.run(store.pool))
        try:
            yield
        finally:
            queue.stop()
            await writing
            await store.close()

    routes = [
        Route(f"{PATH}/validate", api.validate, methods=["POST"]),
        Route(f"{PATH}/active/time-specific", api.for_everybody),
        Route(f"{PATH}/user/{{user}}", api.of_user),
        Route(f"{PATH}/{{id:uuid}}/usage-history", api.history),
        Route(f"{PATH}/{{code}}", api.coupon),
        Route(f"{PATH}/{{code}}", api.switch, methods=["PATCH"]),
        Route("/api/health", api.health),
        Route("/health", api.health),
    ]
    return application("coupons", routes, store.answers, lifespan, registry)


class Connections:
    """How many connections there are: as many as were asked for."""

    def __init__(self, asked: int) -> None:
        self.number = asked
