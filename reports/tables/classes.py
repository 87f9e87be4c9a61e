"""What was answered, by class: the time of a refusal says nothing about the time of work, so they are kept apart."""

from typing import Any

import numpy as np

from harness.outcomes import DONE, Outcome
from reports.samples.samples import Samples
from reports.statistics.percentiles import percentiles
from reports.tables.operations import Row

CLASSES = ("success", "conflict", "refused", "exhausted", "server error", "other answer", "no answer")
"""success       acknowledged, now or before
conflict      the contract's status of a conflict: not enough units
refused       another definite no
exhausted     turned away before any work, with the contract's own marker: contention, given up
server error  500 and above, but for `exhausted`
other answer  an answer that the contract does not give to this operation
no answer     none came, or nothing was sent
"""


def classes(samples: Samples) -> list[Row]:
    """A row for each kind and class that occurred; shares are of the kind."""
    frame, groups, place = samples.frame, samples.frame.groups, _places(samples)
    rows: list[Row] = []
    for code, name in enumerate(frame.kinds):
        own = groups.kind == code
        for at, label in enumerate(CLASSES):
            among = own & (place == at)
            if among.any():
                response = frame.values("response_s", among & groups.timed)
                rows.append(_row(name, label, response, frame.count(among), frame.count(own)))
    return rows


def _places(samples: Samples) -> Any:
    """For each group of operations, the place of its class in CLASSES."""
    outcome, status = samples.frame.groups.outcome, samples.frame.groups.status
    conflict = (outcome == Outcome.REJECT) & np.isin(status, [*samples.scenario.conflicts])
    of = (
        np.isin(outcome, DONE),
        conflict,
        outcome == Outcome.REJECT,
        outcome == Outcome.SHED,
        status >= 500,
        status > 0,
    )
    return np.select(of, range(len(of)), len(of))


def _row(kind: str, label: str, ended: Any, count: int, of: int) -> Row:
    p50, p95, p99, longest = percentiles(ended, [0.5, 0.95, 0.99, 1.0]) if len(ended) else [None] * 4
    return {
        "kind": kind,
        "class": label,
        "count": count,
        "share": count / of,
        "response": {"p50": p50, "p95": p95, "p99": p99, "max": longest},
    }
