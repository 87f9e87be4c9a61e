"""A warning demotes a verdict only if what it found could change the state of a rule, given that rule's margin."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.plan.provable import SMOKE
from harness.plan.rules import COUNT, INFO, LINEAR, SLOPE, Rule
from harness.verdict import RuleState
from reports import figures
from reports.rules import limits
from reports.rules.evaluate import judge
from reports.rules.measure import to_be_completed
from reports.rules.result import RuleResult
from reports.samples.evidence import Evidence
from reports.samples.samples import Samples
from reports.samples.scope import covered, scope, seconds
from reports.statistics.parts import parts

DATA = ("conflicts", "deadlocks", "invariant", "routing_success")
"""What the data decides, and not how long things take: the units that are left, the rows that are there and where."""
TIMES = ("response_time", "service_time", "lag", "end_to_end", "recovery_time", "drain_time", "resource")
"""What gets longer, or is used for longer."""
SPACE = (".rss", ".processes", ".limit")
"""What of the monitor's names does not depend on how long things take."""
STORED = (".table_bytes", ".index_bytes")
"""What depends on how much is done, whatever it takes."""
FAILURES = ("errors", "dropped")
"""What happens as much more often as times get longer; to all, once they reach the timeout or all users wait."""
SEVERAL_PHASES = ("recovery_time", "capacity", "efficiency")
"""What rests on other phases than those that the rule names, too."""

UNJUDGED = (RuleState.ERROR, RuleState.NOT_COMPARED)


@dataclass(frozen=True)
class Doubt:
    """By what factors the figures of some phases could be wrong."""

    longer: float
    """Times could be so many times as long, or as short; 1 and above."""
    slower: float = 1.0
    """What is done a second could be so many times as little; 1 and above."""
    phases: tuple[str, ...] | None = None
    """None: all of them."""

    def __str__(self) -> str:
        said = [f"times could be {self.longer:.3g} times as long"] if self.longer > 1 else []
        said += [f"rates {self.slower:.3g} times as low"] if self.slower > 1 else []
        return " and ".join(said) or "nothing could be longer or slower"


class Change(NamedTuple):
    """A rule whose state could change, and to what: "<rule> (to CONDITIONAL, with 196 ms against 150 ms)"."""

    rule: str
    said: str


Shift = Callable[[float, bool], float]
"""What a figure could be instead: greater, or less."""


def changes(doubts: Sequence[Doubt], evidence: Evidence, results: Sequence[RuleResult]) -> tuple[list[Change], str]:
    """The rules whose state the doubts could change; and in one sentence why, or why they could not."""
    found: list[Change] = []
    closest: tuple[float, str] | None = None
    for rule, result in zip(evidence.samples.scenario.rules, results, strict=True):
        if rule.severity == INFO or result.state in UNJUDGED or result.value is None or result.limit is None:
            continue
        own = _about(rule, doubts, evidence.samples)
        shift = _shift(rule, result, _worst(own), evidence) if own else None
        if shift is None:
            continue
        changed = _changed(rule, result, shift, evidence.samples.scenario.profile)
        if changed:
            found.append(changed)
            continue
        value = shift(result.value, rule.upper)
        left = _left(value, result.limit, rule.upper)
        if closest is None or left < closest[0]:
            closest = left, f"{rule.text}, with {_figure(value, rule)} against {_figure(result.limit, rule)}"
    how = str(_worst(doubts))
    if found:
        others = f" and of {len(found) - 1} more" if len(found) > 1 else ""
        return found, f"{how}, which could change the state of {found[0].said}{others}"
    if closest is None:
        return found, f"harmless: {how}, but no rule rests on that"
    return found, f"harmless: {how}, and no rule would change its state; closest would be {closest[1]}"


def _worst(doubts: Sequence[Doubt]) -> Doubt:
    return Doubt(max(one.longer for one in doubts), max(one.slower for one in doubts))


def _about(rule: Rule, doubts: Sequence[Doubt], samples: Samples) -> list[Doubt]:
    """Those of `doubts` that are about a phase which the rule rests on."""
    if rule.metric in SEVERAL_PHASES:
        return list(doubts)
    stages = covered(rule, samples)
    phases = {stretch.phase for stretch, own in zip(samples.stretches, stages, strict=True) if own}
    if rule.of == LINEAR:
        phases.add(limits.linear(rule, samples, stages)[0])
    if rule.other:
        phases.add(rule.other)
    return [one for one in doubts if one.phases is None or phases.intersection(one.phases)]


