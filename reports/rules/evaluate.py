"""A rule passes only if it measured something, and what it measured is within its limit, and surely so."""

import math
from decimal import Decimal

from harness.plan.provable import SMOKE
from harness.plan.rules import BLOCKER, INFO, MAJOR, OWN, SLOPE, Rule
from harness.quantities import duration
from harness.verdict import RuleState
from reports.rules import limits, measure, search, values, windows
from reports.rules.baseline import Baseline, NotComparedError
from reports.rules.capacity import Judge, capacity
from reports.rules.measure import Measured, Measurements
from reports.rules.own_metric import recorded
from reports.rules.result import RuleResult
from reports.rules.search import Searched
from reports.rules.slope import slope
from reports.samples.evidence import Evidence
from reports.samples.scope import Mask, Unmeasurable, covered, scope, seconds

FAR = {BLOCKER: Decimal("1.5"), MAJOR: Decimal(2), INFO: Decimal("1.5")}
"""A value beyond its limit by more than this factor is NO-GO."""

LEAST_LONGER = 1.1
"""What is not proven needs a run longer by at least this factor, however little is missing."""

NO_BASELINE = Baseline()


def evaluate(
    rule: Rule, evidence: Evidence, baseline: Baseline = NO_BASELINE, found: Searched | None = None
) -> RuleResult:
    """The result of `rule` for a run: ERROR, never PASS, if there is nothing to measure.

    Of a search that has `found` something it is that of the steps which hold.
    """
    try:
        stages = covered(rule, evidence.samples)
        if found is not None and rule.metric == "capacity":
            return _evaluate(rule, evidence, stages, baseline, search.measured(found))
        if found is not None:
            stages = stages & search.stages(found, evidence.samples)
            if not stages.any():
                raise Unmeasurable("no step that was judged is one that the rule covers")
    except Unmeasurable as reason:
        return _result(rule, RuleState.ERROR, None, None, str(reason))
    return _evaluate(rule, evidence, stages, baseline)


def judge_of(evidence: Evidence) -> Judge:
    """What a rule says of some stages of a run: as of the whole."""
    return lambda rule, stages: _evaluate(rule, evidence, stages, NO_BASELINE)


def _evaluate(
    rule: Rule, evidence: Evidence, stages: Mask, baseline: Baseline, known: Measured | None = None
) -> RuleResult:
    """Its result for these stages; of what is `known` already, where it is."""
    measured: Measured | None = None
    try:
        measured = known or _measure(rule, evidence, stages)
        if measured.unjudged:
            return _result(rule, RuleState.NOT_COMPARED, measured, None, measured.unjudged)
        limit, basis = limits.limit(rule, evidence.samples, stages, baseline)
    except Unmeasurable as reason:
        return _result(rule, RuleState.ERROR, measured, None, str(reason))
    except NotComparedError as reason:
        return _result(rule, RuleState.NOT_COMPARED, measured, None, str(reason))
    state = judge(measured.value, rule.comparison, limit, rule.severity)
    notes, needs = [basis, measured.detail], None
    best = limits.best(rule, limit, evidence.samples, stages)
    if measured.against:
        measured = measured._replace(interval=measured.against(limit))
    interval = measured.interval
    if interval is not None and evidence.samples.scenario.profile != SMOKE and rule.comparison != "==":
        bound = interval.high if rule.upper else interval.low
        reached = judge(bound, rule.comparison, limit, rule.severity)
        if state is RuleState.PASS and reached is not RuleState.PASS:
            state = RuleState.UNPROVEN
            longer = max(interval.longer(limit), LEAST_LONGER) - 1
            needs = longer * seconds(evidence.samples, stages) if longer < math.inf else None
            notes.append(f"needs about {duration(needs)} more" if needs else "no length of a run would prove it")
        elif state is RuleState.CONDITIONAL and reached is RuleState.NO_GO:
            notes.append("it may be NO-GO: the interval reaches as far")
    return _result(rule, state, measured, limit, "; ".join(note for note in notes if note), needs, best)


def _measure(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    if rule.window is not None:
        return windows.measure(rule, rule.window, _each(rule, evidence, stages), evidence.samples, stages)
    if rule.aggregate == SLOPE:
        return slope(rule, evidence, stages)
    if rule.metric == "capacity":
        return capacity(evidence.samples, stages, judge_of(evidence))
    if rule.metric in values.METRICS:
        return values.METRICS[rule.metric](rule, evidence, stages)
    return measure.measure(rule, evidence.samples, stages)


def _each(rule: Rule, evidence: Evidence, stages: Mask) -> Measurements:
    """What the rule's metric is, one by one; Unmeasurable if there is nothing."""
    if rule.metric == OWN:
        return recorded(rule, evidence.metrics, evidence.samples, stages)
    found = measure.each(rule, evidence.samples, scope(rule, evidence.samples, stages))
    if not len(found.values):
        raise Unmeasurable(measure.NOTHING)
    return found


def judge(value: float, comparison: str, limit: float, severity: str = BLOCKER) -> RuleState:
    """The state of a rule whose `value` is to be `comparison` to `limit`: in decimals, as people write numbers."""
    measured, allowed = Decimal(repr(value)), Decimal(repr(limit))
    holds = {
        "<": measured < allowed,
        "<=": measured <= allowed,
        ">": measured > allowed,
        ">=": measured >= allowed,
        "==": measured == allowed,
    }
    if holds[comparison]:
        return RuleState.PASS
    if comparison == "==" or allowed <= 0:
        return RuleState.NO_GO
    high, low = (allowed, measured) if comparison.startswith(">") else (measured, allowed)
    return RuleState.NO_GO if high > FAR[severity] * low else RuleState.CONDITIONAL


def _result(
    rule: Rule,
    state: RuleState,
    measured: Measured | None,
    limit: float | None,
    detail: str,
    needs: float | None = None,
    best: float | None = None,
) -> RuleResult:
    value = measured.value if measured and math.isfinite(measured.value) else None
    interval = measured.interval if measured else None
    margin = overshoot = None
    if value is not None and limit is not None and limit > 0 and rule.comparison != "==":
        margin = (limit - value if rule.upper else value - limit) / limit
        overshoot = value / limit - 1 if rule.upper else limit / value - 1 if value > 0 else None
    return RuleResult(
        id=rule.id or rule.text,
        text=rule.text,
        measures=rule.measures,
        severity=rule.severity,
        state=state,
        value=value,
        interval=(_finite(interval.low), _finite(interval.high)) if interval else None,
        limit=limit,
        kind=rule.kind,
        comparison=rule.comparison,
        margin=margin,
        overshoot=overshoot,
        n=measured.n if measured else 0,
        n_eff=interval.n_eff if interval else None,
        needs=needs,
        detail=detail,
        attainable=_attainable(rule, limit, best) if margin is not None else None,
    )


def _attainable(rule: Rule, limit: float | None, best: float | None) -> float | None:
    """The margin of the value `best`."""
    if best is None or not limit:
        return None
    margin = (limit - best if rule.upper else best - limit) / limit
    return margin if margin > 0 else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
