"""What a target can do: the highest step of a load at which every other rule is proven (statistics.md §4)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.plan.rules import BASELINE, EFFECTS, INFO, WARM_UP, Rule
from harness.quantities import rate, share
from harness.verdict import RuleState
from reports import figures
from reports.rules.measure import Measured
from reports.rules.result import RuleResult
from reports.samples import phases
from reports.samples.phases import Stretch
from reports.samples.samples import Samples
from reports.samples.scope import Mask, Unmeasurable, covered
from reports.samples.series import in_flight_between
from reports.statistics import stationarity

ACHIEVED = 0.98
"""The share of a step's arrivals that must have ended while it lasted."""
GROWN = 0.10
"""By how much of its median the number of operations in flight may grow during a step, beyond chance, …"""
ALONE = 1.0
"""… and by one operation in any case."""

AFTERWARDS = ("end_to_end", EFFECTS, "delivered", "backlog")
"""What only the database says: it is read once the load is over, and a search judges its steps before that."""

Judge = Callable[[Rule, Mask], RuleResult]


def capacity(samples: Samples, stages: Mask, judge: Judge) -> Measured:
    """The load of the highest step that holds, and so do all below it; 0 if not even the lowest does.

    A step is a phase that loads evenly. `judge` is what a rule says of some stages. The load is what is
    offered, and where users go at their own pace what ended a second.
    """
    steps = _steps(samples, stages)
    if not steps:
        raise Unmeasurable("no phase that it covers loads evenly")
    highest = 0.0
    for load, phase, step in steps:
        found = judged(samples, step, judge)
        if found.why:
            said = "does not hold" if found.broken else "is not proven to hold"
            return Measured(highest, len(steps), f"{phase} ({_said(load, samples)}) {said}: {found.why[0]}")
        highest = load if samples.scenario.open else ended(samples, step)
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


@dataclass(frozen=True)
class Judged:
    """What is said against a step: what broke in it, and what holds in it but is not proven by so few operations."""

    broken: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()

    @property
    def why(self) -> tuple[str, ...]:
        """All of it; nothing if the step is proven to hold."""
        return self.broken + self.unproven


def judged(samples: Samples, step: Mask, judge: Judge) -> Judged:
    """Whether a step holds, and if it does not, why."""
    rules, found, unproven = 0, list[str](), list[str]()
    for rule in samples.scenario.rules:
        if rule.aggregate == "value" or rule.severity == INFO or rule.of == BASELINE:
            continue
        if samples.effects is None and rule.metric in AFTERWARDS:
            continue
        inside = covered(rule, samples) & step
        if inside.any():
            rules += 1
            result = judge(rule, inside)
            if result.state is not RuleState.PASS:
                value = "" if result.value is None else f", with {figures.figure(result.value, rule.kind)}"
                beside = unproven if result.state is RuleState.UNPROVEN else found
                beside.append(f"{rule.text} is {result.state}{value}")
    if not rules:
        return Judged(("no other rule covers it",))
    own = _own(samples, step)
    if samples.scenario.open:
        achieved = ended(samples, step) / own[0].end_rate
        if achieved < ACHIEVED:
            found.append(f"{share(achieved)} of what was offered ended while it lasted")
    for stretch in own:
        during = _flying(samples, stretch)
        grown = stationarity.drift(during)
        if grown > ALONE and grown > GROWN * float(np.median(during)):
            found.append(f"the operations in flight grew by {grown:,.1f} while it lasted")
    return Judged(tuple(found), tuple(unproven))


def _flying(samples: Samples, stretch: Stretch) -> npt.NDArray[np.float64]:
    """How many operations were in flight in each second of it, or in each tenth of it if that is less."""
    marks = np.linspace(stretch.begin, stretch.end, max(stationarity.PARTS, int(stretch.seconds)) + 1)
    found: npt.NDArray[np.float64] = in_flight_between(samples.frame, marks) / (marks[1] - marks[0])
    return found


def ended(samples: Samples, step: Mask) -> float:
    """How many arrivals ended a second while the step lasted."""
    own, during = _own(samples, step), 0
    for part in samples.frame.parts():
        end = part.column("end")[~part.column("partner")]
        during += sum(int(((end >= s.begin) & (end <= s.end)).sum()) for s in own)
    return during / sum(s.seconds for s in own)
