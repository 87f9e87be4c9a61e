"""What a target can do: the highest step of a load at which every other rule is proven (statistics.md §4)."""

from collections.abc import Callable

import numpy as np

from harness.plan.rules import BASELINE, INFO, WARM_UP, Rule
from harness.quantities import rate, share
from harness.verdict import RuleState
from reports.rules.measure import Measured
from reports.samples import phases
from reports.samples.phases import Stretch
from reports.samples.samples import Samples
from reports.samples.scope import Mask, Unmeasurable, covered
from reports.samples.series import course
from reports.statistics import stationarity

ACHIEVED = 0.98
"""The share of a step's arrivals that must have ended while it lasted."""
GROWN = 0.10
"""By how much of its median the number of operations in flight may grow during a step, beyond chance, …"""
ALONE = 1.0
"""… and by one operation in any case."""

State = Callable[[Rule, Mask], RuleState]


def capacity(samples: Samples, stages: Mask, state: State) -> Measured:
    """The load of the highest step that holds, and so do all below it; 0 if not even the lowest does.

    A step is a phase that loads evenly. `state` is what a rule says of some stages. The load is what is
    offered, and where users go at their own pace what ended a second.
    """
    steps = _steps(samples, stages)
    if not steps:
        raise Unmeasurable("no phase that it covers loads evenly")
    highest = 0.0
    for load, phase, step in steps:
        why = _fails(samples, step, state)
        if why:
            return Measured(highest, len(steps), f"{phase} ({_said(load, samples)}) does not hold: {why}")
        highest = load if samples.scenario.open else _ended(samples, step)
    return Measured(highest, len(steps), f"every step holds, up to {steps[-1][1]}: it may be more")


def _steps(samples: Samples, stages: Mask) -> list[tuple[float, str, Mask]]:
    """The even phases, by their load: load, name, stages."""
    found = []
    for phase in phases.names(samples.stretches):
        step = np.array([s.phase == phase for s in samples.stretches]) & stages
        own = _own(samples, step)
        if own and phase != WARM_UP and all(s.even and _load(s) == _load(own[0]) for s in own):
            found.append((_load(own[0]), phase, step))
    return sorted(found, key=lambda step: step[0])


def _own(samples: Samples, step: Mask) -> list[Stretch]:
    return [stretch for stretch, inside in zip(samples.stretches, step, strict=True) if inside]


def _load(stretch: Stretch) -> float:
    return stretch.users or stretch.end_rate


def _said(load: float, samples: Samples) -> str:
    return rate(load) if samples.scenario.open else f"{load:,.0f} users"


def _fails(samples: Samples, step: Mask, state: State) -> str:
    """Why a step does not hold; "" if it does."""
    judged = 0
    for rule in samples.scenario.rules:
        if rule.aggregate == "value" or rule.severity == INFO or rule.of == BASELINE:
            continue
        inside = covered(rule, samples) & step
        if inside.any():
            judged += 1
            found = state(rule, inside)
            if found is not RuleState.PASS:
                return f"{rule.text} is {found}"
    if not judged:
        return "no other rule covers it"
    own = _own(samples, step)
    if samples.scenario.open:
        achieved = _ended(samples, step) / own[0].end_rate
        if achieved < ACHIEVED:
            return f"{share(achieved)} of what was offered ended while it lasted"
    flying = course(samples).flying
    for stretch in own:
        during = flying[int(np.ceil(stretch.begin)) : int(stretch.end)]
        grown = stationarity.drift(during)
        if grown > ALONE and grown > GROWN * float(np.median(during)):
            return f"the operations in flight grew by {grown:,.1f} while it lasted"
    return ""


def _ended(samples: Samples, step: Mask) -> float:
    """How many arrivals ended a second while the step lasted."""
    frame = samples.frame
    end = frame["end"].to_numpy()[~frame["partner"].to_numpy()]
    own = _own(samples, step)
    during = sum(int(((end >= s.begin) & (end <= s.end)).sum()) for s in own)
    return during / sum(s.seconds for s in own)
