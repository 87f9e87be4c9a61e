"""The target of a run: the reference servers of target/, started here, or somebody else's at TARGET_URL."""

import http.client
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from harness import database
from harness.errors import StackError
from harness.settings import ROOT
from harness.stack import process

START_TIMEOUT_S = 30.0
HEALTH_TIMEOUT_S = 5.0

KEY = "PERF_JWT_KEY"
"""The variable with the key that tokens are signed with: of our settings the only one that is the target's, too."""

DELIVERY_NAME = "proofload-delivery-"
"""What the application_name of each of our delivery workers begins with."""


@dataclass(frozen=True)
class Variant:
    """Which of the reference targets of a system: one with a fault, one that does its work by another strategy."""

    fault: str | None = None
    strategy: str | None = None
    checkout: Path | None = None
    """The folder whose target it is; None: this one's."""

    @property
    def clean(self) -> bool:
        """Whether it is the reference target as it is."""
        return self == Variant()

    def arguments(self) -> list[str]:
        """Its command line."""
        said = {"--fault": self.fault, "--strategy": self.strategy}
        return [word for name, value in said.items() if value for word in (name, value)]


def start(system: str, url: str, port: int, log: Path, variant: Variant) -> subprocess.Popen[bytes]:
    """The reference target of `system` on 127.0.0.1:`port` and the database at `url`; use `healthy` to wait for it."""
    process.require_free(port, "PERF_TARGET_PORT")
    command = [sys.executable, "-m", "target", system, "serve", "--port", str(port), "--processes", "1"]
    return process.start(command + variant.arguments(), log, _environment(url, variant.checkout))


def healthy(url: str, health: str, server: subprocess.Popen[bytes] | None, log: Path | None) -> None:
    """Wait until the target at `url` answers `health` (method and path) with 2xx; StackError if it doesn't.

    One that we started (`server`) gets time to start; one that is not ours has to be there.
    """
    method, path = health.split(" ", 1)
    deadline = time.monotonic() + (START_TIMEOUT_S if server else 0)
    while True:
        found = _ask(method, url + path)
        if found is None:
            return
        if server is not None and server.poll() is not None:
            raise StackError(f"the target ended with code {server.returncode}\n{process.tail(log) if log else ''}")
        if time.monotonic() > deadline:
            mend = "Mend TARGET_URL, or unset it to use ours; [contract] health in the plan says what to ask"
            raise StackError(f"{method} {url}{path}: {found}: expected a target that answers 2xx. {mend}")
        time.sleep(0.02)


def _ask(method: str, url: str) -> str | None:
    """None if `url` answers 2xx, else what it did."""
    try:
        # No proxy and no redirect: only the target itself counts.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
        with opener.open(urllib.request.Request(url, method=method), timeout=HEALTH_TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        return f"answers {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except http.client.HTTPException as error:
        return f"doesn't speak HTTP: {type(error).__name__}"
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _environment(url: str, checkout: Path | None = None) -> dict[str, str]:
    ours = ("PERF_", "LOCUST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) or name == KEY}
    # Safe: else the folder that we are in would come before that of the checkout.
    return {**kept, "DATABASE_URL": url, "PYTHONPATH": str(checkout or ROOT), "PYTHONSAFEPATH": "1"}


class Deliveries:
    """The delivery workers beside the reference target: processes whose number can change during a run."""

    def __init__(self, system: str, url: str, seconds: float, log: Path, variant: Variant) -> None:
        self._command = [sys.executable, "-m", "target", system, "deliver", "--delivery-ms", f"{seconds * 1000:g}"]
        self._command += ["--fault", variant.fault] if variant.fault else []
        self._url, self._log, self._checkout = url, log, variant.checkout
        self._workers: list[subprocess.Popen[bytes]] = []

    def scale(self, number: int) -> None:
        """Have `number` workers, all of them connected and waiting for work; StackError if one does not come up."""
        while len(self._workers) > number:
            process.stop(self._workers.pop())
        while len(self._workers) < number:
            command = [*self._command, "--number", str(len(self._workers) + 1)]
            self._workers.append(process.start(command, self._log, _environment(self._url, self._checkout)))
        deadline = time.monotonic() + START_TIMEOUT_S
        with database.connect(self._url, "stack") as connection:
            count = text(
                "SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE application_name LIKE :name"
            )
            while connection.scalar(count, {"name": f"{DELIVERY_NAME}%"}) != number:
                if self.died() or time.monotonic() > deadline:
                    raise StackError(f"{number} delivery workers were to be there\n{process.tail(self._log)}")
                connection.rollback()  # each statement sees the workers of its own moment
                time.sleep(0.02)

    def died(self) -> bool:
        """Whether a worker ended by itself."""
        return any(worker.poll() is not None for worker in self._workers)

    def stop(self) -> None:
        """End all of them."""
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            process.stop(worker)
