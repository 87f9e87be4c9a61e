"""Faults that nothing shows as long as all goes well: what a kill leaves half done, or a restart forgets."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
from datetime import datetime
from typing import Any

import asyncpg

from target.authorizations.strategies import CHANGES, COLUMNS, INSERT, NEEDS, READ_COMMITTED, Strategy
from target.authorizations.unit_store import Store
from target.authorizations.units import Done, Move, Outcome, State

USED = "SELECT true FROM unit_movements WHERE idempotency_key = $1"
BEFORE = f"{USED} AND created_at < $2"
BETWEEN_S = 0.1
"""Between the two halves: of 60 moves a second six are half done at any moment."""


class HalfAtAKill(Strategy):
    """A move is two transactions, the units and then the movement; each alone is done before the answer."""

    isolation = READ_COMMITTED

    def __init__(self, pool: Any) -> None:
        super().__init__(pool)
        self.locks: dict[str, asyncio.Lock] = {}

    async def do(self, move: Move) -> State | None:
        # One process serves: nobody else has the key in hand.
        async with self.locks.setdefault(move.key, asyncio.Lock()):
            if await self.pool.fetchval(USED, move.key):
                return None
            row = await self.pool.fetchrow(
                f"UPDATE authorizations SET {CHANGES[move.kind]}, version = version + 1 "
                f"WHERE id = $1 AND organization_id = $2 AND {NEEDS[move.kind]} >= $3 RETURNING {COLUMNS}",
                move.authorization,
                move.organization,
                move.units,
            )
            if row is None:
                return None
            await asyncio.sleep(BETWEEN_S)
            await self.pool.execute(INSERT, move.authorization, move.units, move.key, move.practitioner, move.kind)
        return State(*row)


class KeyForgottenAtRestart(Store):
    """A key that was used before the API was started moves its units once more."""

    since: datetime

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        self.since = await self.pool.fetchval("SELECT clock_timestamp()")

    async def attempt(self, move: Move) -> Outcome:
        outcome = await super().attempt(move)
        replayed = isinstance(outcome, Done) and outcome.replayed
        if not replayed or not await self.pool.fetchval(BEFORE, move.key, self.since):
            return outcome
        row: asyncpg.Record | None = await self.pool.fetchrow(
            f"UPDATE authorizations SET {CHANGES[move.kind]}, version = version + 1 "
            f"WHERE id = $1 AND organization_id = $2 AND {NEEDS[move.kind]} >= $3 RETURNING {COLUMNS}",
            move.authorization,
            move.organization,
            move.units,
        )
        return Done(State(*row)) if row else outcome
