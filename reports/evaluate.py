"""A rule passes only if it measured something, and what it measured is within its limit, and surely so."""

import math
from dataclasses import dataclass
from decimal import Decimal

from harness.rules import BLOCKER, INFO, MAJOR, Rule
from harness.units import duration
from harness.verdict import RuleState
from reports import limits, measure, values, windows
from reports.baseline import NotComparedError
from reports.capacity import capacity
from reports.evidence import Evidence
from reports.measure import Measured
from reports.recovery import recovery_time
from reports.scope import Mask, Unmeasurable, covered, seconds

FAR = {BLOCKER: Decimal("1.5"), MAJOR: Decimal(2), INFO: Decimal("1.5")}
"""What is more than so many times its limit, or less than the limit by more than this factor, is NO-GO."""

LEAST_LONGER = 1.1
"""What is not proven needs a run at least so many times as long, however little is missing."""

SMOKE = "smoke"
"""The profile that is too short to prove anything, and is not asked to."""


@dataclass(frozen=True)
class RuleResult:
    """What a rule found."""

    id: str
    text: str
    measures: str
    severity: str
    state: RuleState
    value: float | None
    """In the rule's base unit; None if there is none (ERROR) or it is infinite: most were never completed."""
    interval: tuple[float | None, float | None] | None
    """Where the value is with 95 % confidence; an end is None if the run is too short for it. None: it is counted."""
    limit: float | None
    """Likewise, a number even if the rule states a share of something."""
    kind: str
    comparison: str
    margin: float | None
    """Which share of the limit is left, negative if it is exceeded; None where there is no such share."""
    overshoot: float | None
    """Value / limit − 1, or for ≥ limit / value − 1: negative within the limit; None where it is no number."""
    n: int
    """How many things were measured."""
    n_eff: float | None
    """How many independent ones they are worth."""
    needs: float | None
    """How many seconds longer what the rule covers would have to be to prove it; None if it is proven, or can't be."""
    detail: str


def evaluate(rule: Rule, evidence: Evidence) -> RuleResult:
    """What `rule` says of a run: ERROR, never PASS, if there is nothing to measure."""
    try:
        stages = covered(rule, evidence.samples)
    except Unmeasurable as reason:
        return _result(rule, RuleState.ERROR, None, None, str(reason))
    return _evaluate(rule, evidence, stages)


def _evaluate(rule: Rule, evidence: Evidence, stages: Mask) -> RuleResult:
    """What it says of these stages."""
    measured: Measured | None = None
    try:
        measured = _measure(rule, evidence, stages)
        limit, basis = limits.limit(rule, evidence.samples, stages, evidence.baseline)
    except Unmeasurable as reason:
        return _result(rule, RuleState.ERROR, measured, None, str(reason))
    except NotComparedError as reason:
        return _result(rule, RuleState.NOT_COMPARED, measured, None, str(reason))
    state = judge(measured.value, rule.comparison, limit, rule.severity)
    notes, needs, interval = [basis, measured.detail], None, measured.interval
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
    return _result(rule, state, measured, limit, "; ".join(note for note in notes if note), needs)


def _measure(rule: Rule, evidence: Evidence, stages: Mask) -> Measured:
    if rule.window is not None:
        return windows.measure(rule, rule.window, evidence.samples, stages)
    if rule.metric == "recovery_time":
        return recovery_time(evidence.samples, stages)
    if rule.metric == "capacity":
        return capacity(evidence.samples, stages, lambda other, step: _evaluate(other, evidence, step).state)
    if rule.metric in values.METRICS:
        return values.METRICS[rule.metric](rule, evidence, stages)
    return measure.measure(rule, evidence.samples, stages)


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
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
