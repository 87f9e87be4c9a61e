"""Faults of how messages are stored, and told apart by their keys."""

# ruff: noqa: D102 (the clean class documents each method)

import asyncio
import contextlib
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from msgspec.structs import astuple, replace

from target.faults import every
from target.messages.api import ACCEPT, INSERT, STORED, Accepted, Duplicate, Message, Store, UnknownUser

INSERT_ANYWAY = f"{INSERT} RETURNING id"
NO_UNIQUE_KEY = "ALTER TABLE message_logs DROP CONSTRAINT IF EXISTS message_logs_idempotency_key_key"
NO_FOREIGN_KEY = "ALTER TABLE message_logs DROP CONSTRAINT IF EXISTS message_logs_user_id_fkey"
NO_CHECK = "ALTER TABLE message_logs DROP CONSTRAINT message_logs_status_check"
KNOWN = "SELECT true FROM users WHERE id = $1"
WITH_ID = """
INSERT INTO message_logs (id, user_id, message_type, scheduled_send_time, message_content, idempotency_key)
VALUES ($1, $2, $3, $4, $5, $6)
"""
BACK_DATED = f"""
{INSERT.replace("idempotency_key)", "idempotency_key, created_at)").replace("$5", "$5, now() - interval '1 hour'")}
"""
AN_HOUR_AGO = "created_at = created_at - interval '1 hour'"
Outcome = Accepted | Duplicate | UnknownUser


class AckBeforeCommit(Store):
    """One message in ten is acknowledged while its transaction is open; the commit never comes."""

    chosen = every(10)

    async def accept(self, message: Message) -> Outcome:
        if not next(self.chosen):
            return await super().accept(message)
        async with self.pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            stored = await connection.fetchval(f"{INSERT} ON CONFLICT DO NOTHING RETURNING id", *astuple(message))
            await transaction.rollback()
        return Accepted(stored) if stored else await self.why_not(message)


class SwallowedError(Store):
    """For one message in ten a statement fails unnoticed; COMMIT answers ROLLBACK, which is no error."""

    chosen = every(10)

    async def accept(self, message: Message) -> Outcome:
        if not next(self.chosen):
            return await super().accept(message)
        async with self.pool.acquire() as connection, connection.transaction():
            stored = await connection.fetchval(f"{INSERT} ON CONFLICT DO NOTHING RETURNING id", *astuple(message))
            with contextlib.suppress(asyncpg.PostgresError):
                await connection.execute("SELECT 1 / 0")
        return Accepted(stored) if stored else await self.why_not(message)


class WithoutUniqueKey(Store):
    """Nothing in the database keeps keys unique; by itself not a fault but the ground for three."""

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        await self.pool.execute(NO_UNIQUE_KEY)

    async def insert_anyway(self, message: Message, executor: Any) -> Outcome:
        stored = await executor.fetchval(INSERT_ANYWAY, *astuple(message))
        return Accepted(stored) if stored else UnknownUser()


class KeyIgnored(WithoutUniqueKey):
    """Every message is stored, whatever its key."""

    async def accept(self, message: Message) -> Outcome:
        return await self.insert_anyway(message, self.pool)


class KeySelected(WithoutUniqueKey):
    """A key is looked up and then inserted: right as long as the same is not sent at the same time."""

    async def accept(self, message: Message) -> Outcome:
        found = await self.why_not(message)
        if isinstance(found, Duplicate):
            return found
        await asyncio.sleep(0.05)
        return await self.insert_anyway(message, self.pool)


class NoIndex(WithoutUniqueKey):
    """Keys are served as promised, under a lock; but nothing would stop anybody else."""

    async def accept(self, message: Message) -> Outcome:
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", message.idempotency_key)
            stored = await connection.fetchrow(STORED, *astuple(message))
            if stored:
                return Duplicate(stored["id"], stored["same"])
            return await self.insert_anyway(message, connection)


class Orphaned(Store):
    """Now and then a user is deleted whose messages stay."""

    chosen = every(20)

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        await self.pool.execute(NO_FOREIGN_KEY)

    async def accept(self, message: Message) -> Outcome:
        outcome = await super().accept(message)
        if isinstance(outcome, Accepted) and next(self.chosen):
            await self.pool.execute("DELETE FROM users WHERE id = $1", message.user_id)
        return outcome


class RejectAfterWrite(Store):
    """One message in ten is refused after it was stored."""

    chosen = every(10)

    async def accept(self, message: Message) -> Outcome:
        outcome = await super().accept(message)
        if isinstance(outcome, Accepted) and next(self.chosen):
            return Duplicate(outcome.message_id, same=False)
        return outcome


class BodyAltered(Store):
    """One message in ten is stored with another content."""

    chosen = every(10)

    async def accept(self, message: Message) -> Outcome:
        if not next(self.chosen):
            return await super().accept(message)
        return await super().accept(replace(message, message_content=message.message_content[:-1]))


class PhantomRow(Store):
    """One message in ten is followed by an invented one, under a key that begins like those of its run."""

    chosen = every(10)

    async def accept(self, message: Message) -> Outcome:
        outcome = await super().accept(message)
        if isinstance(outcome, Accepted) and next(self.chosen):
            # The first digit keeps it a number of 63 bits, like that of every operation.
            unsent = f"{message.idempotency_key[:-16]}7{uuid4().hex[:15]}"
            await super().accept(replace(message, idempotency_key=unsent))
        return outcome


