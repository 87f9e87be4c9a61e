"""A metric is measured on the operations that a rule selects, or is unmeasurable; it is never taken for 0."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.plan.rules import COUNT, DURATION, EFFECTS, POINT, RATE, Rule
from harness.plan.sample_sizes import BATCHES
from reports.samples.samples import Samples
from reports.samples.scope import Mask, Scope, Unmeasurable, dropped, exposed, planned, scope, seconds, within
from reports.statistics import confidence, kept_by_all
from reports.statistics.confidence import Interval
from reports.statistics.percentiles import rank

Values = npt.NDArray[Any]

COLUMNS = {"response_time": "response_s", "service_time": "service_s", "lag": "lag_s"}
"""The durations that an operation has of its own."""

NOTHING = "nothing to measure: no operation of this kind and phase"


class Measured(NamedTuple):
    """A value, infinite if it never came to be; how many things it was measured on; a note about it."""

    value: float
    n: int
    detail: str
    interval: Interval | None = None
    """None for what is counted, not sampled: it is what it is."""
    against: Callable[[float], Interval] | None = None
    """The interval to be judged by a limit, where what is known depends on how far it is."""
    unjudged: str = ""
    """Why it is shown, and not judged."""


class Measurements(NamedTuple):
    """What a rule's metric is of each of its operations, in the order of time."""

    values: Values
    """A duration; or 1 for each that is counted, else 0."""
    moments: Values
    """When each was planned, or ended, for what counts the ends."""
    detail: str


def measure(rule: Rule, samples: Samples, stages: Mask) -> Measured:
    """The value of the rule's metric in `stages`, of a metric that is measured operation by operation."""
    if rule.metric == "dropped":
        return _dropped(rule, samples, stages)
    found = each(rule, samples, scope(rule, samples, stages))
    if not len(found.values):
        raise Unmeasurable(NOTHING)
    if rule.kind == DURATION:
        return distribution(rule, found, against=True)
    if rule.kind == RATE:
        return _rate(rule, found, samples, stages)
    if rule.kind == COUNT:
        return Measured(float(found.values.sum()), len(found.values), found.detail)
    value = float(found.values.mean())
    return Measured(value, len(found.values), found.detail, confidence.share(found.values))


