"""What a plan can know of its proofs before any traffic: whether a rule will have samples enough, if all goes well."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from harness.plan import sample_sizes
from harness.plan.rules import BASELINE, DURATION, INFO, OFFERED, OP, PHASE, RATE, SHARE, Rule, selected
from harness.plan.scenario import Scenario, Stage
from harness.quantities import duration
from harness.search import phase

SMOKE = "smoke"
"""The profile that is too short to prove anything, and is not asked to."""
ARRIVALS = ("requests", "goodput")
"""What counts the arrivals of the plan, and not the second halves of races."""
NOT_SAMPLED = ("dropped", "backlog")


@dataclass(frozen=True)
class Proof:
    """What it takes to prove a rule."""

    rule: Rule
    planned: float
    """The samples that there will be, at most."""
    needed: float
    """Those that it takes at least."""
    what: str
    seconds: float
    """How long what the rule covers lasts."""

    @property
    def short(self) -> bool:
        """Whether the rule can't be proven, however well it holds."""
        return self.planned < self.needed

    def __str__(self) -> str:
        more = duration(math.ceil(self.seconds * (self.needed / self.planned - 1))) if self.planned else "a phase"
        return (
            f"{self.rule.text}: {self.planned:,.0f} {self.what} at most, and it takes {math.ceil(self.needed):,} "
            f"({more} more)"
        )


def proofs(scenario: Scenario) -> Iterator[Proof]:
    """What it takes to prove each rule that a run could be too short for, but those for info.

    Of a search in its first step, which offers the least.
    """
    if scenario.search is not None:
        steps = [stage for stage in scenario.stages if stage.phase == phase(1)]
        rules = [rule for rule in scenario.rules if rule.aggregate != "value" and rule.severity != INFO]
        yield from filter(None, (_proof(rule, scenario, steps) for rule in rules))
        return
    for rule in scenario.rules:
        stages = _covered(rule, scenario)
        if rule.severity == INFO or not stages:
            continue
        if rule.metric == "capacity":
            yield from _steps(rule, scenario, stages)
        elif found := _proof(rule, scenario, stages):
            yield found


def _covered(rule: Rule, scenario: Scenario) -> list[Stage]:
    loads = [stage for stage in scenario.stages if stage.loads]
    phases = selected([stage.phase for stage in loads], rule.selectors, PHASE)
    return [stage for stage in loads if stage.phase in phases]


def _steps(capacity: Rule, scenario: Scenario, stages: list[Stage]) -> Iterator[Proof]:
    """Of the other rules in the steps of a capacity, the one that lacks most."""
    steps = [list(run) for _, run in groupby(stages, lambda stage: stage.phase)]
    even = [step for step in steps if all(stage.even for stage in step)]
    others = [rule for rule in scenario.rules if rule.aggregate != "value" and rule.severity != INFO]
    found = [
        Proof(capacity, one.planned, one.needed, f"{one.what} in {step[0].phase} for {rule.text}", one.seconds)
        for step in even
        for rule in others
        if step[0].phase in [stage.phase for stage in _covered(rule, scenario)]
        and (one := _proof(rule, scenario, step))
    ]
    if found:
        yield min(found, key=lambda one: one.planned / one.needed)


def _proof(rule: Rule, scenario: Scenario, stages: list[Stage]) -> Proof | None:
    """What it takes to prove `rule` over these stages; None if that does not depend on how much is measured."""
    seconds = sum(stage.seconds for stage in stages)
    count = _operations(rule, scenario, stages)
    ways: list[tuple[float, float, str]] = []
    if rule.comparison == "==" or rule.metric in NOT_SAMPLED:
        return None
    if rule.window:
        if rule.window.share and rule.window.share < 1:
            windows = sum(stage.seconds for stage in stages) // rule.window.seconds
            ways = [(windows, sample_sizes.quantile(rule.window.share), "windows")]
    elif rule.kind == DURATION and rule.quantile and rule.quantile < 1:
        what = "operations"
        if scenario.rounds and scenario.think_seconds:
            # Who begins at one instant meets the same: of a round one counts.
            count, what = seconds / scenario.think_seconds, "rounds"
        ways = [(count, sample_sizes.quantile(rule.quantile), what)]
        if rule.upper:
            apart = min(count, seconds / sample_sizes.APART_S)
            ways.append((apart, sample_sizes.kept_by_all(rule.quantile), what))
    elif rule.kind == DURATION and rule.aggregate == "mean":
        ways = [(count, sample_sizes.LEAST, "operations")]
    elif rule.kind in (SHARE, RATE) and 0 < (limit := _as_share(rule, scenario, count / seconds)) < 1:
        ways = [(count, sample_sizes.share(limit, rule.upper), "operations")]
    if not ways:
        return None
    planned, needed, what = max(ways, key=lambda way: way[0] / way[1])
    return Proof(rule, planned, needed, what, seconds)


def _operations(rule: Rule, scenario: Scenario, stages: list[Stage]) -> float:
    """How many operations that the rule selects these stages offer; infinite where nothing bounds them."""
    if scenario.open:
        count = sum((stage.start_rate + stage.end_rate) / 2 * stage.seconds for stage in stages)
    elif any(not stage.requests for stage in stages) and not scenario.think_seconds:
        return math.inf
    else:
        count = sum(stage.requests or stage.users * stage.seconds / scenario.think_seconds for stage in stages)
    mix = scenario.mix
    if not mix:
        return count
    kinds = selected(mix, rule.selectors, OP)
    weights = {kind: 1 if rule.metric in ARRIVALS or kind != "race" else 2 for kind in kinds}
    return count * sum(mix[kind] * weight for kind, weight in weights.items()) / sum(mix.values())


def _as_share(rule: Rule, scenario: Scenario, each_second: float) -> float:
    """The limit as a share of the operations; 0 where it is none of a share."""
    if rule.of == BASELINE or rule.metric not in ("errors", "conflicts", *ARRIVALS):
        return 0.0
    if rule.metric in ARRIVALS and not scenario.open:
        return 0.0
    if rule.kind == SHARE or rule.of == OFFERED:
        return rule.limit
    return rule.limit / each_second if rule.of is None and each_second < math.inf else 0.0
