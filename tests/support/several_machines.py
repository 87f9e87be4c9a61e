"""A load from several machines: a master, and agents with folders of their own, on this machine or in namespaces."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.stack.process import free_port
from tests.support.pipeline_process import Pipeline, Result

KEY = "0123456789abcdef" * 4


def two_ports() -> int:
    """A free port whose next one is free, too."""
    while True:
        port = free_port()
        with suppress(OSError):
            free_port(port + 1)
            return port


@dataclass
class Machines:
    """Starts a master and its workers; all of them end with the test."""

    pipeline: Pipeline
    folder: Path
    host: str = "127.0.0.1"
    port: int = field(default_factory=two_ports)
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def master(
        self, workers: int, *arguments: str, scenario: str = "short", inside: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen[str]:
        """The master, of so many load processes; its command comes after the words `inside`."""
        known = {"PERF_MASTER_BIND": self.host, "PERF_MASTER_PORT": str(self.port), "PERF_JOIN_KEY": KEY, **environment}
        words = ["--workers", str(workers), *arguments]
        running = self.pipeline.start(scenario, *words, inside=inside, **known)
        self.running.append(running)
        return running

    def worker(
        self, name: str, processes: int = 1, inside: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen[str]:
        """A worker with so many load processes; its command comes after the words `inside`."""
        home = self.folder / name
        home.mkdir(parents=True, exist_ok=True)
        known = {"PERF_HOME": str(home), "PERF_PROCESSES": str(processes), "PERF_JOIN_KEY": KEY, **environment}
        command = [*inside, sys.executable, "-m", "harness", "worker", "--master", f"{self.host}:{self.port}"]
        running = subprocess.Popen(
            command,
            cwd=self.pipeline.project,
            env=self.pipeline.environment(**known),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.append(running)
        return running

    def finish(self, master: subprocess.Popen[str]) -> Result:
        """The run to its end."""
        return self.pipeline.finish(master)

    def end(self) -> None:
        """End what is still running."""
        for one in self.running:
            if one.poll() is None:
                one.kill()
            one.communicate()


def said(worker: subprocess.Popen[str]) -> str:
    """What a worker that ends has said."""
    return worker.communicate(timeout=60)[0]
