"""How well those who met began at one instant, and how each round ended."""

from typing import Any

import numpy as np

from harness.outcomes import Outcome
from reports.samples.samples import Samples
from reports.statistics.percentiles import percentiles


def rounds(samples: Samples) -> dict[str, Any] | None:
    """The rounds of a scenario that has them; None for any other.

    A round is all operations that were to begin at one instant. `spread_s` is the time from the first of their starts
    to the last; `late_s` from the instant to the last start. `ended` counts rounds by how many were acknowledged.
    """
    if not samples.scenario.rounds:
        return None
    frame, arrivals = samples.frame, ~samples.frame.groups.partner
    sched, start = frame.values("sched", arrivals), frame.values("start", arrivals)
    acknowledged = frame.where(frame.groups.outcome == Outcome.ACK, arrivals)
    order = np.argsort(sched, kind="stable")
    first = np.flatnonzero(np.diff(sched[order], prepend=-np.inf))
    size = np.diff(first, append=len(order))
    if not (size > 1).any():
        return {"rounds": 0, "users": samples.scenario.max_users, "spread_s": None, "late_s": None, "ended": []}
    # What is between two rounds of several is alone: it is taken out, so that each round ends where the next begins.
    met = order[np.repeat(size > 1, size)]
    begin = np.cumsum(size[size > 1]) - size[size > 1]
    earliest, latest = np.minimum.reduceat(start[met], begin), np.maximum.reduceat(start[met], begin)
    counts, times = np.unique(np.add.reduceat(acknowledged[met].astype(np.int64), begin), return_counts=True)
    return {
        "rounds": len(begin),
        "users": samples.scenario.max_users,
        "spread_s": _spread(latest - earliest),
        "late_s": _spread(latest - sched[met[begin]]),
        "ended": [
            {"acknowledged": int(count), "rounds": int(often)} for count, often in zip(counts, times, strict=True)
        ],
    }


def _spread(seconds: Any) -> dict[str, float]:
    p50, p95, longest = percentiles(seconds, [0.5, 0.95, 1.0])
    return {"p50": p50, "p95": p95, "max": longest}
