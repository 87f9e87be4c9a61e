"""Metrics that have one value for the whole of what a rule covers, and are not measured operation by operation."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from harness.errors import nearest
from harness.plan.rules import RATE, Rule
from harness.verdict import CheckState
from reports.rules import measure
from reports.rules.limits import linear
from reports.rules.measure import Measured
from reports.samples.evidence import Evidence
from reports.samples.scope import Mask, Unmeasurable, within
from reports.statistics import confidence
from reports.statistics.percentiles import percentile


def _efficiency(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """What as many workers complete, as a share of as many times what the fewest do."""
    rate_rule = replace(rule, metric="delivered", aggregate="rate", kind=RATE)
    delivered = measure.measure(rate_rule, evidence.samples, stages)
    phase, rate, times = linear(rate_rule, evidence.samples, stages)
    if not rate:
        raise Unmeasurable(f"nothing was completed in {phase}, with which it is compared")
    detail = f"of {times:g} × the {rate:,.1f}/s of {phase}"
    interval = delivered.interval and confidence.scaled(delivered.interval, 1 / (rate * times))
    return Measured(delivered.value / (rate * times), delivered.n, detail, interval)


def _invariant(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """How many things break a check of the data."""
    findings = {finding.id: finding for finding in evidence.findings or ()}
    finding = findings.get(rule.name)
    if finding is None:
        raise Unmeasurable(f"no check {rule.name!r} was made; {nearest(rule.name, findings)}")
    if finding.state is CheckState.UNDECIDED:
        raise Unmeasurable(f"check {finding.id} is undecided: {finding.detail}")
    return Measured(float(finding.witnesses), finding.compared, finding.title)


def _resource(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """What the monitor has under a name, during these stages; `value` is the worst for the rule."""
    began = evidence.began
    lines = [line for line in evidence.monitor if rule.name in line]
    if began is None or not lines:
        known = {name for line in evidence.monitor for name in line} - {"at"}
        raise Unmeasurable(f"the monitor has nothing of {rule.name!r}; {nearest(rule.name, known)}")
    at = (np.array([line["at"] for line in lines]) - began) / 1e9
    seen = np.array([line[rule.name] for line in lines])[within(evidence.samples, stages, at)]
    if not len(seen):
        raise Unmeasurable(f"the monitor has nothing of {rule.name!r} during this phase")
    if rule.quantile is not None:
        return Measured(percentile(seen, rule.quantile), len(seen), "")
    aggregate = rule.aggregate if rule.aggregate != "value" else "max" if rule.upper else "min"
    return Measured(float(getattr(seen, aggregate)()), len(seen), "")


METRICS: dict[str, Callable[[Rule, Evidence, Mask], Measured]] = {
    "efficiency": _efficiency,
    "invariant": _invariant,
    "resource": _resource,
}
