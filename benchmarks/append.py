"""`make bench-append`: the engine of the event store beside pgbench, which sends the same statements to one server.

One connection each, by turns: appends of one event with `synchronous_commit` on and off, and reads of a stream of 1,000
events, from memory. Each is a transaction of its own. Printed are medians over the rounds; `server` is the time that
pg_stat_statements has of all three statements of a transaction, and the rest is the client and the way between.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg2 import extensions

from harness import ambient, database
from harness.errors import StackError, command
from harness.load.postgres import Engine, wait
from harness.plan import reading
from harness.plan.overrides import Overrides
from harness.settings import ROOT
from harness.stack import postgres
from schema.migrate import migrate
from seeding import event_store as seeding
from systems import event_store_pool, ids
from systems.event_store_sql import STATEMENTS
from target.event_store.store import STORED, Store, Stream

LEAST = 0.8
"""So much of the rate of pgbench ours must be."""
EVENTS = 20_000
SERVER = "SELECT coalesce(sum(total_exec_time), 0) / 1000 FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat%'"
RESET = "SELECT pg_stat_statements_reset()"
TENANT, TYPE, KIND = "tenant-00", "Order", "ItemAdded"


@dataclass
class Measured:
    """What a way came to, round after round: transactions a second, and seconds of the server for each of them."""

    rates: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)

    def add(self, count: int, seconds: float, server: float) -> None:
        """A round of so many transactions."""
        self.rates.append(count / seconds)
        self.server.append(server / count)

    @property
    def rate(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.rates)

    @property
    def client(self) -> float:
        """The share of a transaction's time that is none of the server's."""
        return max(1 - statistics.median(self.server) * self.rate, 0.0)


def main() -> int:
    """Measure all, print and store; 1 if ours is below LEAST of pgbench in any."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.append", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each way in each round (default 5)")
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    pgbench = found_pgbench()
    told: dict[str, Any] = {"seconds": options.seconds, "rounds": options.rounds}
    with tempfile.TemporaryDirectory(prefix="proofload-append-") as text:
        home = Path(text)
        server = postgres.start(home)
        try:
            url = _seeded(server.create("append"))
            print(f"{'':24}{'ours':>10}{'pgbench':>10}{'ratio':>8}{'server':>10}{'client, ours':>14}{'pgbench':>9}")
            for name, script, setting, ours in _ways(url):
                told[name] = _measured(pgbench, url, home, script, setting, ours, options)
                _print(name, told[name])
        finally:
            server.stop()
            postgres.remove(home)
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "append.json").write_text(json.dumps(told, indent=1) + "\n")
    below = [name for name, one in told.items() if isinstance(one, dict) and one["ratio"] < LEAST]
    print(f"below {LEAST} of pgbench: {', '.join(below) or 'none'}")
    return 1 if below else 0


def found_pgbench() -> Path:
    """pgbench of the wheel, or of the system; StackError without one."""
    own = postgres.wheel() / "bin" / "pgbench"
    path = own if own.exists() else shutil.which("pgbench")
    if path is None:
        raise StackError(
            "pgbench is not installed: expected it on the PATH: on Debian `apt install postgresql-contrib`"
        )
    return Path(path)


def _seeded(url: str) -> str:
    """The URL of the database, with events in it."""
    migrate("event_store", url)
    seeding.seed(url, 1, reading.find("event-append", "smoke", None, Overrides({"pool.events": EVENTS})))
    with database.session(url, "bench") as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    return url


def _ways(url: str) -> Iterator[tuple[str, Callable[[int], str], str, Callable[[int], Callable[[Any], int]]]]:
    """Each comparison: its name, pgbench's script for a round, what is set for its sessions, and what ours does.

    Each round appends to a stream of its own, from its first event on.
    """
    appends = Appends(), Appends()
    for place, setting in enumerate(("on", "off")):
        made = appends[place]
        yield f"append, commit {setting}", made.script, setting, made.ours
    pool = event_store_pool.pool(EVENTS)
    number = pool.long()[0]
    stream = Stream(
        event_store_pool.tenant_id(pool.tenant(number)), event_store_pool.aggregate_type(number), ids.uuid_of(number)
    )
    yield "read of 1,000 events", lambda _: _read_script(stream), "on", lambda _: _read(stream)


