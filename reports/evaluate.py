"""A rule passes only if it measured something and the measured value is within its limit."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from harness import units
from harness.rules import Rule
from harness.verdict import RuleState
from reports import phases
from reports.measure import Mask, Unmeasurable, covered, measure, planned, seconds
from reports.phases import Stretch
from reports.samples import Samples

NO_GO_FACTOR = Decimal("1.5")
"""A value of more than this times its limit (or less than the limit by more than this) is NO-GO, else CONDITIONAL."""


@dataclass(frozen=True)
class RuleResult:
    """What a rule found."""

    text: str
    state: RuleState
    value: float | None
    """In the rule's base unit; None if there is none (ERROR) or it is infinite: most were never completed."""
    limit: float | None
    """Likewise, a number even if the rule states a share of something."""
    kind: str
    comparison: str
    margin: float | None
    """Which share of the limit is left, negative if it is exceeded; None where there is no such share."""
    n: int
    """How many things were measured."""
    detail: str


def evaluate(rule: Rule, samples: Samples) -> RuleResult:
    """What `rule` says of `samples`: ERROR, never PASS, if there is nothing to measure."""
    n, value, limit = 0, None, None
    try:
        stages = covered(rule, samples)
        measured, n, detail = measure(rule, samples, stages)
        value = measured if np.isfinite(measured) else None
        limit, basis = _limit(rule, samples, stages)
        detail = "; ".join(part for part in (basis, detail) if part)
        state = judge(measured, rule.comparison, limit)
    except Unmeasurable as reason:
        state, detail = RuleState.ERROR, str(reason)
    margin = None
    if value is not None and limit is not None and limit > 0 and rule.comparison != "==":
        margin = (value - limit if rule.comparison.startswith(">") else limit - value) / limit
    return RuleResult(rule.text, state, value, limit, rule.kind, rule.comparison, margin, n, detail)


def judge(value: float, comparison: str, limit: float) -> RuleState:
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
    return RuleState.NO_GO if high > NO_GO_FACTOR * low else RuleState.CONDITIONAL


def _limit(rule: Rule, samples: Samples, stages: Mask) -> tuple[float, str]:
    """The limit as a number, and what it is a share of."""
    if rule.of is None:
        return rule.limit, ""
    if rule.of == "offered":
        reference, times = planned(samples, stages) / seconds(samples, stages), _share_of_mix(rule, samples)
        basis = f"{units.rate(reference * times)} were offered"
    else:
        phase, reference, times = _linear(rule, samples, stages)
        basis = f"linear is {times:g} × the {units.rate(reference)} of {phase}"
    if reference * times <= 0:
        raise Unmeasurable(f"its limit is a share of the {rule.of} rate, which is 0")
    return float(Decimal(repr(rule.limit)) * Decimal(repr(reference)) * Decimal(repr(times))), basis


def _share_of_mix(rule: Rule, samples: Samples) -> float:
    """The share of the arrivals that are of the kinds which the rule selects."""
    mix = samples.scenario.mix
    chosen = set(mix)
    for selector in rule.selectors:
        if selector.key == "op":
            chosen &= {kind for kind in mix if (kind == selector.value) != selector.negated}
    return sum(mix[kind] for kind in chosen) / sum(mix.values())


def _linear(rule: Rule, samples: Samples, stages: Mask) -> tuple[str, float, float]:
    """The phase with the fewest workers that is offered as much for each; its rate; how many times its workers."""
    stretches = samples.stretches
    own = {stretch.phase for stretch, selected in zip(stretches, stages, strict=True) if selected}
    if len(own) != 1:
        raise Unmeasurable("'of linear' compares one phase with another: the rule must select one")
    phase = own.pop()
    offers = {name: offer for name in phases.names(stretches) if (offer := _offer(stretches, name))}
    if phase not in offers:
        raise Unmeasurable(f"the phase {phase!r} has no load, or no one number of workers")
    workers, each = offers[phase]
    same = {name: offer[0] for name, offer in offers.items() if abs(offer[1] / each - 1) < 1e-9}
    reference = min(same, key=lambda name: same[name])
    if same[reference] == workers:
        raise Unmeasurable(f"no phase with fewer workers is offered as much for each of them as {phase!r}")
    rate = measure(rule, samples, np.array([stretch.phase == reference for stretch in stretches])).value
    return reference, rate, workers / same[reference]


def _offer(stretches: tuple[Stretch, ...], phase: str) -> tuple[int, float] | None:
    """The workers of a phase, and the arrivals a second for each of them."""
    own = [stretch for stretch in stretches if stretch.phase == phase and stretch.loads]
    workers = {stretch.workers for stretch in own}
    count = workers.pop() if len(workers) == 1 else None
    if not count:
        return None
    return count, sum(stretch.arrivals for stretch in own) / sum(stretch.seconds for stretch in own) / count
