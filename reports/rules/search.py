"""What a search found: the highest load at which every rule holds, how surely, and what broke first beyond it.

Its steps are judged by the same code while the load goes on and for the report, which has the database as well.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness import search
from harness.plan.search import Edge, Try, edge
from harness.quantities import rate
from harness.search import Record
from reports.rules.capacity import Judge, ended, failures
from reports.rules.measure import Measured
from reports.samples.evidence import Evidence
from reports.samples.samples import Samples
from reports.samples.scope import Mask, Unmeasurable
from reports.statistics import threshold
from reports.statistics.confidence import Interval


@dataclass(frozen=True)
class Step:
    """A step of a search, judged for the report."""

    phase: str
    load: float
    begin: float
    end: float
    why: tuple[str, ...]
    """What does not hold; nothing if all does."""
    ended: float
    """How many operations ended a second."""
    live: bool
    """Whether it held by what was known while the load went on."""

    @property
    def held(self) -> bool:
        """Whether all of it holds."""
        return not self.why


@dataclass(frozen=True)
class Searched:
    """All steps of a search that are judged, in their order."""

    steps: tuple[Step, ...]
    by_users: bool
    over: bool
    """Whether the search came to its end."""
    edge: Edge
    interval: tuple[float, float] | None
    """Where the limit is with 95 % probability; None if no step is beyond it, or none before it."""

    @property
    def rate(self) -> float:
        """The highest rate that holds, a second: of users what they got done; 0 if none does."""
        own = [step for step in self.steps if step.load == self.edge.held and step.held]
        if not own:
            return 0.0
        return min(step.ended for step in own) if self.by_users else own[0].load

    @property
    def breaking(self) -> list[Step]:
        """The steps at the lowest load that does not hold that did not hold themselves."""
        return [step for step in self.steps if step.load == self.edge.broken and not step.held]

    @property
    def kept(self) -> list[Step]:
        """The steps that the rules are to hold in: those up to the highest load that holds; if none does, the first."""
        most = self.edge.held
        if most is None:
            return list(self.steps[:1])
        return [step for step in self.steps if step.load <= most and step.held]

    @property
    def beyond(self) -> list[Step]:
        """The steps above the lowest load that does not hold: what happens in them decides nothing."""
        broken = self.edge.broken
        return [step for step in self.steps if broken is not None and step.load > broken]

    def said(self, load: float) -> str:
        """A load with its unit."""
        return f"{load:,.0f} user{'s' * (load != 1)}" if self.by_users else rate(load)

    @property
    def sentence(self) -> str:
        """What was found: "holds 1,240/s (95 %: 1,180/s to 1,300/s); breaks at 1,410/s: p95(response_time) …"."""
        held, broken = self.edge
        if not self.steps:
            return "no step was judged"
        why = self.breaking[0].why[0] if self.breaking else ""
        if held is None:
            return f"breaks in its first step, at {self.said(self.steps[0].load)}: {why}"
        reached = f" ({rate(self.rate)})" if self.by_users else ""
        if broken is None:
            least = "" if self.over else ", where the search was ended"
            return f"holds at least {self.said(held)}{reached}: no step broke{least}"
        sure = f" (95 %: {self.said(self.interval[0])} to {self.said(self.interval[1])})" if self.interval else ""
        why = why or "its steps contradict each other"
        return f"holds {self.said(held)}{reached}{sure}; breaks at {self.said(broken)}: {why}"


def judged(evidence: Evidence, number: int, judge: Judge) -> tuple[str, ...]:
    """Why the step with this number does not hold; nothing if it does."""
    return failures(evidence.samples, step_of(evidence.samples, number), judge)


def step_of(samples: Samples, number: int) -> Mask:
    """The stages of that step."""
    return np.array([stretch.phase == search.phase(number) for stretch in samples.stretches])


def searched(evidence: Evidence, judge: Judge) -> Searched | None:
    """What the search of a run found; None if it made none."""
    plan, samples = evidence.samples.scenario.search, evidence.samples
    record = search.read(evidence.run.folder)
    if plan is None:
        return None
    steps = [] if record is None else [_step(evidence, record, place, judge) for place in range(len(record.tries))]
    tries = [Try(step.load, step.held) for step in steps]
    found = edge(tries)
    both = found.held is not None and found.broken is not None
    return Searched(
        tuple(steps),
        not samples.scenario.open,
        record is not None and bool(record.ended),
        found,
        threshold.interval(tries) if both else None,
    )


def _step(evidence: Evidence, record: Record, place: int, judge: Judge) -> Step:
    told, own = record.steps[place], step_of(evidence.samples, place + 1)
    (stretch,) = [s for s, inside in zip(evidence.samples.stretches, own, strict=True) if inside]
    return Step(
        search.phase(place + 1),
        told.load,
        stretch.begin,
        stretch.end,
        failures(evidence.samples, own, judge),
        ended(evidence.samples, own),
        bool(told.held),
    )


def measured(found: Searched) -> Measured:
    """The capacity, for rules."""
    if not found.steps:
        raise Unmeasurable("no step of the search was judged")
    interval = None
    if found.interval and found.edge.held:
        # Of users the interval is one of users: what they got done is as much more or less.
        scale = found.rate / found.edge.held
        low, high = (end * scale for end in found.interval)
        interval = Interval(min(low, found.rate), max(high, found.rate), None, lambda limit: math.inf)
    return Measured(found.rate, len(found.steps), found.sentence, interval)


def stages(found: Searched, samples: Samples) -> Mask:
    """The stages that the rules are judged in."""
    kept = {step.phase for step in found.kept}
    return np.array([stretch.phase in kept for stretch in samples.stretches])


def disagreements(steps: Sequence[Step]) -> list[str]:
    """The steps of which the report says something else than was decided while the load went on."""
    words = {True: "held", False: "did not hold"}
    return [
        f"{step.phase} {words[step.live]} by what was known during the load, and {words[step.held]} by the report"
        + "".join(f": {why}" for why in step.why[:1])
        for step in steps
        if step.live != step.held
    ]
