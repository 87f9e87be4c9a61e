"""`make bench-queue`: messages a second into and out of each queue of the orchestrator, alone and at once.

Printed are medians of three rounds. `out` is received and deleted, in batches of a hundred. SQS is the stand-in of this
project, on this machine: it says what our client can do, and nothing of AWS. The last columns are the processor time
that a message took which went in and out at once: in this process, and in those of PostgreSQL. They say what so many
cores can do at best, and where the time goes, on a busy machine, too.
"""

import argparse
import asyncio
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import uvicorn
import uvloop

from harness.stack import postgres
from schema.migrate import migrate
from target.orchestrator.memory_queue import MemoryQueue
from target.orchestrator.postgres_queue import PostgresQueue
from target.orchestrator.queue import Queue
from target.orchestrator.sqs_http import SqsHttp
from target.orchestrator.sqs_queue import SqsQueue
from target.orchestrator.sqs_stand_in import application

BATCH = 100
BODY = (
    '{"correlationId":"20261120T235501a1b2c3-0000000000000001.0001","type":"OrderCreated","context":"'
    + "x" * 250
    + '"}'
)
"""As long as an event of one order."""
ROUNDS = 3
SENDERS, TAKERS = 2, 2
LONG_S = 60.0


async def put(queue: Queue, name: str, count: int) -> None:
    """Send so many, some at once."""

    async def send(batches: int) -> None:
        for _ in range(batches):
            await queue.send(name, [BODY] * BATCH)

    await asyncio.gather(*(send(count // BATCH // SENDERS) for _ in range(SENDERS)))


async def drain(queue: Queue, name: str, count: int) -> None:
    """Receive and delete so many, some at once."""
    left = count

    async def take() -> None:
        nonlocal left
        while left > 0:
            found = await queue.receive(name, BATCH, 0, LONG_S)
            left -= len(found)
            if found:
                await queue.delete(name, [one.receipt for one in found])
            else:
                await asyncio.sleep(0.001)

    await asyncio.gather(*(take() for _ in range(TAKERS)))


async def measured(queue: Queue, count: int) -> tuple[float, ...]:
    """Messages a second in, out, and in and out at once; µs of processor time of the latter, here and in PostgreSQL."""
    rates = []
    for work in (put, drain):
        began = time.perf_counter()
        await work(queue, f"alone-{count}", count)
        rates.append(count / (time.perf_counter() - began))
    server = await backend(queue)
    began, client, there = time.perf_counter(), time.process_time(), used(server)
    await asyncio.gather(put(queue, f"both-{count}", count), drain(queue, f"both-{count}", count))
    rates.append(count / (time.perf_counter() - began))
    return *rates, (time.process_time() - client) / count * 1e6, (used(server) - there) / count * 1e6


async def backend(queue: Queue) -> int:
    """A process of the PostgreSQL that holds the queue; 0: none does."""
    return int(await queue.pool.fetchval("SELECT pg_backend_pid()")) if isinstance(queue, PostgresQueue) else 0


def used(pid: int) -> float:
    """Seconds that it and its siblings have used."""
    parent = psutil.Process(pid).parent() if pid else None
    times = [one.cpu_times() for one in parent.children()] if parent else []
    return sum(one.user + one.system for one in times)


@asynccontextmanager
async def stand_in() -> AsyncIterator[Queue]:
    """The queue that speaks SQS, and what answers it, in one process."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(), log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    queue = SqsQueue(SqsHttp(f"http://127.0.0.1:{listening.getsockname()[1]}"))
    yield queue
    await queue.close()
    server.should_exit = True
    await task


@asynccontextmanager
async def in_postgres(url: str) -> AsyncIterator[Queue]:
    """The queue in PostgreSQL."""
    async with asyncpg.create_pool(url, min_size=5, max_size=5) as pool:
        yield PostgresQueue(pool)


@asynccontextmanager
async def in_memory() -> AsyncIterator[Queue]:
    """The queue in this process."""
    yield MemoryQueue()


async def rounds(opened: Callable[[], object], count: int) -> None:
    """Measure and print one of them."""
    async with opened() as queue:  # type: ignore[attr-defined]
        found = [await measured(queue, count + 2 * BATCH * place) for place in range(ROUNDS)]
    each = (statistics.median(values) for values in zip(*found, strict=True))
    *rates, here, there = each
    said = "".join(f"{rate:>14,.0f}/s" for rate in rates)
    print(f"{said}{here:>12.1f} µs{there:>12.1f} µs", flush=True)


def main() -> int:
    """Measure all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queue", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="so many a round, of SQS a tenth")
    count = parser.parse_args().messages // (BATCH * SENDERS) * BATCH * SENDERS
    print(f"{'queue':12}{'in':>16}{'out':>16}{'in and out':>16}{'client':>15}{'server':>15}")
    with tempfile.TemporaryDirectory(prefix="proofload-queue-") as folder:
        server = postgres.start(Path(folder))
        try:
            url = server.create("queue")
            migrate("orchestrator", url)
            for name, opened, messages in (
                ("memory", in_memory, count),
                ("postgres", lambda: in_postgres(url), count),
                ("sqs", stand_in, count // 10),
            ):
                print(f"{name:12}", end="", flush=True)
                uvloop.run(rounds(opened, messages))
        finally:
            server.stop()
            postgres.remove(Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
