"""A master and two workers, each in a namespace with clocks of its own."""

import subprocess
from contextlib import suppress
from pathlib import Path

from harness import journaled
from harness.errors import JournalError
from harness.settings import ROOT
from tests.support.namespaces import Namespaces
from tests.support.pipeline_process import Pipeline, Result
from tests.support.several_machines import Machines
from tests.support.target_process import eventually

OTHER_CLOCK = ROOT / "tests" / "support" / "other_clock"
SHORT = {"PERF_SILENCE": "6s", "PERF_COLLECT": "20s"}
"""For a test that waits until a machine is given up; elsewhere a slow one must not be."""


class Scene:
    """A master and two workers, each in a namespace."""

    def __init__(self, network: Namespaces, home: Path, folder: Path, plan: str) -> None:
        self.network, self.folder = network, folder
        pipeline = Pipeline(home, folder / "runs", plan)
        self.machines = Machines(pipeline, folder, network.host, 5557)

    def master(self, workers: int = 2, *arguments: str, inside: tuple[str, ...] = (), **environment: str) -> None:
        """Start the master; its target is reached by all."""
        known = {"PERF_BIND": self.network.host, "PERF_TARGET_PORT": "8000", **environment}
        words = [*self.network.master, *inside]
        self.running = self.machines.master(workers, *arguments, scenario="several", inside=words, **known)

    def worker(self, number: int, processes: int = 1, clock: str = "", **environment: str) -> subprocess.Popen[str]:
        """Start worker `number`; its clocks are others still by `clock`, see tests/support/other_clock."""
        of_clock = {"PYTHONPATH": str(OTHER_CLOCK), "OTHER_CLOCK": clock} if clock else {}
        known = {"PERF_ALLOW_HOSTS": self.network.host, **of_clock, **environment}
        return self.machines.worker(f"w{number}", processes, self.network.worker(number), **known)

    def loading(self, operations: int = 40) -> Path:
        """The run folder, once each of two load processes has begun so many operations."""

        def begun() -> Path | None:
            found = list(self.machines.pipeline.runs.glob("*/2*/journal-[01].bin"))
            with suppress(JournalError, OSError):
                if len(found) == 2 and all(len(journaled.read_records(one)) >= operations for one in found):
                    return found[0].parent.resolve()
            return None

        folder: Path = eventually(begun, self.running)  # type: ignore[arg-type]
        return folder

    def finish(self) -> Result:
        """The run to its end."""
        return self.machines.finish(self.running)
