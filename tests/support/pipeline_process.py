"""The pipeline as people run it: a process with a command line, a home and a runs folder of its own."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from harness import steered
from harness.settings import ROOT
from harness.stack.process import free_port
from tests.support import commands
from tests.support.target_process import eventually

PLAN = """\
system = "messages"
title = "Message processing"

# Limits that only a broken run can miss: no test is about speed.
[scenario.short]
purpose = "three seconds for the tests"
users = { MessageSender = 1 }
max_users = 60
service.deliver = { processes = 1 }
drain = "8s"
timeout = "8s"
arrivals.smoke = [{ rate = 80, for = "3s" }]
arrivals.full = [{ rate = 40, for = "10m" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = [
    "p95(response_time) < 30s",
    "ratio(errors) < 1%",
    "rate(goodput) >= 20% of offered",
]

[scenario.short-tail]
purpose = "the same with a limit on the tail"
users = { MessageSender = 1 }
max_users = 60
service.deliver = { processes = 1 }
drain = "8s"
timeout = "8s"
arrivals.smoke = [{ rate = 80, for = "3s" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = ["p99(response_time) < 900ms", "ratio(errors) < 1%"]

[scenario.few-users]
purpose = "so few users that a target that stands still keeps all of them waiting"
users = { MessageSender = 1 }
max_users = 5
service.deliver = { processes = 1 }
drain = "8s"
timeout = "8s"
arrivals.smoke = [{ rate = 40, for = "6s" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "10%" }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%"]

[scenario.closed]
purpose = "users at their own pace"
users = { MessageSender = 1 }
service.deliver = { processes = 1 }
drain = "8s"
timeout = "8s"
think = "100ms"
stages.smoke = [{ users = 5, for = "2s" }, { users = 20, for = "2s", phase = "more" }]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50 }
rules = ["p95(response_time) < 30s", "ratio(errors) < 1%", "rate(goodput{phase=more}) > 1/s"]

[scenario.short-scaling]
purpose = "one delivery worker, then two"
users = { MessageSender = 1 }
max_users = 60
service.deliver = { processes = 1, delivery_ms = 20 }
drain = "8s"
timeout = "8s"
arrivals.smoke = [
    { rate = 60, for = "2s", phase = "one" },
    { pause = "6s", scale = { deliver = 2 } },
    { rate = 120, for = "1s", phase = "two" },
    { pause = "1s" },
]
validity = { loop_lag = "30s", loop_gap = "1m", min_successes = 50, sent = "50%" }
rules = [
    "rate(delivered{phase=two}) >= 1% of linear",
    "p95(end_to_end) < 30s",
    "count(backlog{phase=one}) == 0",
]
"""


@dataclass(frozen=True)
class Result:
    """What a pipeline that has ended left behind."""

    code: int
    out: str
    err: str
    runs: Path

    @property
    def folder(self) -> Path:
        """The run folder; the first, if there were several."""
        (folder,) = sorted(path for path in self.runs.glob("*/2*") if path.name != "latest")[:1]
        return folder

    def json(self, name: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.folder / name).read_text())
        return value

    def checks(self, state: str) -> set[str]:
        """The ids of the checks in that state."""
        return {check["id"] for check in self.json("integrity.json")["checks"] if check["state"] == state}


@dataclass
class Pipeline:
    """Starts pipelines that share a home, as runs of one checkout do."""

    home: Path
    runs: Path
    text: str = PLAN
    project: Path = ROOT
    """The folder that it is started in."""

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "PERF_HOME": str(self.home), "PERF_RUNS": str(self.runs), "COLUMNS": "100", **more}

    def plan(self, text: str = "") -> Path:
        path = self.runs / "plan.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or self.text)
        return path

    def words(self, scenario: str, *arguments: str) -> list[str]:
        """What stands on its command line."""
        return ["run", scenario, "--plan", str(self.plan()), "--profile", "smoke", *arguments]

    def start(
        self, scenario: str = "short", *arguments: str, inside: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen[str]:
        """A run; its command comes after the words `inside`."""
        return subprocess.Popen(
            [*inside, sys.executable, "-m", "harness", *self.words(scenario, *arguments)],
            cwd=self.project,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, running: subprocess.Popen[str]) -> Result:
        out, err = running.communicate(timeout=150)
        return Result(running.returncode, out, err, self.runs)

    def run(self, scenario: str = "short", *arguments: str, **environment: str) -> Result:
        """A run to its end, whose stages are forked."""
        done = commands.run("harness", *self.words(scenario, *arguments), environment=self.environment(**environment))
        return Result(done.returncode, done.stdout, done.stderr, self.runs)

    def run_with_ui(
        self, scenario: str, *arguments: str, stop_after: int = 0, rate: float = 0, **environment: str
    ) -> tuple[Result, dict[str, Any]]:
        """A run whose web UI is closed by Ctrl-C once it is reported; and what the UI showed of the requests, with
        `refused`: the status that a page of another site got, `report`: the page that the run's became, and where Stop
        was pressed, after so many operations, `page`: what it was before. `rate`: by then it was changed to that.
        """
        port = free_port()
        running = self.start(scenario, "--ui", *arguments, PERF_UI_PORT=str(port), **environment)
        before = ""
        if rate:
            self.change(running, port, self.journal(running, stop_after), rate)
        if stop_after:
            self.journal(running, stop_after)
            # The health of a load process is there after its first second, whatever has ended by then.
            shown = ("ended", "load process")
            before = eventually(lambda: _read(f"http://127.0.0.1:{port}/proofload/now", *shown), running)
            stop = urllib.request.Request(f"http://127.0.0.1:{port}/stop", b"", {"Origin": f"http://127.0.0.1:{port}"})
            urllib.request.urlopen(stop, timeout=30).close()
        result, shown = self.close_ui(running, port)
        return result, {**shown, "page": before}

    def change(self, running: subprocess.Popen[str], port: int, journal: Path, rate: float) -> None:
        """Change the rate of a load whose web UI is at `port`; done when a later arrival is in its `journal`."""
        form = urllib.parse.urlencode({"rate": rate}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/swarm", form, timeout=30) as answer:
            assert json.load(answer)["success"]
        (change,) = steered.read(journal.parent)
        eventually(lambda: _seconds(journal) > change["second"], running)  # type: ignore[arg-type]

    def close_ui(self, running: subprocess.Popen[str], port: int) -> tuple[Result, dict[str, Any]]:
        """Close the web UI of a run by Ctrl-C once it is reported; the run, and what the UI showed of the requests."""
        assert running.stdout
        told = ""
        for line in running.stdout:
            told += line
            if line.endswith("until Ctrl-C\n"):
                break
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats/requests", timeout=30) as answer:
            shown: dict[str, Any] = json.load(answer)
        shown["now"] = urllib.request.urlopen(f"http://127.0.0.1:{port}/proofload/now", timeout=30).status
        shown["report"] = _read(f"http://127.0.0.1:{port}/proofload/report.html")
        other = urllib.request.Request(f"http://127.0.0.1:{port}/stop", b"", {"Origin": "http://evil.example"})
        try:
            shown["refused"] = urllib.request.urlopen(other, timeout=30).status
        except urllib.error.HTTPError as error:
            shown["refused"] = error.code
        running.send_signal(signal.SIGINT)
        done = self.finish(running)
        return Result(done.code, told + done.out, done.err, self.runs), shown

    def journal(self, running: subprocess.Popen[str], operations: int) -> Path:
        """The journal of a load that goes on, as soon as `operations` have been begun."""
        from harness.errors import JournalError
        from harness.journaled import read

        def begun() -> Path | None:
            for path in self.runs.glob("*/*/journal-0.bin"):
                try:
                    if len(read(path).records) >= operations:
                        return path.resolve()
                except JournalError:
                    pass  # just being made
            return None

        path: Path = eventually(begun, running)  # type: ignore[arg-type]
        return path


def _seconds(path: Path) -> float:
    """When the last arrival of a journal that grows was due, in seconds of the plan."""
    from harness.journaled import read

    found = read(path)
    return float(found.records["sched"].max() - found.header["began"]) / 1e9


def _read(url: str, *words: str) -> str:
    """The page at `url` if it has these words; "" if not."""
    with suppress(OSError), urllib.request.urlopen(url, timeout=30) as answer:
        text = str(answer.read().decode())
        return text if all(word in text for word in words) else ""
    return ""


def descendants(running: subprocess.Popen[str]) -> list[psutil.Process]:
    """Every process below it."""
    return psutil.Process(running.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more (waits for the kernel, which may need a moment)."""
    return not psutil.wait_procs(processes, timeout=30)[1]