def _changed(rule: Rule, result: RuleResult, shift: Shift, profile: str) -> Change | None:
    """The other state that the rule could have had, the worse one first; None if there is none."""
    assert result.value is not None
    assert result.limit is not None
    for greater in (rule.upper, not rule.upper):
        value = shift(result.value, greater)
        state = judge(value, rule.comparison, result.limit, rule.severity)
        if state is RuleState.PASS and result.interval and profile != SMOKE and rule.comparison != "==":
            bound = result.interval[1 if rule.upper else 0]
            value = math.copysign(math.inf, 1 if rule.upper else -1) if bound is None else shift(bound, greater)
            if judge(value, rule.comparison, result.limit) is not RuleState.PASS:
                state = RuleState.UNPROVEN
        if state is not result.state:
            could = f"an interval to {_figure(value, rule)}" if state is RuleState.UNPROVEN else _figure(value, rule)
            return Change(rule.text, f"{rule.text} (to {state}, with {could} against {_figure(result.limit, rule)})")
    return None


def _shift(rule: Rule, result: RuleResult, doubt: Doubt, evidence: Evidence) -> Shift | None:
    """How the doubt could change figures of the rule; None if it can't."""
    samples, longer = evidence.samples, doubt.longer
    planned = rule.metric == "requests" and samples.scenario.open
    if rule.metric in DATA or planned or (rule.metric == "resource" and rule.name.endswith(SPACE)):
        return None
    if rule.metric == "resource" and rule.name.endswith(STORED):
        return _by(doubt.slower, doubt.slower)
    if rule.metric in TIMES or rule.aggregate == SLOPE:
        return _by(longer, longer)
    if rule.metric in FAILURES:
        return _certain(math.inf) if _fails(rule, longer, samples) else _so_often(result.value or 0.0, longer)
    if rule.metric == "backlog":
        return lambda value, greater: _late(rule, samples, doubt) if greater else value
    if rule.metric == "goodput":
        if _fails(rule, longer, samples):
            return _certain(0.0)
        if samples.scenario.open and not rule.window:
            whole = result.n if rule.kind == COUNT else result.n / seconds(samples, covered(rule, samples))
            missing = _so_often(max(whole - (result.value or 0.0), 0.0), longer)
            return lambda value, greater: whole - missing(whole - value, not greater)
    # What keeps a load from its pace makes what is done a second less, so that more may be possible.
    return _by(max(longer, doubt.slower), doubt.slower)


def _by(more: float, less: float) -> Shift:
    """So many times as much, or as little; what is negative is greater if it is less so."""
    return lambda value, greater: (value * more if value else 0.0) if greater == (value > 0) else value / less


def _so_often(failures: float, longer: float) -> Shift:
    """As many more, or fewer, of the `failures` that were seen; what chance adds to them stays what it is."""
    if not failures:
        return lambda value, greater: value
    return lambda value, greater: value + failures * (longer - 1 if greater else 1 / longer - 1)


def _certain(worst: float) -> Shift:
    """As bad as it can be, in the direction of `worst`."""
    return lambda value, greater: worst if greater == (worst > 0) else value


def _fails(rule: Rule, longer: float, samples: Samples) -> bool:
    """Whether operations could fail that did not: because their answer came too late, or all users waited for one."""
    scenario = samples.scenario
    if longer <= 1:
        return False
    if rule.metric == "dropped":
        return _most_in_flight(samples) * longer >= scenario.max_users
    groups = samples.frame.groups
    answered = samples.frame.values("service_s", groups.ok & groups.timed)
    return float(answered.max(initial=0.0)) * longer >= scenario.timeout_seconds


def _most_in_flight(samples: Samples) -> int:
    start, end = samples.frame.values("start"), samples.frame.values("end", samples.frame.groups.ended)
    start.sort()
    end.sort()
    most = 0
    for own in parts(len(start)):
        flying = np.arange(own.start + 1, own.stop + 1) - np.searchsorted(end, start[own])
        most = max(most, int(flying.max()))
    return most


def _late(rule: Rule, samples: Samples, doubt: Doubt) -> float:
    """How many effects would not have been completed in time.

    What waits in a queue is late by all that was done more slowly since the phase began; and by as much longer as what
    took least, which did not wait, would have taken.
    """
    effects, points = to_be_completed(samples), samples.scenario.points
    among, stage = scope(rule, samples, covered(rule, samples)).among, samples.frame.groups.stage
    begins, deadlines = (np.array([getattr(s, name) for s in samples.stretches]) for name in ("begin", "deadline"))
    least, late = math.inf, 0
    for part in effects.parts():
        took = (part.seconds(points[-1]) - part.seconds(points[0]))[among[part.group]]
        least = min(least, float(np.nanmin(took, initial=math.inf)))
    for part in effects.parts():
        own = among[part.group]
        begin, deadline = begins[stage[part.group[own]]], deadlines[stage[part.group[own]]]
        completed = part.seconds(points[-1])[own]
        later = begin + doubt.slower * (completed - begin) + (doubt.longer - 1) * least
        late += int((~(later <= deadline)).sum())
    return float(late)


def _left(value: float, limit: float, upper: bool) -> float:
    """Which share of the limit would be left; of a limit of 0 there are no shares."""
    if limit <= 0:
        return math.inf
    return (limit - value if upper else value - limit) / limit


def _figure(value: float, rule: Rule) -> str:
    return "no end" if math.isinf(value) else figures.figure(value, rule.kind)
