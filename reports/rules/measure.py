"""A metric is measured on the operations that a rule selects, or is unmeasurable; it is never taken for 0."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.plan.rules import COUNT, DURATION, EFFECTS, POINT, RATE, Rule
from harness.plan.sample_sizes import BATCHES
from reports.samples.effects import Effects
from reports.samples.frame import Frame, joined
from reports.samples.samples import Samples
from reports.samples.scope import Mask, Scope, Unmeasurable, dropped, exposed, planned, scope, seconds, within
from reports.statistics import confidence, kept_by_all
from reports.statistics.confidence import Interval
from reports.statistics.percentiles import rank
from reports.statistics.ranked import Ranked

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
    """A duration; or whether it is counted."""
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
    frame, column = samples.frame, COLUMNS[rule.metric]
    timed = scope.counted if column == "lag_s" else scope.counted & frame.groups.timed
    never = frame.count(scope.counted & ~frame.groups.ended)
    detail = f"{never:,} that never ended are not in it; they are errors" * (never > 0)
    return Measurements(frame.values(column, timed), frame.values("sched", timed), detail)


def _end_to_end(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    effects, (first, *_, last) = to_be_completed(samples), samples.scenario.points

    def times(part: Effects) -> tuple[Values, Values]:
        own = scope.among[part.group]
        took = (part.seconds(last) - part.seconds(first))[own]
        # An effect that was never completed is later than any that was; to leave it out would favour the target.
        return np.where(np.isnan(took), np.inf, took), samples.frame.due[part.place[own]] / 1e9

    found, planned = joined(map(times, effects.parts()), len(effects))
    never = int(np.isinf(found).sum())
    return Measurements(found, planned, f"{never:,} of {len(found):,} were never completed" * (never > 0))


def effects_of(samples: Samples) -> Effects:
    """The effects of the operations, item by item; Unmeasurable if verification did not read them."""
    if samples.effects is None:
        raise Unmeasurable("the effects in the database were not read (no effects.npy)")
    return samples.effects


def to_be_completed(samples: Samples) -> Effects:
    """Those of them that are to be completed during the run; Unmeasurable if they were not read."""
    return effects_of(samples).passing


def _counted(samples: Samples, among: Mask, hits: Mask, detail: str = "") -> Measurements:
    return Measurements(samples.frame.where(hits, among), samples.frame.values("sched", among), detail)


def _errors(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    wrong = ~samples.frame.groups.ok & scope.counted
    never = samples.frame.count(wrong & ~samples.frame.groups.ended)
    return _counted(samples, scope.among, wrong, f"{never:,} of them never ended" * (never > 0))


def _conflicts(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    return _counted(samples, scope.among, np.isin(samples.frame.groups.status, [*samples.scenario.conflicts]))


def _requests(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    arrivals = scope.among & ~samples.frame.groups.partner
    return _counted(samples, arrivals, arrivals)


def _goodput(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    arrivals = scope.among & ~samples.frame.groups.partner
    return _counted(samples, arrivals, samples.frame.groups.ok & scope.answers)


def _throughput(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    """Whatever ended in these stages, and whatever they began and did not end in them."""

    def ended(part: Frame) -> tuple[Values, Values]:
        end = part.column("end")
        during = scope.of_kind[part.group] & within(samples, scope.stages, end)
        among = during | scope.among[part.group]
        return (during & scope.answers[part.group])[among], np.where(np.isnan(end), np.inf, end)[among]

    values, moments = joined(map(ended, samples.frame.parts()), len(samples.frame))
    return Measurements(values, moments, "")


def _reached(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    """Whatever reached the point that the rule selects: of `delivered` the last one, else the first."""
    points, effects = samples.scenario.points, effects_of(samples)
    usual = points[-1] if rule.metric == "delivered" else points[0]
    point = next((selector.value for selector in rule.selectors if selector.key == POINT), usual)
    if point == points[0] and len(effects) and all(np.isnan(part.seconds(point)).all() for part in effects.parts()):
        raise Unmeasurable(f"the database does not tell when effects were {point}")

    def reached(part: Effects) -> tuple[Values, Values]:
        moments = part.seconds(point)
        during = scope.of_kind[part.group] & within(samples, scope.stages, moments)
        among = scope.among[part.group] | during
        return during[among], np.where(np.isnan(moments), np.inf, moments)[among]

    values, reaching = joined(map(reached, effects.parts()), len(effects))
    return Measurements(values, reaching, "")


def _backlog(rule: Rule, samples: Samples, scope: Scope) -> Measurements:
    deadlines = np.array([stretch.deadline for stretch in samples.stretches])[samples.frame.groups.stage]
    effects = to_be_completed(samples)

    def late(part: Effects) -> tuple[Values, Values]:
        own = scope.among[part.group]
        completed = part.seconds(samples.scenario.points[-1])[own]
        # NaN, never completed, is not in time.
        return ~(completed <= deadlines[part.group[own]]), samples.frame.due[part.place[own]] / 1e9

    values, planned = joined(map(late, effects.parts()), len(effects))
    return Measurements(values, planned, "")


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
    ordered = Ranked(values)
    value = ordered.at([rank(rule.quantile, n)])[0]
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
