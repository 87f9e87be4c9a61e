"""`python -m reports.live RUN_FOLDER --port 9464`, beside a run: tells Prometheus of the load as it goes on, at
/metrics, and a collector of OpenTelemetry, if one is named.

It reads the journals as they grow, and what health and monitor wrote. It ends with SIGTERM, after Prometheus, if it
ever asked, has asked for the last state.
"""

import argparse
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST

from harness.errors import command
from harness.run import Run
from reports.live import page
from reports.live.exposition import exposition
from reports.live.families import Family, families
from reports.live.live import Live

LOOK_S = 1.0
NICE = 10
"""The load goes first."""
LAST_S = 6.0
"""How long the last state is there to be asked for, by one who has asked before: a little more than the interval of
deploy/prometheus/prometheus.yml.
"""
PATH = "/metrics"


class Board:
    """What is told at the moment, and how often it was asked for."""

    def __init__(self) -> None:
        self.text = b""
        self.asked = 0
        self.last_asked = threading.Event()
        """Set by the first scrape after it was cleared."""


def server(board: Board, address: tuple[str, int]) -> ThreadingHTTPServer:
    """Answers GET /metrics at `address` with what is on the board; OSError if it can't listen there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there = self.path.partition("?")[0] == PATH
            body = board.text if there else f"expected {PATH}\n".encode()
            self.send_response(200 if there else 404)
            self.send_header("Content-Type", CONTENT_TYPE_LATEST if there else "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if there:
                board.asked += 1
                board.last_asked.set()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: one line a scrape would fill a log."""

    found = ThreadingHTTPServer(address, Handler)
    found.daemon_threads = True
    return found


def main() -> int:
    """Tell of the run that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m reports.live", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="the folder of a run whose load goes on")
    parser.add_argument("--bind", default="127.0.0.1", help="the address to listen at (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="the port to listen at; 0: none")
    parser.add_argument("--otlp", default="", help="where a collector of OpenTelemetry takes metrics by HTTP")
    parser.add_argument("--page", action="store_true", help="write it as a page, too, for Locust's web UI")
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    os.nice(NICE)
    live, board = Live(Run.open(options.run)), Board()
    if options.page:
        live.run.write_text(page.FILE, page.shell(live))
    push = _push(options.otlp)
    parent = os.getppid()
    listening = server(board, (options.bind, options.port)) if options.port else None
    if listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
    while True:
        last = stopped.is_set() or os.getppid() != parent
        live = Live(Run.open(options.run)) if live.outdated else live
        live.look(time.monotonic_ns())
        told = families(live)
        board.text = exposition(told, live.counted.ends)
        if options.page:
            live.run.write_text(page.NOW, page.now(live))
        board.last_asked.clear()
        if push:
            push(told, live.counted.ends, last)
        if last:
            break
        stopped.wait(LOOK_S)
    if listening and board.asked:
        board.last_asked.wait(LAST_S)
    return 0


def _push(url: str) -> Callable[[Sequence[Family], Sequence[float], bool], None] | None:
    """What sends all of it to a collector, as often as it says; None: there is none."""
    if not url:
        return None
    from reports.live.otlp import Otlp  # what it needs is an extra

    return Otlp(url).push


if __name__ == "__main__":
    command(main)
