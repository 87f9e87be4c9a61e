"""Processes of ours that begin with their libraries imported: forked off one that has them, for tests that start many.

Of what a load or a target with a fault takes, most was importing Locust and the servers' libraries. What is ours is
imported by each process itself, and `python -m …` as such is tested by the runs of the pipeline.
"""

import contextlib
import gc
import importlib
import inspect
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.parent import die_with_parent
from harness.project import environment as ours
from harness.settings import ROOT
from harness.stack import process
from tests.support import forked

SERVER = (
    "asyncpg httptools jwt msgspec prometheus_client starlette.applications uvicorn uvloop"
    " uvicorn.protocols.http.httptools_impl uvicorn.lifespan.on"
)
LIBRARIES = {
    "harness.load": "locust locust.main httptools msgspec numpy orjson psutil psycopg2",
    "target": SERVER,
    # Of every command, whose first word is its program, and of what a pipeline starts (tests/support/commands.py).
    "commands": f"faker jinja2 numpy orjson pandas psutil psycopg2 rich.console sqlalchemy {SERVER}",
}
"""What the processes of each of our programs import first."""


class Born:
    """A process that was forked there, as subprocess.Popen shows it."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery, self.pid = nursery, pid

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        return self._nursery.ended(self.pid)

    def wait(self, timeout: float = 60.0) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired([str(self.pid)], timeout)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            # It may end between the two, as for subprocess.Popen.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that the processes of one program are forked off; `close` it."""

    def __init__(self, program: str) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.support.nursery", program, str(theirs.fileno())]
        self._process = subprocess.Popen(command, cwd=ROOT, env=ours(), pass_fds=[theirs.fileno()])
        theirs.close()
        self._codes: dict[int, int] = {}
        self._born: list[int] = []

    def start(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        output: Sequence[int],
        end: signal.Signals = signal.SIGTERM,
    ) -> Born:
        """A process with these `words` after the program's name, its standard output and error the files `output`;
        `end` is its signal if the nursery ends.
        """
        said = json.dumps({"words": list(words), "environment": dict(environment), "folder": str(folder), "end": end})
        self._ours.sendall(len(said).to_bytes(4, "big"))
        socket.send_fds(self._ours, [said.encode()], output)
        while not self._born:
            self._hear(wait=True)
        return Born(self, self._born.pop())

    def ended(self, pid: int) -> int | None:
        """The exit code of one of its processes, if that has ended."""
        self._hear(wait=False)
        return self._codes.get(pid)

    def _hear(self, wait: bool) -> None:
        while wait or select.select([self._ours], [], [], 0)[0]:
            wait = False
            event = json.loads(self._ours.recv(1000) or b'{"gone": 0}')
            assert "gone" not in event, "the nursery ended"
            if "born" in event:
                self._born.append(event["born"])
            else:
                self._codes[event["ended"]] = event["code"]

    def close(self) -> None:
        """End it, and what is left of its processes."""
        self._ours.close()
        self._process.wait(30)


class Nurseries:
    """One for each program, made when it is needed."""

    def __init__(self) -> None:
        self._of: dict[str, Nursery] = {}
        self._start = process.start

    def start(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        owner: int | None = None,
        on_parent_death: signal.Signals = signal.SIGTERM,
        folder: Path | None = None,
    ) -> Any:
        """As `process.start`, which starts the other programs."""
        program = command[2] if list(command[:2]) == [sys.executable, "-m"] else ""
        if program not in LIBRARIES or folder:
            return self._start(command, log, environment, owner, on_parent_death, folder)
        if program not in self._of:
            self._of[program] = Nursery(program)
        with log.open("ab") as output:
            both = [output.fileno()] * 2
            return self._of[program].start(command[3:], environment, Path.cwd(), both, on_parent_death)

    def close(self) -> None:
        for each in self._of.values():
            each.close()


def main() -> None:
    """Fork a process for each request of the socket; the process itself returns from here to become the program."""
    program, connection = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    waking, woken = os.pipe()
    for end in (waking, woken):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    # Locust replaces them, for what it is not that goes on here.
    fork, waitpid = os.fork, os.waitpid
    ready_of, handle = select.select, signal.signal
    for name in LIBRARIES[program].split():
        importlib.import_module(name)
    # Locust asks at the end of a load who called it, which looks for the file of every module; here once for all.
    inspect.stack()
    # What the libraries made is never freed: the collector of each process need not go through it, nor copy its pages.
    gc.collect()
    gc.freeze()
    while True:
        ready, _, _ = ready_of([connection, waking], [], [])
        with contextlib.suppress(BlockingIOError):
            os.read(waking, 1000)
        with contextlib.suppress(ChildProcessError):
            while (ended := waitpid(-1, os.WNOHANG))[0]:
                code = os.waitstatus_to_exitcode(ended[1])
                connection.sendall(json.dumps({"ended": ended[0], "code": code}).encode())
        if connection not in ready:
            continue
        size = connection.recv(4)
        if not size:
            sys.exit()
        said, output, _, _ = socket.recv_fds(connection, int.from_bytes(size, "big"), 2)
        pid = fork()
        if not pid:
            break
        for each in output:
            os.close(each)
        connection.sendall(json.dumps({"born": pid}).encode())
    signal.set_wakeup_fd(-1)
    handle(signal.SIGCHLD, signal.SIG_DFL)
    for each in (connection.detach(), waking, woken):
        os.close(each)
    _become(json.loads(said), output)
    if program == "commands":
        program = sys.argv.pop(1)
        forked.stages()
    runpy.run_module(program, run_name="__main__", alter_sys=True)


def _become(said: dict[str, Any], output: Sequence[int]) -> None:
    """Have this process be as `process.start` leaves it, with nothing of ours imported."""
    os.setsid()
    if die := die_with_parent(signal.Signals(said["end"])):
        die()
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for mine, each in zip((1, 2), output, strict=True):
        os.dup2(each, mine)
    for each in output:
        os.close(each)
    forked.begin_anew(said["words"], said["environment"], said["folder"])


if __name__ == "__main__":
    main()
