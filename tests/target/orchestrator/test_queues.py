"""One suite for every queue: whatever holds the messages, delivery is at least once, and nothing is lost or made up."""

import asyncio
import atexit
import functools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import uvicorn
from moto.server import ThreadedMotoServer

from harness.stack.postgres import Postgres
from schema.migrate import migrate
from target.orchestrator.memory_queue import MemoryQueue
from target.orchestrator.postgres_queue import PostgresQueue
from target.orchestrator.queue import Queue, QueueError
from target.orchestrator.sqs_http import SqsError, SqsHttp
from target.orchestrator.sqs_queue import SqsQueue
from target.orchestrator.sqs_signing import Credentials, signed, signing_key
from target.orchestrator.sqs_stand_in import application
from tests.support.target_process import query

SOON = 0.05
"""Seconds that a message is in flight; SQS has whole ones, so that it takes one there."""
LONG = 60.0
BACKENDS = ("memory", "postgres", "sqs", "moto")
"""moto is another SQS, for which AWS's own libraries are the measure; its depth is told as exactly as theirs."""


@pytest.fixture(scope="module")
def database(cluster: Postgres) -> Iterator[str]:
    """One with the tables of queues."""
    name = f"queues_{uuid4().hex[:12]}"
    url = cluster.create(name)
    migrate("orchestrator", url)
    yield url
    cluster.drop(name)


@asynccontextmanager
async def stand_in() -> AsyncIterator[str]:
    """The URL of what speaks SQS."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(), log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def opened(backend: str, database: str, **how: Any) -> AsyncIterator[Queue]:
    if backend == "memory":
        yield MemoryQueue(**how)
    elif backend == "postgres":
        async with asyncpg.create_pool(database, min_size=2, max_size=4) as pool:
            yield PostgresQueue(pool, **how)
    else:
        async with stand_in() if backend == "sqs" else nullcontext(moto()) as url:
            queue = SqsQueue(SqsHttp(url), **how)
            try:
                yield queue
            finally:
                await queue.close()


@functools.cache
def moto() -> str:
    """The URL of moto, which goes on until these tests are over."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    atexit.register(server.stop)
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def with_queue(backend: str, database: str, test: Callable[[Queue, str], Awaitable[None]], **how: Any) -> None:
    """Run `test` with a queue and a name that no other test has."""

    async def run() -> None:
        async with opened(backend, database, **how) as queue:
            await test(queue, f"q-{uuid4().hex[:12]}")

    asyncio.run(run())