def each(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    """What the rule's metric is of each operation in `scope`."""
    found = _EACH.get(rule.metric, _time)(rule, samples, scope)
    if np.any(found.moments[1:] < found.moments[:-1]):
        order = np.argsort(found.moments, kind="stable")
        return Measurements(found.values[order], found.moments[order], found.detail)
    return found


def _time(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    """Durations; an operation that never ended has none, and is an error instead."""
    frame = samples.frame
    times, moments = frame[COLUMNS[rule.metric]].to_numpy()[scope.counted], frame["sched"].to_numpy()[scope.counted]
    ended = ~np.isnan(times)
    never = int(np.isnan(frame["end"].to_numpy()[scope.counted]).sum())
    return Measurements(
        times[ended], moments[ended], f"{never:,} that never ended are not in it; they are errors" * (never > 0)
    )


def _end_to_end(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    effects, (first, *_, last) = to_be_completed(samples), samples.scenario.points
    stored = scope.among[effects["place"].to_numpy()]
    times = (effects[last].to_numpy() - effects[first].to_numpy())[stored]
    # An effect that was never completed is later than any that was; to leave it out would favour the target.
    times = np.where(np.isnan(times), np.inf, times)
    never = int(np.isinf(times).sum())
    planned = samples.frame["sched"].to_numpy()[effects["place"].to_numpy()[stored]]
    return Measurements(times, planned, f"{never:,} of {len(times):,} were never completed" * (never > 0))


def effects_of(samples: Samples) -> pd.DataFrame:
    """The effects of the operations, item by item; Unmeasurable if verification did not read them."""
    if samples.effects is None:
        raise Unmeasurable("the effects in the database were not read (no effects.npy)")
    return samples.effects


def to_be_completed(samples: Samples) -> pd.DataFrame:
    """Those of them that are to be completed during the run; Unmeasurable if they were not read."""
    effects = effects_of(samples)
    return effects[~effects["stays"].to_numpy()] if samples.scenario.staying else effects


def _counted(samples: Samples, among: Mask, hits: Mask, detail: str = "") -> Measurements:
    return Measurements(hits[among].astype(float), samples.frame["sched"].to_numpy()[among], detail)


def _errors(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    wrong = ~samples.frame["ok"].to_numpy() & scope.counted
    never = int((wrong & np.isnan(samples.frame["end"].to_numpy())).sum())
    return _counted(samples, scope.among, wrong, f"{never:,} of them never ended" * (never > 0))


def _conflicts(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    return _counted(samples, scope.among, samples.frame["status"].isin(samples.scenario.conflicts).to_numpy())


def _requests(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    arrivals = scope.among & ~samples.frame["partner"].to_numpy()
    return _counted(samples, arrivals, arrivals)


def _goodput(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    arrivals = scope.among & ~samples.frame["partner"].to_numpy()
    return _counted(samples, arrivals, samples.frame["ok"].to_numpy() & scope.answers)


def _throughput(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    """Whatever ended in these stages, and whatever they began and did not end in them."""
    end = samples.frame["end"].to_numpy()
    during = scope.of_kind & within(samples, scope.stages, end)
    among = during | scope.among
    moments = np.where(np.isnan(end), np.inf, end)[among]
    return Measurements((during & scope.answers)[among].astype(float), moments, "")


def _reached(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    """Whatever reached the point that the rule selects: of `delivered` the last one, else the first."""
    points = samples.scenario.points
    usual = points[-1] if rule.metric == "delivered" else points[0]
    point = next((selector.value for selector in rule.selectors if selector.key == POINT), usual)
    effects = effects_of(samples)
    place, moments = effects["place"].to_numpy(), effects[point].to_numpy()
    if point == points[0] and len(moments) and np.isnan(moments).all():
        raise Unmeasurable(f"the database does not tell when effects were {point}")
    during = scope.of_kind[place] & within(samples, scope.stages, moments)
    among = scope.among[place] | during
    return Measurements(during[among].astype(float), np.where(np.isnan(moments), np.inf, moments)[among], "")


def _backlog(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    effects, frame = to_be_completed(samples), samples.frame
    stored = scope.among[effects["place"].to_numpy()]
    place = effects["place"].to_numpy()[stored]
    deadlines = np.array([stretch.deadline for stretch in samples.stretches])[frame["stage"].to_numpy()[place]]
    completed = effects[samples.scenario.points[-1]].to_numpy()[stored]
    in_time = completed <= deadlines  # not so for NaN: never completed
    return Measurements((~in_time).astype(float), frame["sched"].to_numpy()[place], "")


_EACH: dict[str, Callable[[Rule, Samples, Scope], Measurements]] = {
    "end_to_end": _end_to_end,
    "errors": _errors,
    "conflicts": _conflicts,
    "requests": _requests,
    "goodput": _goodput,
    "throughput": _throughput,
    EFFECTS: _reached,
    "delivered": _reached,
    "backlog": _backlog,
}


def _dropped(rule: Rule, samples: Samples, stages: Mask) -> Measured:
    missing, of = dropped(samples, stages), round(planned(samples, stages))
    if not of:
        raise Unmeasurable("nothing to measure: no arrival was planned in this phase")
    return Measured(float(missing) if rule.kind == COUNT else missing / of, of, "")


def distribution(rule: Rule, found: Measurements, against: bool) -> Measured:
    """A percentile, mean or extreme of values; `against`: they are times, of which all may keep a limit by far."""
    values, n = found.values, len(found.values)
    if rule.quantile is None:
        value = float(getattr(values, rule.aggregate)())
        sampled = rule.aggregate == "mean" and np.isfinite(value)
        return Measured(value, n, found.detail, confidence.mean(values) if sampled else None)
    ordered = np.sort(values)
    value = float(ordered[rank(rule.quantile, n)])
    # The first and the last of all are what they are.
    if not 0 < rule.quantile < 1:
        return Measured(value, n, found.detail)
    q, interval = rule.quantile, confidence.quantile(values, ordered, rule.quantile)
    if not rule.upper or not against:
        return Measured(value, n, found.detail, interval)

    def judged(limit: float) -> Interval:
        return kept_by_all.against(limit, q, interval, values, found.moments)

    return Measured(value, n, found.detail, interval, judged)


def _rate(rule: Rule, found: Measurements, samples: Samples, stages: Mask) -> Measured:
    # What lies in these stages, over how long they were: what was begun when the load was over is counted, not rated.
    inside = samples.during(found.moments)
    if not inside.all() and rule.metric in ("requests", "goodput", "errors", "conflicts"):
        found = Measurements(found.values[inside], found.moments[inside], found.detail)
    during, n = seconds(samples, stages), len(found.values)
    value = float(found.values.sum()) / during
    offered = samples.scenario.open and rule.metric in ("requests", "goodput")
    if offered or rule.metric in ("errors", "conflicts"):
        # How many there are is the plan's doing, and not by chance; how many of them count is.
        return Measured(value, n, found.detail, confidence.scaled(confidence.share(found.values), n / during))
    edges = exposed(samples, stages, BATCHES)
    # An end on the edge of two stages that are not neighbours belongs to the one before.
    place = np.clip(np.searchsorted(edges, found.moments[found.values > 0]) - 1, 0, BATCHES - 1)
    return Measured(value, n, found.detail, confidence.rate(np.bincount(place, minlength=BATCHES), during))
