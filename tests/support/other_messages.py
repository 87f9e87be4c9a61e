"""Another message service, as somebody else would have written it: other fields, headers, tables and columns, and an
answer to a used key that says no more. `python -m tests.support.other_messages PORT [careless]`.
"""

import asyncio
import os
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

PLAN = """
system = "messages"
title = "An outbox of somebody else"

[contract]
health = "GET /alive"
process = "PUT /v2/people/{user}/outbox"
headers = { "X-Request-Id" = "{key}", "X-Tenant" = "acme" }
body = { message = { text = "{content}", due = "{time}" }, tags = ["load"] }
created = 202
unknown_user = 422
message_id = "ref"
same = ""

[database]
users = "User"
user_id = "userId"
first_name = "fullName"
last_name = ""
email = "mail"
timezone = ""
birthday_date = "bornOn"
anniversary_date = ""
location_city = ""
location_country = ""
user_created = "createdAt"
messages = "Outbox"
message_id = "outboxId"
message_user = "userId"
message_type = ""
message_content = "text"
scheduled_send_time = "due"
status = "state"
status_scheduled = "PENDING"
retry_count = ""
key = "requestId"
created = "createdAt"
sent = "actual_send_time"
extra = { updatedAt = "now()", locale = "'en'", tenant = 7 }
first = { Tenant = { id = 7, name = "'of the load'" } }

[pool]
users = 1_000

[scenario.outbox]
purpose = "the same load on somebody else's service"
users = { MessageSender = 1 }
max_users = 60
drain = "8s"
timeout = "8s"
arrivals.smoke = [{ rate = 80, for = "3s" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%"]
"""

NAMES: dict[str, Any] = tomllib.loads(PLAN)["database"]
"""What its [database] says of TABLES."""

TABLES = """
CREATE TABLE "Tenant" (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE "User" (
    "userId" text PRIMARY KEY, "fullName" text NOT NULL, mail text NOT NULL UNIQUE, "bornOn" timestamp(3) NOT NULL,
    "createdAt" timestamp(3) NOT NULL, "updatedAt" timestamp(3) NOT NULL, locale varchar(5) NOT NULL,
    tenant int NOT NULL REFERENCES "Tenant" (id)
);
CREATE TYPE state AS ENUM ('PENDING', 'SENT', 'FAILED');
CREATE TABLE "Outbox" (
    "outboxId" bigserial PRIMARY KEY, "userId" text NOT NULL REFERENCES "User" ("userId"), text text NOT NULL,
    due timestamptz NOT NULL, state state NOT NULL DEFAULT 'PENDING',
    "requestId" text NOT NULL CONSTRAINT one_request UNIQUE,
    "createdAt" timestamptz NOT NULL DEFAULT clock_timestamp(), actual_send_time timestamptz,
    "updatedAt" timestamptz NOT NULL
)
"""

STORE = """
INSERT INTO "Outbox" ("userId", text, due, "requestId", "updatedAt") VALUES ($1, $2, $3, $4, now()) RETURNING "outboxId"
"""
DELIVER = """
UPDATE "Outbox" SET state = 'SENT', actual_send_time = clock_timestamp() WHERE state = 'PENDING' AND due <= now()
"""
DELIVER_EVERY_S = 0.05


class Outbox:
    """The service, with its deliveries. `careless`: nothing keeps a request from being stored twice."""

    def __init__(self, careless: bool) -> None:
        self.careless = careless
        self.pool: Any = None

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=4) as self.pool:
            if self.careless:
                await self.pool.execute('ALTER TABLE "Outbox" DROP CONSTRAINT one_request')
            delivering = asyncio.create_task(self.deliver())
            yield
            delivering.cancel()

    async def deliver(self) -> None:
        while True:
            await self.pool.execute(DELIVER)
            await asyncio.sleep(DELIVER_EVERY_S)

    async def alive(self, _: Request) -> JSONResponse:
        return JSONResponse({"ok": True})

    async def process(self, request: Request) -> JSONResponse:
        said, key = (await request.json())["message"], request.headers["x-request-id"]
        due = datetime.fromisoformat(said["due"])
        try:
            stored = await self.pool.fetchval(STORE, request.path_params["user"], said["text"], due, key)
        except asyncpg.UniqueViolationError:
            return JSONResponse({"error": "conflict"}, 409)
        except asyncpg.ForeignKeyViolationError:
            return JSONResponse({"error": "nobody"}, 422)
        return JSONResponse({"ref": stored}, 202)


def main() -> None:
    service = Outbox(careless="careless" in sys.argv)
    routes = [
        Route("/alive", service.alive),
        Route("/v2/people/{user}/outbox", service.process, methods=["PUT"]),
    ]
    app = Starlette(routes=routes, lifespan=service.lifespan)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_keep_alive=75)


if __name__ == "__main__":
    main()
