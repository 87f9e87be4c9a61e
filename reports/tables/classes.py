"""What was answered, by class: the time of a refusal says nothing about the time of work, so they are kept apart."""

from typing import Any

import numpy as np

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
    kind = samples.frame["kind"]
    place = _places(samples)
    response = samples.frame["response_s"].to_numpy()
    rows: list[Row] = []
    for code, name in enumerate(kind.cat.categories):
        own = (kind.cat.codes == code).to_numpy()
        rows += [
            _row(str(name), label, response[own & (place == at)], int(own.sum()))
            for at, label in enumerate(CLASSES)
            if (own & (place == at)).any()
        ]
    return rows


def _places(samples: Samples) -> Any:
    """For each operation, the place of its class in CLASSES."""
    outcome, status = samples.frame["outcome"], samples.frame["status"].to_numpy()
    conflict = (outcome == "REJECT").to_numpy() & np.isin(status, [*samples.scenario.conflicts])
    of = (
        outcome.isin(("ACK", "REPLAY")).to_numpy(),
        conflict,
        (outcome == "REJECT").to_numpy(),
        (outcome == "SHED").to_numpy(),
        status >= 500,
        status > 0,
    )
    return np.select(of, range(len(of)), len(of))


def _row(kind: str, label: str, response: Any, of: int) -> Row:
    ended = response[~np.isnan(response)]
    p50, p95, p99, longest = percentiles(ended, [0.5, 0.95, 0.99, 1.0]) if len(ended) else [None] * 4
    return {
        "kind": kind,
        "class": label,
        "count": len(response),
        "share": len(response) / of,
        "response": {"p50": p50, "p95": p95, "p99": p99, "max": longest},
    }
