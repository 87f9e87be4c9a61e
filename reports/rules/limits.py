"""The limit of a rule as a number: its own, or a share of what was offered, of something else, or of the baseline."""

import math
from decimal import Decimal

import numpy as np

from harness import quantities
from harness.plan.provable import ARRIVALS
from harness.plan.rules import BASELINE, LINEAR, NUMBER_SLOPE, OF_PHASE, OFFERED, OP, RATE, SHARE, Rule, selected
from reports import figures
from reports.rules.baseline import Baseline
from reports.rules.measure import measure
from reports.samples import phases
from reports.samples.phases import Stretch
from reports.samples.samples import Samples
from reports.samples.scope import Mask, Unmeasurable, planned, seconds

MINUTE = 60.0
"""A slope is told by the minute, what is offered by the second."""


def limit(rule: Rule, samples: Samples, stages: Mask, baseline: Baseline) -> tuple[float, str]:
    """The limit, and what it is a share of."""
    if rule.of is None:
        return rule.limit, ""
    if rule.of == BASELINE:
        reference = baseline.value(rule)
        said = f"the baseline, run {baseline.run}, has {figures.figure(reference, rule.kind)}"
        return _product(rule.limit, reference), said
    if rule.of == OFFERED:
        reference, times = planned(samples, stages) / seconds(samples, stages), _share_of_mix(rule, samples)
        basis = f"{quantities.rate(reference * times)} were offered"
        if rule.kind == NUMBER_SLOPE:
            times *= MINUTE
    elif rule.of == OF_PHASE:
        own = np.array([stretch.phase == rule.other for stretch in samples.stretches])
        reference, times = measure(rule, samples, own).value, 1.0
        basis = f"in {rule.other} it is {figures.figure(reference, rule.kind)}"
    else:
        phase, reference, times = linear(rule, samples, stages)
        basis = f"linear is {times:g} × the {quantities.rate(reference)} of {phase}"
    if reference * times <= 0:
        raise Unmeasurable(f"its limit is a share of {rule.other or f'the {rule.of} rate'}, which is 0")
    return _product(rule.limit, reference, times), basis


def best(rule: Rule, limit: float, samples: Samples, stages: Mask) -> float | None:
    """The best value that the rule could have measured; None where nothing bounds it."""
    if rule.upper:
        return 0.0
    if rule.of in (OFFERED, LINEAR):
        return limit / rule.limit if rule.limit > 0 else None
    if rule.kind == SHARE:
        return 1.0
    if rule.kind == RATE and rule.metric in ARRIVALS and samples.scenario.open and samples.scenario.mix:
        return planned(samples, stages) / seconds(samples, stages) * _share_of_mix(rule, samples)
    return None


def _product(*factors: float) -> float:
    product = Decimal(1)
    for factor in factors:
        product *= Decimal(repr(factor))
    return float(product)


def _share_of_mix(rule: Rule, samples: Samples) -> float:
    """The share of the arrivals that are of the kinds which the rule selects."""
    mix = samples.scenario.mix
    return sum(mix[kind] for kind in selected(mix, rule.selectors, OP)) / sum(mix.values())


def linear(rule: Rule, samples: Samples, stages: Mask) -> tuple[str, float, float]:
    """The phase with the fewest users, or processes that are offered as much each; its rate; how many times as many."""
    stretches, what = samples.stretches, phases.changing(samples.stretches)
    own = {stretch.phase for stretch, selected in zip(stretches, stages, strict=True) if selected}
    if len(own) != 1:
        raise Unmeasurable("'of linear' compares one phase with another: the rule must select one")
    phase = own.pop()
    offers = {name: offer for name in phases.names(stretches) if (offer := _offer(stretches, name, what))}
    if phase not in offers:
        raise Unmeasurable(f"the phase {phase!r} has no load, or no one number of {what}")
    count, each = offers[phase]
    same = {name: offer[0] for name, offer in offers.items() if math.isclose(offer[1], each)}
    reference = min(same, key=lambda name: same[name])
    if same[reference] == count:
        raise Unmeasurable(f"no phase with fewer {what} is offered as much for each of them as {phase!r}")
    rate = measure(rule, samples, np.array([stretch.phase == reference for stretch in stretches])).value
    return reference, rate, count / same[reference]


def _offer(stretches: tuple[Stretch, ...], phase: str, what: str) -> tuple[int, float] | None:
    """The users or processes of a phase, and the arrivals a second for each of them; users make their own."""
    own = [stretch for stretch in stretches if stretch.phase == phase and stretch.loads]
    counts = {stretch.users if what == phases.USERS else sum(stretch.processes.values()) for stretch in own}
    count = counts.pop() if len(counts) == 1 else None
    if not count:
        return None
    return count, sum(stretch.arrivals for stretch in own) / sum(stretch.seconds for stretch in own) / count
