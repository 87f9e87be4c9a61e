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
from reports.rules.capacity import Judge, Judged, ended, judged
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
    """What broke; nothing if it held."""
    unproven: tuple[str, ...]
    """What holds, but so few operations don't prove it."""
    ended: float
    """How many operations ended a second."""
    live: bool
    """Whether it held by what was known while the load went on."""

    @property
    def held(self) -> bool:
        """Whether nothing broke."""
        return not self.why


@dataclass(frozen=True)
class Searched:
    """All steps of a search that are judged, in their order."""

    steps: tuple[Step, ...]
    by_users: bool
    over: bool
    """Whether the search came to its end."""
    edge: Edge
    proven: float | None
    """The highest load, of those up to the highest that holds, at which all its steps together prove that it does."""
    interval: tuple[float, float] | None
    """Where the limit is with 95 % probability; None if no step is beyond it, or none before it."""

    @property
    def rate(self) -> float:
        """The highest rate that is proven to hold, a second: of users what they got done; 0 if none is."""
        own = [step for step in self.steps if step.load == self.proven and step.held]
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
        reached = f" ({rate(self.rate)})" if self.by_users and self.proven else ""
        least = "" if broken is not None else "at least "
        if self.proven is None:
            said = f"is not proven to hold anything; nothing breaks up to {least}{self.said(held)}"
        else:
            said = f"holds {least}{self.said(self.proven)}{reached}"
        if self.interval and self.proven == held:
            said += f" (95 %: {self.said(self.interval[0])} to {self.said(self.interval[1])})"
        if self.proven != held:
            doubt = next(
                (why for step in self.kept if step.load == held for why in step.unproven), "too few operations"
            )
            beside = "" if self.proven is None else f"; nothing breaks up to {self.said(held)}"
            said += f"{beside}, which is not proven: {doubt}"
        if broken is None:
            return f"{said}: no step broke{'' if self.over else ', where the search was ended'}"
        return f"{said}; breaks at {self.said(broken)}: {why or 'its steps contradict each other'}"


def judged_step(evidence: Evidence, number: int, judge: Judge) -> Judged:
    """Whether the step with this number holds, and if not, why."""
    return judged(evidence.samples, step_of(evidence.samples, number), judge)


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
        _proven(samples, steps, found, judge),
        threshold.interval(tries) if both else None,
    )


def _proven(samples: Samples, steps: Sequence[Step], found: Edge, judge: Judge) -> float | None:
    """The highest load that holds and is proven to, by all steps that hold with this load, or with it or a higher one,
    up to the highest that holds; None if none is.

    No rule is met better with more load: where those with more prove it together, this one is proven the more. Where
    they don't, for some of them wavered, its own steps prove it nevertheless.
    """
    held = [step for step in steps if step.held and found.held is not None and step.load <= found.held]
    for load in sorted({step.load for step in held})[::-1]:
        for own in ([step for step in held if step.load >= load], [step for step in held if step.load == load]):
            phases = {step.phase for step in own}
            together = np.array([stretch.phase in phases for stretch in samples.stretches])
            if not judged(samples, together, judge).unproven:
                return load
    return None


def _step(evidence: Evidence, record: Record, place: int, judge: Judge) -> Step:
    told, own = record.steps[place], step_of(evidence.samples, place + 1)
    (stretch,) = [s for s, inside in zip(evidence.samples.stretches, own, strict=True) if inside]
    said = judged(evidence.samples, own, judge)
    return Step(
        search.phase(place + 1),
        told.load,
        stretch.begin,
        stretch.end,
        said.broken,
        said.unproven,
        ended(evidence.samples, own),
        bool(told.held),
    )


def measured(found: Searched) -> Measured:
    """The capacity, for rules."""
    if not found.steps:
        raise Unmeasurable("no step of the search was judged")
    interval = None
    if found.interval and found.proven and found.proven == found.edge.held:
        # Of users the interval is one of users: what they got done is as much more or less.
        scale = found.rate / found.proven
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
