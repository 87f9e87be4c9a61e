"""Faults of what is done with a move that was made, sent again, or whose key is used for another."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio

from target.authorizations.strategies import CHANGES, COLUMNS, INSERT, NEEDS
from target.authorizations.unit_store import Store
from target.authorizations.units import Done, Move, Outcome, Refused, State
from target.faults import every

USED = "SELECT true FROM unit_movements WHERE idempotency_key = $1"
SAME_PLACE = "SELECT true FROM unit_movements WHERE authorization_id = $1 AND idempotency_key = $2"
SAME_MOVE = "SELECT true FROM unit_movements WHERE kind = $1 AND idempotency_key = $2"


class KeyOfAnother(Store):
    """A key that was used for something else is taken for a sign that all is done, by itself not a fault."""

    async def same(self, move: Move) -> bool:
        """Whether what the key was used for is like `move` in what this fault still looks at."""
        raise NotImplementedError

    async def attempt(self, move: Move) -> Outcome:
        outcome = await super().attempt(move)
        if outcome is not Refused.REUSED or await self.same(move):
            return outcome
        found = await self.find(move.authorization, move.organization)
        return Done(found, replayed=True) if isinstance(found, State) else found


class KeyOfAnotherAuthorization(KeyOfAnother):
    """A key that was used for another authorization is taken for a sign that all is done."""

    async def same(self, move: Move) -> bool:
        return bool(await self.pool.fetchval(SAME_PLACE, move.authorization, move.key))


class KeyOfAnotherMove(KeyOfAnother):
    """A key that was used for another move is taken for a sign that all is done."""

    async def same(self, move: Move) -> bool:
        return bool(await self.pool.fetchval(SAME_MOVE, move.kind, move.key))


class ReleasedTwiceAtOnce(Store):
    """A release that is sent twice at once gives its units back twice, under one movement."""

    async def attempt(self, move: Move) -> Outcome:
        if move.kind != "release" or await self.pool.fetchval(USED, move.key):
            return await super().attempt(move)
        await asyncio.sleep(0.05)
        async with self.pool.acquire() as connection, connection.transaction(isolation="read_committed"):
            row = await connection.fetchrow(
                f"UPDATE authorizations SET {CHANGES[move.kind]}, version = version + 1 "
                f"WHERE id = $1 AND organization_id = $2 AND {NEEDS[move.kind]} >= $3 RETURNING {COLUMNS}",
                move.authorization,
                move.organization,
                move.units,
            )
            if row:
                again = f"{INSERT} ON CONFLICT DO NOTHING"
                await connection.execute(again, move.authorization, move.units, move.key, move.practitioner, move.kind)
        return Done(State(*row)) if row else await self.why_not(move)


class CommitsButRejects(Store):
    """One move in ten is refused after it was made."""

    chosen = every(10)

    async def attempt(self, move: Move) -> Outcome:
        outcome = await super().attempt(move)
        made = isinstance(outcome, Done) and not outcome.replayed
        return Refused.INSUFFICIENT if made and next(self.chosen) else outcome


class SpuriousReject(Store):
    """One reserve in ten is refused for want of units before anybody looked."""

    chosen = every(10)

    async def attempt(self, move: Move) -> Outcome:
        if move.kind == "reserve" and next(self.chosen):
            return await self.why_not(move)
        return await super().attempt(move)


class DuplicateIsSuccess(Store):
    """A key that was used for something else is taken for a sign that all is done."""

    async def attempt(self, move: Move) -> Outcome:
        outcome = await super().attempt(move)
        if outcome is not Refused.REUSED:
            return outcome
        found = await self.find(move.authorization, move.organization)
        return Done(found) if isinstance(found, State) else found


class RepeatRefused(Store):
    """One repeated move in five is told that its key was used for something else."""

    chosen = every(5)

    async def attempt(self, move: Move) -> Outcome:
        outcome = await super().attempt(move)
        repeated = isinstance(outcome, Done) and outcome.replayed
        return Refused.REUSED if repeated and next(self.chosen) else outcome


class FreshRefused(Store):
    """One new move in fifty is refused as one of another organization's authorization, and not made."""

    chosen = every(50)

    async def attempt(self, move: Move) -> Outcome:
        return Refused.FOREIGN if next(self.chosen) else await super().attempt(move)


class DoubleConsume(Store):
    """A move that is sent again is answered as a replay, and its units are moved again."""

    async def attempt(self, move: Move) -> Outcome:
        outcome = await super().attempt(move)
        if not isinstance(outcome, Done) or not outcome.replayed:
            return outcome
        row = await self.pool.fetchrow(
            f"UPDATE authorizations SET {CHANGES[move.kind]}, version = version + 1 "
            f"WHERE id = $1 AND organization_id = $2 AND {NEEDS[move.kind]} >= $3 RETURNING {COLUMNS}",
            move.authorization,
            move.organization,
            move.units,
        )
        return Done(State(*row), replayed=True) if row else outcome
