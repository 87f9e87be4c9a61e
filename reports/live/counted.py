"""What of a load has ended so far: operations by outcome, and their times in buckets."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from harness.plan.rules import DURATION
from harness.plan.scenario import Scenario
from reports.samples.samples import OUTCOMES, Samples

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 5)
"""Upper ends of the buckets of times (s), besides the limits of the scenario's rules."""

MOST_KINDS = 100
"""So many kinds of operations are told apart: the users of another's locustfile may name theirs by paths with ids."""
OTHER = "other"
"""What the others are called together."""

TIMES = {"response": "response_s", "service": "service_s"}


def buckets(scenario: Scenario) -> tuple[float, ...]:
    """The upper ends of its buckets: a limit of a rule is one, so that the share within it is known exactly."""
    limits = {rule.limit for rule in scenario.rules if rule.kind == DURATION and rule.of is None and rule.limit > 0}
    return tuple(sorted({float(end) for end in BUCKETS} | limits))


@dataclass
class Times:
    """Times in buckets."""

    counts: npt.NDArray[np.int64]
    """How many times are in each bucket, and beyond the last."""
    total: float = 0.0
    """Their sum (s)."""


@dataclass
class Counted:
    """What has ended so far; `ends` are those of the buckets."""

    ends: tuple[float, ...]
    operations: Counter[tuple[str, str, str, bool]] = field(default_factory=Counter)
    """How many, by kind, phase, outcome, and whether the kind may have that outcome."""
    times: dict[str, dict[tuple[str, str], Times]] = field(default_factory=lambda: {name: {} for name in TIMES})
    """Response and service times, by kind and phase."""
    _kinds: set[str] = field(default_factory=set)

    def add(self, fresh: Samples) -> None:
        """Count operations that have ended; each of them once."""
        frame = fresh.frame
        phases = [stretch.phase for stretch in fresh.stretches]
        groups = frame.groups
        kinds = {code: self._called(frame.kinds[code]) for code in np.unique(groups.kind).tolist()}
        shared = (groups.kind, groups.stage, groups.outcome, groups.ok, frame.counts)
        for kind, stage, outcome, ok, count in zip(*(values.tolist() for values in shared), strict=True):
            self.operations[kinds[kind], phases[stage], OUTCOMES[outcome], ok] += count
        for kind, stage in sorted(set(zip(groups.kind.tolist(), groups.stage.tolist(), strict=True))):
            own = (groups.kind == kind) & (groups.stage == stage)
            for name, column in TIMES.items():
                self._put(name, (kinds[kind], phases[stage]), frame.values(column, own & groups.timed))

    def _called(self, kind: str) -> str:
        if kind in self._kinds or len(self._kinds) < MOST_KINDS:
            self._kinds.add(kind)
            return kind
        return OTHER

    def _put(self, name: str, where: tuple[str, str], seconds: npt.NDArray[np.float64]) -> None:
        found = self.times[name].setdefault(where, Times(np.zeros(len(self.ends) + 1, np.int64)))
        # A time that is the end of a bucket is in it.
        found.counts += np.bincount(np.searchsorted(self.ends, seconds, "left"), minlength=len(self.ends) + 1)
        found.total += float(seconds.sum())
