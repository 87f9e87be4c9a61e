"""Five ways to move units, side by side: three rest on what PostgreSQL finds out, one on a lock, one on luck.

All make the same move: if the authorization is the organization's own and has units enough, its
counters change, its version is raised by one and a row goes into unit_movements, in one transaction.
They do not read the key first. In SERIALIZABLE that read would lock the last page of
the key's index, into which all others insert: two transactions in three were aborted so, whatever
authorizations they were about. The unique constraint checks the key anyway.
"""

import asyncio
from typing import Any

from msgspec.structs import astuple

from systems.authorizations import MOVES
from target.authorizations.units import Move, State

SERIALIZABLE = "serializable"
READ_COMMITTED = "read committed"

PAUSE_S = 0.01
"""How long the wrong strategy thinks between reading and writing."""

COLUMNS = "id, total_units, used_units, scheduled_units, version"

AVAILABLE = "total_units - used_units - scheduled_units"

NEEDS = {"reserve": AVAILABLE, "release": "scheduled_units", "consume": "scheduled_units"}
"""Of which units a move takes some."""

CHANGES = {
    "reserve": "scheduled_units = scheduled_units + $3",
    "release": "scheduled_units = scheduled_units - $3",
    "consume": "scheduled_units = scheduled_units - $3, used_units = used_units + $3",
}

# One statement, in the transaction that every statement is by itself: decided, done and committed in one round trip.
MOVE = {
    kind: f"""
WITH changed AS (
    UPDATE authorizations SET {CHANGES[kind]}, version = version + 1
    WHERE id = $1 AND organization_id = $2 AND {NEEDS[kind]} >= $3
    RETURNING {COLUMNS}
), moved AS (
    INSERT INTO unit_movements (authorization_id, units, idempotency_key, practitioner_id, kind)
    SELECT id, $3, $4, $5, $6 FROM changed
)
SELECT {COLUMNS} FROM changed
"""
    for kind in MOVES
}

READ = f"SELECT {COLUMNS} FROM authorizations WHERE id = $1 AND organization_id = $2"
UPDATE = "UPDATE authorizations SET used_units = $2, scheduled_units = $3, version = $4 WHERE id = $1"
INSERT = """
INSERT INTO unit_movements (authorization_id, units, idempotency_key, practitioner_id, kind)
VALUES ($1, $2, $3, $4, $5)
"""
NO_CHECK = "ALTER TABLE authorizations DROP CONSTRAINT IF EXISTS authorizations_units_check"


class Strategy:
    """A way to move units, on a pool of connections whose transactions are isolated as `isolation` says."""

    isolation: str

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    async def prepare(self) -> None:
        """What is done once, before the first move."""

    async def do(self, move: Move) -> State | None:
        """Make `move` in one transaction: the state it left, or None if nothing was changed.

        An error of PostgreSQL aborts the transaction and goes to the caller: one that is looked over
        would let COMMIT answer ROLLBACK, which is no error. A key that was used before is a
        UniqueViolationError; SerializationError and DeadlockDetectedError mean that all is to be done again.
        """
        raise NotImplementedError


class ConditionalUpdate(Strategy):
    """One statement, which changes the row only if it has units enough."""

    async def do(self, move: Move) -> State | None:
        """The UPDATE waits for a concurrent move of the row; the isolation level decides what happens then."""
        row = await self.pool.fetchrow(MOVE[move.kind], *astuple(move))
        return State(*row) if row else None


class SerializableUpdate(ConditionalUpdate):
    """… under SERIALIZABLE: a row that was changed while the UPDATE waited aborts it (40001)."""

    isolation = SERIALIZABLE


class Conditional(ConditionalUpdate):
    """… under READ COMMITTED: the condition is evaluated again, on the row as the other left it."""

    isolation = READ_COMMITTED


class ReadModifyWrite(Strategy):
    """A transaction that reads the row, decides here, and writes the values computed here."""

    lock = ""

    async def do(self, move: Move) -> State | None:
        """Nothing may change the row between `read` and `write`, or what is written is wrong."""
        async with self.pool.acquire() as connection, connection.transaction():
            seen = await self.read(connection, move)
            if seen is None or not seen.allows(move):
                return None
            after = seen.after(move)
            await self.write(connection, move, after)
        return after

    async def read(self, connection: Any, move: Move) -> State | None:
        """The row that the decision rests on; None if the organization has no such authorization."""
        row = await connection.fetchrow(f"{READ} {self.lock}", move.authorization, move.organization)
        return State(*row) if row else None

    async def write(self, connection: Any, move: Move, after: State) -> None:
        """The row and the movement."""
        await connection.execute(UPDATE, after.id, after.used, after.scheduled, after.version)
        await connection.execute(INSERT, after.id, move.units, move.key, move.practitioner, move.kind)


class SerializableReadModifyWrite(ReadModifyWrite):
    """… under SERIALIZABLE: the UPDATE is aborted (40001) if the row was changed after it was read."""

    isolation = SERIALIZABLE


class ForUpdate(ReadModifyWrite):
    """… under READ COMMITTED, with the row locked from when it is read: others wait, and then read what we left."""

    isolation = READ_COMMITTED
    lock = "FOR UPDATE"


class NoneReadCommitted(ReadModifyWrite):
    """Nothing keeps others from changing the row that was read: updates are lost, and units promised twice."""

    isolation = READ_COMMITTED

    async def prepare(self) -> None:
        """Without the constraint that would stop some of it."""
        await self.pool.execute(NO_CHECK)

    async def read(self, connection: Any, move: Move) -> State | None:
        """A decision that takes its time."""
        seen = await super().read(connection, move)
        await asyncio.sleep(PAUSE_S)
        return seen


STRATEGIES: dict[str, type[Strategy]] = {
    "serializable_update": SerializableUpdate,
    "serializable_rmw": SerializableReadModifyWrite,
    "for_update": ForUpdate,
    "conditional": Conditional,
    "none_rc": NoneReadCommitted,
}
"""By the names of the command line; the first is what runs if none is named."""
