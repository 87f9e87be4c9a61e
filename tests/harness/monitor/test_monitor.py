"""The monitor samples what is there, leaves out what is not, and outlives whatever it looks at."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from harness.journal import Journal
from harness.monitor import FILE, LOOKS, STATEMENTS
from harness.monitor.machine import Machine
from harness.monitor.postgres import DatabaseSampler
from harness.monitor.processes import Processes
from harness.monitor.prometheus import MOST, Prometheus
from harness.outcomes import Failure, Outcome
from harness.pipeline import _monitor, _watched
from harness.plan import reading
from harness.run import Run
from harness.settings import Settings
from harness.stack.postgres import Postgres as Cluster
from harness.stack.services import PIDS
from harness.stack.stack import Stack
from tests.support.deadlock import deadlock
from tests.support.judged import below
from tests.support.target_process import CONNECTIONS, ROOT, eventually, query, serving, with_users


@contextmanager
def monitoring(folder: Path, database: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(
        [sys.executable, "-m", "harness.monitor", str(folder), *words],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database},
    )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0


def lines(folder: Path, name: str = FILE, having: str = "") -> list[dict[str, Any]]:
    path = folder / name
    whole = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in whole if line.endswith("}") and having in line]


@contextmanager
def endpoint(body: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_line_a_second_tells_of_target_database_and_machine(tmp_path: Path, database: str) -> None:
    with_users(database, 3)
    query(database, "CREATE EXTENSION pg_stat_statements")
    with serving(database) as target:
        (tmp_path / PIDS).write_text(json.dumps({"api": [target.process.pid]}))
        monitored(tmp_path, database, target.url)
    last = lines(tmp_path)[-1]

    assert last["target.processes"] == last["service.api.processes"] == 1
    for name in ("service.api.cpu", "target.cpu", "monitor.rss", "machine.cpu"):
        assert last[name] >= 0, name
    assert all(any(line.get(name, 0) > 0 for line in lines(tmp_path)) for name in ("target.threads", "target.fds"))
    assert last["target.rss"] == last["service.api.rss"] > 1_000_000
    assert last["metrics.pool_connections"] == CONNECTIONS
    assert last["metrics.pool_in_use"] == last["metrics.pool_waiting"] == 0
    assert last["db.connections"] >= 8
    assert last["db.limit"] == 200
    assert last["metrics.gc_seconds_total"] >= 0
    names = (
        "commits",
        "waiting.lock",
        "vacuums",
        "io.read_bytes",
        "io.write_bytes",
        "io.fsync_seconds",
        "checkpoint_seconds",
    )
    for name in names:
        assert last[f"db.{name}"] >= 0, name
    assert last["target.write_bytes"] >= 0
    statements = json.loads((tmp_path / STATEMENTS).read_text())
    assert any(one["query"] == "SELECT count(*) FROM users" and one["calls"] == 1 for one in statements)


def monitored(folder: Path, database: str, url: str) -> None:
    """Some lines of the monitor, during which one statement was run."""
    with monitoring(folder, database, "--metrics", f"{url}/metrics") as monitor:
        eventually(lambda: len(lines(folder)) >= 2, monitor)
        query(database, "SELECT count(*) FROM users")
        seen = len(lines(folder))
        eventually(lambda: len(lines(folder)) > seen, monitor)


def test_beside_its_samples_it_looks_at_rows(tmp_path: Path, database: str) -> None:
    with_users(database, 1)
    run = Run.create(tmp_path, reading.find("sustained", "smoke"))
    header = {"run": run.id, "worker": 0, "kinds": ["process"], "mono_ns": 1}
    with Journal(run.folder / "journal-0.bin", header) as journal:
        now = time.monotonic_ns()
        journal.end(journal.begin(0, now, now, 0, 0, 1, None, 0), Outcome.ACK, 201, Failure.NONE, 0, now)
        with monitoring(run.folder, database) as monitor:
            eventually(lambda: lines(run.folder, LOOKS, "at") and lines(run.folder), monitor)

    assert lines(run.folder, LOOKS, "at")[0]["missing"] == ["0.0"]


def test_without_a_database_there_is_the_rest(tmp_path: Path) -> None:
    with monitoring(tmp_path, "") as monitor:
        eventually(lambda: lines(tmp_path), monitor)
    (first, *_) = lines(tmp_path)
    assert "machine.canary" in first
    assert not any(name.startswith("db.") for name in first)
    assert json.loads((tmp_path / STATEMENTS).read_text()) is None


def test_a_database_that_goes_away_leaves_a_gap_and_no_crash(cluster: Cluster) -> None:
    cluster.create("monitored")
    sampler = DatabaseSampler(cluster.url("monitored"))
    assert "db.connections" in sampler.sample()

    cluster.drop("monitored")

    assert sampler.sample() == {}
    assert sampler.sample() == {}


def test_who_waits_for_a_lock_is_seen(database: str) -> None:
    import psycopg2

    query(database, "CREATE TABLE t (n int)")
    query(database, "INSERT INTO t VALUES (1)")
    holder, waiter = psycopg2.connect(database), psycopg2.connect(database)
    try:
        holder.cursor().execute("UPDATE t SET n = 2")
        thread = Thread(target=lambda: waiter.cursor().execute("UPDATE t SET n = 3"))
        thread.start()
        sampler = DatabaseSampler(database)
        line = eventually(lambda: (found := sampler.sample()).get("db.waiting.lock") and found)
        assert line["db.active"] == 1
        assert line["db.idle_in_transaction"] == 1
    finally:
        holder.rollback()
        thread.join()
        holder.close()
        waiter.close()


def test_what_postgres_writes_and_syncs_and_its_checkpoints_are_seen(database: str) -> None:
    sampler = DatabaseSampler(database)
    sampler.sample()
    query(database, "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
    query(database, "CHECKPOINT")
    seen: list[dict[str, float]] = []

    def all_seen() -> bool:
        seen.append(sampler.sample())
        return all(
            any(line[f"db.{name}"] > 0 for line in seen)
            for name in ("io.write_bytes", "io.fsyncs", "io.fsync_seconds", "checkpoints", "checkpoint_seconds")
        )

    eventually(all_seen)


def test_deadlocks_are_seen(database: str) -> None:
    sampler = DatabaseSampler(database)
    sampler.sample()
    deadlock(database)
    eventually(lambda: sampler.sample()["db.deadlocks"] > 0)


def test_a_prometheus_endpoint_is_read_and_summed_over_labels() -> None:
    body = "\n".join(
        [
            "# TYPE requests counter",
            'requests_total{status="200"} 3',
            'requests_total{status="409"} 4',
            "# TYPE pool gauge",
            "pool 8",
            "odd NaN",
            "",
        ]
    )
    with endpoint(body) as url:
        assert Prometheus(url).sample() == {"metrics.requests_total": 7.0, "metrics.pool": 8.0}


@pytest.mark.parametrize("body", ["<html>no metrics</html>\n", "{", "a one\n"])
def test_an_endpoint_that_says_something_else_is_nothing(body: str) -> None:
    with endpoint(body) as url:
        assert Prometheus(url).sample() == {}


def test_an_endpoint_that_is_not_there_is_nothing() -> None:
    assert Prometheus("http://127.0.0.1:1/metrics").sample() == {}


def test_what_a_target_elsewhere_uses_is_what_it_tells(tmp_path: Path) -> None:
    body = "process_resident_memory_bytes 5e7\nprocess_cpu_usage 0.5\nsystem_cpu_count 4\n"
    with endpoint(body) as url, monitoring(tmp_path, "", "--metrics", url) as monitor:
        eventually(lambda: lines(tmp_path), monitor)

    assert lines(tmp_path)[0]["target.cpu"] == 2
    assert lines(tmp_path)[0]["target.rss"] == 5e7


def test_no_endpoint_can_fill_the_disk() -> None:
    with endpoint("".join(f"m{n} 1\n" for n in range(2 * MOST))) as url:
        assert len(Prometheus(url).sample()) == MOST


def test_the_machine_is_between_idle_and_all_of_its_cores() -> None:
    machine = Machine()
    line = machine.sample()
    assert line["machine.canary"] > 0
    assert 0 <= line.get("machine.cpu", 0) <= (os.cpu_count() or 1) + 0.01
    assert line["machine.cores"] == len(os.sched_getaffinity(0))
    assert 0 <= line.get("machine.busy", 0) <= line["machine.cores"] + 0.01


def test_what_all_processes_of_the_run_used_is_known_from_the_second_sample_on(tmp_path: Path) -> None:
    processes = Processes(os.getpid(), tmp_path)
    assert "run.cpu" not in processes.sample()
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass

    line = processes.sample()

    assert line["run.cpu"] > 0


@pytest.mark.parametrize("killed", [True, False])
def test_a_monitor_that_ends_before_the_load_is_on_record(tmp_path: Path, killed: bool) -> None:
    run, folder = Run(tmp_path, {}), str(tmp_path)
    with _monitor(run) as waiting, _watched(run, Settings(), Stack("", "", None, ""), waiting):
        if killed:
            (monitor,) = eventually(lambda: below("harness.monitor", folder))
            monitor.kill()
            eventually(lambda: monitor.status() == psutil.STATUS_ZOMBIE)

    assert run.facts["monitor"] == {"died": killed}
