"""A metric is measured on the operations that a rule selects, or is unmeasurable; it is never taken for 0."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.rules import DURATION, SHARE, WARM_UP, Rule
from reports.samples import Samples
from reports.statistics import percentile

Mask = npt.NDArray[np.bool_]

COLUMNS = {"response_time": "response_s", "service_time": "service_s", "lag": "lag_s"}
"""The durations that an operation has of its own."""


class Unmeasurable(Exception):
    """Why a rule can't be evaluated."""


class Measured(NamedTuple):
    """A value, infinite if it never came to be; how many things it was measured on; what is to be said about it."""

    value: float
    n: int
    detail: str


class Scope(NamedTuple):
    """What a rule selects: stages of the plan, operations of a kind, and those of them that these stages planned."""

    stages: Mask
    of_kind: Mask
    operations: Mask


def covered(rule: Rule, samples: Samples) -> Mask:
    """Which stages the rule covers: those of the phase that it names, or else all that offer load but the warm-up."""
    named = {s.value for s in rule.selectors if s.key == "phase" and not s.negated}
    without = {s.value for s in rule.selectors if s.key == "phase" and s.negated}
    stages = [
        (named == {s.phase} if named else s.loads and s.phase != WARM_UP) and s.phase not in without
        for s in samples.stretches
    ]
    if not any(stages):
        raise Unmeasurable("no phase of this profile is one that the rule covers")
    return np.array(stages)


def measure(rule: Rule, samples: Samples, stages: Mask) -> Measured:
    """The value of the rule's metric in `stages`."""
    of_kind = _of_kind(rule, samples)
    scope = Scope(stages, of_kind, of_kind & stages[samples.frame["stage"].to_numpy()])
    if rule.kind == DURATION:
        return _duration(rule, samples, scope)
    count, n, detail = _COUNTS[rule.metric](samples, scope)
    if n == 0:
        raise Unmeasurable("nothing to measure: no operation of this kind and phase")
    if rule.aggregate == "rate":
        return Measured(count / seconds(samples, stages), n, detail)
    return Measured(count / n if rule.kind == SHARE else float(count), n, detail)


def seconds(samples: Samples, stages: Mask) -> float:
    """How long these stages were."""
    return sum(s.seconds for s, own in zip(samples.stretches, stages, strict=True) if own)


def planned(samples: Samples, stages: Mask) -> float:
    """How many arrivals they offered."""
    return sum(s.arrivals for s, own in zip(samples.stretches, stages, strict=True) if own)


def dropped(samples: Samples, stages: Mask) -> int:
    """How many arrivals of these stages were never begun."""
    arrivals = stages[samples.frame["stage"].to_numpy()] & ~samples.frame["partner"].to_numpy()
    missing = round(planned(samples, stages)) - int(arrivals.sum())
    # An arrival on the edge of two phases may fall to either; a run that dropped none in all has dropped none in any.
    return max(min(missing, samples.planned - samples.arrivals), 0)


def _of_kind(rule: Rule, samples: Samples) -> Mask:
    """The operations whose kind the rule selects, in whatever phase."""
    kinds = samples.frame["kind"].cat
    kept = np.ones(len(kinds.categories), bool)
    for selector in rule.selectors:
        if selector.key == "op":
            kept &= (kinds.categories.to_numpy() == selector.value) != selector.negated
    mask: Mask = kept[kinds.codes.to_numpy()]
    return mask


def _duration(rule: Rule, samples: Samples, scope: Scope) -> Measured:
    if rule.metric in COLUMNS:
        times = samples.frame[COLUMNS[rule.metric]].to_numpy()[scope.operations]
        open_ = np.isnan(times)
        times = times[~open_]
        detail = f"{open_.sum():,} that never ended are not in it; they are errors" if open_.any() else ""
    else:
        stored = _stored(samples, scope)
        times = (samples.frame["completed"].to_numpy() - samples.frame["committed"].to_numpy())[stored]
        # An effect that was never completed is later than any that was; to leave it out would flatter the target.
        times = np.where(np.isnan(times), np.inf, times)
        never = np.isinf(times).sum()
        detail = f"{never:,} of {len(times):,} were never completed" if never else ""
    if not len(times):
        raise Unmeasurable("nothing to measure: no operation of this kind and phase")
    if rule.quantile is not None:
        return Measured(percentile(times, rule.quantile), len(times), detail)
    aggregates: dict[str, Callable[[Any], Any]] = {"mean": np.mean, "max": np.max, "min": np.min}
    return Measured(float(aggregates[rule.aggregate](times)), len(times), detail)


def _stored(samples: Samples, scope: Scope) -> Mask:
    """The operations in scope that have an effect."""
    if samples.effects is None:
        raise Unmeasurable("the effects in the database were not read (no effects.npy)")
    stored: Mask = scope.operations & ~np.isnan(samples.frame["committed"].to_numpy())
    return stored


def _errors(samples: Samples, scope: Scope) -> tuple[int, int, str]:
    wrong = scope.operations & ~samples.frame["ok"].to_numpy()
    open_ = int((wrong & np.isnan(samples.frame["end"].to_numpy())).sum())
    return int(wrong.sum()), int(scope.operations.sum()), f"{open_:,} of them never ended" if open_ else ""


def _conflicts(samples: Samples, scope: Scope) -> tuple[int, int, str]:
    conflict = scope.operations & (samples.frame["status"] == samples.scenario.contract["conflict"]).to_numpy()
    return int(conflict.sum()), int(scope.operations.sum()), ""


def _requests(samples: Samples, scope: Scope) -> tuple[int, int, str]:
    arrivals = int((scope.operations & ~samples.frame["partner"].to_numpy()).sum())
    return arrivals, arrivals, ""


def _goodput(samples: Samples, scope: Scope) -> tuple[int, int, str]:
    arrivals = scope.operations & ~samples.frame["partner"].to_numpy()
    return int((arrivals & samples.frame["ok"].to_numpy()).sum()), int(arrivals.sum()), ""


def _dropped(samples: Samples, scope: Scope) -> tuple[int, int, str]:
    if not scope.of_kind.all():
        raise Unmeasurable("an arrival that was never begun has no kind, so that the rule can't select one")
    return dropped(samples, scope.stages), round(planned(samples, scope.stages)), ""


def _delivered(samples: Samples, scope: Scope) -> tuple[int, int, str]:
    stored = _stored(samples, scope)
    completed = samples.frame["completed"].to_numpy()
    during = np.zeros(len(completed), bool)
    for stretch, own in zip(samples.stretches, scope.stages, strict=True):
        if own:
            during |= scope.of_kind & (completed >= stretch.begin) & (completed <= stretch.end)
    return int(during.sum()), int((stored | during).sum()), ""


def _backlog(samples: Samples, scope: Scope) -> tuple[int, int, str]:
    stored = _stored(samples, scope)
    deadlines = np.array([stretch.deadline for stretch in samples.stretches])[samples.frame["stage"].to_numpy()]
    in_time = samples.frame["completed"].to_numpy() <= deadlines  # not so for NaN: never completed
    return int((stored & ~in_time).sum()), int(stored.sum()), ""


_COUNTS: dict[str, Callable[[Samples, Scope], tuple[int, int, str]]] = {
    "errors": _errors,
    "conflicts": _conflicts,
    "requests": _requests,
    "goodput": _goodput,
    "dropped": _dropped,
    "delivered": _delivered,
    "backlog": _backlog,
}
