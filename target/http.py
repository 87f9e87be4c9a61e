"""Every answer is JSON, and every refusal says what was wrong: the same for all systems."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from target import collected
from target.pool_use import PoolMetrics

MAX_BODY = 1 << 20

T = TypeVar("T")


class Refusal(msgspec.Struct):
    """The body of every answer that isn't the one asked for."""

    error: str
    message: str
    details: list[str] = []


class Health(msgspec.Struct):
    """The body of GET /health; `proofload` marks the reference target."""

    status: str
    system: str
    proofload: int = 1


def answer(status: int, body: msgspec.Struct) -> Response:
    """`body` as JSON."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def refuse(status: int, error: str, message: str, *details: str) -> Response:
    """A Refusal: `error` for programs, `message` and `details` for people."""
    return answer(status, Refusal(error, message, list(details)))


class BodyError(Exception):
    """The body of a request can't be taken; `answer` says why."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer


async def read(request: Request, decoder: msgspec.json.Decoder[T]) -> T:
    """The body of `request` as `decoder` has it; BodyError if it is too long, not JSON, or JSON of another shape."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise BodyError(refuse(413, "body_too_large", f"the body is longer than {MAX_BODY} bytes"))
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BodyError(refuse(400, "invalid_request", "the body is not as the contract has it", str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BodyError(refuse(400, "invalid_json", "the body is not JSON", str(error))) from None


def application(
    system: str,
    routes: Sequence[BaseRoute],
    answers: Callable[[], Awaitable[bool]],
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
    registry: CollectorRegistry | None = None,
) -> Starlette:
    """The routes of `system`; GET /health, which is UP only while its database `answers`; and GET /metrics, with what
    `registry` has, how the connections are used and how long garbage was collected.
    """
    registry = registry or CollectorRegistry()
    registry.register(PoolMetrics())
    registry.register(collected.Collected())
    collected.counted()

    async def health(_request: Request) -> Response:
        up = await answers()
        return answer(200 if up else 503, Health("UP" if up else "DOWN", system))

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return Starlette(
        routes=[*routes, Route("/health", health), Route("/metrics", metrics)],
        lifespan=lifespan,
        exception_handlers={HTTPException: _refused, BodyError: _unreadable, Exception: _broken},
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    name = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    answered = refuse(error.status_code, name, f"{request.method} {request.url.path}: {error.detail}")
    answered.headers.update(error.headers or {})
    return answered


async def _unreadable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BodyError)
    return error.answer


async def _broken(_request: Request, _error: Exception) -> Response:
    return refuse(500, "internal_error", "the server failed; whether anything was stored is unknown")
