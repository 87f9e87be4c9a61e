"""How long a report takes, and how much memory: all outputs of a synthetic run of a million operations, and of ten."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness import binding, check, effects
from harness.check import Finding
from harness.journal import HEADER_BYTES, MAGIC, RECORD
from harness.outcomes import Outcome
from harness.plan import reading
from harness.plan.scenario import Stage
from harness.run import Run
from harness.verdict import CheckState

ROUNDS = 3
SIZES = (1_000_000, 10_000_000)
SECONDS = 600
BEGAN = 5_000_000_000_000

FACTS = {
    "command": ["python", "-m", "benchmarks.report"],
    "seed": 1,
    "interrupted": None,
    "target": {"url": "http://127.0.0.1:8000", "ours": True, "services": {}, "fault": None, "died": []},
    "database": {"url": "postgresql://***@127.0.0.1/x", "server_version": "18", "settings": {}},
    "versions": {},
    "host": {"cores": 2},
    "git": {"commit": None, "dirty": None},
    "seeding": {},
    "load": {"exit_code": 0, "processes": 1},
}


def synthetic(folder: Path, operations: int) -> Run:
    """A run of `operations` in SECONDS, whose times are like those of a busy server."""
    draw = np.random.default_rng(1)
    found = reading.find("sustained", "smoke")
    rate = operations / SECONDS
    run = Run.create(folder, replace(found, stages=(Stage("steady", SECONDS, rate, rate),)), **FACTS)
    sched = BEGAN + (np.arange(operations) * (SECONDS * 1e9 / operations)).astype(np.int64)
    records = np.zeros(operations, RECORD)
    records["sched"], records["start"] = sched, sched + 100_000
    records["end"] = records["start"] + (draw.lognormal(0, 0.5, operations) * 20e6).astype(np.int64)
    records["kind"] = draw.choice(4, operations, p=[0.95, 0.02, 0.01, 0.02])
    kinds = list(found.mix)
    outcome = np.array([Outcome.ACK, Outcome.REPLAY, Outcome.REJECT, Outcome.REJECT], np.uint8)
    status = np.array([201, 409, 409, 404], np.uint16)
    records["outcome"], records["status"] = outcome[records["kind"]], status[records["kind"]]
    records["key_of"] = records["subject"] = records["answer"] = 1
    header = {"run": run.id, "system": "messages", "scenario": found.name, "worker": 0, "kinds": kinds}
    header |= {"mono_ns": 0, "arrivals": operations, "began": BEGAN, "closed": True, "count": operations}
    with (run.folder / "journal-0.bin").open("wb") as file:
        file.write((MAGIC + json.dumps(header).encode() + b"\n").ljust(HEADER_BYTES, b"\0"))
        records.tofile(file)
    stored = np.zeros(int((records["kind"] == 0).sum()), effects.fields(found.points))
    stored["op"] = np.flatnonzero(records["kind"] == 0)
    stored["stored"] = records["end"][records["kind"] == 0]
    stored["sent"] = stored["stored"] + 50_000_000
    effects.write(run.folder, stored)
    finding = Finding("X1", "Every acknowledged message is stored.", CheckState.HOLDS, operations, "messages")
    run.write(check.FILE, binding.integrity(run, [finding.id], [finding]))
    load = {"requests": operations, "failures": 0, "names": {}, "planned": operations, "taken": operations}
    run.write("load.json", {**load, "dropped": 0, "exceptions": 0, "finished": True, "ended_by": "plan"})
    binding.seal(run)
    return run


def measure(run: Run) -> tuple[float, float]:
    """Seconds of a report in a process of its own, and its most memory in bytes."""
    code = (
        "import resource, sys; from pathlib import Path; from reports.__main__ import report; "
        "report(Path(sys.argv[1])); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, str(run.folder)], capture_output=True, text=True, check=True)
    return time.perf_counter() - began, float(done.stdout.split()[-1])


def main() -> int:
    """Print a row for each size: the median of some reports."""
    print(f"{'operations':>12} {'seconds':>8} {'memory MB':>10} {'× journal':>10}")
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="proofload-report-") as folder:
            run = synthetic(Path(folder), size)
            found = [measure(run) for _ in range(ROUNDS if size == SIZES[0] else 1)]
            seconds = statistics.median(taken for taken, _ in found)
            memory = max(most for _, most in found)
            journal = (run.folder / "journal-0.bin").stat().st_size
            print(f"{size:>12,} {seconds:>8.2f} {memory / 1e6:>10.0f} {memory / journal:>10.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
