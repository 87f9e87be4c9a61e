"""How long a report takes, and how much memory: all outputs of a synthetic run of a million operations, and of ten.

Other sizes are asked for by number: `python -m benchmarks.report 100000000`.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

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
PART = 1_000_000
"""So many operations are made up at a time."""
LIMIT = 2_000_000_000
"""The memory of its own, in bytes, that a report of any size may take."""
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
    found = reading.find("sustained", "smoke")
    rate = operations / SECONDS
    run = Run.create(folder, replace(found, stages=(Stage("steady", SECONDS, rate, rate),)), **FACTS)
    header = {"run": run.id, "system": "messages", "scenario": found.name, "worker": 0, "kinds": list(found.mix)}
    header |= {"mono_ns": 0, "arrivals": operations, "began": BEGAN, "closed": True, "count": operations}
    acknowledged = 0
    with (run.folder / "journal-0.bin").open("wb") as file, (run.folder / "parts").open("wb") as parts:
        file.write((MAGIC + json.dumps(header).encode() + b"\n").ljust(HEADER_BYTES, b"\0"))
        for first in range(0, operations, PART):
            records = _records(np.arange(first, min(first + PART, operations)), operations)
            records.tofile(file)
            own = np.flatnonzero(records["kind"] == 0)
            stored = np.zeros(len(own), effects.fields(found.points))
            stored["op"] = first + own
            stored["stored"] = records["end"][own]
            stored["sent"] = stored["stored"] + 50_000_000
            stored.tofile(parts)
            acknowledged += len(own)
    effects.write(run.folder, np.memmap(run.folder / "parts", effects.fields(found.points), "r"))
    (run.folder / "parts").unlink()
    finding = Finding("X1", "Every acknowledged message is stored.", CheckState.HOLDS, acknowledged, "messages")
    run.write(check.FILE, binding.integrity(run, [finding.id], [finding]))
    load = {"requests": operations, "failures": 0, "names": {}, "planned": operations, "taken": operations}
    run.write("load.json", {**load, "dropped": 0, "exceptions": 0, "finished": True, "ended_by": "plan"})
    binding.seal(run)
    return run


def _records(places: npt.NDArray[np.int64], operations: int) -> npt.NDArray[np.void]:
    """The records at these places of a journal."""
    draw = np.random.default_rng(places[0])
    records = np.zeros(len(places), RECORD)
    records["sched"] = BEGAN + (places * (SECONDS * 1e9 / operations)).astype(np.int64)
    records["start"] = records["sched"] + 100_000
    records["end"] = records["start"] + (draw.lognormal(0, 0.5, len(places)) * 20e6).astype(np.int64)
    records["kind"] = draw.choice(4, len(places), p=[0.95, 0.02, 0.01, 0.02])
    outcome = np.array([Outcome.ACK, Outcome.REPLAY, Outcome.REJECT, Outcome.REJECT], np.uint8)
    status = np.array([201, 409, 409, 404], np.uint16)
    records["outcome"], records["status"] = outcome[records["kind"]], status[records["kind"]]
    records["key_of"] = records["subject"] = records["answer"] = 1
    return records


CODE = """
import resource, sys
from pathlib import Path
from reports.__main__ import report
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[2]),) * 2)
report(Path(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def measure(run: Run) -> tuple[float, float]:
    """Seconds of a report in a process of its own, and its most memory in bytes.

    What it maps of files is in it, but not in what it is limited to: the kernel may take that back.
    """
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(run.folder), str(LIMIT)], capture_output=True, text=True, check=True
    )
    return time.perf_counter() - began, float(done.stdout.split()[-1])


def main() -> int:
    """Print a row for each size: the median of some reports of a million, one of more."""
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    print(f"{'operations':>12} {'seconds':>8} {'memory MB':>10} {'× journal':>10}")
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="proofload-report-") as folder:
            run = synthetic(Path(folder), size)
            found = [measure(run) for _ in range(ROUNDS if size <= SIZES[0] else 1)]
            seconds = statistics.median(taken for taken, _ in found)
            memory = max(most for _, most in found)
            journal = (run.folder / "journal-0.bin").stat().st_size
            print(f"{size:>12,} {seconds:>8.2f} {memory / 1e6:>10.0f} {memory / journal:>10.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
