"""Wrong ways to move units: each leaves out one thing that strategies.py does, and takes its time over it."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
from msgspec.structs import astuple

from target.authorizations.strategies import (
    AVAILABLE,
    MOVE,
    NO_CHECK,
    READ,
    READ_COMMITTED,
    ReadModifyWrite,
    SerializableReadModifyWrite,
    Strategy,
)
from target.authorizations.units import Move, State

NO_UNIQUE_KEY = "ALTER TABLE unit_movements DROP CONSTRAINT IF EXISTS unit_movements_idempotency_key_key"
KNOWN = "SELECT true FROM unit_movements WHERE idempotency_key = $1 LIMIT 1"

OPEN_PAUSE_S = 0.04
"""Between a read and a write in one transaction: with eight connections, 200 moves a second still get through."""

PAUSE_S = 0.15
"""… and in two, with no connection held: so that moves meet at an authorization that sees one or two a second."""

LAST_PAUSE_S = 1.0
"""… and over the last units, which another request wants within a second."""


class LookThenMove(Strategy):
    """The row, or the key, is looked at in a transaction that is over before the move is made in another."""

    isolation = READ_COMMITTED

    async def look(self, move: Move) -> State | None:
        row = await self.pool.fetchrow(READ, move.authorization, move.organization)
        return State(*row) if row and State(*row).allows(move) else None


class Overbooked(LookThenMove):
    """Units are read and then reserved, whatever happened in between; no constraint prevents it."""

    async def prepare(self) -> None:
        await self.pool.execute(NO_CHECK)

    async def do(self, move: Move) -> State | None:
        statement = MOVE[move.kind]
        if move.kind == "reserve":
            seen = await self.look(move)
            if seen is None:
                return None
            if seen.available < 2 * move.units:
                await asyncio.sleep(LAST_PAUSE_S)
            statement = statement.replace(f"AND {AVAILABLE} >= $3", "")
        row = await self.pool.fetchrow(statement, *astuple(move))
        return State(*row) if row else None


class CheckThenInsert(LookThenMove):
    """A key is looked up and then used, and nothing in the database keeps keys unique."""

    async def prepare(self) -> None:
        await self.pool.execute(NO_UNIQUE_KEY)

    async def do(self, move: Move) -> State | None:
        if await self.pool.fetchval(KNOWN, move.key):
            return None
        await asyncio.sleep(PAUSE_S)
        row = await self.pool.fetchrow(MOVE[move.kind], *astuple(move))
        return State(*row) if row else None


class VersionNotCompared(LookThenMove):
    """The version is read, raised by one and written, whatever it has become meanwhile; units are right."""

    async def do(self, move: Move) -> State | None:
        seen = await self.look(move)
        if seen is None:
            return None
        await asyncio.sleep(PAUSE_S)
        versioned = MOVE[move.kind].replace("version = version + 1", "version = $7")
        row = await self.pool.fetchrow(versioned, *astuple(move), seen.version + 1)
        return State(*row) if row else None


class SlowReadModifyWrite(SerializableReadModifyWrite):
    """A decision that takes its time, so that transactions overlap."""

    async def read(self, connection: Any, move: Move) -> State | None:
        seen = await super().read(connection, move)
        await asyncio.sleep(OPEN_PAUSE_S)
        return seen


class RetryLastStatement(SlowReadModifyWrite):
    """A transaction that was aborted is not done again but for its writes, which rest on what it read."""

    async def prepare(self) -> None:
        await self.pool.execute(NO_CHECK)

    async def do(self, move: Move) -> State | None:
        seen = None
        async with self.pool.acquire() as connection:
            try:
                async with connection.transaction():
                    seen = await self.read(connection, move)
                    if seen is None or not seen.allows(move):
                        return None
                    await self.write(connection, move, seen.after(move))
            except asyncpg.SerializationError:
                if seen is None:
                    raise
                async with connection.transaction(isolation="read_committed"):
                    await self.write(connection, move, seen.after(move))
        return seen.after(move)


class LocksCrosswise(ReadModifyWrite):
    """After its own authorization a move locks that of the move before it, so that two can wait for each other."""

    isolation = READ_COMMITTED
    lock = "FOR UPDATE"
    before: UUID | None = None

    async def read(self, connection: Any, move: Move) -> State | None:
        other, self.before = self.before, move.authorization
        seen = await super().read(connection, move)
        await asyncio.sleep(OPEN_PAUSE_S)
        # Found soon: else a short load does little but wait for the second after which PostgreSQL looks for one.
        await connection.execute("SET LOCAL deadlock_timeout = '50ms'")
        await connection.execute("SELECT FROM authorizations WHERE id = $1 FOR UPDATE", other)
        return seen
