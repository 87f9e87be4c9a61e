"""The load processes on other machines, as the pipeline has them: waited for, given the load, watched, collected."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from harness.errors import RunError, StackError
from harness.machines import given
from harness.machines.agent import told
from harness.machines.depot import Depot
from harness.machines.key import FILE_VARIABLE, VARIABLE, JoinKey
from harness.machines.key import given as given_key
from harness.machines.key import made as made_key
from harness.machines.members import Machine
from harness.progress import Progress
from harness.project import hint
from harness.run import Run
from harness.settings import Settings

MISSING_EVERY_S = 5.0
"""How often it is said who is missing."""
READY_S = 30.0
"""How long machines may take to be ready, once they have what they need."""
_POLL_S = 0.05


class Elsewhere:
    """The other machines of one run. Listens from its beginning on; to be closed."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        """PlanError for a key that is none, StackError if nothing can listen where it should."""
        self._settings = settings
        known = given_key()
        self.key: JoinKey = known or made_key()
        self._depot = Depot(
            settings.master_bind, settings.master_port + 1, self.key, settings.workers, told(settings.workers)
        )
        self._started = False
        self._progress = progress
        progress.say(f"  on each other machine: {self.line(known is None)}")

    def line(self, show: bool) -> str:
        """What starts a worker elsewhere; with the key, shown nowhere else, or the variable that has it here."""
        port = "" if self._settings.master_port == 5557 else f":{self._settings.master_port}"
        at = f"{address(self._settings.master_bind)}{port}"
        variable = FILE_VARIABLE if os.environ.get(FILE_VARIABLE) else VARIABLE
        key = f"{VARIABLE}={self.key.text}" if show else f"{variable}=…"
        return f"{key} {hint(f'perf-worker MASTER={at}', f'worker --master {at}')[1:-1]}"

    @property
    def machines(self) -> list[Machine]:
        """Those that have joined."""
        return self._depot.machines

    def ready(self, run: Run, url: str, database: str, words: list[str], signalled: Callable[[], str | None]) -> bool:
        """Wait for all machines, and give them the load of `run`, which goes to `url`, or if that is empty to the
        `database`; False if a signal came.

        StackError if some don't come, or can't put it on; PlanError if they could not have what they need.
        """
        bundle, secret, files = given.bundle(run, self._settings, url, database, words)
        if not self._gather(signalled):
            return False
        self._depot.give(run, bundle, secret, files)
        given_at = time.monotonic()
        while not all(one.ready for one in self.machines):
            unfit = [f"machine {one.number}, {one.name}: {one.unfit}" for one in self.machines if one.unfit]
            slow = [f"machine {one.number}, {one.name}: no answer" for one in self.machines if not one.ready]
            # Files may be long: as long as pieces of them are asked for, all is well.
            if unfit or time.monotonic() > max([given_at, *(one.asked for one in self.machines)]) + READY_S:
                raise StackError("; ".join(unfit or slow) + ": fix it there, and start its worker again")
            if self._depot.failed:
                raise StackError(self._depot.failed)
            if signalled():
                return False
            time.sleep(_POLL_S)
        run.record(machines=self.facts())
        return True

    def _gather(self, signalled: Callable[[], str | None]) -> bool:
        wanted, began = self._settings.workers, time.monotonic()
        said = began
        while (joined := self._depot.joined()) < wanted or not self._depot.close_the_door():
            self._progress.now(f"waiting for workers: {joined} of {wanted} load processes")
            now = time.monotonic()
            there = ", ".join(f"{one.name} ({one.processes})" for one in self.machines) or "none"
            if now - began > self._settings.join_wait:
                raise StackError(
                    f"{joined} of {wanted} load processes have joined ({there}): expected the others within "
                    f"{self._settings.join_wait:g} s (PERF_JOIN_WAIT); are their workers started, and the ports "
                    f"{self._settings.master_port} and {self._settings.master_port + 1} open for them?"
                )
            if now - said > MISSING_EVERY_S:
                said = now
                self._progress.say(f"  {wanted - joined} of {wanted} load processes are missing; there: {there}")
            if signalled():
                return False
            time.sleep(_POLL_S)
        return True

    def start(self) -> None:
        """Have all load processes start, which find Locust's master by themselves."""
        self._started = True
        self._depot.start()

    def lost(self) -> str:
        """Why the load must end: a machine is gone, or a load process; "" = all is well."""
        return self._depot.lost(self._settings.silence)

    def collect(self, run: Run) -> None:
        """The load is over: have the load processes end, wait for all files, and record what came."""
        if not self._started:
            return
        self._depot.stop()
        self._progress.now("collecting what the machines have")
        self._depot.collect(self._settings.collect, self._settings.silence)
        for one in self.machines:
            for share, tail in one.tails.items():
                if tail:
                    self._progress.say(f"  load process {share} on {one.name} ended with {one.exited[share]}:\n{tail}")
        with suppress(RunError):  # there may be no room: what comes after it says so
            run.record(machines=self.facts())

    def facts(self) -> list[dict[str, Any]]:
        """What run.json has of the machines."""
        return [
            {
                "number": one.number,
                **{name: one.told.get(name) for name in ("host", "cpu", "cores", "memory_bytes", "boot", "python")},
                "shares": one.shares,
                "started": self._started,
                "round_trip_ns": one.round_trip_ns,
                "exit_codes": {str(share): code for share, code in sorted(one.exited.items())},
                "silent_seconds": round(one.silent, 3),
                "whole": one.whole,
                "lacking": one.lacking,
                "why": self._depot.failed,
            }
            for one in self.machines
        ]

    def close(self) -> None:
        """Send all machines home."""
        self._depot.close()


def address(bind: str) -> str:
    """Where others reach what listens at `bind`: of all addresses, that which leads out of this machine."""
    if bind not in ("0.0.0.0", "*", "::"):
        return bind
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: only the kernel's choice of a way is asked for
            found: str = probe.getsockname()[0]
        except OSError:
            return socket.gethostname()
    return found
