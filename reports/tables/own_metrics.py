"""What users recorded themselves: its figures over what the rules cover, for each name."""

from typing import Any

import numpy as np

from harness.own_metrics import RATE, TREND, Recorded
from harness.plan.rules import WARM_UP
from reports.rules.own_metric import counts
from reports.samples.evidence import Evidence
from reports.samples.scope import seconds, within
from reports.statistics.percentiles import percentiles

FIGURES = ("count", "rate", "ratio", "mean", "min", "p50", "p95", "p99", "max")
"""What a row has beside name, kind and the number of its values (`n`); None of what its kind does not have."""


def own_metrics(evidence: Evidence) -> list[dict[str, Any]]:
    """A row for each metric that was recorded, by name: over all phases with load but the warm-up."""
    samples = evidence.samples
    stages = np.array([stretch.loads and stretch.phase != WARM_UP for stretch in samples.stretches])
    during = seconds(samples, stages)
    return [_row(one, one.values[within(samples, stages, one.moments)], during) for one in evidence.metrics]


def _row(own: Recorded, values: Any, during: float) -> dict[str, Any]:
    row: dict[str, Any] = {"name": own.name, "kind": own.kind, "n": len(values), **dict.fromkeys(FIGURES)}
    count = float(counts(own.kind, values).sum())
    row |= {"count": round(count), "rate": count / during if during else None}
    if own.kind == RATE and len(values):
        row["ratio"] = float(values.mean())
    if own.kind == TREND and len(values):
        lowest, p50, p95, p99, longest = percentiles(values, [0.0, 0.5, 0.95, 0.99, 1.0])
        row |= {"mean": float(values.mean()), "min": lowest, "p50": p50, "p95": p95, "p99": p99, "max": longest}
    return row