class Appends:
    """One event at a time, each behind the last of a stream."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.number = type(self).made
        self.payload = event_store_pool.payload(self.number, 1, KIND)
        self.metadata = event_store_pool.metadata(ids.uuid_of(1), ids.uuid_of(1))

    def _stream(self, who: str, turn: int) -> Stream:
        return Stream(TENANT, TYPE, f"{who}-{self.number}-{turn}")

    def ours(self, turn: int) -> Callable[[Any], int]:
        """What is done in each transaction."""
        store, stream, expected = Store(STATEMENTS), self._stream("ours", turn), 0

        def work(cursor: Any) -> int:
            nonlocal expected
            event = (f"{stream.id}-{expected}", KIND, self.payload, self.metadata)
            assert store.append(cursor, stream, expected, [event]).how == STORED
            expected += 1
            return expected

        return work

    def script(self, turn: int) -> str:
        """The same for pgbench, whose variables stay from transaction to transaction."""
        stream = self._stream("pgbench", turn)
        given = {
            "tenant": f"'{TENANT}'",
            "aggregate_type": f"'{TYPE}'",
            "aggregate": f"'{stream.id}'",
            "expected": ":expected",
            "ids": f"ARRAY['{stream.id}-:expected']",
            "types": f"ARRAY['{KIND}']",
            "payloads": f"ARRAY['{self.payload}']",
            "metadata": f"ARRAY['{self.metadata}']",
        }
        return _transaction(STATEMENTS["append"] % given) + "\\set expected :expected + 1\n"


def _read(stream: Stream) -> Callable[[Any], int]:
    store = Store(STATEMENTS)

    def work(cursor: Any) -> int:
        events = store.load(cursor, stream)
        assert len(events) == event_store_pool.LONGEST
        return len(events)

    return work


def _read_script(stream: Stream) -> str:
    given = {"tenant": f"'{stream.tenant}'", "aggregate": f"'{stream.id}'", "first": "1"}
    return _transaction(STATEMENTS["load"] % given)


def _transaction(statement: str) -> str:
    return f"BEGIN;\n{' '.join(statement.split())};\nEND;\n"


def _measured(
    pgbench: Path,
    url: str,
    home: Path,
    script: Callable[[int], str],
    setting: str,
    ours: Callable[[int], Callable[[Any], int]],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Both by turns; the first round of each is to warm up, and not counted."""
    found = {"ours": Measured(), "pgbench": Measured()}
    extensions.set_wait_callback(wait)
    engine = Engine(url, 30.0)
    try:
        engine.transaction(lambda cursor: cursor.execute(f"SET synchronous_commit = {setting}"))
        for turn in range(options.rounds + 1):
            for way in ("ours", "pgbench") if turn % 2 else ("pgbench", "ours"):
                extensions.set_wait_callback(None)
                _execute(url, RESET)
                if way == "ours":
                    extensions.set_wait_callback(wait)
                    count, seconds = _done(engine, ours(turn), options.seconds)
                    extensions.set_wait_callback(None)
                else:
                    count, seconds = _benched(pgbench, url, home, script(turn), setting, options.seconds)
                if turn:
                    found[way].add(count, seconds, float(_execute(url, SERVER)))
    finally:
        engine.close()
        extensions.set_wait_callback(None)
    rates = {way: one.rate for way, one in found.items()}
    ratios = [a / b for a, b in zip(found["ours"].rates, found["pgbench"].rates, strict=True)]
    return {
        **rates,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "server_ms": statistics.median(found["ours"].server) * 1e3,
        "client": {way: one.client for way, one in found.items()},
    }


def _done(engine: Engine, work: Callable[[Any], int], seconds: float) -> tuple[int, float]:
    """So many transactions in that time, as a user of the load does them."""
    count, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        reply = engine.transaction(work)
        assert not reply.sqlstate, reply.sqlstate
        count += 1
    return count, took


def _benched(pgbench: Path, url: str, home: Path, script: str, setting: str, seconds: float) -> tuple[int, float]:
    """So many transactions that pgbench has done, in that time."""
    file = home / "script.sql"
    file.write_text(script)
    words = [str(pgbench), "-n", "-c", "1", "-j", "1", "-T", f"{max(round(seconds), 1)}", "-D", "expected=0"]
    done = subprocess.run(
        [*words, "-f", str(file), url],
        capture_output=True,
        text=True,
        env={**ambient.kept(), "PGOPTIONS": f"-c synchronous_commit={setting}"},
    )
    if done.returncode:
        raise StackError(f"{pgbench}: {done.stderr.strip()[-500:]}: expected it to run the statements of the engine")
    lines = dict(line.split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)
    rate = float(lines["tps"].split()[0])
    count = int(done.stdout.partition("actually processed:")[2].split()[0].split("/")[0])
    return count, count / rate


def _execute(url: str, statement: str) -> Any:
    with database.session(url, "bench") as cursor:
        return database.value(cursor, statement)


def _print(name: str, one: dict[str, Any]) -> None:
    print(
        f"{name:24}{one['ours']:>8,.0f}/s{one['pgbench']:>8,.0f}/s{one['ratio']:>8.2f}{one['server_ms']:>7.2f} ms"
        f"{one['client']['ours']:>14.0%}{one['client']['pgbench']:>9.0%}",
        flush=True,
    )


if __name__ == "__main__":
    command(main)
