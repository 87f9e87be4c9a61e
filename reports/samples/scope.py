"""What a rule is about: stages of the plan, and of their operations those of the kinds that it selects."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.plan.rules import OP, OUTCOME, PHASE, STATUS, WARM_UP, WORKER, Rule
from reports.samples.samples import OUTCOMES, Samples

Mask = npt.NDArray[np.bool_]


class Unmeasurable(Exception):
    """Why a rule can't be evaluated."""


class Scope(NamedTuple):
    """What a rule selects: groups of operations. `of_kind` are all of its kinds and load processes, in any phase."""

    stages: Mask
    of_kind: Mask
    among: Mask
    """… and those of them that these stages planned: what a ratio is a share of."""
    counted: Mask
    """… and of these the ones with the status and outcome that the rule asks for."""
    answers: Mask
    """All with that status and outcome."""


def covered(rule: Rule, samples: Samples) -> Mask:
    """Which stages the rule covers: those of the phases that it names, or else all that offer load but the warm-up."""
    own = [selector for selector in rule.selectors if selector.key == PHASE]
    named = any(selector.comparison != "!=" for selector in own)
    stages = [
        all(selector.keeps(stretch.phase) for selector in own)
        and (named or (stretch.loads and stretch.phase != WARM_UP))
        for stretch in samples.stretches
    ]
    if not any(stages):
        raise Unmeasurable("no phase of this profile is one that the rule covers")
    return np.array(stages)


def scope(rule: Rule, samples: Samples, stages: Mask) -> Scope:
    """What the rule selects in `stages`."""
    groups = samples.frame.groups
    of_kind = _keeping(rule, OP, samples.frame.kinds)[groups.kind]
    for selector in rule.selectors:
        if selector.key == WORKER:
            of_kind = of_kind & ((groups.worker == int(selector.value)) == (selector.comparison == "="))
    among = of_kind & stages[groups.stage]
    answers = _keeping(rule, OUTCOME, OUTCOMES)[groups.outcome]
    for selector in rule.selectors:
        if selector.key == STATUS:
            answers = answers & ((groups.status == int(selector.value)) == (selector.comparison == "="))
    return Scope(stages, of_kind, among, among & answers, answers)


def _keeping(rule: Rule, key: str, names: Sequence[str]) -> Mask:
    own = [selector for selector in rule.selectors if selector.key == key]
    return np.array([all(selector.keeps(name) for selector in own) for name in names], bool)


def within(samples: Samples, stages: Mask, moments: npt.NDArray[np.float64]) -> Mask:
    """Which of `moments` fall into these stages, their ends included."""
    inside = np.zeros(len(moments), bool)
    for stretch, own in zip(samples.stretches, stages, strict=True):
        if own:
            inside |= (moments >= stretch.begin) & (moments <= stretch.end)
    return inside


def runs(samples: Samples, stages: Mask) -> list[tuple[float, float]]:
    """Begin and end of each run of neighbouring ones of these stages."""
    found: list[tuple[float, float]] = []
    for stretch, own in zip(samples.stretches, stages, strict=True):
        if own and found and found[-1][1] == stretch.begin:
            found[-1] = (found[-1][0], stretch.end)
        elif own:
            found.append((stretch.begin, stretch.end))
    return found


def seconds(samples: Samples, stages: Mask) -> float:
    """How long these stages were."""
    return sum(s.seconds for s, own in zip(samples.stretches, stages, strict=True) if own)


def planned(samples: Samples, stages: Mask) -> float:
    """How many arrivals they offered."""
    return sum(s.arrivals for s, own in zip(samples.stretches, stages, strict=True) if own)


def dropped(samples: Samples, stages: Mask) -> int:
    """How many arrivals of these stages were never begun."""
    groups = samples.frame.groups
    missing = round(planned(samples, stages)) - samples.frame.count(stages[groups.stage] & ~groups.partner)
    # An arrival on the edge of two phases may fall to either; a run that dropped none in all has dropped none in any.
    return max(min(missing, samples.planned - samples.arrivals), 0)


def exposed(samples: Samples, stages: Mask, parts: int) -> npt.NDArray[np.float64]:
    """The moments that cut the load of these stages into `parts` of as many planned arrivals, or users × seconds."""
    moments, load = [0.0], [0.0]
    idle = planned(samples, stages) + sum(s.users for s, own in zip(samples.stretches, stages, strict=True) if own) == 0
    for stretch, own in zip(samples.stretches, stages, strict=True):
        if own:
            at = np.linspace(0.0, stretch.seconds, 101)
            slope = (stretch.end_rate - stretch.start_rate) / stretch.seconds
            grown = (stretch.start_rate + stretch.users + idle) * at + slope * at * at / 2
            load += (load[-1] + grown).tolist()
            moments += (stretch.begin + at).tolist()
    return np.interp(np.linspace(0.0, load[-1], parts + 1), load, moments)
