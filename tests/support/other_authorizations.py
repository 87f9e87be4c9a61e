"""Another implementation of the authorizations, as somebody else would have written it: other paths, fields, statuses
and names, keys kept where Proofload does not look, no table of movements. `python -m tests.other_authorizations PORT`.
"""

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
title = "Vouchers of somebody else"

[contract]
health = "GET /alive"
reserve = "PUT /v2/vouchers/{id}/book"
release = "PUT /v2/vouchers/{id}/cancel"
consume = "PUT /v2/vouchers/{id}/use"
token_header = "X-Session"
token = "{token}"
key_header = "X-Request-Id"
units = "amount"
id = "voucherId"
total = "limit"
used = "spent"
scheduled = "booked"
available = "left"
version = "revision"
replayed = ""
conflict = 400
key_reused = 409
forbidden = 404
insufficient_units = "NOT_ENOUGH"
error = "code"

[database]
organizations = "Clinic"
practitioners = "Staff"
practitioner_organization = "clinicId"
patients = "Person"
patient_organization = "clinicId"
authorizations = "Voucher"
authorization_id = "voucherId"
authorization_organization = "clinicId"
authorization_patient = "personId"
auth_number = "number"
total = "limitUnits"
used = "spentUnits"
scheduled = "bookedUnits"
version = "revision"
start_date = "validFrom"
end_date = "validTo"
status = "state"
movements = ""

[scenario.other]
purpose = "the same load on somebody else's service"
users = { Clinic = 1 }
think = "100ms"
stages.smoke = [{ users = 20, for = "4s" }]
validity = { loop_lag = "30s", loop_gap = "1m" }
rules = ["ratio(errors) < 1%", "p95(response_time) < 30s"]
"""

LOG = """
CREATE TABLE IF NOT EXISTS "RequestLog" (id text PRIMARY KEY, "voucherId" uuid, verb text, amount int)
"""
FIND = """
SELECT "voucherId", "clinicId", "limitUnits", "spentUnits", "bookedUnits", revision FROM "Voucher"
WHERE "voucherId" = $1
"""
CHANGE = {
    "book": ('"bookedUnits" = "bookedUnits" + $2', '"limitUnits" - "spentUnits" - "bookedUnits" >= $2'),
    "cancel": ('"bookedUnits" = "bookedUnits" - $2', '"bookedUnits" >= $2'),
    "use": ('"bookedUnits" = "bookedUnits" - $2, "spentUnits" = "spentUnits" + $2', '"bookedUnits" >= $2'),
}


class Vouchers:
    """The service. `careless`: it books whatever is asked for, with nothing in the database to stop it."""

    def __init__(self, careless: bool) -> None:
        self.careless = careless
        self.pool: Any = None

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=4) as self.pool:
            await self.pool.execute(LOG)
            if self.careless:
                await self.pool.execute('ALTER TABLE "Voucher" DROP CONSTRAINT IF EXISTS authorizations_units_check')
            yield

    async def alive(self, _: Request) -> JSONResponse:
        return JSONResponse({"ok": True})

    async def change(self, request: Request) -> JSONResponse:
        try:
            key = os.environ["PERF_JWT_KEY"]
            clinic = jwt.decode(request.headers["x-session"], key, algorithms=["HS256"])["organizationId"]
        except (jwt.InvalidTokenError, KeyError):
            return JSONResponse({"code": "WHO"}, 401)
        verb, voucher = request.path_params["verb"], request.path_params["id"]
        amount, key = (await request.json())["amount"], request.headers["x-request-id"]
        async with self.pool.acquire() as connection, connection.transaction():
            found = await connection.fetchrow(f"{FIND} FOR UPDATE", voucher)
            if found is None or str(found["clinicId"]) != clinic:
                return JSONResponse({"code": "NOT_FOUND"}, 404)
            said = (str(found["voucherId"]), verb, amount)
            before = await connection.fetchrow('SELECT * FROM "RequestLog" WHERE id = $1', key)
            if before:
                same = (str(before["voucherId"]), before["verb"], before["amount"]) == said
                return self.body(found) if same else JSONResponse({"code": "KEY"}, 409)
            change, condition = CHANGE[verb]
            if self.careless and verb == "book":
                condition = "true"
            sql = f'UPDATE "Voucher" SET {change}, revision = revision + 1 WHERE "voucherId" = $1 AND {condition}'
            if await connection.execute(sql, voucher, amount) == "UPDATE 0":
                return JSONResponse({"code": "NOT_ENOUGH"}, 400)
            await connection.execute('INSERT INTO "RequestLog" VALUES ($1, $2, $3, $4)', key, *said)
            found = await connection.fetchrow(FIND, voucher)
        return self.body(found)

    @staticmethod
    def body(found: Any) -> JSONResponse:
        voucher, _, limit, spent, booked, revision = found
        units = {"limit": limit, "spent": spent, "booked": booked, "left": limit - spent - booked}
        return JSONResponse({"voucherId": str(voucher), **units, "revision": revision})


def main() -> None:
    service = Vouchers(careless="careless" in sys.argv)
    routes = [
        Route("/alive", service.alive),
        Route("/v2/vouchers/{id}/{verb:str}", service.change, methods=["PUT"]),
    ]
    app = Starlette(routes=routes, lifespan=service.lifespan)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_keep_alive=75)


if __name__ == "__main__":
    main()
