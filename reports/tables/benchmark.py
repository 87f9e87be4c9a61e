"""The figures of a whole load as a benchmark prints them: every request counts, and a wrong answer is no success."""

from collections.abc import Iterable
from typing import Any

from harness.check import Finding
from reports.samples.samples import Samples
from reports.statistics.percentiles import percentiles


def benchmark(samples: Samples, findings: Iterable[Finding]) -> dict[str, Any] | None:
    """Requests, successes, failures, times (s) and throughput; None for a scenario that is no benchmark, or without an
    answer.

    A success ended as its kind may, and is no witness of the check that the plan names.
    """
    check = samples.scenario.benchmark
    frame, groups = samples.frame, samples.frame.groups
    times = frame.values("response_s", groups.timed)
    if not check or not len(times):
        return None
    wrong = sum(finding.witnesses for finding in findings if finding.id == check)
    successful = max(frame.count(groups.ok) - wrong, 0)
    took = int(frame.end.max()) / 1e9 - int(frame.start.min()) / 1e9
    p50, p95, p99 = percentiles(times, [0.5, 0.95, 0.99])
    return {
        "requests": len(frame),
        "successful": successful,
        "failed": len(frame) - successful,
        "seconds": took,
        "average": float(times.mean()),
        "minimum": float(times.min()),
        "maximum": float(times.max()),
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "rate": len(times) / took if took > 0 else None,
    }
