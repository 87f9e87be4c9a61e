"""What a rule says of what has ended so far. It is judged anew by the report, of the whole and with the database.

Here a rule holds or is missed, and one that only the whole can tell of is neither: what rests on the database, a slope,
a baseline, another phase, metrics of the users' own.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.plan.rules import COUNT, DURATION, EFFECTS, OFFERED, OP, OWN, RATE, SLOPE, Rule, selected
from harness.verdict import RuleState, Verdict
from reports.abort import Count
from reports.decide import EFFECTS as CONSEQUENCES
from reports.rules.evaluate import judge
from reports.rules.measure import each
from reports.samples.phases import arrivals_until
from reports.samples.samples import Samples
from reports.samples.scope import Unmeasurable, covered, scope
from reports.statistics.percentiles import percentile, rank

Values = npt.NDArray[np.float64]

JUDGED = {"response_time", "service_time", "lag", "errors", "conflicts", "requests", "goodput", "throughput"}
"""The metrics that are known operation by operation as they end."""
FINE = np.geomspace(1e-6, 1e3, 2084)
"""Ends of fine buckets of times, 1 % apart: a percentile so far is told to within that; its state is exact."""


class Stand(NamedTuple):
    """A rule so far."""

    state: RuleState
    value: float | None
    """None: of windows, how bad they are is not told."""
    limit: float | None


def is_judged(rule: Rule) -> bool:
    """Whether what it says is known while the load goes on."""
    if rule.aggregate == SLOPE or rule.of not in (None, OFFERED) or rule.metric in (OWN, EFFECTS):
        return False
    if rule.window is not None:
        return rule.metric in JUDGED and rule.kind != RATE and rule.aggregate not in ("mean", "min") and rule.upper
    return rule.metric in JUDGED or rule.metric == "resource"


class Standing:
    """A rule, and what it is about so far; `plan` has the stages of the load, and need not have operations."""

    def __init__(self, rule: Rule, plan: Samples) -> None:
        self.rule = rule
        self._stages = covered(rule, plan)
        self._windows = Count(rule, plan) if rule.window is not None else None
        self._sum = self._number = self._within = 0.0
        self._longest, self._shortest = -math.inf, math.inf
        self._fine = np.zeros(len(FINE) + 1, np.int64)
        self._by_second: Values = np.zeros(int(plan.seconds) + 2)
        self._seen: list[float] = []

    def add(self, fresh: Samples) -> None:
        """Count operations that have ended."""
        if self.rule.metric not in JUDGED:
            return
        if self._windows is not None:
            self._windows.add(fresh, ())
            return
        found = each(self.rule, fresh, scope(self.rule, fresh, self._stages))
        values = found.values.astype(float)
        self._sum, self._number = self._sum + float(values.sum()), self._number + len(values)
        if self.rule.kind == RATE:
            at = np.clip(found.moments, 0, len(self._by_second) - 1).astype(int)
            self._by_second += np.bincount(at, values, len(self._by_second))[: len(self._by_second)]
        elif self.rule.kind == DURATION and len(values):
            self._longest = max(self._longest, float(values.max()))
            self._shortest = min(self._shortest, float(values.min()))
            self._fine += np.bincount(np.searchsorted(FINE, values, "left"), minlength=len(FINE) + 1)
            late = self.rule.limit
            self._within += float((values < late if "=" not in self.rule.comparison else values <= late).sum())

    def see(self, second: float, line: dict[str, float], plan: Samples) -> None:
        """Take what the monitor sampled at a second of the plan."""
        if self.rule.metric == "resource" and self.rule.name in line:
            inside = [s.begin <= second <= s.end for s in plan.stretches]
            if bool((np.array(inside) & self._stages).any()):
                self._seen.append(line[self.rule.name])

    def so_far(self, complete: float, plan: Samples) -> Stand | None:
        """What it says of what was planned before second `complete`, until which everything has ended; None: nothing
        yet.
        """
        if not is_judged(self.rule):
            return None
        if self._windows is not None:
            return self._of_windows(self._windows, complete)
        try:
            value, limit = self._value(complete, plan)
        except Unmeasurable:
            return None
        state = judge(value, self.rule.comparison, limit, self.rule.severity)
        if self.rule.kind == DURATION and self.rule.quantile is not None and self.rule.upper:
            held = self._within >= rank(self.rule.quantile, int(self._number)) + 1
            state = RuleState.PASS if held else state if state is not RuleState.PASS else RuleState.CONDITIONAL
        return Stand(state, value, limit)

    def _of_windows(self, count: Count, complete: float) -> Stand | None:
        """Windows are judged once everything in them has ended."""
        if not count.has_window(complete):
            return None
        return Stand(RuleState.NO_GO if count.broken(complete) else RuleState.PASS, None, self.rule.limit)

    def _value(self, complete: float, plan: Samples) -> tuple[float, float]:
        """The value so far, and the limit so far; Unmeasurable while there is nothing."""
        rule = self.rule
        if rule.metric == "resource":
            return self._of_monitor(), rule.limit
        if rule.kind == RATE:
            return self._rate(complete, plan)
        if not self._number:
            raise Unmeasurable("nothing has ended")
        if rule.kind == COUNT:
            return self._sum, rule.limit
        if rule.aggregate == "max":
            return self._longest, rule.limit
        if rule.aggregate == "min":
            return self._shortest, rule.limit
        if rule.quantile is None:
            return self._sum / self._number, rule.limit
        place = int(np.searchsorted(np.cumsum(self._fine), rank(rule.quantile, int(self._number)) + 1))
        return float(min(FINE[min(place, len(FINE) - 1)], self._longest)), rule.limit

    def _of_monitor(self) -> float:
        if not self._seen:
            raise Unmeasurable("the monitor has nothing of it")
        if self.rule.quantile is not None:
            return percentile(np.array(self._seen), self.rule.quantile)
        aggregate = self.rule.aggregate
        if aggregate == "value":
            aggregate = "max" if self.rule.upper else "min"
        return float(getattr(np.array(self._seen), aggregate)())

    def _rate(self, complete: float, plan: Samples) -> tuple[float, float]:
        """Over the whole seconds in what the rule covers of which everything has ended."""
        whole = [
            (math.ceil(stretch.begin), int(min(stretch.end, complete)))
            for stretch, own in zip(plan.stretches, self._stages, strict=True)
            if own and math.ceil(stretch.begin) < int(min(stretch.end, complete))
        ]
        seconds = sum(end - begin for begin, end in whole)
        if not seconds:
            raise Unmeasurable("no second of it is complete")
        value = sum(float(self._by_second[begin:end].sum()) for begin, end in whole) / seconds
        if self.rule.of != OFFERED:
            return value, self.rule.limit
        offered = sum(
            arrivals_until(plan.stretches, end) - arrivals_until(plan.stretches, begin) for begin, end in whole
        )
        mix = plan.scenario.mix
        share = sum(mix[kind] for kind in selected(mix, self.rule.selectors, OP)) / sum(mix.values())
        return value, self.rule.limit * share * offered / seconds


def verdict(stands: list[tuple[Rule, Stand]]) -> Verdict:
    """What the rules so far make of the verdict, by themselves."""
    made = [CONSEQUENCES[rule.severity].get(stand.state) for rule, stand in stands]
    return Verdict.NO_GO if Verdict.NO_GO in made else Verdict.CONDITIONAL if any(made) else Verdict.GO
