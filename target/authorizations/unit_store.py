"""The authorizations in the database: a move is made once for each key, or refused for a reason that holds."""

from uuid import UUID

import asyncpg
from msgspec.structs import astuple

from target.authorizations.retries import retried
from target.authorizations.strategies import COLUMNS, Strategy
from target.authorizations.units import Done, Move, Outcome, Refused, State
from target.database import Pooled

READ = f"SELECT {COLUMNS}, organization_id = $2 AS ours FROM authorizations WHERE id = $1"
# The parameters are the fields of a Move; `same` is null if the key was never used.
LOOK = f"""
SELECT {COLUMNS}, organization_id = $2 AS ours, (
    SELECT (authorization_id, units, practitioner_id, kind) = ($1, $3, $5, $6)
    FROM unit_movements WHERE idempotency_key = $4
) AS same
FROM authorizations WHERE id = $1
"""


class Store(Pooled):
    """Moves units by a strategy, on a pool of connections."""

    def __init__(self, strategy: type[Strategy]) -> None:
        self.chosen_strategy = strategy

    async def open(self, url: str, connections: int, **more: str) -> None:
        """Connect, at the isolation that the strategy needs."""
        await super().open(url, connections, default_transaction_isolation=self.chosen_strategy.isolation, **more)
        self.strategy = self.chosen_strategy(self.pool)
        await self.strategy.prepare()

    async def move(self, move: Move) -> tuple[Outcome, int]:
        """What becomes of `move`, and how often the database made us begin again."""
        outcome, retries = await retried(lambda: self.attempt(move))
        return outcome or Refused.EXHAUSTED, retries

    async def attempt(self, move: Move) -> Outcome:
        """Make `move` if it can be made; SerializationError or DeadlockDetectedError if it is to be tried again."""
        try:
            state = await self.do(move)
        except asyncpg.UniqueViolationError:
            # The key was used before, perhaps a moment ago; its transaction has committed.
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
        """An authorization as it is, for a member of `organization`."""
        found, _ = await retried(lambda: self.find(authorization, organization))
        return found or Refused.EXHAUSTED

    async def find(self, authorization: UUID, organization: UUID) -> State | Refused:
        """The same, tried once: under SERIALIZABLE even who only reads can be aborted."""
        row = await self.pool.fetchrow(READ, authorization, organization)
        if row is None:
            return Refused.NOT_FOUND
        *state, ours = row
        return State(*state) if ours else Refused.FOREIGN
