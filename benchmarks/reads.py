"""`make bench-reads`: what a batch of events costs: server, client and whole apart, by tenant and of all.

One connection, from memory, each way by turns; printed are medians. `server` is what pg_stat_statements has of the
statement; `client` the processor time of this process, which decodes. Both go on at the same time, as rows arrive while
more are read. The memory is how much a process of its own grows while it reads one batch.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2 import extensions

from benchmarks.append import RESET, SERVER
from harness import database
from harness.errors import command
from harness.load.postgres import Engine, wait
from harness.plan import reading
from harness.plan.overrides import Overrides
from harness.settings import ROOT
from harness.stack import postgres
from schema.migrate import migrate
from seeding import event_store as seeding
from systems import event_store_pool
from systems.event_store_sql import STATEMENTS

EVENTS = 100_000
BATCH = 1_000
SIZES = (100, 1_000, 10_000, 100_000)
"""The results, in events, whose memory is measured."""
EVERY = 20
"""So many batches of a way in a turn."""


@dataclass(frozen=True)
class Cost:
    """Of a batch, in seconds."""

    whole: float
    server: float
    client: float


def main() -> int:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reads", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--events", type=int, default=EVENTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="proofload-reads-") as text:
        server = postgres.start(Path(text))
        try:
            url = _seeded(server.create("reads"), options.events)
            told = {"events": options.events, "rounds": options.rounds, "batch": BATCH}
            told |= {"costs": _costs(url, options.rounds, options.events), "memory": _memory(url, options.events)}
        finally:
            server.stop()
            postgres.remove(Path(text))
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "reads.json").write_text(json.dumps(told, indent=1) + "\n")
    return 0


def _seeded(url: str, events: int) -> str:
    migrate("event_store", url)
    seeding.seed(url, 1, reading.find("event-append", "smoke", None, Overrides({"pool.events": events})))
    with database.session(url, "bench") as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    return url


def _ways(events: int) -> Iterator[tuple[str, Callable[[Any], int]]]:
    """Each way to read a batch from the beginning on."""
    pool = event_store_pool.pool(events)
    counts: Counter[int] = Counter()
    for number in range(1, pool.streams + 1):
        counts[pool.tenant(number)] += pool.length(number)
    (large, _), *_others, (small, _) = counts.most_common()
    yield "of all", _batch("stream", "", BATCH)
    yield "of a large tenant", _batch("stream_tenant", event_store_pool.tenant_id(large), BATCH)
    yield "of a small tenant", _batch("stream_tenant", event_store_pool.tenant_id(small), BATCH)


def _batch(name: str, tenant: str, size: int) -> Callable[[Any], int]:
    def read(cursor: Any) -> int:
        cursor.execute(STATEMENTS[name], {"tenant": tenant, "position": 0, "limit": size})
        found = cursor.fetchall()
        assert len(found) == size, f"{name} {tenant}: {len(found)} events, expected {size}"
        return len(found)

    return read


def _costs(url: str, rounds: int, events: int) -> dict[str, Any]:
    """Each way by turns; the first round is to warm up, and not counted."""
    ways, found = dict(_ways(events)), {}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    engine = Engine(url, 30.0)
    try:
        for turn in range(rounds + 1):
            for name in ways if turn % 2 else reversed(ways):
                cost = _turn(engine, url, ways[name])
                costs[name] += [cost] if turn else []
    finally:
        engine.close()
        extensions.set_wait_callback(None)
    print(f"a batch of {BATCH:,}        whole    server    client  against all")
    for name, own in costs.items():
        ratio = statistics.median(a.whole / b.whole for a, b in zip(own, costs["of all"], strict=True))
        each = {part: statistics.median(getattr(one, part) for one in own) for part in ("whole", "server", "client")}
        found[name] = {**each, "ratio": ratio}
        shown = "".join(f"{each[part] * 1e3:>7.2f} ms" for part in each)
        print(f"{name:18}{shown}{ratio:>13.2f}", flush=True)
    return found


def _turn(engine: Engine, url: str, read: Callable[[Any], int]) -> Cost:
    """What a batch costs, of EVERY."""
    extensions.set_wait_callback(None)
    _execute(url, RESET)
    extensions.set_wait_callback(wait)
    whole, client = time.perf_counter(), time.process_time()
    for _ in range(EVERY):
        reply = engine.transaction(read)
        assert not reply.sqlstate, reply.sqlstate
    whole, client = time.perf_counter() - whole, time.process_time() - client
    extensions.set_wait_callback(None)
    return Cost(whole / EVERY, float(_execute(url, SERVER)) / EVERY, client / EVERY)


def _execute(url: str, statement: str) -> Any:
    with database.session(url, "bench") as cursor:
        return database.value(cursor, statement)


def _memory(url: str, events: int) -> dict[int, int]:
    """By the size of the result, by how many bytes a process grows that reads it."""
    found = {}
    print("a result of      a process grows by")
    for size in (size for size in SIZES if size <= events):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[size] = pool.apply(_grown, (url, size))
        print(f"{size:>9,} events {found[size] / 1e6:>12,.1f} MB {found[size] / size / 1e3:>6.1f} kB each", flush=True)
    return found


def _grown(url: str, size: int) -> int:
    engine = Engine(url, 60.0)
    engine.transaction(_batch("stream", "", 10))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    engine.transaction(_batch("stream", "", size))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    engine.close()
    return (after - before) * 1024


if __name__ == "__main__":
    command(main)
