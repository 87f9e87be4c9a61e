"""Locust's web UI outlives the load that it is for: it shows what becomes of the run, until it is closed."""

import signal
import subprocess
import time
from collections.abc import Callable

from harness.stack import process

POLL_S = 0.1
AGAIN = 75
"""The exit code by which it asks for a new run: START was pressed."""


class Window:
    """The process that shows a run, at `url`, once its load is over."""

    def __init__(self, port: int) -> None:
        """It listens on this machine at `port`."""
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.again = False
        """Once it is closed: whether it ended by itself, for a new run."""
        self._process: subprocess.Popen[bytes] | None = None

    def keep(self, shows: subprocess.Popen[bytes]) -> None:
        """From here on it is ours to end."""
        self._process = shows

    @property
    def open(self) -> bool:
        """Whether it can be looked at."""
        return self._process is not None and self._process.poll() is None

    def stay(self, closed: Callable[[], object]) -> None:
        """Wait until `closed` says so, or it ended by itself."""
        while self.open and not closed():
            time.sleep(POLL_S)

    def close(self) -> None:
        """End it, if it is there."""
        if self._process is not None:
            self.again = process.stop(self._process, signal.SIGINT) == AGAIN
            self._process = None
