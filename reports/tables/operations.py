"""How often each kind of operation was done, what became of it and how long it took, over what the rules cover."""

from typing import Any

import numpy as np
import pandas as pd

from harness.plan.rules import WARM_UP
from reports.samples import phases
from reports.samples.samples import Samples
from reports.samples.scope import Mask, dropped, planned, seconds
from reports.statistics.percentiles import percentiles
from reports.tables.overlap import Values, overlap

Row = dict[str, Any]
Times = dict[str, float | None]

SHOWN = ["kind", "ok", "outcome", "response_s", "service_s", "lag_s", "sched"]
"""The columns that a row is made of."""

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def operations(samples: Samples) -> list[Row]:
    """A row for each kind that was done, and one for all of them."""
    stages = np.array([s.loads and s.phase != WARM_UP for s in samples.stretches])
    frame = samples.frame.loc[stages[samples.frame["stage"].to_numpy()], SHOWN]
    rows = [_row(str(kind), part, samples, stages) for kind, part in frame.groupby("kind", observed=True)]
    return [*rows, _row("all", frame, samples, stages)]


def _row(kind: str, frame: pd.DataFrame, samples: Samples, stages: Mask) -> Row:
    during, inside = seconds(samples, stages), int(samples.during(frame["sched"].to_numpy()).sum())
    outcomes = frame["outcome"].value_counts()
    return {
        "kind": kind,
        "count": len(frame),
        "rate": inside / during if during else None,
        "errors": int((~frame["ok"]).sum()),
        "outcomes": {str(name): int(count) for name, count in outcomes.items() if count},
        "response": times(frame["response_s"]),
        "service": times(frame["service_s"]),
        "late": times(frame["lag_s"]),
    }


def times(values: pd.Series) -> Times:
    """Least, mean, percentiles and most of some times (s); None: there is none."""
    known = values.dropna().to_numpy()
    if not len(known):
        return dict.fromkeys(("min", "mean", *QUANTILES, "max"))
    *found, longest = percentiles(known, [*QUANTILES.values(), 1.0])
    return {
        "min": float(known.min()),
        "mean": float(known.mean()),
        **dict(zip(QUANTILES, found, strict=True)),
        "max": longest,
    }


def by_phase(samples: Samples, flying: Values, met: Values) -> list[Row]:
    """A row for each phase, warm-up and pauses too; begun and ok count arrivals, not second halves of races.

    `flying` and `met` are as `overlap.in_flight` gives them.
    """
    stage = samples.frame["stage"].to_numpy()
    effects = samples.effects
    completed = None if effects is None else effects[samples.scenario.points[-1]].to_numpy()
    rows = []
    for name in phases.names(samples.stretches):
        own = np.array([stretch.phase == name for stretch in samples.stretches])[stage]
        rows.append({**_phase(name, samples, stage, completed), **overlap(flying[own], met[own])})
    return rows


def _phase(name: str, samples: Samples, stage: Any, completed: Any) -> Row:
    stages: Mask = np.array([stretch.phase == name for stretch in samples.stretches])
    own = [stretch for stretch in samples.stretches if stretch.phase == name]
    frame = samples.frame.loc[stages[stage], ["response_s", "partner", "ok"]]
    response = frame["response_s"].dropna().to_numpy()
    arrived = frame["ok"][~frame["partner"]]
    during = None
    if completed is not None:
        during = sum(int(((completed >= s.begin) & (completed <= s.end)).sum()) for s in own)
    return {
        "phase": name,
        "begin": own[0].begin,
        "seconds": seconds(samples, stages),
        "workers": sorted({sum(stretch.processes.values()) for stretch in own if stretch.processes}),
        "offered": round(planned(samples, stages)),
        "begun": len(arrived),
        "dropped": dropped(samples, stages),
        "ok": int(arrived.sum()),
        "errors": int((~frame["ok"]).sum()),
        "p95": percentiles(response, [0.95])[0] if len(response) else None,
        "delivered": during,
    }


STEPS_A_NINE = 12
FEWEST_BEYOND = 5
"""The operations that must lie beyond a point of the spectrum: the tail's last values are single accidents."""


def spectrum(samples: Samples) -> list[list[float]]:
    """Points [quantile, response time, service time] (s) over what the rules cover; none if nothing ended."""
    stages = np.array([stretch.loads and stretch.phase != WARM_UP for stretch in samples.stretches])
    covered = stages[samples.frame["stage"].to_numpy()]
    response, service = (samples.frame[name][covered].dropna().to_numpy() for name in ("response_s", "service_s"))
    if not len(response):
        return []
    nines = np.log10(max(len(response) / FEWEST_BEYOND, 1))
    quantiles = [1 - 10 ** (-step / STEPS_A_NINE) for step in range(int(nines * STEPS_A_NINE) + 1)]
    times = (percentiles(values, quantiles) for values in (response, service))
    return [list(point) for point in zip(quantiles, *times, strict=True)]
