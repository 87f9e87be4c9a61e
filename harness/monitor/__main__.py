"""`python -m harness.monitor RUN_FOLDER`: sample, and look at rows, until SIGTERM, or until its parent exits."""

import argparse
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

from harness import database
from harness.errors import RunError, command
from harness.monitor import FILE, STATEMENTS, looks
from harness.monitor.cgroup import Cgroup
from harness.monitor.container import Container
from harness.monitor.gauges import Gauges
from harness.monitor.machine import Machine
from harness.monitor.postgres import DatabaseSampler
from harness.monitor.processes import Processes
from harness.monitor.prometheus import Prometheus
from harness.monitor.queues import Queues
from harness.monitor.reported_usage import ReportedUsage
from harness.plan.scenario import Scenario
from harness.run import Run

PERIOD_S = 1.0

Sampler = Machine | Cgroup | Processes | DatabaseSampler | Prometheus | Container | Gauges | Queues


def main() -> int:
    """Write a line a second."""
    parser = argparse.ArgumentParser(prog="python -m harness.monitor", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER")
    parser.add_argument("--metrics", default="", help="a Prometheus endpoint to read, too")
    parser.add_argument("--target", default="", help="where the target is, which may tell numbers of its own")
    parser.add_argument("--cgroup", default="", help="the control group that the target runs in")
    arguments = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    parent = os.getppid()
    url = database.from_environment() if os.environ.get("DATABASE_URL") else ""
    postgres = DatabaseSampler(url)
    samplers: list[Sampler] = [Machine(), Cgroup(), Processes(parent, arguments.folder), postgres]
    if arguments.metrics:
        samplers.append(Prometheus(arguments.metrics))
    if arguments.cgroup:
        samplers.append(Container(arguments.cgroup))
    reported = ReportedUsage()
    before = postgres.statements()
    scenario = _scenario(arguments.folder)
    if scenario and scenario.gauges and arguments.target:
        samplers.append(Gauges(arguments.target, scenario.gauges))
    if scenario and scenario.queues and arguments.target:
        samplers.append(Queues(arguments.target, scenario.queues))
    looking = looks.Looks(arguments.folder, scenario, postgres.connected) if scenario else None
    due = time.monotonic()
    with (arguments.folder / FILE).open("a", buffering=1) as file:
        while not stopped.is_set() and os.getppid() == parent:
            if looking:
                looking.take()
            wait = random.uniform(*looks.PERIOD_S) if looking else PERIOD_S
            left = due - time.monotonic()
            if left > 0:
                stopped.wait(min(wait, left))
                continue
            line: dict[str, float] = {"at": time.monotonic_ns()}
            for sampler in samplers:
                line |= sampler.sample()
            # Of processes that are ours it is known better.
            line = reported.of(line) | line
            line["monitor.seconds"] = time.monotonic() - line["at"] / 1e9
            file.write(json.dumps({name: _short(value) for name, value in line.items()}, separators=(",", ":")) + "\n")
            # A sample that took too long leaves some out; it does not make the next ones crowd together.
            due = max(due + PERIOD_S, time.monotonic())
    found = postgres.with_indexes(postgres.ran_between(before, postgres.statements()))
    (arguments.folder / STATEMENTS).write_text(json.dumps(found, indent=1) + "\n")
    return 0


def _scenario(folder: Path) -> Scenario | None:
    """That of the run in `folder`; None if there is no run of a system of ours."""
    try:
        scenario = Run.open(folder).scenario
    except RunError:
        return None
    return None if scenario.foreign else scenario


def _short(value: float) -> float:
    return round(value, 6) if isinstance(value, float) else value


if __name__ == "__main__":
    command(main)
