"""A metric that users record themselves, over the phases in which its values were recorded."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import nearest
from harness.own_metrics import COUNTER, RATE, TREND, Recorded
from harness.plan.rules import WORKER, Rule
from harness.plan.sample_sizes import BATCHES
from reports.rules.measure import Measured, Measurements, distribution
from reports.samples.evidence import Evidence
from reports.samples.samples import Samples
from reports.samples.scope import Mask, Unmeasurable, exposed, seconds, within
from reports.statistics import confidence

Values = npt.NDArray[Any]

HAS = {
    TREND: ("p", "mean", "max", "min", "slope", "count", "rate"),
    RATE: ("ratio", "count", "rate"),
    COUNTER: ("count", "rate"),
}
"""The aggregates of each kind. `count` is how many values a trend has, how often a rate was True, and the sum of a
counter; `rate` is that count a second."""


def own_metric(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """The aggregate of what was recorded; Unmeasurable if nothing was, or the kind of the metric doesn't have it."""
    found = recorded(rule, evidence.metrics, evidence.samples, stages)
    if rule.aggregate == "ratio":
        return Measured(float(found.values.mean()), len(found.values), "", confidence.share(found.values))
    if rule.aggregate == "count":
        return Measured(float(found.values.sum()), len(found.values), "")
    if rule.aggregate == "rate":
        return _rate(found, evidence.samples, stages)
    return distribution(rule, found, against=False)


def recorded(rule: Rule, metrics: Sequence[Recorded], samples: Samples, stages: Mask) -> Measurements:
    """What was recorded in these stages; for `count` and `rate` how many each value counts for.

    Unmeasurable if nothing was recorded, or the kind of the metric doesn't have the aggregate.
    """
    own = _known(rule, metrics)
    inside = within(samples, stages, own.moments)
    for selector in rule.selectors:
        if selector.key == WORKER:
            inside &= (own.workers == int(selector.value)) == (selector.comparison == "=")
    # A counter that is known and did not count in this phase has counted nothing there.
    if not inside.any() and own.kind != COUNTER:
        raise Unmeasurable(f"nothing of the metric {rule.name!r} was recorded in what the rule covers")
    values = own.values[inside]
    counted = counts(own.kind, values) if rule.aggregate in ("count", "rate") else values
    return Measurements(counted, own.moments[inside], "")


def counts(kind: str, values: Values) -> Values:
    """How many each value counts for: one of a trend is one, of the others what it says."""
    return np.ones(len(values)) if kind == TREND else values


def _known(rule: Rule, metrics: Sequence[Recorded]) -> Recorded:
    found = [one for one in metrics if one.name == rule.name]
    if not found:
        known = [one.name for one in metrics]
        raise Unmeasurable(f"no user recorded a metric {rule.name!r}; {nearest(rule.name, known)}")
    if len(found) > 1:
        kinds = " and as ".join(one.kind for one in found)
        raise Unmeasurable(f"the metric {rule.name!r} was recorded as {kinds}: expected one kind")
    [own] = found
    if rule.aggregate not in HAS[own.kind]:
        what = "percentiles" if rule.aggregate == "p" else rule.aggregate
        has = ", ".join("p50 … p99.9" if name == "p" else name for name in HAS[own.kind])
        raise Unmeasurable(f"the metric {rule.name!r} is a {own.kind}, which has no {what}; it has {has}")
    return own


def _rate(found: Measurements, samples: Samples, stages: Mask) -> Measured:
    during = seconds(samples, stages)
    place = np.clip(np.searchsorted(exposed(samples, stages, BATCHES), found.moments) - 1, 0, BATCHES - 1)
    parts = np.bincount(place, found.values, BATCHES)
    value = float(found.values.sum()) / during
    return Measured(value, len(found.values), "", confidence.rate(parts, during))
