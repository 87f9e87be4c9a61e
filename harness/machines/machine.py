"""What a machine that puts load on does meanwhile: a line a second of its cores, as the monitor has of the master's."""

import json
import time
from pathlib import Path

import psutil

from harness.monitor.machine import Machine


class Sampler:
    """Writes the lines of one machine."""

    def __init__(self, path: Path) -> None:
        self._path, self._machine, self._own = path, Machine(), psutil.Process()
        self._machine.sample()
        self._own.cpu_percent()

    def sample(self) -> None:
        """One line."""
        line = {"at": time.monotonic_ns(), **self._machine.sample(), "agent.cpu": self._own.cpu_percent() / 100}
        with self._path.open("a") as file:
            file.write(
                json.dumps({name: round(value, 6) for name, value in line.items()}, separators=(",", ":")) + "\n"
            )
