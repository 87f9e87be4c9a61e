"""What is due is delivered once, by however many workers, and whatever becomes of them."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import asyncpg
import pytest

from systems import ids
from target.database import settings
from target.messages.delivery import CLAIM, Delivery
from target.messages.delivery import _deliver as work
from tests.support.target_process import DEADLINE_S, delivering, eventually, process, query, with_users

pytestmark = pytest.mark.usefixtures("nurseries")

LEFT = "SELECT count(*) = 0 FROM message_logs WHERE status = 'SCHEDULED' AND scheduled_send_time <= now()"


@pytest.fixture
def tables(database: str) -> str:
    """A database with user 1 and no messages; each change to SENT is noted in `deliveries`."""
    with_users(database, 1)
    query(
        database,
        """
        CREATE TABLE deliveries (number bigserial, key text, worker text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO deliveries (key, worker) VALUES (NEW.idempotency_key, current_setting('application_name'));
            RETURN NULL;
        END $$;
        CREATE TRIGGER noted AFTER UPDATE ON message_logs FOR EACH ROW WHEN (NEW.status = 'SENT')
            EXECUTE FUNCTION note();
        """,
    )
    return database


def _schedule(database: str, count: int, due: str = "now() - interval '1 hour'") -> None:
    query(
        database,
        "INSERT INTO message_logs (user_id, message_type, message_content, scheduled_send_time, idempotency_key) "
        f"SELECT '{ids.uuid_of(1)}', 'BIRTHDAY', 'text', {due} - n * interval '1 s', 'key-' || n "
        f"FROM generate_series(1, {count}) AS n",
    )


def _none_left(database: str) -> bool:
    left: bool = query(database, LEFT)[0][0]
    return left


def test_a_message_that_is_due_is_sent_and_knows_when(tables: str) -> None:
    _schedule(tables, 1)
    with delivering(tables) as worker:
        eventually(lambda: _none_left(tables), worker)

    assert query(tables, "SELECT status, retry_count, sent_at > created_at FROM message_logs") == [("SENT", 0, True)]


def test_the_oldest_goes_first(tables: str) -> None:
    _schedule(tables, 20)
    with delivering(tables) as worker:
        eventually(lambda: _none_left(tables), worker)

    sent = [key for (key,) in query(tables, "SELECT key FROM deliveries ORDER BY number")]
    assert sent == [f"key-{n}" for n in range(20, 0, -1)]


def test_a_claim_is_planned_by_the_index_of_the_queue_even_while_the_table_is_empty(tables: str) -> None:
    async def plan() -> str:
        connection = await asyncpg.connect(tables, server_settings=settings("test"))
        try:
            await connection.execute("VACUUM (ANALYZE) message_logs")
            return "\n".join(line for (line,) in await connection.fetch(f"EXPLAIN {CLAIM}"))
        finally:
            await connection.close()

    planned = asyncio.run(plan())
    assert "Index Scan using message_logs_claim" in planned
    assert "Sort" not in planned


def test_a_message_of_tomorrow_waits(tables: str) -> None:
    _schedule(tables, 1)
    query(
        tables, "UPDATE message_logs SET scheduled_send_time = now() + interval '1 day', idempotency_key = 'tomorrow'"
    )
    _schedule(tables, 5)
    with delivering(tables) as worker:
        eventually(lambda: _none_left(tables), worker)

    assert query(tables, "SELECT idempotency_key FROM message_logs WHERE status = 'SCHEDULED'") == [("tomorrow",)]


def test_many_workers_deliver_each_message_once_and_share_the_work(tables: str) -> None:
    with ExitStack() as stack:
        for number in range(1, 4):
            stack.enter_context(delivering(tables, number, delivery_ms=10))
        _schedule(tables, 120)
        eventually(lambda: _none_left(tables))

    assert query(tables, "SELECT count(*), count(DISTINCT key) FROM deliveries") == [(120, 120)]
    workers = {worker for (worker,) in query(tables, "SELECT DISTINCT worker FROM deliveries")}
    assert workers == {f"proofload-delivery-{number}" for number in range(1, 4)}


def test_a_message_in_delivery_is_neither_sent_nor_anyone_elses_until_it_is_delivered(tables: str) -> None:
    _schedule(tables, 1)
    locked = "SELECT id FROM message_logs WHERE status = 'SCHEDULED' FOR UPDATE SKIP LOCKED"
    with delivering(tables, delivery_ms=600_000) as worker:
        eventually(lambda: query(tables, locked) == [], worker)
        worker.kill()
        # The lock was the claim: it went with the worker.
        eventually(lambda: query(tables, locked))

    assert query(tables, "SELECT status, sent_at FROM message_logs") == [("SCHEDULED", None)]


async def _nothing(_other: asyncpg.Connection) -> None:
    pass


def _work(
    database: str, delivery: Delivery, meanwhile: Callable[[asyncpg.Connection], Awaitable[None]] = _nothing
) -> None:
    """Have `delivery` work until it stops, and `meanwhile` beside it on a connection of its own."""

    async def both() -> None:
        mine, other = await asyncpg.connect(database), await asyncpg.connect(database)
        try:
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.gather(delivery.work(mine), meanwhile(other))
        finally:
            await mine.close()
            await other.close()

    asyncio.run(both())


@pytest.mark.parametrize(("idle_s", "notified"), [(3600.0, True), (0.1, False)])
def test_a_worker_with_nothing_to_do_looks_when_it_is_notified_and_now_and_then_by_itself(
    tables: str, idle_s: float, notified: bool
) -> None:
    idle = asyncio.Event()

    class Idle(Delivery):
        async def idle(self) -> None:
            idle.set()
            await super().idle()

        async def mark_sent(self, message: Any) -> None:
            await super().mark_sent(message)
            self.stop()

    async def schedule(other: asyncpg.Connection) -> None:
        await idle.wait()
        await asyncio.to_thread(_schedule, tables, 1)
        if notified:
            await other.execute("NOTIFY messages_scheduled")

    delivery = Idle(0)
    delivery.idle_s = idle_s
    _work(tables, delivery, schedule)

    assert query(tables, "SELECT status FROM message_logs") == [("SENT",)]


@pytest.mark.parametrize(("failures", "end"), [(3, ("SENT", 3, False)), (4, ("FAILED", 4, True))])
def test_a_delivery_that_fails_is_tried_again_three_times(
    tables: str, failures: int, end: tuple[str, int, bool]
) -> None:
    class Failing(Delivery):
        left = failures

        async def deliver(self, message: Any) -> None:
            self.left -= 1
            if self.left >= 0:
                raise OSError("no such mailbox")

        async def idle(self) -> None:
            self.stop()

    _schedule(tables, 1)
    _work(tables, Failing(0))

    assert query(tables, "SELECT status, retry_count, sent_at IS NULL FROM message_logs") == [end]


def test_a_worker_that_is_told_to_stop_finishes_its_message_and_takes_no_other(tables: str) -> None:
    class Told(Delivery):
        async def deliver(self, message: Any) -> None:
            self.stop()
            await super().deliver(message)

    _schedule(tables, 2)
    _work(tables, Told(0.01))

    assert query(tables, "SELECT status FROM message_logs ORDER BY scheduled_send_time") == [("SENT",), ("SCHEDULED",)]


def test_a_worker_with_nothing_to_do_stops_at_once(tables: str) -> None:
    with delivering(tables) as worker:
        worker.send_signal(signal.SIGINT)

        assert worker.wait(60) == 0


def test_a_worker_connects_again_when_its_connection_is_lost(tables: str) -> None:
    mine = "FROM pg_stat_activity WHERE application_name = 'proofload-delivery-1'"
    with delivering(tables) as worker:
        ((first,),) = query(tables, f"SELECT pid {mine}")
        query(tables, "SELECT pg_terminate_backend(%s)", first)
        eventually(lambda: query(tables, f"SELECT 1 {mine} AND pid <> {first}"), worker)
        _schedule(tables, 1)
        eventually(lambda: _none_left(tables), worker)


def test_a_worker_that_finds_no_database_asks_again_until_it_is_told_to_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"postgresql://postgres@127.0.0.1:{nobody.getsockname()[1]}/nothing"
        with process(url, "deliver", "--number", "1", "--delivery-ms", "0") as worker:
            for _ in range(3):
                nobody.accept()[0].close()
            worker.send_signal(signal.SIGTERM)

            assert worker.wait(60) == 0


class _Cut(Delivery):
    """Its connection is lost, or the database has no room, once."""

    def __init__(self, error: Exception) -> None:
        super().__init__(0)
        self.errors = [error]

    async def one(self) -> bool:
        if self.errors:
            raise self.errors.pop()
        self.stop()
        return False


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        asyncpg.DiskFullError('could not extend file "base/16444/16432": No space left on device'),
    ],
)
def test_a_connection_that_is_lost_between_two_statements_or_has_no_room_is_made_anew(
    tables: str, error: Exception
) -> None:
    delivery = _Cut(error)

    asyncio.run(work(tables, 1, delivery))

    assert (delivery.errors, delivery.stopping) == ([], True)
