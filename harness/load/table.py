"""What has ended so far, kind by kind and outcome by outcome: all that is shown of a load without a run."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.outcomes import Outcome

if TYPE_CHECKING:
    from harness.load.session import Session

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "longest": 1.0}


def rows(session: "Session") -> list[dict[str, Any]]:
    """A row for each kind and outcome of a journal that is open, its times (ms) exact, from first byte to answer."""
    records = session.journal.records(0)
    ended = records[records["end"] > 0]
    found = []
    for kind, outcome in np.unique(ended[["kind", "outcome"]]).tolist():
        own = ended[(ended["kind"] == kind) & (ended["outcome"] == outcome)]
        times = np.sort(own["end"] - own["start"]) / 1e6
        found.append(
            {
                "name": session.journal.kinds[kind],
                "outcome": Outcome(outcome).name,
                "expected": "yes" if Outcome(outcome) in session.expected[kind] else "NO",
                "count": len(own),
                **{name: round(float(times[_place(share, len(own))]), 2) for name, share in SHARES.items()},
            }
        )
    return found


def _place(share: float, count: int) -> int:
    """Of `count` sorted values the place of the one that so many of them do not exceed."""
    return max(math.ceil(share * count), 1) - 1
