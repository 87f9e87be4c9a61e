"""Metrics that have one value for the whole of what a rule covers, and are not measured operation by operation."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from harness.check import Finding
from harness.errors import nearest
from harness.plan.rules import OWN, RATE, Rule
from harness.quantities import share
from harness.verdict import CheckState
from reports.rules import measure
from reports.rules.deadlocks import deadlocks
from reports.rules.drain import drain_time
from reports.rules.limits import linear
from reports.rules.measure import Measured
from reports.rules.own_metric import own_metric
from reports.rules.recovery import recovery_time
from reports.rules.resource import resource
from reports.samples import free_cores, phases
from reports.samples.evidence import Evidence
from reports.samples.scope import Mask, Unmeasurable
from reports.statistics import confidence


def efficiency(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """The rate of a number of users or processes, as a share of as many times what the fewest of them do; of several
    numbers the least.

    Of processes it is the rate at which effects are completed, if that comes later than the answer. Where the cores
    that they share with the generator are used up, it is not judged.
    """
    samples = evidence.samples
    own = phases.names([s for s, inside in zip(samples.stretches, stages, strict=True) if inside and s.loads])
    if len(own) < 2:
        return _efficiency(rule, evidence, stages)
    found = []
    for name in own:
        with suppress(Unmeasurable):  # the fewest are compared with nothing
            mask = stages & np.array([stretch.phase == name for stretch in samples.stretches])
            found.append(_efficiency(rule, evidence, mask))
    judged = [one for one in found if not one.unjudged]
    if not found:
        raise Unmeasurable("no phase is offered as much for each of more users or processes than another")
    least = min(judged or found, key=lambda one: one.value)
    left_out = [one.unjudged for one in found if one.unjudged]
    return least._replace(detail="; ".join([least.detail, *left_out])) if judged else least


def _efficiency(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """That of one phase."""
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
    busy = _busy(evidence, stages)
    return Measured(done.value / (rate * times), done.n, detail, interval)._replace(unjudged=busy)


def _busy(evidence: Evidence, stages: Mask) -> str:
    """Why efficiency is not judged in these stages; "" = it is, or whether cores were free is not known."""
    if not free_cores.shared(evidence):
        return ""
    for stretch, inside in zip(evidence.samples.stretches, stages, strict=True):
        cores = free_cores.used(evidence, stretch.begin, stretch.end) if inside and stretch.loads else None
        if cores is not None and cores > free_cores.FULL:
            return f"not judged, no free cores: {share(cores)} of them were used in {stretch.phase}"
    return ""


def _invariant(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """How many things break a check of the data."""
    finding = _finding(rule.name, evidence)
    return Measured(float(finding.witnesses), finding.compared, finding.title)


def _routing_success(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    """Of what was accepted the share that is where it belongs: neither lost nor elsewhere."""
    routed, lost = _finding("ROUTED", evidence), _finding("X1", evidence)
    accepted = routed.compared + lost.witnesses
    return Measured((routed.compared - routed.witnesses) / accepted, accepted, routed.title)


def _finding(name: str, evidence: Evidence) -> Finding:
    """What a check found; Unmeasurable if it wasn't made, or is undecided."""
    findings = {finding.id: finding for finding in evidence.findings or ()}
    finding = findings.get(name)
    if finding is None:
        raise Unmeasurable(f"no check {name!r} was made; {nearest(name, findings)}")
    if finding.state is CheckState.UNDECIDED:
        raise Unmeasurable(f"check {finding.id} is undecided: {finding.detail}")
    return finding


METRICS: dict[str, Callable[[Rule, Evidence, Mask], Measured]] = {
    "deadlocks": deadlocks,
    "drain_time": drain_time,
    "efficiency": efficiency,
    "invariant": _invariant,
    OWN: own_metric,
    "routing_success": _routing_success,
    "recovery_time": lambda rule, evidence, stages: recovery_time(evidence.samples, stages),
    "resource": resource,
}
