"""By how much a series grows while the load is even: the Theil-Sen slope, a minute (statistics.md §1.3)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.plan.rules import OWN, Rule
from reports.rules import resource
from reports.rules.measure import Measured, each, to_be_completed
from reports.rules.own_metric import recorded
from reports.samples.evidence import Evidence
from reports.samples.scope import Mask, Unmeasurable, scope
from reports.samples.series import flying, in_flight_between
from reports.statistics import stationarity
from reports.statistics.confidence import Interval
from reports.statistics.percentiles import binned
from reports.statistics.stationarity import PARTS

MINUTE = 60.0

Values = npt.NDArray[Any]
Seen = tuple[Values, Values]
"""Moments (s of the plan), and what there was at each."""


def slope(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """By how much the rule's metric grows a minute, from second to second of these stages."""
    own = [stretch for stretch, inside in zip(evidence.samples.stretches, stages, strict=True) if inside]
    begin, end = own[0].begin, own[-1].end
    moments, values = _SERIES[rule.metric](rule, evidence, stages, begin, end)
    found = stationarity.trend(moments, values, begin, end) if len(values) else None
    if found is None:
        raise Unmeasurable(f"nothing to measure in a tenth of the {end - begin:g} s that a slope is to be seen in")
    value, low, high = (each * MINUTE for each in found)

    def longer(limit: float) -> float:
        # It is known the better by the length times the root of the number of seconds.
        reach = high - value if limit > value else value - low
        return float((reach / abs(limit - value)) ** (2 / 3)) if limit != value else float("inf")

    detail = f"over {end - begin:g} s, in {PARTS} parts"
    return Measured(value, len(values), detail, Interval(low, high, None, longer))


def _typical(rule: Rule, evidence: Evidence, stages: Mask, begin: float, end: float) -> Seen:
    """The median of each second's operations, or values; a second without any has none."""
    if rule.metric == OWN:
        found = recorded(rule, evidence.metrics, evidence.samples, stages)
    else:
        found = each(rule, evidence.samples, scope(rule, evidence.samples, stages))
    count = max(int(end - begin), 1)
    second = (found.moments - begin).astype(np.int64)
    inside = (second >= 0) & (second < count)
    (medians,) = binned(found.values[inside], second[inside], count, [0.5])
    known = np.flatnonzero(~np.isnan(medians))
    return known + (begin + 0.5), medians[known]


def _in_flight(rule: Rule, evidence: Evidence, stages: Mask, begin: float, end: float) -> Seen:
    marks = _marks(begin, end)
    own = scope(rule, evidence.samples, stages).of_kind
    return marks[:-1] + 0.5, in_flight_between(evidence.samples.frame, marks, own)


def _backlog(rule: Rule, evidence: Evidence, stages: Mask, begin: float, end: float) -> Seen:
    samples = evidence.samples
    effects, points = to_be_completed(samples), samples.scenario.points
    own, marks = scope(rule, samples, stages).of_kind, _marks(begin, end)
    begun, done = (effects.values(point, own) for point in (points[0], points[-1]))
    return marks[:-1] + 0.5, flying(begun, done, marks)


def _marks(begin: float, end: float) -> Values:
    """The seconds between which is counted how many were begun and not done."""
    found: Values = begin + np.arange(max(int(end - begin), 1) + 1.0)
    return found


def _resource(rule: Rule, evidence: Evidence, stages: Mask, begin: float, end: float) -> Seen:
    return resource.during(rule, evidence, stages)


_SERIES: dict[str, Callable[[Rule, Evidence, Mask, float, float], Seen]] = {
    "response_time": _typical,
    "service_time": _typical,
    OWN: _typical,
    "in_flight": _in_flight,
    "backlog": _backlog,
    "resource": _resource,
}