class ReplayOtherId(Store):
    """A replay is answered with an id of its own."""

    async def why_not(self, message: Message) -> Duplicate | UnknownUser:
        found = await super().why_not(message)
        return Duplicate(uuid4(), True) if isinstance(found, Duplicate) and found.same else found


class ConflictOverwrites(Store):
    """Another body under a used key replaces the first, and is called a replay."""

    async def why_not(self, message: Message) -> Duplicate | UnknownUser:
        stored: UUID | None = await self.pool.fetchval(
            "UPDATE message_logs SET message_content = $1 WHERE idempotency_key = $2 RETURNING id",
            message.message_content,
            message.idempotency_key,
        )
        return Duplicate(stored, True) if stored else UnknownUser()


class AnswerFirst(Store):
    """Every message is acknowledged from memory, and stored 0.3 s later."""

    later: set[asyncio.Task[None]]

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        self.later = set()

    async def accept(self, message: Message) -> Outcome:
        known = await self.why_not(message)
        if isinstance(known, Duplicate) or not await self.pool.fetchval(KNOWN, message.user_id):
            return known
        number = uuid4()
        task = asyncio.create_task(self._store(number, message))
        self.later.add(task)
        task.add_done_callback(self.later.discard)
        return Accepted(number)

    async def _store(self, number: UUID, message: Message) -> None:
        await asyncio.sleep(0.3)
        await self.pool.execute(f"{WITH_ID} ON CONFLICT DO NOTHING", number, *astuple(message))


class LostInACrowd(Store):
    """While more than 20 messages are being stored, new ones are acknowledged and not stored."""

    inside = 0

    async def accept(self, message: Message) -> Outcome:
        self.inside += 1
        try:
            if self.inside <= 20:
                return await super().accept(message)
            known = await self.why_not(message)
            if isinstance(known, Duplicate) or not await self.pool.fetchval(KNOWN, message.user_id):
                return known
            return Accepted(uuid4())
        finally:
            self.inside -= 1


class CommitsLater(Store):
    """One message in ten is acknowledged while its transaction is open, which is committed 0.3 s later."""

    chosen = every(10)
    later: set[asyncio.Task[None]]

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        self.later = set()

    async def accept(self, message: Message) -> Outcome:
        if not next(self.chosen):
            return await super().accept(message)
        connection = await self.pool.acquire()
        transaction = connection.transaction()
        await transaction.start()
        # The time in the row is that of now.
        stored = await connection.fetchval(ACCEPT, *astuple(message))
        task = asyncio.create_task(self._commit(connection, transaction))
        self.later.add(task)
        task.add_done_callback(self.later.discard)
        return Accepted(stored) if stored else await self.why_not(message)

    async def _commit(self, connection: Any, transaction: Any) -> None:
        await asyncio.sleep(0.3)
        await transaction.commit()
        await self.pool.release(connection)


class StoredTwice(Store):
    """Every message is stored once more, an hour ago, under a key of its own."""

    async def accept(self, message: Message) -> Outcome:
        outcome = await super().accept(message)
        if isinstance(outcome, Accepted):
            await self.pool.execute(BACK_DATED, *astuple(replace(message, idempotency_key=f"copy-{uuid4()}")))
        return outcome


class ClockStepsBack(Store):
    """After 50 messages, what is stored has a time of an hour before."""

    count = 0

    async def accept(self, message: Message) -> Outcome:
        outcome = await super().accept(message)
        if isinstance(outcome, Accepted):
            self.count += 1
            if self.count > 50:
                await self.pool.execute(f"UPDATE message_logs SET {AN_HOUR_AGO} WHERE id = $1", outcome.message_id)
        return outcome


class CommitsDontWait(Store):
    """The sessions of the API commit without waiting for the disk."""

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, synchronous_commit="off", **more)


class Unlogged(Store):
    """The table of the messages is emptied by a crash."""

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        await self.pool.execute("ALTER TABLE message_logs SET UNLOGGED")


class CheckDropped(Store):
    """A constraint on the status of messages is dropped."""

    async def open(self, url: str, connections: int, **more: str) -> None:
        await super().open(url, connections, **more)
        await self.pool.execute(NO_CHECK)


class RepeatRefused(Store):
    """One repeated message in five is called another message."""

    chosen = every(5)

    async def why_not(self, message: Message) -> Duplicate | UnknownUser:
        found = await super().why_not(message)
        if isinstance(found, Duplicate) and found.same and next(self.chosen):
            return Duplicate(found.message_id, same=False)
        return found


class StrangerUsedAKey(Store):
    """A message to a user that does not exist is refused as if its key had been used."""

    async def accept(self, message: Message) -> Outcome:
        outcome = await super().accept(message)
        return Duplicate(uuid4(), same=False) if isinstance(outcome, UnknownUser) else outcome


class FreshRefused(Store):
    """One new message in a hundred is refused as one to a user that does not exist, and not stored."""

    chosen = every(100)

    async def accept(self, message: Message) -> Outcome:
        return UnknownUser() if next(self.chosen) else await super().accept(message)


class PoolChanged(Store):
    """One message in ten renames its user."""

    chosen = every(10)

    async def accept(self, message: Message) -> Outcome:
        outcome = await super().accept(message)
        if isinstance(outcome, Accepted) and next(self.chosen):
            await self.pool.execute("UPDATE users SET first_name = 'Renamed' WHERE id = $1", message.user_id)
        return outcome
