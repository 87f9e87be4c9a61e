"""The machines that a load came from, if there were several: what each is and did, and how well its clock is known."""

import json
from contextlib import suppress
from typing import Any

import numpy as np

from harness.machines import clocks
from reports.samples.evidence import Evidence
from reports.statistics.percentiles import percentile


def machines(evidence: Evidence) -> list[dict[str, Any]]:
    """A row for each, by number; none, if all load processes were on the master's."""
    told = {int(one["number"]): one for one in evidence.run.facts.get("machines") or []}
    return [_row(evidence, number, one) for number, one in sorted(told.items())]


def _row(evidence: Evidence, number: int, told: dict[str, Any]) -> dict[str, Any]:
    own = [one for one in evidence.processes if one.machine == number]
    frame = evidence.samples.frame
    lag = frame.values("lag_s", np.isin(frame.groups.worker, [one.worker for one in own]))
    return {
        "number": number,
        "host": told.get("host"),
        "cpu": told.get("cpu"),
        "cores": told.get("cores"),
        "processes": len(told.get("shares") or ()),
        "busy": _busy(evidence, number),
        "ahead_seconds": own[0].ahead / 1e9 if own else None,
        "doubt_seconds": max(one.doubt for one in own) / 1e9 if own else None,
        "operations": len(lag),
        "late_p99": float(percentile(lag, 0.99)) if len(lag) else None,
        "silent_seconds": told.get("silent_seconds"),
        "lacking": None if told.get("whole") else list(told.get("lacking") or ["all that came after it was lost"]),
    }


def _busy(evidence: Evidence, number: int) -> float | None:
    """The share of its cores that it used, on average."""
    lines = [one for one in sampled(evidence, number) if one.get("machine.cores") and "machine.cpu" in one]
    shares = [one["machine.cpu"] / one["machine.cores"] for one in lines]
    return sum(shares) / len(shares) if shares else None


def sampled(evidence: Evidence, number: int) -> list[dict[str, float]]:
    """What was sampled on a machine, a line a second: `at` is on the master's clock (ns)."""
    name = f"machine-{number}.jsonl"
    path = evidence.run.folder / name
    if not path.exists() or any(one.file == name for one in evidence.broken):
        return []
    found = []
    for text in path.read_text(errors="replace").splitlines():
        with suppress(ValueError, TypeError):  # it was ended while it wrote it
            found.append({str(key): float(value) for key, value in json.loads(text).items()})
    clock = clocks.read(evidence.run.folder / clocks.name(number))
    if clock is not None:
        at = np.array([line.get("at", 0.0) for line in found], np.int64)
        for line, ahead in zip(found, clock.shift(at).tolist(), strict=True):
            line["at"] = line.get("at", 0.0) + ahead
    return found
