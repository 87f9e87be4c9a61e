"""The authorizations in the database: a move is made once for each key, or refused for a reason that holds."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
from msgspec.structs import astuple

from target.database import NoReset, settings
from target.retries import retried
from target.strategies import COLUMNS, Strategy
from target.units import Done, Move, Outcome, Refused, State

CONNECTIONS = 8
"""As many moves are under way at once: the more there are, the more of them are aborted and done again."""

HEALTH_TIMEOUT_S = 2

READ = f"SELECT {COLUMNS}, organization_id = $2 AS ours FROM authorizations WHERE id = $1"
# The parameters are the fields of a Move; `same` is null if the key was never used.
LOOK = f"""
SELECT {COLUMNS}, organization_id = $2 AS ours, (
    SELECT (authorization_id, units, practitioner_id, kind) = ($1, $3, $5, $6)
    FROM unit_movements WHERE idempotency_key = $4
) AS same
FROM authorizations WHERE id = $1
"""


class Store:
    """Moves units by a strategy, on a pool of connections."""

    pool: Any

    def __init__(self, strategy: type[Strategy]) -> None:
        self.chosen_strategy = strategy

    async def open(self, url: str) -> None:
        """Connect, all at once: no request waits for a connection to be made."""
        isolation = {"default_transaction_isolation": self.chosen_strategy.isolation}
        self.pool = await asyncpg.create_pool(
            url,
            min_size=CONNECTIONS,
            max_size=CONNECTIONS,
            max_inactive_connection_lifetime=0,
            connection_class=NoReset,
            server_settings=settings("proofload-target") | isolation,
        )
        self.strategy = self.chosen_strategy(self.pool)
        await self.strategy.prepare()

    async def close(self) -> None:
        """Wait for what is under way, and disconnect."""
        await self.pool.close()

    async def answers(self) -> bool:
        """Whether the database answers, soon."""
        try:
            # The wait for a free connection counts too.
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                return bool(await self.pool.fetchval("SELECT true"))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return False

    async def move(self, move: Move) -> tuple[Outcome, int]:
        """What becomes of `move`, and how often the database made us begin again."""
        outcome, retries = await retried(lambda: self.attempt(move))
        return outcome or Refused.EXHAUSTED, retries

    async def attempt(self, move: Move) -> Outcome:
        """Make `move` if it can be made; SerializationError or DeadlockDetectedError if it is to be tried again."""
        try:
            state = await self.do(move)
        except asyncpg.UniqueViolationError:
            # The key was used before, perhaps just now; whoever used it has committed.
            state = None
        except asyncpg.ForeignKeyViolationError:
            return Refused.NOBODY
        return Done(state) if state else await self.why_not(move)

    async def do(self, move: Move) -> State | None:
        """Make `move` in one transaction: the state it left, or None if nothing was changed."""
        return await self.strategy.do(move)

    async def why_not(self, move: Move) -> Outcome:
        """Why `move` was not made. Looked at afterwards, when it can be seen.

        Keys stay used and organizations stay the same, so that whatever of that stopped the move still
        shows; if nothing does, there were not enough units when it was tried.
        """
        row = await self.pool.fetchrow(LOOK, *astuple(move))
        if row is None:
            return Refused.NOT_FOUND
        *state, ours, same = row
        if not ours:
            return Refused.FOREIGN
        if same is None:
            return Refused.INSUFFICIENT
        return Done(State(*state), replayed=True) if same else Refused.REUSED

    async def read(self, authorization: UUID, organization: UUID) -> State | Refused:
        """An authorization as it is, for somebody of `organization`."""
        found, _ = await retried(lambda: self.find(authorization, organization))
        return found or Refused.EXHAUSTED

    async def find(self, authorization: UUID, organization: UUID) -> State | Refused:
        """The same, tried once: under SERIALIZABLE even who only reads can be aborted."""
        row = await self.pool.fetchrow(READ, authorization, organization)
        if row is None:
            return Refused.NOT_FOUND
        *state, ours = row
        return State(*state) if ours else Refused.FOREIGN
