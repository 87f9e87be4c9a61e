"""An acknowledged message is stored once, to a user that exists; a key that was used is never used again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Meta
from msgspec.structs import astuple
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from systems.messages import MESSAGE_TYPES, NOTIFY_CHANNEL, SCHEDULED
from target.database import Pooled
from target.faults import CLEAN, Fault
from target.http import answer, application, read, refuse

PATH = "/internal/process-message"


class Message(msgspec.Struct, rename="camel", frozen=True):
    """The request. A key has a limit because PostgreSQL's index has one: 2,704 bytes."""

    user_id: UUID
    message_type: Annotated[str, Meta(pattern=f"^({'|'.join(MESSAGE_TYPES)})$")]
    scheduled_send_time: Annotated[datetime, Meta(tz=True)]
    message_content: str
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255)]


class Accepted(msgspec.Struct):
    """The message is stored, and was not before."""

    message_id: UUID


class Duplicate(msgspec.Struct):
    """The key was used before: for the same message (a replay) or for another (a conflict)."""

    message_id: UUID
    same: bool


class UnknownUser(msgspec.Struct):
    """Nothing is stored: there is no such user."""


class Created(msgspec.Struct, rename="camel"):
    """The body of 201."""

    message_id: UUID
    user_id: UUID
    message_type: str
    scheduled_send_time: datetime
    status: str = SCHEDULED
    success: bool = True


class DuplicateKey(msgspec.Struct, rename="camel"):
    """The body of 409."""

    message_id: UUID
    same: bool
    message: str
    error: str = "duplicate_key"


# The parameters are the fields of a Message, in their order.
# FOR KEY SHARE waits for a transaction that is deleting the user, and then finds no row: without it the
# foreign key would raise an error. ON CONFLICT waits for a transaction that is using the key, likewise.
INSERT = """
INSERT INTO message_logs (user_id, message_type, scheduled_send_time, message_content, idempotency_key)
SELECT id, $2, $3, $4, $5 FROM users WHERE id = $1 FOR KEY SHARE
"""
ACCEPT = f"""
WITH accepted AS ({INSERT} ON CONFLICT (idempotency_key) DO NOTHING RETURNING id)
SELECT id, pg_notify('{NOTIFY_CHANNEL}', '') FROM accepted
"""
STORED = """
SELECT id, (user_id, message_type, scheduled_send_time, message_content) = ($1, $2, $3, $4) AS same
FROM message_logs WHERE idempotency_key = $5
"""


class Store(Pooled):
    """The statements of the API, on a pool of connections."""

    async def accept(self, message: Message) -> Accepted | Duplicate | UnknownUser:
        """Store `message`, unless its key was used or its user doesn't exist: one statement decides both."""
        stored = await self.pool.fetchval(ACCEPT, *astuple(message))
        return Accepted(stored) if stored else await self.why_not(message)

    async def why_not(self, message: Message) -> Duplicate | UnknownUser:
        """Why `message` was not stored: the row under its key was committed before, so it is visible now."""
        stored = await self.pool.fetchrow(STORED, *astuple(message))
        return Duplicate(stored["id"], stored["same"]) if stored else UnknownUser()


class Process:
    """POST /internal/process-message: what became of a message, as HTTP says it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.decoder = msgspec.json.Decoder(Message)

    async def __call__(self, request: Request) -> Response:
        """The answer to one request."""
        message = await read(request, self.decoder)
        try:
            outcome = await self.store.accept(message)
        except asyncpg.DataError as error:
            # Proper JSON, but not for PostgreSQL: a NUL character, a moment outside its calendar.
            return refuse(400, "invalid_request", "the message can't be stored as it is", str(error))
        match outcome:
            case Accepted(message_id):
                kind, when = message.message_type, message.scheduled_send_time
                return answer(201, Created(message_id, message.user_id, kind, when))
            case Duplicate(message_id, same):
                told = "this message was stored before" if same else "this key belongs to another message"
                return answer(409, DuplicateKey(message_id, same, told))
            case UnknownUser():
                return refuse(404, "user_not_found", f"there is no user {message.user_id}")


def serve(url: str, connections: int, fault: Fault = CLEAN) -> Starlette:
    """The API with so many `connections` to the database at `url`, and a part of `fault` for each clean one."""
    store = fault.part(Store)()
    process = fault.part(Process)(store)

    @asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        await store.open(url, connections)
        try:
            yield
        finally:
            await store.close()

    async def post(request: Request) -> Response:
        return await process(request)

    return application("messages", [Route(PATH, post, methods=["POST"])], store.answers, lifespan)
