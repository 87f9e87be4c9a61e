"""How well those who met began at one instant, and how each round ended."""

from typing import Any

import numpy as np

from reports.samples.samples import Samples
from reports.statistics.percentiles import percentiles


def rounds(samples: Samples) -> dict[str, Any] | None:
    """The rounds of a scenario that has them; None for any other.

    A round is all operations that were to begin at one instant. `spread_s` is the time from the first of their starts
    to the last; `late_s` from the instant to the last start. `ended` counts rounds by how many were acknowledged.
    """
    if not samples.scenario.rounds:
        return None
    frame = samples.frame[~samples.frame["partner"].to_numpy()]
    _, place, size = np.unique(frame["sched"].to_numpy(), return_inverse=True, return_counts=True)
    met = size[place] > 1
    frame, place = frame[met], place[met]
    if frame.empty:
        return {"rounds": 0, "users": samples.scenario.max_users, "spread_s": None, "late_s": None, "ended": []}
    groups = frame.groupby(place)
    first, last = groups["start"].min(), groups["start"].max()
    acknowledged = (frame["outcome"] == "ACK").groupby(place).sum()
    counts, times = np.unique(acknowledged.to_numpy(), return_counts=True)
    return {
        "rounds": len(first),
        "users": samples.scenario.max_users,
        "spread_s": _spread((last - first).to_numpy()),
        "late_s": _spread((last - groups["sched"].first()).to_numpy()),
        "ended": [
            {"acknowledged": int(count), "rounds": int(often)} for count, often in zip(counts, times, strict=True)
        ],
    }


def _spread(seconds: Any) -> dict[str, float]:
    p50, p95, longest = percentiles(seconds, [0.5, 0.95, 1.0])
    return {"p50": p50, "p95": p95, "max": longest}
