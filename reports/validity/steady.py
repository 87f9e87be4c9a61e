"""V7: where the plan's load is even for long enough, the figures have settled, and do not drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from harness.plan.provable import SMOKE
from harness.plan.rules import INFO, WARM_UP
from harness.quantities import duration, share
from harness.verdict import RuleState, ValidityState
from reports.rules.result import RuleResult
from reports.samples.evidence import Evidence
from reports.samples.phases import Stretch
from reports.samples.samples import Samples
from reports.samples.series import course
from reports.statistics import stationarity
from reports.validity.doubt import Doubt, changes
from reports.validity.result import ValidityResult, soft

LONG_S = 60.0
"""An even load must last as long to be judged: twelve batches of 5 s, and half of it is more than the 20 s that §7.4
asks for after the warm-up."""
MOST_CUT = 0.5
"""A warm-up that is more than this share of an even load is none: it has not settled."""
MOST_DRIFT = 0.10
"""How much of its median a figure may grow or shrink while the load is even, …"""
FLOORS = {"p50": 0.001, "throughput": 1.0, "in flight": 1.0}
"""… and by what it may in any case: 1 ms (statistics.md §2), one operation a second, one in flight."""


@dataclass(frozen=True)
class Steady:
    """How an even load went on: what verdict.json holds of it."""

    phase: str
    begin: float
    end: float
    cut: float
    """Seconds at its beginning that MSER-5 takes for a warm-up; of response time and throughput the longer one."""
    drift: dict[str, float]
    """By which share of its median each figure grew."""
    step: dict[str, float]
    """By which share of its median each figure that MSER-5 cuts is another after the cut."""

    @property
    def settled(self) -> bool:
        """Whether it has settled at all."""
        return self.cut <= MOST_CUT * (self.end - self.begin)

    @property
    def drifting(self) -> dict[str, float]:
        """What of it drifts too much."""
        return {name: grown for name, grown in self.drift.items() if abs(grown) > MOST_DRIFT}

    @property
    def doubt(self) -> Doubt:
        """As if it had gone on for one and a half times as long again: twice the drift beyond its median.

        What has not settled goes on for three times as long as that, or as it did at its cut if that is more.
        """
        grown = {name: 1 + 2 * abs(share) for name, share in self.drifting.items()}
        if not self.settled:
            figures = {*self.drift, *self.step}
            grown = {name: 1 + 4 * max(abs(self.drift.get(name, 0)), abs(self.step.get(name, 0))) for name in figures}
        longer = max(grown.get("p50", 1.0), grown.get("in flight", 1.0))
        return Doubt(longer, grown.get("throughput", 1.0), (self.phase,))


def steady(samples: Samples) -> list[Steady]:
    """Every even part of the load that is long enough to be judged; none in a smoke run."""
    if samples.scenario.profile == SMOKE:
        return []
    seconds = course(samples)
    found = []
    for phase, begin, end in even(samples.stretches):
        if end - begin < LONG_S or phase == WARM_UP:
            continue
        during = slice(int(np.ceil(begin)), int(end))
        # A second in which nothing was planned has no response time.
        known = np.flatnonzero(~np.isnan(seconds.p50[during]))
        if len(known) < LONG_S / 2:
            continue
        series = {
            "p50": seconds.p50[during][known],
            "throughput": seconds.ended[during].astype(float),
            "in flight": seconds.flying[during],
        }
        middle = {name: float(np.median(values)) for name, values in series.items()}
        least = {name: max(MOST_DRIFT * middle[name], FLOORS[name]) for name in series}
        cuts = {name: stationarity.warm_up(series[name], least[name]) for name in ("p50", "throughput")}
        step = {
            name: float(np.median(series[name][cut:]) - np.median(series[name][:cut])) / middle[name]
            for name, cut in cuts.items()
            if cut and middle[name]
        }
        grown = {name: stationarity.drift(values) for name, values in series.items()}
        drift = {
            name: grown[name] / middle[name] if middle[name] and abs(grown[name]) > FLOORS[name] else 0.0
            for name in series
        }
        found.append(Steady(phase, begin, end, float(max(cuts.values())), drift, step))
    return found


def even(stretches: Sequence[Stretch]) -> list[tuple[str, float, float]]:
    """Phase, begin and end of each run of stages of one phase that load evenly, and alike, and disturb nothing."""
    runs = groupby(
        stretches,
        lambda stretch: (stretch.phase, stretch.even and not stretch.disturb, stretch.end_rate, stretch.users),
    )
    found = [(key[0], list(run)) for key, run in runs if key[1]]
    return [(phase, run[0].begin, run[-1].end) for phase, run in found]


def condition(found: Sequence[Steady], evidence: Evidence, rules: Sequence[RuleResult]) -> ValidityResult:
    """V7 of statistics.md §7.4: hard, if what has not settled could change the state of a rule."""
    restless = [one for one in found if not one.settled]
    unsettled = [f"{one.phase} has not settled within {duration(one.end - one.begin)}" for one in restless]
    drifting = [
        f"{name} of {one.phase} went {'up' if grown > 0 else 'down'} by {share(abs(grown))} of its median"
        for one in found
        for name, grown in one.drifting.items()
    ]
    state = soft(not drifting and not unsettled)
    if restless and changes([one.doubt for one in restless], evidence, rules)[0]:
        state = ValidityState.BROKEN
    said = "; ".join([*unsettled, *drifting])
    if state is ValidityState.BROKEN and any(rule.state is RuleState.NO_GO and rule.severity != INFO for rule in rules):
        # A target that gets slower and slower is not excused by never having settled.
        state, said = ValidityState.WARNING, f"{said}; a rule is missed by far all the same"
    if not found:
        state = ValidityState.NOT_APPLICABLE
        said = f"no phase loads evenly, and often enough, for {duration(LONG_S)}"
    longest = max((one.cut for one in found), default=0.0)
    return ValidityResult(
        "V7",
        "Where the load was even, the target had settled, and stayed as it was",
        state,
        said or f"settled after {duration(longest)} at most, in {len(found)} even phases",
        f"within {share(MOST_CUT)} of a phase; no drift over {share(MOST_DRIFT)}",
        "Give the target a longer warm-up phase, or look for what fills up, leaks or is cached.",
        doubts=tuple(one.doubt for one in found if one.drifting or not one.settled),
    )
