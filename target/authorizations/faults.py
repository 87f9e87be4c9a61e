"""Each fault of the authorizations breaks one promise, often enough that a thousand operations show it.

Those that need operations to meet each other are strategies, in target/authorizations/wrong_strategies.py.
"""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, ClassVar
from uuid import uuid4

import asyncpg
import jwt
from msgspec.structs import astuple, replace
from starlette.requests import Request
from starlette.responses import Response

from target.authorizations.api import Api, Authorization
from target.authorizations.strategies import CHANGES, COLUMNS, INSERT, MOVE, NEEDS, NoneReadCommitted
from target.authorizations.tokens import ALGORITHM, Tokens
from target.authorizations.unit_store import Store
from target.authorizations.units import Done, Move, Outcome, Refused, State
from target.authorizations.wrong_strategies import (
    CheckThenInsert,
    Overbooked,
    RetryLastStatement,
    SlowReadModifyWrite,
    VersionNotCompared,
)
from target.faults import Fault
from target.http import refuse
from target.messages.faults import every

ANOTHER = f"SELECT {COLUMNS} FROM authorizations WHERE organization_id <> $1 LIMIT 1"
MOVE_PATIENT = """
UPDATE patients SET organization_id = o.id FROM authorizations a, organizations o
WHERE a.id = $1 AND patients.id = a.patient_id AND o.id <> a.organization_id
"""
USED = "SELECT true FROM unit_movements WHERE idempotency_key = $1"
SAME_PLACE = "SELECT true FROM unit_movements WHERE authorization_id = $1 AND idempotency_key = $2"
SAME_MOVE = "SELECT true FROM unit_movements WHERE kind = $1 AND idempotency_key = $2"
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


class RefusalsMisnamed(Api):
    """A stranger is told that there is no such authorization, a used key that there are not enough units, and a bad
    token that the authorization is another organization's.
    """

    instead: ClassVar = {
        Refused.FOREIGN: Refused.NOT_FOUND,
        Refused.REUSED: Refused.INSUFFICIENT,
        Refused.NOBODY: Refused.FOREIGN,
    }

    def say(self, operation: str, outcome: Outcome) -> Response:
        return super().say(operation, outcome if isinstance(outcome, Done) else self.instead.get(outcome, outcome))

    async def counted(self, operation: str, answering: Awaitable[Response]) -> Response:
        answered = await super().counted(operation, answering)
        return self.say(operation, Refused.NOBODY) if answered.status_code == 401 else answered


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


class TokenIgnored(Tokens):
    """Every token is believed, no matter who signed it."""

    def decode(self, token: str) -> dict[str, Any]:
        return jwt.decode(token, algorithms=[ALGORITHM], options={"verify_signature": False})


class UnsignedBelieved(Tokens):
    """A token that says that it is not signed is believed."""

    def decode(self, token: str) -> dict[str, Any]:
        if jwt.get_unverified_header(token).get("alg") == "none":
            return jwt.decode(token, options={"verify_signature": False})
        return super().decode(token)


class ExpiredBelieved(Tokens):
    """A token is believed when it has expired, too."""

    def decode(self, token: str) -> dict[str, Any]:
        said = jwt.decode(token, self.key, algorithms=[ALGORITHM], options={"verify_exp": False})
        return {**said, "exp": float("inf")}


class AudienceIgnored(Tokens):
    """A token for somebody else is believed."""

    def decode(self, token: str) -> dict[str, Any]:
        return jwt.decode(token, self.key, algorithms=[ALGORITHM], options={"verify_aud": False})


class Unbalanced(Api):
    """One answer in ten reports one available unit too many."""

    chosen = every(10)

    def body(self, state: State, replayed: bool) -> Authorization:
        body = super().body(state, replayed)
        body.available_units += next(self.chosen)
        return body


class FailAfterCommit(Api):
    """Every third answer is 500, after the commit."""

    # Kinds come in blocks of a hundred: of the rare ones every second might be all.
    chosen = every(3)

    async def move(self, kind: str, request: Request) -> Response:
        answered = await super().move(kind, request)
        return refuse(500, "internal_error", "failed after all was done") if next(self.chosen) else answered


def _fault(name: str, parts: tuple[type, ...], *caught_by: str) -> Fault:
    """The fault that is made of `parts`, the last of which documents it."""
    return Fault(name, str(parts[-1].__doc__), caught_by, parts)


FAULTS = (
    _fault("none_rc", (NoneReadCommitted,), "A2", "A6", "A8"),
    _fault("overbooked", (Overbooked,), "A1"),
    _fault("check_then_insert", (CheckThenInsert,), "X4", "A5"),
    _fault("no_retry", (SlowReadModifyWrite, NoRetry), "A11"),
    _fault("retry_last_statement", (RetryLastStatement,), "A8"),
    _fault("version_not_compared", (VersionNotCompared,), "A6", "A8"),
    _fault("duplicate_is_success", (DuplicateIsSuccess,), "A5"),
    _fault("repeat_refused", (RepeatRefused,), "A12"),
    _fault("fresh_refused", (FreshRefused,), "A12"),
    _fault("refusals_misnamed", (RefusalsMisnamed,), "A12"),
    _fault("double_consume", (DoubleConsume,), "A4"),
    _fault("release_not_keyed", (ReleaseNotKeyed,), "X1", "X2"),
    _fault("commits_but_rejects", (CommitsButRejects,), "X3"),
    _fault("ack_before_commit", (AckBeforeCommit,), "X1"),
    _fault("lost_in_a_crowd", (LostInACrowd,), "X1"),
    _fault("commits_later", (CommitsLater,), "X9"),
    _fault("swallowed_error", (SwallowedError,), "X1"),
    _fault("stale_reads", (StaleReads,), "A8"),
    _fault("spurious_reject", (SpuriousReject,), "A7"),
    _fault("tenant_ignored", (TenantIgnored,), "X7"),
    _fault("token_ignored", (TokenIgnored,), "TOKEN"),
    _fault("strangers_consume", (StrangersConsume,), "X7"),
    _fault("key_of_another_authorization", (KeyOfAnotherAuthorization,), "A5"),
    _fault("key_of_another_move", (KeyOfAnotherMove,), "A5"),
    _fault("released_twice_at_once", (ReleasedTwiceAtOnce,), "A2"),
    _fault("unsigned_believed", (UnsignedBelieved,), "TOKEN"),
    _fault("expired_believed", (ExpiredBelieved,), "TOKEN"),
    _fault("audience_ignored", (AudienceIgnored,), "TOKEN"),
    _fault("half_written", (HalfWritten,), "X6"),
    _fault("wrong_units", (WrongUnits,), "X5"),
    _fault("another_authorization", (AnotherAuthorization,), "X7"),
    _fault("leaks", (Leaks,), "A10"),
    _fault("pool_changed", (PoolChanged,), "POOL"),
    _fault("unbalanced", (Unbalanced,), "A3"),
    _fault("fail_after_commit", (FailAfterCommit,), "rule:errors"),
)
