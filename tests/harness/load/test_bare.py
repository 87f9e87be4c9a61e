"""`locust -f locustfiles/…` without a pipeline: it loads, ends in order, and calls nothing a failure that was none."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from harness.outcomes import Failure
from harness.plan.plans import reference
from harness.settings import ROOT
from schema.migrate import migrate
from tests.support.target_process import eventually, query, serving

MESSAGES = "locustfiles/messages.py"
QUICK = """
from locust import between
from locustfiles import messages

class Quick(messages.MessageSender):
    wait_time = between(0, 0.005)
"""


def bare(url: str, folder: Path, *more: str, file: str = MESSAGES, **environment: str) -> Any:
    """The process of five users of messages on `url`; Locust's own statistics go to stats_*.csv in `folder`."""
    command = [sys.executable, "-m", "locust", "-f", file, "--headless", "-u", "5", "-r", "5"]
    return subprocess.Popen(
        [*command, "--host", url, "--csv", str(folder / "stats"), *more],
        cwd=ROOT,
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def killed(folder: Path) -> list[str]:
    """What Locust's own statistics list as killed before its end."""
    with (folder / "stats_failures.csv").open() as file:
        return [row["Name"] for row in csv.DictReader(file) if Failure.KILLED.name in row["Error"]]


def test_it_works_by_itself(database: str, tmp_path: Path) -> None:
    from seeding.messages import seed

    migrate("messages", database)
    seed(database, 1)
    with serving(database, 1, "none") as target:
        load = bare(target.url, tmp_path, DATABASE_URL=database)
        eventually(lambda: query(database, "SELECT count(*) FROM message_logs")[0][0], load)
        load.send_signal(signal.SIGINT)
        _, said = load.communicate(timeout=60)

    assert load.returncode == 0, said
    assert "nothing will be verified" in said


@contextmanager
def held() -> Iterator[tuple[str, list[str], Event]]:
    """A target whose answers wait for an event: its URL, the requests that have come, and the event."""
    contract = reference("messages", "contract")
    come: list[str] = []
    go = Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            come.append(self.path)
            go.wait()
            body = json.dumps({contract["message_id"]: "x"}).encode()
            self.send_response(contract["created"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 200

        def handle_error(self, *_: Any) -> None:
            """A connection that the load has closed is none."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", come, go
    finally:
        go.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("ends", ["time", signal.SIGINT, signal.SIGTERM])
def test_what_is_in_flight_when_it_ends_is_waited_for(ends: str | signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "quick.py").write_text(QUICK)
    with held() as (url, come, go):
        more = ["-t", "8s"] if ends == "time" else []
        load = bare(url, tmp_path, *more, file=str(tmp_path / "quick.py"), DATABASE_URL="")
        # The time may be up before all users are there, on a slow machine.
        eventually(lambda: len(come) >= 1)
        if isinstance(ends, signal.Signals):
            load.send_signal(ends)
        else:
            assert any("limit reached" in line for line in load.stderr or [])
        assert load.poll() is None
        go.set()
        _, said = load.communicate(timeout=60)

    assert killed(tmp_path) == [], said
    assert "Traceback" not in said


WAKES_UP = """
import gevent
from locust.user.task import LOCUST_STATE_WAITING
from locustfiles.messages import MessageSender

begun = []
user = MessageSender.__new__(MessageSender)
user._leaving = False
user._due = lambda: gevent.sleep(0.01) or "process"
user._do = begun.append
user.session = type("Session", (), {"start": gevent.event.Event()})
user.session.start.set()
user.open = user.close = user.on_start = user.on_stop = lambda: None
# It wakes up between the moment when it is told to stop, and the kill.
user._group = type("Late", (), {"killone": lambda greenlet: None})
user._greenlet = gevent.spawn(user.run)
gevent.sleep(0)
assert user._state == LOCUST_STATE_WAITING
user.stop()
gevent.sleep(0.05)
print(begun)
user._greenlet.kill()
"""


def test_a_user_that_wakes_up_after_it_was_told_to_stop_begins_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", WAKES_UP], cwd=ROOT, capture_output=True, text=True)

    assert done.stdout == "[]\n", done.stderr
