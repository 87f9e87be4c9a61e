"""An authorization service as many are: 400 for most refusals, claims of its own in tokens, no version, no key, and no
available units in its answers. `python -m tests.support.plain_authorizations PORT [read committed]`.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

PLAN = """
system = "authorizations"
title = "A service of somebody else"

[contract]
health = "GET /alive"
reserve = "POST /authorizations/{id}/reserve"
release = "POST /authorizations/{id}/release"
consume = "POST /authorizations/{id}/consume"
claims = { userId = "{practitioner}", role = "PRACTITIONER" }
key_header = ""
total = "total"
used = "used"
scheduled = "scheduled"
available = ""
version = ""
replayed = ""
conflict = 400
insufficient_units = "Insufficient Units"
conflicts = { release = { error = "Bad Request" }, consume = { status = 409, error = "Conflict" } }

[database]
version = ""
movements = ""

[scenario.plain]
purpose = "the same load on a service without keys"
users = { Clinic = 1 }
think = "100ms"
stages.smoke = [{ users = 30, for = "3s" }]
validity = { loop_lag = "30s", loop_gap = "1m" }
rules = ["ratio(errors) < 1%", "p95(response_time) < 5s", "ratio(conflicts) < 50%"]
"""

OWNER = "SELECT organization_id FROM practitioners WHERE id = $1"
READ = "SELECT organization_id, total_units, used_units, scheduled_units FROM authorizations WHERE id = $1"
WRITE = "UPDATE authorizations SET used_units = $2, scheduled_units = $3 WHERE id = $1"
REFUSALS = {"reserve": (400, "Insufficient Units"), "release": (400, "Bad Request"), "consume": (409, "Conflict")}
PAUSE_S = 0.1
"""Between reading and writing under READ COMMITTED: so that moves meet, however slow the machine."""


class Refused(Exception):
    """Status and error."""


class Service:
    """Reads, decides, writes: right under SERIALIZABLE, where it tries again."""

    def __init__(self, isolation: str) -> None:
        self.isolation = isolation
        self.pool: Any = None

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=8, max_size=8) as self.pool:
            await self.pool.execute("ALTER TABLE authorizations DROP CONSTRAINT IF EXISTS authorizations_units_check")
            yield

    async def alive(self, _: Request) -> JSONResponse:
        return JSONResponse({"ok": True})

    async def move(self, request: Request) -> JSONResponse:
        try:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            claims = jwt.decode(token, os.environ["PERF_JWT_KEY"], algorithms=["HS256"])
            if claims["role"] != "PRACTITIONER":
                raise Refused(401, "Unauthorized")
            move, units = request.path_params["move"], (await request.json())["units"]
            while True:
                try:
                    return JSONResponse(await self.moved(claims["userId"], request.path_params["id"], move, units))
                except asyncpg.SerializationError:
                    continue
        except (jwt.InvalidTokenError, KeyError):
            return JSONResponse({"error": "Unauthorized"}, 401)
        except Refused as refused:
            status, error = refused.args
            return JSONResponse({"error": error}, status)

    async def moved(self, practitioner: str, authorization: str, move: str, units: int) -> dict[str, Any]:
        async with self.pool.acquire() as connection, connection.transaction(isolation=self.isolation):
            owner, total, used, scheduled = await connection.fetchrow(READ, authorization)
            if await connection.fetchval(OWNER, practitioner) != owner:
                raise Refused(403, "Forbidden")
            if (total - used - scheduled if move == "reserve" else scheduled) < units:
                raise Refused(*REFUSALS[move])
            if self.isolation == "read_committed":
                await asyncio.sleep(PAUSE_S)
            scheduled += units if move == "reserve" else -units
            used += units if move == "consume" else 0
            await connection.execute(WRITE, authorization, used, scheduled)
        return {"id": authorization, "total": total, "used": used, "scheduled": scheduled}


def main() -> None:
    service = Service("_".join(sys.argv[2:]) or "serializable")
    routes = [
        Route("/alive", service.alive),
        Route("/authorizations/{id}/{move:str}", service.move, methods=["POST"]),
    ]
    app = Starlette(routes=routes, lifespan=service.lifespan)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_keep_alive=75)


if __name__ == "__main__":
    main()
