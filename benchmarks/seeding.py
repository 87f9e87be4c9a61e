"""`make bench-seeding`: a million rows seeded, beside psql's \\copy of the same bytes; and a seeded database copied in
each way, beside undoing what a run did to it. Medians; rounds are interleaved.

What a copy takes depends on the filesystem: FOLDER is where PostgreSQL is to lie.
"""

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import database
from harness.plan import plans
from harness.settings import ROOT
from harness.stack import copies, postgres
from harness.stack.postgres import Postgres
from schema.migrate import migrate
from seeding import coupons, event_store
from seeding.pool import Ours, Rows, seed
from systems import event_store_pool

ROWS = 1_000_000
COPIED_ROWS = 10_000_000
"""Of the database that is copied: 1.4 GB."""
OPERATIONS = 60_000
"""So many did the run that is undone: each stored a row, and changed one."""

NARROW = "CREATE TABLE narrow (id int PRIMARY KEY, name text NOT NULL, units int NOT NULL)"
TABLES = (
    "CREATE TABLE pool (id bigint PRIMARY KEY, name text NOT NULL, units int NOT NULL)",
    "CREATE TABLE log (id serial PRIMARY KEY, about bigint NOT NULL REFERENCES pool, key text UNIQUE)",
    f"INSERT INTO pool SELECT n, repeat(md5(n::text), 2), 10 FROM generate_series(1, {COPIED_ROWS}) AS n",
    "VACUUM (ANALYZE) pool",
)
RUN = (
    f"INSERT INTO log (about, key) SELECT 1 + n * 97 % {COPIED_ROWS}, n FROM generate_series(1, {OPERATIONS}) AS n",
    "UPDATE pool SET units = 9 WHERE id IN (SELECT about FROM log)",
)
UNDO = (
    "UPDATE pool SET units = 10 WHERE id IN (SELECT about FROM log)",
    "DELETE FROM log",
    "VACUUM (ANALYZE) pool, log",
)
WAYS = {
    "STRATEGY WAL_LOG": ("WAL_LOG", "copy"),
    "STRATEGY FILE_COPY, copied": ("FILE_COPY", "copy"),
    "STRATEGY FILE_COPY, cloned": ("FILE_COPY", "clone"),
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeding", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="where PostgreSQL is to lie")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("events",), help="measure nothing else")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return _child()
    with _cluster(arguments.folder) as server:
        if arguments.only:
            _events(server, arguments.rounds)
            return 0
        _seeding(server, arguments.rounds)
        _coupons(server, arguments.rounds)
        _events(server, arguments.rounds)
        _copying(server, arguments.folder, arguments.rounds)
    return 0


def _seeding(server: Postgres, rounds: int) -> None:
    url = server.create("seeding")
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.writelines(_lines())
        file.flush()
        psql = [str(postgres.wheel() / "bin" / "psql"), url, "-qc", f"\\copy narrow FROM '{file.name}'"]
        child = [sys.executable, "-m", "benchmarks.seeding", "--child"]
        took, facts = defaultdict(list), []
        for _ in range(rounds):
            for way, command in (("psql", psql), ("seeding", child)):
                _run(url, "DROP TABLE IF EXISTS narrow", NARROW)
                began = time.perf_counter()
                done = subprocess.run(
                    command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, check=True, capture_output=True
                )
                took[way].append(time.perf_counter() - began)
                facts += [done.stdout.decode().split()] if way == "seeding" else []
    loaded, again, peak = (statistics.median(float(each[place]) for each in facts) for place in range(3))
    print(f"{ROWS:,} rows by psql's \\copy                 {statistics.median(took['psql']):6.2f} s")
    print(f"… seeded, read back and vacuumed           {loaded:6.2f} s")
    print(f"… found to be there already                {again:6.2f} s")
    print(f"most memory of the seeding process         {peak:6.0f} MB")
    server.drop("seeding")


def _coupons(server: Postgres, rounds: int) -> None:
    """The pool of the coupons, a million users with it: beside \\copy of its bytes into the same empty tables, with the
    same indexes and the same VACUUM.
    """
    names, users = plans.reference("coupons", "database"), coupons.size(None)
    made = {"users": coupons.user_lines, "coupons": coupons.coupon_lines, "usages": coupons.usage_lines}
    took: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for table, lines in made.items():
            file = Path(folder) / table
            with file.open("w") as out:
                out.writelines(lines(1, users, names))
            columns = ", ".join(names[one] for one in coupons.COLUMNS[table])
            copies += ["-c", f"\\copy {names[table]} ({columns}) FROM '{file}'"]
        vacuum = ["-c", f"VACUUM (ANALYZE) {', '.join(names[one] for one in (*made, 'logs'))}"]
        for _ in range(rounds):
            for way in ("psql", "seeding"):
                url = server.create("coupons")
                migrate("coupons", url)
                psql = [str(postgres.wheel() / "bin" / "psql"), url, "-q", *copies, *vacuum]
                seed_it = [sys.executable, "-m", "seeding", "coupons", "--json"]
                began = time.perf_counter()
                done = subprocess.run(
                    psql if way == "psql" else seed_it,
                    cwd=ROOT,
                    env={**os.environ, "DATABASE_URL": url},
                    check=True,
                    capture_output=True,
                )
                took[way].append(time.perf_counter() - began)
                if way == "seeding":
                    took["itself"].append(json.loads(done.stdout.splitlines()[-1])["seconds"])
                server.drop("coupons")
    copied, whole, itself = (statistics.median(took[way]) for way in ("psql", "seeding", "itself"))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    print(f"coupons: {users:,} users by \\copy and VACUUM    {copied:6.2f} s")
    print(f"… seeded, in a process of its own          {whole:6.2f} s, {whole / copied:.2f} times as long")
    print(f"… of these seeding itself                  {itself:6.2f} s, {itself / copied:.2f} times as long")
    print(f"most memory of any child                   {peak:6.0f} MB")


def _events(server: Postgres, rounds: int) -> None:
    """The pool of the event store, a million events: beside \\copy of its bytes into the same empty tables, with the
    same indexes and the same VACUUM. What is measured of the pool afterwards is not counted.
    """
    made = event_store_pool.pool(ROWS)
    took: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for table, columns, lines in (
            ("domain_events", event_store.COLUMNS, event_store.event_lines(made)),
            ("snapshots", event_store.SNAPSHOT_COLUMNS, event_store.snapshot_lines(made)),
        ):
            file = Path(folder) / table
            with file.open("w") as out:
                out.writelines(lines)
            # In one transaction with the emptying, as seeding does it: such rows need no log.
            copies += ["-c", f"\\copy {table} ({', '.join(columns)}) FROM '{file}'"]
        copies = ["-c", "BEGIN", "-c", "TRUNCATE domain_events, snapshots", *copies, "-c", "COMMIT"]
        vacuum = ["-c", "VACUUM (ANALYZE) domain_events, snapshots, tracking_tokens"]
        for _ in range(rounds):
            for way in ("psql", "seeding"):
                url = server.create("event_store")
                migrate("event_store", url)
                psql = [str(postgres.wheel() / "bin" / "psql"), url, "-q", *copies, *vacuum]
                seed_it = [sys.executable, "-c", SEED_EVENTS.format(events=ROWS)]
                began = time.perf_counter()
                done = subprocess.run(
                    psql if way == "psql" else seed_it,
                    cwd=ROOT,
                    env={**os.environ, "DATABASE_URL": url},
                    check=True,
                    capture_output=True,
                )
                took[way].append(time.perf_counter() - began)
                if way == "seeding":
                    loaded, again, peak = done.stdout.decode().split()
                    took["loaded"].append(float(loaded))
                    took["again"].append(float(again))
                    took["peak"].append(float(peak))
                server.drop("event_store")
    copied, loaded, again, peak = (statistics.median(took[way]) for way in ("psql", "loaded", "again", "peak"))
    print(f"{ROWS:,} events by \\copy and VACUUM          {copied:6.2f} s")
    print(f"… seeded                                   {loaded:6.2f} s, {loaded / copied:.2f} times as long")
    print(f"… found to be there already                {again:6.2f} s")
    print(f"most memory of the seeding process         {peak:6.0f} MB")


SEED_EVENTS = """
import os, re
from harness.plan import overrides, reading
from seeding.event_store import seed

scenario = reading.find("event-append", "smoke", None, overrides.Overrides({{"pool.events": {events}}}))
for _ in range(2):
    found = seed(os.environ["DATABASE_URL"], 1, scenario)
    print(found["loaded_seconds"] if not found["skipped"] else found["seconds"])
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1e3)
"""


def _child() -> int:
    """Seed twice; print how long each took, and the most memory that this took."""
    rows = Rows(Ours("narrow", "id >= 0"), ("id", "name", "units"), ROWS, _lines)
    for _ in range(2):
        print(seed(os.environ["DATABASE_URL"], "narrow", [rows], []).seconds)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    print(int(peak[1]) / 1e3)
    return 0


def _lines() -> Iterator[str]:
    return (f"{n}\tuser {n}\t7\n" for n in range(ROWS))


def _copying(server: Postgres, folder: Path, rounds: int) -> None:
    url = server.create("seeded")
    _run(url, *TABLES)
    took, disk = defaultdict(list), {}
    for _ in range(rounds):
        for way, (strategy, method) in WAYS.items():
            before = _used(folder)
            copy = f"CREATE DATABASE copy TEMPLATE seeded STRATEGY {strategy}"
            took[way].append(_run(server.url("postgres"), f"SET file_copy_method = {method}", copy))
            disk[way] = (_used(folder) - before) / 1e9
            _run(server.url("copy"), *RUN)
            if way == "STRATEGY WAL_LOG":
                took["undoing a run"].append(_run(server.url("copy"), *UNDO))
            server.drop("copy")
            _run(server.url("postgres"), "CHECKPOINT")
    size = server.sizes()["seeded"] / 1e9
    print(f"a database of {size:.2f} GB, where files can {'' if copies.clones(folder) else 'not '}be cloned")
    for way, times in took.items():
        said = f", {disk[way]:.2f} GB of disk" if way in disk else f" ({OPERATIONS:,} operations)"
        print(f"{way:42} {statistics.median(times):6.2f} s{said}")


def _run(url: str, *statements: str) -> float:
    began = time.perf_counter()
    with database.session(url, "bench") as cursor:
        for statement in statements:
            cursor.execute(statement)
    return time.perf_counter() - began


def _used(folder: Path) -> int:
    os.sync()
    return shutil.disk_usage(folder).used


@contextmanager
def _cluster(folder: Path) -> Iterator[Postgres]:
    """A cluster in `folder`, gone afterwards."""
    place = folder / f"proofload-bench-{os.getpid()}"
    postgres.folder = lambda _: place  # type: ignore[assignment]
    server = postgres.start(place)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(place)


if __name__ == "__main__":
    sys.exit(main())
