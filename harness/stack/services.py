"""The services of the reference target: started, up, scaled and ended; each process reports by itself that it is up."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness import ambient, database_url
from harness.errors import StackError
from harness.plan.scenario import Service
from harness.plan.services import FILE
from harness.run import Run
from harness.settings import CHECKOUT, ROOT
from harness.stack import health, process
from harness.stack.variant import Variant

PIDS = "services.json"
"""The processes of each service, in the run folder: for the monitor, which samples them by name."""

START_TIMEOUT_S = 30.0

OURS = "{python} -m target "
"""What starts a service of the reference target begins with it."""

KEY, BIND = "PERF_JWT_KEY", "PERF_BIND"
"""The variables with the key that tokens are signed with, and the address that the reference target listens at: of our
settings the only ones that are the target's, too.
"""


@dataclass
class Running:
    """A service with its processes, in the order in which they were started."""

    service: Service
    log: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    number: int = 0
    """How many there are, those included that one of them starts itself."""

    @property
    def alone(self) -> bool:
        """Whether one process starts all the others itself."""
        return "{processes}" in self.service.start


class Services:
    """All services of a target on the database at `url`."""

    def __init__(self, services: Mapping[str, Service], run: Run, url: str, port: int, variant: Variant) -> None:
        """`port` is where the target listens; nothing is started yet."""
        self._run, self._url, self._port, self._variant = run, url, port, variant
        self._running = {name: Running(each, run.folder / f"{name}.log") for name, each in services.items()}
        self._ready = tempfile.TemporaryDirectory(prefix="proofload-ready-")
        self._started = 0
        self._died: set[str] = set()
        """The services of which a process had ended by itself before we ended it."""

    def start(self) -> None:
        """Start each with the number of processes that its plan says, and wait until all are up."""
        for name, running in self._running.items():
            self.scale(name, running.service.processes)

    def scale(self, name: str, number: int) -> None:
        """Have `number` processes of service `name`, all of them up; StackError if one does not come up.

        One that starts all its processes itself is ended in order, and started anew.
        """
        running = self._running[name]
        starts = min(number, 1) if running.alone else number
        if running.alone and number != running.number and running.processes:
            process.stop(running.processes.pop())
        running.number = number
        while len(running.processes) > starts:
            process.stop(running.processes.pop())
        fresh = []
        while len(running.processes) < starts:
            fresh.append(self._start(running, number))
        self._record()
        for each, mark in fresh:
            self._await(name, running, each, mark)

    def _record(self) -> None:
        self._run.write(PIDS, {each: [one.pid for one in its.processes] for each, its in self._running.items()})

    def send(self, names: Collection[str], number: signal.Signals) -> list[int]:
        """Send it to all processes of these services, those too that they have started; to which process groups."""
        groups = [one.pid for name in names for one in self._running[name].processes if one.poll() is None]
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, number)
        return groups

    def again(self, names: Collection[str], number: signal.Signals) -> int:
        """End all processes of these services with that signal, and start as many anew, all of them up; how many.

        StackError if one does not come up.
        """
        self._died.update(name for name in self.died() if name in names)
        ended = [one for name in names for one in self._running[name].processes]
        if number == signal.SIGKILL:
            self.send(names, number)
        for one in ended:
            if number != signal.SIGKILL and one.poll() is None:
                one.send_signal(number)
        for one in ended:
            process.stop(one)
        fresh = []
        for name in names:
            running = self._running[name]
            starts, running.processes = len(running.processes), []
            fresh += [(name, running, *self._start(running, running.number)) for _ in range(starts)]
        self._record()
        for name, running, one, mark in fresh:
            self._await(name, running, one, mark)
        return len(ended)

    def _start(self, running: Running, number: int) -> tuple[subprocess.Popen[bytes], Path]:
        """A process of the service, and the file that it is to create when it is up."""
        self._started += 1
        mark = Path(self._ready.name) / f"{self._started}"
        words = command(running.service, len(running.processes) + 1, number, self._port, self._variant)
        environment = {**_environment(words, self._url, self._variant.checkout), "READY": str(mark)}
        started = process.start(words, running.log, environment)
        running.processes.append(started)
        return started, mark

    def _await(self, name: str, running: Running, one: subprocess.Popen[bytes], mark: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        ready = running.service.ready
        while True:
            if ready == FILE:
                missing = None if mark.exists() else f"it did not create the file that READY names ({mark})"
            else:
                method, path = ready.split(" ", 1)
                missing = health.ask(method, f"{self.target_url}{path}")
                if missing:
                    missing = f"{ready}: {missing}"
            if one.poll() is not None:
                raise StackError(
                    f"service {name} ended with code {one.returncode} before it was up\n{process.tail(running.log)}"
                )
            if missing is None:
                return
            if time.monotonic() > deadline:
                raise StackError(
                    f"service {name} is not up after {START_TIMEOUT_S:g} s: {missing}\n{process.tail(running.log)}"
                )
            time.sleep(0.02)

    @property
    def names(self) -> list[str]:
        """The names of those that have processes."""
        return [name for name, its in self._running.items() if its.processes]

    @property
    def target_url(self) -> str:
        """Where requests go."""
        host = os.environ.get(BIND, "") or "127.0.0.1"
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    def died(self) -> list[str]:
        """The names of services of which a process ended by itself."""
        return [
            name
            for name, its in self._running.items()
            if name in self._died or any(one.poll() is not None for one in its.processes)
        ]

    def stop(self) -> None:
        """End all of them."""
        processes = [one for its in self._running.values() for one in its.processes]
        for one in processes:
            if one.poll() is None:
                one.terminate()
        for one in processes:
            process.stop(one)
        self._ready.cleanup()


def command(service: Service, number: int, processes: int, port: int, variant: Variant) -> list[str]:
    """The words of a service's command line for its process `number`, from 1."""
    options = {
        "{fault}": ["--fault", variant.fault] if variant.fault else [],
        "{strategy}": ["--strategy", variant.strategy] if variant.strategy else [],
    }
    values = {"python": sys.executable, "port": port, "number": number, "processes": processes, "pool": service.pool}
    words: list[str] = []
    for word in shlex.split(service.start):
        words += options[word] if word in options else [word.format_map({**service.settings, **values})]
    return words


def pids(folder: Path) -> dict[str, list[int]]:
    """The processes of each service of the run in `folder`; empty if none is ours."""
    try:
        found: dict[str, list[int]] = json.loads((folder / PIDS).read_text())
    except (OSError, ValueError):
        return {}
    return found


def ours(service: Service) -> bool:
    """Whether it is a part of the reference target, and not a command of the project's own."""
    return service.start.startswith(OURS)


def _environment(words: list[str], url: str, checkout: Path | None) -> dict[str, str]:
    """What a service finds in its environment: nothing of our settings, and our packages only if it needs them."""
    kept = {
        name: value for name, value in ambient.kept().items() if not name.startswith("PERF_") or name in (KEY, BIND)
    }
    kept["DATABASE_URL"] = database_url.parse(url).url
    if words[1:3] == OURS.split()[1:]:
        # Safe: else the folder that we are in would come before that of the checkout.
        kept |= {"PYTHONPATH": str(checkout or ROOT), "PYTHONSAFEPATH": "1"}
    elif CHECKOUT and words[0] == sys.executable:
        # Last: a service of the project may have packages of the same names.
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (kept.get("PYTHONPATH"), str(ROOT))))
    return kept
