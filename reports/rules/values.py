"""Metrics that have one value for the whole of what a rule covers, and are not measured operation by operation."""

from collections.abc import Callable
from dataclasses import replace

from harness.errors import nearest
from harness.plan.rules import OWN, RATE, Rule
from harness.verdict import CheckState
from reports.rules import measure
from reports.rules.deadlocks import deadlocks
from reports.rules.drain import drain_time
from reports.rules.limits import linear
from reports.rules.measure import Measured
from reports.rules.own_metric import own_metric
from reports.rules.recovery import recovery_time
from reports.rules.resource import resource
from reports.samples import phases
from reports.samples.evidence import Evidence
from reports.samples.scope import Mask, Unmeasurable
from reports.statistics import confidence


def _efficiency(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """The rate of a number of users or processes, as a share of as many times what the fewest of them do.

    Of processes it is the rate at which effects are completed, if that comes later than the answer.
    """
    samples = evidence.samples
    completing = phases.changing(samples.stretches) == phases.PROCESSES and len(samples.scenario.points) > 1
    metric = "delivered" if completing else "goodput"
    rate_rule = replace(rule, metric=metric, aggregate="rate", kind=RATE)
    done = measure.measure(rate_rule, samples, stages)
    phase, rate, times = linear(rate_rule, samples, stages)
    if not rate:
        raise Unmeasurable(f"nothing was done in {phase}, with which it is compared")
    detail = f"of {times:g} × the {rate:,.1f}/s of {phase}"
    interval = done.interval and confidence.scaled(done.interval, 1 / (rate * times))
    return Measured(done.value / (rate * times), done.n, detail, interval)


def _invariant(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """How many things break a check of the data."""
    findings = {finding.id: finding for finding in evidence.findings or ()}
    finding = findings.get(rule.name)
    if finding is None:
        raise Unmeasurable(f"no check {rule.name!r} was made; {nearest(rule.name, findings)}")
    if finding.state is CheckState.UNDECIDED:
        raise Unmeasurable(f"check {finding.id} is undecided: {finding.detail}")
    return Measured(float(finding.witnesses), finding.compared, finding.title)


METRICS: dict[str, Callable[[Rule, Evidence, Mask], Measured]] = {
    "deadlocks": deadlocks,
    "drain_time": drain_time,
    "efficiency": _efficiency,
    "invariant": _invariant,
    OWN: own_metric,
    "recovery_time": lambda rule, evidence, stages: recovery_time(evidence.samples, stages),
    "resource": resource,
}
