"""The processes of a load on this machine: what they are, started before their turn, and begun."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.plan.scenario import Scenario
from harness.project import environment
from harness.ready import Ready
from harness.run import Run
from harness.settings import Settings
from harness.stack import process
from harness.window import Window

IMPORTED = ("harness.load.plugin", "harness.load.http_user")
"""What users of ours need, and what the pipeline adds to all others'. A locustfile is imported when the load begins:
what it does then is not for us to do before.
"""

LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class LoadProcess:
    """One of them: the only one, the master, or a worker."""

    log: Path
    share: str
    """Which one it is, of how many (harness/load/workers.py)."""
    words: Sequence[str]
    """Its command line, but for what is not known before its turn."""
    folder: Path | None
    """Where it runs."""
    port: str
    """The option for the port at which the processes meet; "": it is the only one."""

    def ahead(self) -> Ready:
        """It, to begin when it is its turn."""
        with self.log.open("ab") as output:
            return Ready(
                "harness.load",
                *IMPORTED,
                words=self.words,
                released=True,
                on_parent_death=signal.SIGINT,
                stdout=output,
                stderr=output,
                cwd=self.folder,
            )

    def begin(self, waiting: Ready | None, host: str, port: int, **values: str) -> subprocess.Popen[Any]:
        """Have it load `host`: the one that waits for that, or a new one; its process."""
        words = ["--host", host, *([self.port, str(port)] if self.port else [])]
        values = {"PERF_LOAD_PROCESS": self.share, **values}
        if waiting:
            return waiting.begin(words, **values)
        command = [sys.executable, "-m", "harness.load", *self.words, *words]
        return process.start(command, self.log, environment(**values), None, signal.SIGINT, self.folder)


def of(run: Run, settings: Settings, window: Window | None) -> list[LoadProcess]:
    """Those of `run`, the one that ends the others first; `window` is to show it, if there is one."""
    scenario, count = run.scenario, settings.workers or settings.processes
    # Files that another's users open are beside their locustfile.
    folder = Path(scenario.locustfile).parent if scenario.foreign else None
    first, words = _first(run, scenario, window), _generator(run, scenario)
    log = run.folder / "load.log"
    if count == 1 and not settings.workers:
        return [LoadProcess(log, "0/1", first, folder, "")]
    bind = settings.master_bind if settings.workers else LOCAL
    master = [*first, "--master", "--master-bind-host", bind, "--expect-workers", str(count)]
    master += ["--expect-workers-max-wait", "60"]
    found = [LoadProcess(log, f"0/{count}", master, folder, "--master-bind-port")]
    for number in range(0 if settings.workers else count):
        worker = [*words, "--worker", "--master-host", LOCAL]
        log = run.folder / f"load-{number}.log"
        found.append(LoadProcess(log, f"{number}/{count}", worker, folder, "--master-port"))
    return found


def tagged(scenario: Scenario) -> list[str]:
    """Which tasks of another's locustfile there are."""
    words = ["--tags", *scenario.tags] if scenario.tags else []
    return words + (["--exclude-tags", *scenario.exclude_tags] if scenario.exclude_tags else [])


def _generator(run: Run, scenario: Scenario) -> list[str]:
    """What every load process has on its command line."""
    # Of several shapes Locust takes the first.
    files = f"{Path(__file__).parent / 'load' / 'shape.py'},{scenario.locustfile}"
    return ["-f", files, "--run-folder", str(run.folder.resolve()), *tagged(scenario)]


def _first(run: Run, scenario: Scenario, window: Window | None) -> list[str]:
    """The first one's command line: it has the web UI, or none."""
    words = [*_generator(run, scenario), "--only-summary", "--exit-code-on-error", "0"]
    for name, weight in scenario.users.items():
        words += ["--config-users", json.dumps({"user_class_name": name, "weight": weight})]
    if window:
        words += ["--autostart", "--web-host", LOCAL, "--web-port", str(window.port)]
    else:
        words += ["--headless"]
    return words + list(scenario.users)
