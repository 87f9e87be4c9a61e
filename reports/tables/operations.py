"""How often each kind of operation was done, what became of it and how long it took, over what the rules cover."""

from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.plan.rules import WARM_UP
from reports.samples import phases
from reports.samples.samples import OUTCOMES, Samples
from reports.samples.scope import Mask, dropped, planned, seconds
from reports.statistics.percentiles import percentiles
from reports.tables.overlap import Overlaps, overlap

Row = dict[str, Any]
Times = dict[str, float | None]

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def operations(samples: Samples) -> list[Row]:
    """A row for each kind that was done, and one for all of them."""
    stages = np.array([s.loads and s.phase != WARM_UP for s in samples.stretches])
    frame, among = samples.frame, stages[samples.frame.groups.stage]
    during = np.zeros(len(among), np.int64)
    for part in frame.parts():
        during += np.bincount(part.group[samples.during(part.column("sched"))], minlength=len(among))
    rows = []
    for code in np.unique(frame.groups.kind[among]).tolist():
        own = among & (frame.groups.kind == code)
        rows.append(_row(frame.kinds[code], samples, own, seconds(samples, stages), int(during[own].sum())))
    whole = _row("all", samples, among, seconds(samples, stages), int(during[among].sum()))
    return [*rows, whole]


def _row(kind: str, samples: Samples, among: Mask, during: float, inside: int) -> Row:
    """The row of some groups, of whose operations so many lie in the load."""
    frame, groups = samples.frame, samples.frame.groups
    outcomes = {name: frame.count(among & (groups.outcome == code)) for code, name in enumerate(OUTCOMES)}
    return {
        "kind": kind,
        "count": frame.count(among),
        "rate": inside / during if during else None,
        "errors": frame.count(among & ~groups.ok),
        "outcomes": {name: count for name, count in sorted(outcomes.items(), key=lambda one: -one[1]) if count},
        "response": times(frame.values("response_s", among & groups.timed)),
        "service": times(frame.values("service_s", among & groups.timed)),
        "late": times(frame.values("lag_s", among)),
    }


def times(known: npt.NDArray[np.float64]) -> Times:
    """Least, mean, percentiles and most of some times (s); None: there is none."""
    if not len(known):
        return dict.fromkeys(("min", "mean", *QUANTILES, "max"))
    *found, longest = percentiles(known, [*QUANTILES.values(), 1.0])
    return {
        "min": float(known.min()),
        "mean": float(known.mean()),
        **dict(zip(QUANTILES, found, strict=True)),
        "max": longest,
    }


def by_phase(samples: Samples, met: Overlaps) -> list[Row]:
    """A row for each phase, warm-up and pauses too; begun and ok count arrivals, not second halves of races."""
    delivered = _delivered(samples)
    rows = []
    for name in phases.names(samples.stretches):
        stages = np.array([stretch.phase == name for stretch in samples.stretches])
        among = stages[samples.frame.groups.stage]
        rows.append({**_phase(name, samples, stages, delivered), **overlap(met, samples.frame, among)})
    return rows


def _delivered(samples: Samples) -> list[int] | None:
    """How many effects were completed in each stage; None if they were not read."""
    if samples.effects is None:
        return None
    found = [0] * len(samples.stretches)
    for part in samples.effects.parts():
        completed = part.seconds(samples.scenario.points[-1])
        for place, s in enumerate(samples.stretches):
            found[place] += int(((completed >= s.begin) & (completed <= s.end)).sum())
    return found


def _phase(name: str, samples: Samples, stages: Mask, delivered: list[int] | None) -> Row:
    own = [stretch for stretch in samples.stretches if stretch.phase == name]
    frame, groups, among = samples.frame, samples.frame.groups, stages[samples.frame.groups.stage]
    response = frame.values("response_s", among & groups.timed)
    arrived = among & ~groups.partner
    return {
        "phase": name,
        "begin": own[0].begin,
        "seconds": seconds(samples, stages),
        "workers": sorted({sum(stretch.processes.values()) for stretch in own if stretch.processes}),
        "offered": round(planned(samples, stages)),
        "begun": frame.count(arrived),
        "dropped": dropped(samples, stages),
        "ok": frame.count(arrived & groups.ok),
        "errors": frame.count(among & ~groups.ok),
        "p95": percentiles(response, [0.95])[0] if len(response) else None,
        "delivered": None if delivered is None else sum(compress(delivered, stages)),
    }


STEPS_A_NINE = 12
FEWEST_BEYOND = 5
"""The operations that must lie beyond a point of the spectrum: the tail's last values are single accidents."""


def spectrum(samples: Samples) -> list[list[float]]:
    """Points [quantile, response time, service time] (s) over what the rules cover; none if nothing ended."""
    stages = np.array([stretch.loads and stretch.phase != WARM_UP for stretch in samples.stretches])
    frame, covered = samples.frame, stages[samples.frame.groups.stage] & samples.frame.groups.timed
    if not (count := frame.count(covered)):
        return []
    nines = np.log10(max(count / FEWEST_BEYOND, 1))
    quantiles = [1 - 10 ** (-step / STEPS_A_NINE) for step in range(int(nines * STEPS_A_NINE) + 1)]
    times = (percentiles(frame.values(name, covered), quantiles) for name in ("response_s", "service_s"))
    return [list(point) for point in zip(quantiles, *times, strict=True)]
