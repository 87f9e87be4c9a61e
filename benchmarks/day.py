"""`make bench-day`: a day at 100 operations a second, verified and reported, each in so much memory at most.

Journal, rows and monitor are made up: what a target that keeps its contract would have left. Both stages are processes
of their own that may have no more memory than the limit, and fail if they need it.
"""

import argparse
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.histories.messages import sent
from benchmarks.report import FACTS
from benchmarks.verification import leave
from harness import binding
from harness.plan import reading
from harness.plan.overrides import Overrides
from harness.run import Run
from harness.settings import ROOT
from harness.stack import postgres
from harness.verdict import CheckState

RATE = 100
HOURS = 24
LIMIT = 10_000_000_000
"""Bytes of memory that a stage may have."""
STEADY: dict[str, float] = {
    "machine.cpu": 0.4,
    "machine.cores": 2,
    "machine.canary": 0.0007,
    "target.cpu": 0.2,
    "db.connections": 9,
    "db.limit": 200,
}


def monitored(seconds: int) -> Iterator[str]:
    """A line a second of a monitor to which nothing but the tables grew."""
    draw = np.random.default_rng(1)
    for second in range(seconds):
        grown = {
            "target.rss": 65e6 + float(draw.normal(0, 1e4)),
            "db.table_bytes": 5e6 + second * 40e3,
            "db.index_bytes": 5e6 + second * 20e3,
        }
        yield json.dumps({"at": 1 + round((second + 0.5) * 1e9), **STEADY, **grown}) + "\n"


def prepare(url: str, folder: Path, seconds: int) -> Run:
    """A run of so many seconds of messages in `folder`, and its rows in the database at `url`."""
    arrivals = {"soak": [{"rate": RATE, "for": f"{seconds}s", "phase": "soak"}]}
    rules = ["p95(response_time) < 500ms", "ratio(errors) < 2%", "slope(resource.target.rss) < 100kB/min"]
    changes = {"arrivals": arrivals, "rules": rules}
    scenario = reading.find("sustained", "soak", changes=Overrides(changes))
    run = leave(scenario, url, folder, sent(scenario, RATE * seconds, np.random.default_rng(1), 10**9 // RATE))
    run.record(**FACTS)
    with (folder / "monitor.jsonl").open("w") as file:
        file.writelines(monitored(seconds))
    count = RATE * seconds
    load = {"requests": count, "failures": 0, "names": {}, "planned": count, "taken": count}
    run.write("load.json", {**load, "dropped": 0, "exceptions": 0, "finished": True, "ended_by": "plan"})
    binding.seal(run)
    return run


def measured(stage: str, folder: Path, url: str) -> dict[str, Any]:
    """Seconds and bytes of a stage, in a process of its own that may not have more than LIMIT."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))

    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", stage, folder],
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=limited,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = round(time.perf_counter() - began, 1)
    return {"code": process.returncode, "seconds": seconds, "bytes": used.ru_maxrss * 1024, "said": said}


def main() -> int:
    """Make the day, verify it, report it; print and store what both took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.day", description=__doc__)
    parser.add_argument("--hours", type=float, default=HOURS)
    seconds = round(parser.parse_args().hours * 3600)
    with tempfile.TemporaryDirectory(prefix="proofload-day-") as text:
        home = Path(text)
        server = postgres.start(home)
        try:
            url, folder = server.create(f"bench_{secrets.token_hex(4)}"), home / "run"
            folder.mkdir()
            prepare(url, folder, seconds)
            found = {stage: measured(stage, folder, url) for stage in ("verification", "reports")}
            journal = (folder / "journal-0.bin").stat().st_size
            verdict = json.loads((folder / "verdict.json").read_text())
            report = (folder / "report.html").stat().st_size
        finally:
            server.stop()
            postgres.remove(home)
    print(found["verification"].pop("said"))
    found["reports"].pop("said")
    print(f"{RATE * seconds:,} operations, a journal of {journal / 1e6:,.0f} MB, a report of {report / 1e3:,.0f} kB")
    for stage, one in found.items():
        print(f"{stage:14}{one['seconds']:8.1f} s{one['bytes'] / 1e6:10,.0f} MB{one['bytes'] / journal:6.1f} × journal")
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "day.json").write_text(json.dumps({"operations": RATE * seconds, **found}, indent=1) + "\n")
    violated = [finding["id"] for finding in verdict["checks"] if finding["state"] == CheckState.VIOLATED]
    if violated:
        print(f"the day that was made up is not clean: {', '.join(violated)}")
    return 1 if violated or found["verification"]["code"] else 0


if __name__ == "__main__":
    sys.exit(main())
