"""Faults of how a move of units is made: what is stored, what of it is answered, and whose authorization it is."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
import contextlib
from typing import Any
from uuid import uuid4

import asyncpg
from msgspec.structs import astuple, replace

from target.authorizations.strategies import COLUMNS, INSERT, MOVE
from target.authorizations.unit_store import Store
from target.authorizations.units import Move, Outcome, State
from target.faults import every

ANOTHER = f"SELECT {COLUMNS} FROM authorizations WHERE organization_id <> $1 LIMIT 1"
MOVE_PATIENT = """
UPDATE patients SET organization_id = o.id FROM authorizations a, organizations o
WHERE a.id = $1 AND patients.id = a.patient_id AND o.id <> a.organization_id
"""
ALTER = "UPDATE unit_movements SET created_at = clock_timestamp() WHERE idempotency_key = $1"


class NoRetry(Store):
    """A transaction that PostgreSQL aborted is not done again: the answer is 500."""

    async def move(self, move: Move) -> tuple[Outcome, int]:
        return await self.attempt(move), 0


class Some(Store):
    """One move in ten goes another way; by itself not a fault but the ground for several."""

    chosen = every(10)

    async def do(self, move: Move) -> State | None:
        return await (self.otherwise(move) if next(self.chosen) else super().do(move))

    async def otherwise(self, move: Move) -> State | None:
        raise NotImplementedError

    async def aside(self, sql: str, *values: Any) -> Any:
        """The row of a statement that the database can't abort, so that what was committed is not done again."""
        async with self.pool.acquire() as connection, connection.transaction(isolation="read_committed"):
            return await connection.fetchrow(sql, *values)


class AckBeforeCommit(Some):
    """One move in ten is acknowledged while its transaction is open; the commit never comes."""

    async def otherwise(self, move: Move) -> State | None:
        async with self.pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                row = await connection.fetchrow(MOVE[move.kind], *astuple(move))
            finally:
                await transaction.rollback()
        return State(*row) if row else None


class LostInACrowd(AckBeforeCommit):
    """While more than 25 moves are being made, others are acknowledged and rolled back."""

    inside = 0

    async def do(self, move: Move) -> State | None:
        self.inside += 1
        try:
            return await (self.otherwise(move) if self.inside > 25 else self.strategy.do(move))
        finally:
            self.inside -= 1


class CommitsLater(Some):
    """One move in ten is acknowledged while its transaction is open, which is committed 0.3 s later."""

    later: set[asyncio.Task[None]]

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        self.later = set()

    async def otherwise(self, move: Move) -> State | None:
        connection = await self.pool.acquire()
        transaction = connection.transaction(isolation="read_committed")
        await transaction.start()
        try:
            # The time in the row is that of now.
            row = await connection.fetchrow(MOVE[move.kind], *astuple(move))
        except asyncpg.PostgresError:
            await transaction.rollback()
            await self.pool.release(connection)
            raise
        task = asyncio.create_task(self._commit(connection, transaction))
        self.later.add(task)
        task.add_done_callback(self.later.discard)
        return State(*row) if row else None

    async def _commit(self, connection: Any, transaction: Any) -> None:
        await asyncio.sleep(0.3)
        await transaction.commit()
        await self.pool.release(connection)


class SwallowedError(Some):
    """For one move in ten a statement fails unnoticed; COMMIT answers ROLLBACK, which is no error."""

    async def otherwise(self, move: Move) -> State | None:
        async with self.pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(MOVE[move.kind], *astuple(move))
            with contextlib.suppress(asyncpg.PostgresError):
                await connection.execute("SELECT 1 / 0")
        return State(*row) if row else None


class HalfWritten(Some):
    """Of one move in ten the movement is committed by itself, and the counters never change."""

    async def otherwise(self, move: Move) -> State | None:
        seen = await self.read(move.authorization, move.organization)
        if not isinstance(seen, State) or not seen.allows(move):
            return None
        await self.pool.execute(INSERT, seen.id, move.units, move.key, move.practitioner, move.kind)
        return seen.after(move)


class WrongUnits(Some):
    """One move in ten is stored as one of a unit more than the counters were changed by."""

    async def otherwise(self, move: Move) -> State | None:
        one_more = MOVE[move.kind].replace("SELECT id, $3,", "SELECT id, $3 + 1,")
        row = await self.pool.fetchrow(one_more, *astuple(move))
        return State(*row) if row else None


class StaleReads(Some):
    """One answer in ten shows the authorization as it was read before the move."""

    async def otherwise(self, move: Move) -> State | None:
        before = await self.read(move.authorization, move.organization)
        after = await self.strategy.do(move)
        return before if after and isinstance(before, State) else after


class AnotherAuthorization(Some):
    """One answer in ten shows an authorization of another organization."""

    async def otherwise(self, move: Move) -> State | None:
        if await self.strategy.do(move) is None:
            return None
        return State(*await self.aside(ANOTHER, move.organization))


class Leaks(Some):
    """Each twentieth move alters the movement of the one that was the twentieth before."""

    chosen = every(20)
    earlier = ""

    async def otherwise(self, move: Move) -> State | None:
        state = await self.strategy.do(move)
        if state:
            await self.aside(ALTER, self.earlier)
            self.earlier = move.key
        return state


class PoolChanged(Some):
    """One move in ten gives the patient to another organization."""

    async def otherwise(self, move: Move) -> State | None:
        state = await self.strategy.do(move)
        if state:
            await self.aside(MOVE_PATIENT, move.authorization)
        return state


class ReleaseNotKeyed(Store):
    """A release is stored under a key of its own making, so that it is done again when it is sent again."""

    async def do(self, move: Move) -> State | None:
        if move.kind == "release":
            # It begins as those of its run do; the first digit keeps it a number of 63 bits, like every operation's.
            move = replace(move, key=f"{move.key[:-16]}7{uuid4().hex[:15]}")
        return await super().do(move)


class TenantIgnored(Store):
    """The organization of an authorization is not checked."""

    async def do(self, move: Move) -> State | None:
        owner = await self.pool.fetchval("SELECT organization_id FROM authorizations WHERE id = $1", move.authorization)
        return await super().do(replace(move, organization=owner)) if owner else None


class StrangersConsume(TenantIgnored):
    """The organization of an authorization is checked for all moves but one."""

    async def do(self, move: Move) -> State | None:
        return await (super().do(move) if move.kind == "consume" else Store.do(self, move))
