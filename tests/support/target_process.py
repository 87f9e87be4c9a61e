"""The reference target as a run sees it: processes of its own, reached by HTTP and stopped by their number."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg2

from harness.stack import process as processes
from harness.stack.process import free_port
from schema.migrate import migrate
from systems import ids

ROOT = Path(__file__).resolve().parent.parent.parent
CONNECTIONS = 8
"""How many connections to the database each process of the API has."""

DEADLINE_S = 60
"""For whatever must come to pass: generous, as no test is about speed."""


def eventually(what: Callable[[], Any], process: subprocess.Popen[bytes] | None = None) -> Any:
    """The first true answer of `what`; fails at the deadline, or when the `process` it depends on has ended."""
    end = time.monotonic() + DEADLINE_S
    while not (found := what()):
        assert process is None or process.poll() is None, f"the process ended with {process.returncode}"
        assert time.monotonic() < end, f"not within {DEADLINE_S} s"
        time.sleep(0.02)
    return found


def query(database: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows that one statement returns, in a transaction of its own."""
    connection = psycopg2.connect(database)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def with_users(database: str, users: int) -> str:
    """`database`, now with the tables of the messages, users 1 … `users` and no message."""
    migrate("messages", database)
    query(
        database,
        "INSERT INTO users (id, first_name, last_name, email, timezone, birthday_date, location_city, location_country)"
        f" SELECT ('{ids.UUID_PREFIX}' || lpad(n::text, 12, '0'))::uuid, 'PerfUser', n::text, n || '@test.com',"
        f" 'Asia/Tokyo', '1990-01-01', 'Ueno', 'JP' FROM generate_series(1, {users}) AS n",
    )
    return database


def message(key: str, user: int = 1, **changes: Any) -> dict[str, Any]:
    """A proper request for a message that is due, but for the `changes`."""
    return {
        "userId": ids.uuid_of(user),
        "messageType": "BIRTHDAY",
        "scheduledSendTime": "2026-01-02T03:04:05Z",
        "messageContent": "many happy returns",
        "idempotencyKey": key,
    } | changes


@dataclass
class Answer:
    """What came back: status, headers and the JSON body."""

    status: int
    headers: http.client.HTTPMessage
    body: dict[str, Any] = field(default_factory=dict)


@dataclass
class Target:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, json.loads(response.read()))
        finally:
            connection.close()

    def post(self, body: Any) -> Answer:
        return self.ask("POST", "/internal/process-message", json.dumps(body).encode())

    def is_up(self) -> bool:
        try:
            return self.ask("GET", "/health").status == 200
        except (OSError, http.client.HTTPException):
            return False


@contextmanager
def process(
    database: str, *arguments: str, system: str = "messages", **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m target SYSTEM …` while the block runs; ended by SIGTERM, and killed if that is not enough.

    With the fixture `nurseries` it is forked off a process that has its libraries.
    """
    command = [sys.executable, "-m", "target", system, *arguments]
    running = processes.start(command, Path("/dev/stderr"), os.environ | {"DATABASE_URL": database} | environment)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
        try:
            running.wait(DEADLINE_S)
        finally:
            running.kill()


@contextmanager
def serving(
    database: str, processes: int = 1, fault: str = "none", *options: str, system: str = "messages", **environment: str
) -> Iterator[Target]:
    """The API on a free port, up."""
    port = free_port()
    arguments = ["--port", str(port), "--processes", str(processes), "--pool", str(CONNECTIONS), "--fault", fault]
    arguments += options
    with process(database, "serve", *arguments, system=system, **environment) as running:
        target = Target(running, port)
        eventually(target.is_up, running)
        yield target


@contextmanager
def delivering(
    database: str, number: int = 1, delivery_ms: float = 0, fault: str = "none"
) -> Iterator[subprocess.Popen[bytes]]:
    """One delivery worker, connected."""
    options = ["--number", str(number), "--delivery-ms", str(delivery_ms), "--fault", fault]
    name = f"proofload-delivery-{number}"
    with process(database, "deliver", *options) as running:
        eventually(lambda: query(database, "SELECT 1 FROM pg_stat_activity WHERE application_name = %s", name), running)
        yield running
