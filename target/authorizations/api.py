"""Units are moved once for each key, never more than there are, and only by practitioners of their organization."""

import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from systems.authorizations import MOVES
from target.authorizations.metrics import Metrics
from target.authorizations.strategies import STRATEGIES as STRATEGIES
from target.authorizations.strategies import SerializableUpdate, Strategy
from target.authorizations.tokens import Tokens, Unauthorized
from target.authorizations.unit_store import Store
from target.authorizations.units import Done, Move, Outcome, Refused, State
from target.faults import CLEAN, Fault
from target.http import BodyError, answer, application, read, refuse

ENVIRONMENT = {"PERF_JWT_KEY": "the key that the tokens of practitioners are signed with"}
"""What must be set besides DATABASE_URL, and what it is."""

PATH = "/api/authorizations/{id:uuid}"
RETRIES_HEADER = "x-serialization-retries"
LONGEST_KEY = 255
"""A key has a limit because PostgreSQL's index has one: 2,704 bytes."""

MOST_UNITS = 2**31 - 1
"""What the column holds."""

REFUSALS = {
    Refused.NOBODY: (401, "the token names a practitioner who doesn't exist"),
    Refused.FOREIGN: (403, "this authorization is another organization's"),
    Refused.NOT_FOUND: (404, "there is no such authorization"),
    Refused.INSUFFICIENT: (409, "there are not enough units"),
    Refused.REUSED: (422, "this key was used for something else"),
    Refused.EXHAUSTED: (503, "too many at once: nothing was changed, try again"),
}
HEADERS = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}
"""What goes with a refusal of that status."""


class Units(msgspec.Struct, frozen=True):
    """The request."""

    units: Annotated[int, Meta(gt=0, le=MOST_UNITS)]


class Authorization(msgspec.Struct, rename="camel"):
    """The body of 200: the authorization as it is now."""

    id: UUID
    total_units: int
    used_units: int
    scheduled_units: int
    available_units: int
    version: int
    replayed: bool = False


class Api:
    """POST …/reserve, …/release and …/consume, and GET: what became of a move, as HTTP says it."""

    def __init__(self, store: Store, tokens: Tokens, metrics: Metrics) -> None:
        self.store = store
        self.tokens = tokens
        self.metrics = metrics
        self.decoder = msgspec.json.Decoder(Units)

    async def move(self, kind: str, request: Request) -> Response:
        """The answer to one request for a move, with how often its transaction was done again."""
        answered = await self.counted(kind, self.moved(kind, request))
        answered.headers.setdefault(RETRIES_HEADER, "0")
        return answered

    async def read(self, request: Request) -> Response:
        """The answer to one request for an authorization."""
        return await self.counted("read", self.found(request))

    async def moved(self, kind: str, request: Request) -> Response:
        """Who asks is looked at first, then what is asked; the rest only the database knows."""
        claims = self.tokens.claims(request.headers.get("authorization"))
        key = request.headers.get("idempotency-key", "")
        if not 0 < len(key) <= LONGEST_KEY:
            wanted = f"Idempotency-Key of {len(key)} characters: expected 1 to {LONGEST_KEY}"
            return refuse(400, "invalid_request", "the headers are not as the contract has them", wanted)
        units = (await read(request, self.decoder)).units
        authorization: UUID = request.path_params["id"]
        move = Move(authorization, claims.organization, units, key, claims.practitioner, kind)
        outcome, retries = await self.store.move(move)
        self.metrics.retries.labels(kind).inc(retries)
        answered = self.say(kind, outcome)
        answered.headers[RETRIES_HEADER] = str(retries)
        return answered

    async def found(self, request: Request) -> Response:
        """Likewise, for a read."""
        claims = self.tokens.claims(request.headers.get("authorization"))
        found = await self.store.read(request.path_params["id"], claims.organization)
        return self.say("read", Done(found) if isinstance(found, State) else found)

    async def counted(self, operation: str, answering: Awaitable[Response]) -> Response:
        """The answer, counted whatever it is, also when the caller or the request can't be recognised."""
        try:
            answered = await answering
        except BodyError as error:
            answered = error.answer
        except Unauthorized as error:
            answered = refusal(401, Refused.NOBODY, str(error))
        except Exception:
            self.metrics.requests.labels(operation, 500).inc()
            raise
        self.metrics.requests.labels(operation, answered.status_code).inc()
        return answered

    def say(self, operation: str, outcome: Outcome) -> Response:
        """What became of it, as HTTP says it."""
        if isinstance(outcome, Done):
            return answer(200, self.body(outcome.state, outcome.replayed))
        if outcome is Refused.EXHAUSTED:
            self.metrics.exhausted.labels(operation).inc()
        return refusal(REFUSALS[outcome][0], outcome, REFUSALS[outcome][1])

    def body(self, state: State, replayed: bool) -> Authorization:
        """The body that shows `state`."""
        numbers = (state.total, state.used, state.scheduled, state.available, state.version)
        return Authorization(state.id, *numbers, replayed)


def refusal(status: int, error: str, message: str) -> Response:
    """A refusal with the headers that HTTP wants of its status."""
    answered = refuse(status, error, message)
    answered.headers.update(HEADERS.get(status, {}))
    return answered


def serve(url: str, connections: int, fault: Fault = CLEAN, strategy: type[Strategy] = SerializableUpdate) -> Starlette:
    """The API on the database at `url`, with so many `connections`, a part of `fault` in the place of each clean one.

    A fault that is a strategy replaces every strategy.
    """
    own = fault.part(Strategy)
    store = fault.part(Store)(strategy if own is Strategy else own)
    metrics = Metrics()
    api = fault.part(Api)(store, fault.part(Tokens)(os.environ["PERF_JWT_KEY"]), metrics)

    @asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        await store.open(url, connections)
        try:
            yield
        finally:
            await store.close()

    moves = [Route(f"{PATH}/{kind}", partial(api.move, kind), methods=["POST"]) for kind in MOVES]
    return application("authorizations", [*moves, Route(PATH, api.read)], store.answers, lifespan, metrics.registry)