async def all_of(queue: Queue, name: str, visible_s: float = LONG) -> list[Any]:
    """All messages that are visible."""
    found: list[Any] = []
    while some := await queue.receive(name, 10, 0, visible_s):
        found += some
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_sent_is_received_once_while_it_is_in_flight(backend: str, database: str) -> None:
    async def test(queue: Queue, name: str) -> None:
        bodies = [f'{{"n": {n}, "text": "é ☃ \\""}}' for n in range(25)]
        ids = await queue.send(name, bodies)
        found = await all_of(queue, name)

        assert len({str(one) for one in ids}) == 25
        assert not any(isinstance(one, QueueError) for one in ids)
        assert sorted(one.body for one in found) == sorted(bodies)
        assert {one.attempt for one in found} == {1}
        assert await queue.receive(name, 10, 0, LONG) == []

    with_queue(backend, database, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_comes_from_an_empty_queue_or_one_that_is_new(backend: str, database: str) -> None:
    async def test(queue: Queue, name: str) -> None:
        assert await queue.receive(name, 10, 0, LONG) == []
        assert await queue.receive(name, 10, SOON, LONG) == []
        assert (await queue.depth(name))[:2] == (0, 0)

    with_queue(backend, database, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_who_waits_gets_what_comes_meanwhile(backend: str, database: str) -> None:
    async def test(queue: Queue, name: str) -> None:
        await queue.send(name, [])
        waiting = asyncio.create_task(queue.receive(name, 10, 20, LONG))
        await asyncio.sleep(0)
        await queue.send(name, ["late"])

        assert [one.body for one in await waiting] == ["late"]

    with_queue(backend, database, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_entry_that_is_too_long_fails_by_itself(backend: str, database: str) -> None:
    async def test(queue: Queue, name: str) -> None:
        said = await queue.send(name, ["a", "x" * 101, "b", "é" * 51, "c"])

        assert [isinstance(one, QueueError) for one in said] == [False, True, False, True, False]
        assert {one.body for one in await all_of(queue, name)} == {"a", "b", "c"}

    with_queue(backend, database, test, most_bytes=100)


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "moto"])  # it takes any receipt of a message
def test_what_is_not_deleted_in_time_comes_again_and_the_earlier_receipt_deletes_nothing(
    backend: str, database: str
) -> None:
    async def test(queue: Queue, name: str) -> None:
        await queue.send(name, ["once"])
        (first,) = await queue.receive(name, 10, 0, SOON)
        (second,) = await queue.receive(name, 10, 30, LONG)

        assert (second.body, second.attempt) == ("once", 2)
        assert await queue.delete(name, [first.receipt]) == [False]
        assert sum((await queue.depth(name))[:2]) == 1
        assert await queue.delete(name, [second.receipt]) == [True]
        assert await queue.delete(name, [second.receipt]) == [False]
        assert sum((await queue.depth(name))[:2]) == 0

    with_queue(backend, database, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_deleted_does_not_come_again_and_the_rest_does(backend: str, database: str) -> None:
    async def test(queue: Queue, name: str) -> None:
        await queue.send(name, [f"{n}" for n in range(23)])
        done = [*await queue.receive(name, 10, 0, LONG), *await queue.receive(name, 2, 0, LONG)]
        assert await queue.delete(name, [one.receipt for one in done]) == [True] * 12
        # However long it takes meanwhile, the rest comes until each has come twice.
        again = set()
        while len(again) < 11:
            again |= {one.body for one in await queue.receive(name, 10, 30, SOON) if one.attempt > 1}

        assert again == {f"{n}" for n in range(23)} - {one.body for one in done}

    with_queue(backend, database, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_received_too_often_becomes_a_dead_letter_and_blocks_nothing(backend: str, database: str) -> None:
    dead = f"dead-{uuid4().hex[:12]}"

    async def test(queue: Queue, name: str) -> None:
        await queue.send(name, ["poison"])
        for attempt in (1, 2):
            (one,) = await queue.receive(name, 1, 30, SOON)
            assert one.attempt == attempt
        letters = []
        while not letters:
            assert await queue.receive(name, 1, 0, SOON) == []
            letters = await queue.receive(dead, 10, 0, LONG)
        await queue.send(name, ["good"])

        assert [letter.body for letter in letters if "poison" in letter.body]
        assert [one.body for one in await queue.receive(name, 10, 20, LONG)] == ["good"]

    with_queue(backend, database, test, dead_letters=dead, tries=2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_depth_tells_what_waits_and_what_is_in_flight(backend: str, database: str) -> None:
    async def test(queue: Queue, name: str) -> None:
        await queue.send(name, [f"{n}" for n in range(12)])
        some = await queue.receive(name, 5, 0, LONG)
        before = await queue.depth(name)
        await queue.delete(name, [one.receipt for one in some[:2]])
        after = await queue.depth(name)

        assert before[:2] == (7, 5)
        assert after[:2] == (7, 3)
        assert before.exact is (backend in ("memory", "postgres"))
        assert (before.oldest_seconds > 0) is before.exact

    with_queue(backend, database, test)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_purge_leaves_nothing(backend: str, database: str) -> None:
    async def test(queue: Queue, name: str) -> None:
        await queue.send(name, ["a", "b", "c"])
        await queue.receive(name, 1, 0, LONG)
        await queue.purge(name)

        assert (await queue.depth(name))[:2] == (0, 0)
        assert await queue.receive(name, 10, 0, LONG) == []

    with_queue(backend, database, test)


# moto's threads take without a lock: it gives a message to both now and then, as SQS itself may.
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "moto"])
def test_two_who_take_at_once_never_get_the_same(backend: str, database: str) -> None:
    async def test(queue: Queue, name: str) -> None:
        await queue.send(name, [f"{n}" for n in range(60)])
        both = await asyncio.gather(all_of(queue, name), all_of(queue, name))
        bodies = [one.body for found in both for one in found]

        assert sorted(bodies) == sorted(f"{n}" for n in range(60))

    with_queue(backend, database, test)


def test_in_postgresql_messages_of_a_transaction_that_fails_were_never_sent(database: str) -> None:
    async def test(queue: Any, name: str) -> None:
        await queue.know([name])
        async with queue.pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await queue.send(name, ["a", "b"], connection)
            await transaction.rollback()
        await queue.send(name, ["c"])
        (number,) = query(database, "SELECT id FROM queues WHERE name = %s", name)[0]

        assert [one.body for one in await all_of(queue, name)] == ["c"]
        assert query(database, "SELECT sum(sent), sum(deleted) FROM queue_counts WHERE queue = %s", number) == [(1, 0)]

    with_queue("postgres", database, test)


def test_in_postgresql_each_message_is_counted_in_and_out_once(database: str) -> None:
    dead = f"dead-{uuid4().hex[:12]}"

    async def test(queue: Any, name: str) -> None:
        await queue.send(name, [f"{n}" for n in range(9)])
        some = await queue.receive(name, 4, 0, LONG)
        await queue.delete(name, [one.receipt for one in some] * 2)
        await all_of(queue, name, 0.0)
        while sum((await queue.depth(name))[:2]):
            await queue.receive(name, 10, 0, 0.0)
        counts = query(
            database,
            "SELECT name, sum(sent)::int, sum(deleted)::int FROM queue_counts JOIN queues ON queues.id = queue "
            "WHERE name IN (%s, %s) GROUP BY name",
            name,
            dead,
        )

        assert sorted(counts) == sorted([(name, 9, 9), (dead, 5, 0)])

    with_queue("postgres", database, test, dead_letters=dead, tries=1)


def test_the_stand_in_has_the_limits_of_sqs(database: str) -> None:
    async def test(queue: Any, name: str) -> None:
        await queue.send(name, ["one"])
        url = await queue._url(name)
        eleven = [{"Id": f"{n}", "MessageBody": "x"} for n in range(11)]
        for code, entries in (
            ("TooManyEntriesInBatchRequest", eleven),
            ("EmptyBatchRequest", []),
            ("BatchEntryIdsNotDistinct", [eleven[0], eleven[0]]),
            ("BatchRequestTooLong", [{"Id": f"{n}", "MessageBody": "x" * 250_000} for n in range(5)]),
        ):
            with pytest.raises(SqsError, match=code):
                await queue.http.call("SendMessageBatch", QueueUrl=url, Entries=entries)
        with pytest.raises(SqsError, match="QueueDoesNotExist"):
            await queue.http.call("PurgeQueue", QueueUrl=f"{url}-not")
        with pytest.raises(SqsError, match="InvalidParameterValue"):
            await queue.http.call("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=11)
        with pytest.raises(SqsError, match="UnsupportedOperation"):
            await queue.http.call("Dance")

    with_queue("sqs", database, test)


def test_an_entry_that_is_not_in_the_answer_of_sqs_failed(database: str) -> None:
    async def test(queue: Any, name: str) -> None:
        answers = {
            "Successful": [{"Id": "0", "MessageId": "m0"}],
            "Failed": [{"Id": "1", "Code": "InternalError", "Message": "later"}],
        }

        async def call(operation: str, **request: Any) -> dict[str, Any]:
            return answers

        queue.http.call = call
        found = await queue.put("url", {"0": "a", "1": "b", "2": "c"})

        assert found == {"0": "m0", "1": QueueError("InternalError: later"), "2": QueueError("not in the answer")}

    with_queue("sqs", database, test)


def test_a_request_is_signed_as_amazon_says() -> None:
    # The example of "Deriving the signing key" in the reference of AWS.
    key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam")
    headers = signed(Credentials("id", "secret", "eu-west-1", "token"), "sqs.test", "ReceiveMessage", b"{}")

    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    assert headers["x-amz-target"] == "AmazonSQS.ReceiveMessage"
    assert "/eu-west-1/sqs/aws4_request, SignedHeaders=" in headers["authorization"]
    assert "content-type;host;x-amz-date;x-amz-security-token;x-amz-target" in headers["authorization"]
