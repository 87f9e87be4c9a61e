"""`make bench-scale`: what it takes to verify runs of several sizes: memory, and time for each operation.

Journal and tables are made up (`benchmarks.histories`): of messages block by block, so that they may be of any size, of
another system (SYSTEM=…) at once, in memory; of the orchestrator so many events. Each run is verified by the command,
as any run is; its memory is that of its processes together, without what they share, sampled, and the server's is not
in it.
"""

import argparse
import importlib
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import psycopg2

from benchmarks.histories.messages import sent
from benchmarks.histories.records import AHEAD_NS, EVERY_NS, ID, Streamed
from benchmarks.verification import PLANS, prepare
from harness import check
from harness.journal import HEADER_BYTES, MAGIC
from harness.plan import reading
from harness.plan.scenario import Scenario
from harness.run import FORMAT, Run
from harness.settings import ROOT
from harness.stack import postgres
from harness.verdict import CheckState
from schema.migrate import migrate

BLOCK = 500_000
"""So many operations are made at a time."""
SAMPLE_S = 0.25


def make(url: str, folder: Path, count: int) -> Run:
    """A run of `count` operations, with its journal in `folder` and its rows in the database at `url`."""
    scenario, run = reading.find("sustained", "smoke"), Run(folder, {})
    run.record(format=FORMAT, run=ID, plan=scenario.as_json(), profile=scenario.profile, seeding={}, seed=1)
    migrate("messages", url, scenario.database)
    importlib.import_module("seeding.messages").seed(url, 1, scenario, folder / "fixtures.json")
    run.record(clock={"wall_ns": time.time_ns() - AHEAD_NS, "mono_ns": 0})
    header = {"run": ID, "worker": 0, "kinds": list(scenario.expected), "mono_ns": 0, "began": 1}
    header |= {"system": "messages", "scenario": scenario.name, "arrivals": count, "closed": True, "count": count}
    _execute(url, "ALTER TABLE message_logs DISABLE TRIGGER ALL")
    indexes = _dropped(url)
    with (
        (folder / "journal-0.bin").open("wb") as journal,
        ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool,
    ):
        journal.write((MAGIC + json.dumps(header).encode() + b"\n").ljust(HEADER_BYTES, b"\0"))
        blocks = [(first, min(BLOCK, count - first)) for first in range(0, count, BLOCK)]
        for records in pool.map(_block, [url] * len(blocks), [scenario] * len(blocks), blocks):
            journal.write(records)
    for statement in indexes:
        _execute(url, f"SET maintenance_work_mem = '1GB'; {statement}")
    _execute(url, "ALTER TABLE message_logs ENABLE TRIGGER ALL")
    _execute(url, "VACUUM ANALYZE message_logs")
    return run


def _dropped(url: str) -> list[str]:
    """Drop what is unique among messages, which is quicker made at the end; the statements that make it again."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('ALTER TABLE message_logs DROP CONSTRAINT %I', conname), "
            "format('ALTER TABLE message_logs ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) "
            "FROM pg_constraint WHERE conrelid = 'message_logs'::regclass AND contype IN ('p', 'u')"
        )
        found = cursor.fetchall()
        for drop, _ in found:
            cursor.execute(drop)
    connection.close()
    return [add for _, add in found]


def _block(url: str, scenario: Scenario, of: tuple[int, int]) -> bytes:
    """Store the rows of a block, and give its records."""
    first, count = of
    made = sent(scenario, count, np.random.default_rng(first), EVERY_NS, first)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {made.into} FROM STDIN", Streamed(made.lines))
    connection.close()
    return made.records.tobytes()


def _execute(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def measured(run: Run, url: str) -> dict[str, float]:
    """Seconds, those of processors, and the most bytes of its verification."""
    began, most, used = time.perf_counter(), 0, resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "DATABASE_URL": url}
    command = [sys.executable, "-m", "verification", str(run.folder)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, sum(_own(process.pid)))
            time.sleep(SAMPLE_S)
    took = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"verification ended with {process.returncode}")
    judged = run.read(check.FILE)
    wrong = [one for one in judged["checks"] if one["state"] == CheckState.VIOLATED]
    if wrong:
        raise SystemExit("\n".join(f"{one['id']}: {one['detail']}" for one in wrong))
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return {"seconds": took, "cpu": busy, "bytes": float(most)}


def _own(pid: int) -> Iterator[int]:
    """The memory of a process and of those that it began, without what they share."""
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            yield process.memory_full_info().uss
    except psutil.Error:
        return


def main() -> None:
    """Make, verify, print, store."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--operations", type=float, nargs="+", default=[1e6, 1e8])
    parser.add_argument("--system", choices=list(PLANS), default="messages")
    options = parser.parse_args()
    found: dict[int, dict[str, Any]] = {}
    for count in map(int, options.operations):
        with tempfile.TemporaryDirectory(prefix="proofload-scale-") as text:
            home = Path(text)
            server = postgres.start(home)
            try:
                url, folder = server.create(f"bench_{secrets.token_hex(4)}"), home / "run"
                folder.mkdir()
                made = (
                    make(url, folder, count)
                    if options.system == "messages"
                    else prepare(options.system, url, folder, count)
                )
                found[count] = measured(made, url)
            finally:
                server.stop()
                postgres.remove(home)
        told = f"{count:13,}{found[count]['seconds']:10.1f} s"
        for name, what in (("seconds", "each"), ("cpu", "of processors")):
            each, least = (found[of][name] / of * 1e6 for of in (count, min(found)))
            told += f"{each:8.2f} µs {what}, {each / least:.2f} ×"
        print(f"{told}{found[count]['bytes'] / 1e6:10,.0f} MB", flush=True)
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / f"scale-{options.system}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
